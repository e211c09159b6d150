import assert from 'node:assert/strict'
import {
  CreateTopicsRequest,
  CreateTopicsResponse,
  ErrorCode,
  ListOffsetsRequest,
  ListOffsetsResponse,
  MetadataRequest,
  MetadataResponse,
  ProduceRequest,
  ProduceResponse,
} from '@ottla/protocol'
import type { RawClient } from '@ottla/testkit'

/** Every version of an inclusive range. */
export function versions(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}

/** Creates a topic that must come to be; its id. */
export async function createTopic(
  client: RawClient,
  name: string,
  numPartitions = 1,
  configs: Readonly<Record<string, string>> = {},
): Promise<string> {
  const entries = Object.entries(configs).map(([key, value]) => ({ name: key, value }))
  const body = { topics: [{ name, numPartitions, replicationFactor: 1, configs: entries }], timeoutMs: 1000 }
  const { topics } = await client.call(CreateTopicsRequest, CreateTopicsResponse, 7, body)
  assert.equal(topics[0].errorCode, ErrorCode.NONE, topics[0].errorMessage ?? '')
  return topics[0].topicId
}

export async function topicNames(client: RawClient): Promise<(string | null)[]> {
  const { topics } = await client.call(MetadataRequest, MetadataResponse, 12, { topics: null })
  return topics.map(({ name }) => name).sort()
}

/** Produces with acks=all; the answer for the partition. */
export async function produceTo(client: RawClient, topic: string, records: Buffer, index = 0, version = 9) {
  const topicData = [{ name: topic, partitionData: [{ index, records }] }]
  const { responses } = await client.call(ProduceRequest, ProduceResponse, version, {
    acks: -1,
    timeoutMs: 10_000,
    topicData,
  })
  return responses[0].partitionResponses[0]
}

/** Where the next record of a partition will lie. */
export async function endOffset(client: RawClient, topic: string, partitionIndex = 0): Promise<number> {
  const topics = [{ name: topic, partitions: [{ partitionIndex, timestamp: -1 }] }]
  const answer = await client.call(ListOffsetsRequest, ListOffsetsResponse, 7, { replicaId: -1, topics })
  const [partition] = answer.topics[0].partitions
  assert.equal(partition.errorCode, ErrorCode.NONE)
  return partition.offset
}
