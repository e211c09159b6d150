import assert from 'node:assert/strict'
import {
  ApiVersionsRequest,
  ErrorCode,
  FetchRequest,
  FetchResponse,
  MetadataRequest,
  MetadataResponse,
} from '@ottla/protocol'
import { Codec } from '@ottla/protocol/records'
import type { RawClient } from '@ottla/testkit'
import { endOffset, produceTo } from '../admin.ts'
import { batchOf } from '../batches.ts'
import { encoded } from './bytes.ts'
import type { BadInput, Target } from './target.ts'

/** Too much of what is legal. */

const MIB = 1024 * 1024

const TINY_RECORDS = 1_000_000
let tiny: Buffer | undefined

function tinyRecords(): Buffer {
  tiny ??= batchOf(Array.from({ length: TINY_RECORDS }, () => ''))
  // A producer's memory is its own again once it is sent, and the broker in the same process writes into what it gets.
  return Buffer.from(tiny)
}

const PIPELINED = 100_000

/** The smallest request, again and again, numbered from 0. */
function pipelined(count: number): Buffer {
  const one = encoded(ApiVersionsRequest, 0, {})
  const many = Buffer.alloc(one.length * count)
  for (let i = 0; i < count; i++) {
    one.copy(many, i * one.length)
    many.writeInt32BE(i, i * one.length + 8)
  }
  return many
}

/** The broker has stopped reading: while others are served on, no more of what was sent leaves this process. */
async function isReadNoMore(client: RawClient, target: Target): Promise<void> {
  const other = await target.connect()
  let before = Number.POSITIVE_INFINITY
  for (let rounds = 0; before > client.unsentBytes || rounds < 50; rounds++) {
    before = client.unsentBytes
    await other.call(MetadataRequest, MetadataResponse, 12, { topics: [] })
  }
  assert.ok(client.unsentBytes > 0, 'everything was read')
  const { queuedRequestBytes } = await target.observe()
  assert.ok(queuedRequestBytes < MIB, `${queuedRequestBytes} bytes are queued`)
}

function bomb(name: string, codec: Codec): BadInput {
  return {
    name: `a batch: 80 MiB in a few kB of ${name}`,
    outcome: 'refuses by code',
    async play(target) {
      // Where the broker has to look inside.
      const { client, topic } = await target.topic({ 'cleanup.policy': 'compact' })
      const records = batchOf(['\0'.repeat(80 * MIB)], { codec })
      assert.ok(records.length < MIB)
      assert.equal((await produceTo(client, topic, records)).errorCode, ErrorCode.MESSAGE_TOO_LARGE)
      assert.equal(await endOffset(client, topic), 0)
    },
  }
}

export const loads: readonly BadInput[] = [
  {
    name: 'a million tiny records where they are too many',
    outcome: 'refuses by code',
    async play(target) {
      const { client, topic } = await target.topic()
      assert.equal((await produceTo(client, topic, tinyRecords())).errorCode, ErrorCode.MESSAGE_TOO_LARGE)
      assert.equal(await endOffset(client, topic), 0)
    },
  },
  {
    name: 'a million tiny records where they are allowed',
    outcome: 'answers',
    async play(target) {
      const { client, topic } = await target.topic({ 'max.message.bytes': '20000000' })
      const { errorCode, baseOffset } = await produceTo(client, topic, tinyRecords())
      assert.deepEqual([errorCode, baseOffset], [ErrorCode.NONE, 0])
      assert.equal(await endOffset(client, topic), TINY_RECORDS)
    },
  },
  bomb('gzip', Codec.GZIP),
  bomb('zstd', Codec.ZSTD),
  {
    name: 'a hundred thousand pipelined requests',
    outcome: 'answers',
    othersAnsweredMin: 20,
    async play(target) {
      const client = await target.connect()
      client.sendBytes(pipelined(PIPELINED))
      for (let i = 0; i < PIPELINED; i++) assert.equal((await client.receiveFrame())?.readInt32BE(0), i)
    },
  },
  {
    name: 'a million pipelined requests whose answers nobody reads',
    outcome: 'stops reading',
    othersAnsweredMin: 20,
    async play(target) {
      const client = await target.connect()
      client.stopReading()
      client.sendBytes(pipelined(1_000_000))
      await isReadNoMore(client, target)
    },
  },
  {
    name: 'fetched records that nobody reads',
    outcome: 'stops reading',
    othersAnsweredMin: 20,
    async play(target) {
      const { client: other, topic } = await target.topic()
      assert.equal((await produceTo(other, topic, batchOf(['x'.repeat(900_000)]))).errorCode, ErrorCode.NONE)
      const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: MIB }]
      const fetch = encoded(FetchRequest, 12, {
        maxWaitMs: 0,
        minBytes: 1,
        maxBytes: MIB,
        topics: [{ topic, partitions }],
      })
      const client = await target.connect()
      client.stopReading()
      client.sendBytes(Buffer.concat(Array.from({ length: 250_000 }, () => fetch)))
      await isReadNoMore(client, target)
      other.sendBytes(fetch)
      const { body } = await other.receive(FetchResponse, 12)
      assert.ok((body.responses[0].partitions[0].records?.length ?? 0) > 900_000)
      assert.equal((await produceTo(other, topic, batchOf(['y']))).errorCode, ErrorCode.NONE)
    },
  },
]
