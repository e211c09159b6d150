/** What tests of configs look at: where a setting ends up, as clients and the disk see it. */
import assert from 'node:assert/strict'
import {
  ErrorCode,
  FetchRequest,
  FetchResponse,
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
  ListOffsetsRequest,
  ListOffsetsResponse,
} from '@ottla/protocol'
import { batch } from '@ottla/protocol/records'
import type { FileSystem } from '@ottla/runtime'
import type { RawClient } from '@ottla/testkit'

export const TOPIC_RESOURCE = 2
export const BROKER_RESOURCE = 4
const SET = 0
const DELETE = 1

/** More turns of the event loop than any background task of these tests takes: afterwards it has run, or never will. */
const TURNS = 200

export async function turns(): Promise<void> {
  for (let i = 0; i < TURNS; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Sets a dynamic config, or with `null` deletes it; it must be accepted. `resourceName` '' is the whole cluster. */
export async function alterConfig(
  client: RawClient,
  resourceType: number,
  resourceName: string,
  name: string,
  value: string | null,
): Promise<void> {
  const configs = [{ name, configOperation: value === null ? DELETE : SET, value }]
  const body = { resources: [{ resourceType, resourceName, configs }], validateOnly: false }
  const answer = await client.call(IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, 1, body)
  const [{ errorCode, errorMessage }] = answer.responses
  assert.equal(errorCode, ErrorCode.NONE, `${name}: ${errorMessage}`)
}

/** The first offset that is left. */
export async function startOffset(client: RawClient, topic: string): Promise<number> {
  const topics = [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -2 }] }]
  const answer = await client.call(ListOffsetsRequest, ListOffsetsResponse, 7, { replicaId: -1, topics })
  return answer.topics[0].partitions[0].offset
}

/** All batches of partition 0, as they are stored. */
export async function storedBatches(client: RawClient, topic: string): Promise<Buffer> {
  const maxBytes = 1 << 24
  const parts: Buffer[] = []
  let fetchOffset = await startOffset(client, topic)
  for (;;) {
    const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: maxBytes }]
    const body = { maxWaitMs: 0, minBytes: 0, maxBytes, topics: [{ topic, partitions }] }
    const { responses } = await client.call(FetchRequest, FetchResponse, 12, body)
    const { errorCode, records } = responses[0].partitions[0]
    assert.equal(errorCode, ErrorCode.NONE)
    const bytes = records as Buffer | null
    if (bytes === null || bytes.length === 0) return Buffer.concat(parts)
    parts.push(bytes)
    for (let at = 0; at < bytes.length; at += batch.sizeInBytes(bytes, at))
      fetchOffset = batch.lastOffset(bytes, at) + 1
  }
}

export function readText(fs: FileSystem, path: string): string {
  const file = fs.open(path, 'r')
  try {
    const bytes = Buffer.alloc(file.size())
    file.readSync(bytes, 0, bytes.length, 0)
    return bytes.toString()
  } finally {
    file.close()
  }
}

/** Base offsets of a partition's segments, by the names of their files. */
export function segmentsOf(fs: FileSystem, partition: string): number[] {
  const names = fs.readdir(`/data/${partition}`).filter((name) => name.endsWith('.log'))
  return names.map((name) => Number.parseInt(name, 10))
}
