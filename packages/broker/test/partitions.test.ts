import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  DeleteRecordsRequest,
  DeleteRecordsResponse,
  DescribeLogDirsRequest,
  DescribeLogDirsResponse,
  DescribeProducersRequest,
  DescribeProducersResponse,
  ErrorCode,
  InitProducerIdRequest,
  InitProducerIdResponse,
  ListOffsetsRequest,
  ListOffsetsResponse,
  OffsetForLeaderEpochRequest,
  OffsetForLeaderEpochResponse,
} from '@ottla/protocol'
import { Codec } from '@ottla/protocol/records'
import { memoryFileSystem } from '@ottla/runtime/node'
import type { RawClient } from '@ottla/testkit'
import { createTopic, produceTo, versions } from './support/admin.ts'
import { batchOf } from './support/batches.ts'
import { startBroker } from './support/start.ts'

async function earliest(client: RawClient, topic: string): Promise<number> {
  const body = { replicaId: -1, topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -2 }] }] }
  const { topics } = await client.call(ListOffsetsRequest, ListOffsetsResponse, 7, body)
  return topics[0].partitions[0].offset
}

test('records are deleted up to an offset in every version, and stay deleted', async (t) => {
  const fs = memoryFileSystem()
  const first = await startBroker(t, { fs })
  const client = await first.connect()
  await createTopic(client, 'orders')
  await createTopic(client, 'compacted', 1, { 'cleanup.policy': 'compact' })
  for (let i = 0; i < 10; i++) await produceTo(client, 'orders', batchOf([`v${i}`]))
  const ask = async (version: number, name: string, partitionIndex: number, offset: number) => {
    const body = { topics: [{ name, partitions: [{ partitionIndex, offset }] }], timeoutMs: 1000 }
    const { topics } = await client.call(DeleteRecordsRequest, DeleteRecordsResponse, version, body)
    const [{ errorCode, lowWatermark }] = topics[0].partitions
    return [errorCode, lowWatermark]
  }
  for (const version of versions(0, 2)) {
    assert.deepEqual(await ask(version, 'orders', 0, version + 1), [ErrorCode.NONE, version + 1])
  }
  assert.deepEqual(await ask(2, 'orders', 0, 2), [ErrorCode.NONE, 3])
  assert.deepEqual(await ask(2, 'orders', 0, 11), [ErrorCode.OFFSET_OUT_OF_RANGE, -1])
  assert.deepEqual(await ask(2, 'orders', 0, -2), [ErrorCode.OFFSET_OUT_OF_RANGE, -1])
  assert.deepEqual(await ask(2, 'orders', 1, 0), [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1])
  assert.deepEqual(await ask(2, 'compacted', 0, 0), [ErrorCode.POLICY_VIOLATION, -1])
  assert.deepEqual(await ask(2, '__consumer_offsets', 0, 0), [ErrorCode.INVALID_TOPIC_EXCEPTION, -1])
  assert.equal(await earliest(client, 'orders'), 3)
  await first.broker.kill()
  const second = await startBroker(t, { fs })
  const again = await second.connect()
  assert.equal(await earliest(again, 'orders'), 3)
  const body = { topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, offset: -1 }] }], timeoutMs: 1000 }
  const { topics } = await again.call(DeleteRecordsRequest, DeleteRecordsResponse, 2, body)
  assert.equal(topics[0].partitions[0].lowWatermark, 10)
})

test('log directories are described in every version', async (t) => {
  const { connect } = await startBroker(t, { config: { 'log.dirs': '/left,/right' } })
  const client = await connect()
  await createTopic(client, 'orders', 4)
  await createTopic(client, 'other', 1)
  await produceTo(client, 'orders', batchOf(['some bytes']))
  for (const version of versions(0, 5)) {
    const ask = (topics: { topic: string; partitions: number[] }[] | null) =>
      client.call(DescribeLogDirsRequest, DescribeLogDirsResponse, version, { topics })
    const { results } = await ask(null)
    assert.deepEqual(results.map(({ logDir }) => logDir).sort(), ['/left', '/right'])
    const held = results.flatMap(({ topics }) =>
      topics.flatMap(({ name, partitions }) => partitions.map((p) => [name, p.partitionIndex, p.partitionSize > 0])),
    )
    assert.equal(held.length, 5)
    assert.deepEqual(
      held.filter(([, , hasBytes]) => hasBytes),
      [['orders', 0, true]],
    )
    const some = await ask([
      { topic: 'orders', partitions: [0] },
      { topic: 'orders', partitions: [1, 9] },
    ])
    assert.equal(some.results.flatMap(({ topics }) => topics.flatMap(({ partitions }) => partitions)).length, 2)
    if (version >= 4) assert.ok(results[0].totalBytes > 0 && results[0].usableBytes > 0)
  }
})

test('producers of a partition are described', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders')
  await produceTo(client, 'orders', batchOf(['a', 'b'], { producerId: 42, producerEpoch: 3, baseSequence: 0 }))
  const body = { topics: [{ name: 'orders', partitionIndexes: [0, 7] }] }
  const { topics } = await client.call(DescribeProducersRequest, DescribeProducersResponse, 0, body)
  const [known, unknown] = topics[0].partitions
  assert.deepEqual(
    known.activeProducers.map(({ producerId, producerEpoch, lastSequence, currentTxnStartOffset }) => {
      return { producerId, producerEpoch, lastSequence, currentTxnStartOffset }
    }),
    [{ producerId: 42, producerEpoch: 3, lastSequence: 1, currentTxnStartOffset: -1 }],
  )
  assert.equal(unknown.errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
})

test('a producer id is given out once, over every version, kill and restart', async (t) => {
  const fs = memoryFileSystem()
  const seen = new Set<number>()
  let given = 0
  for (let round = 0; round < 4; round++) {
    const { broker, connect } = await startBroker(t, { fs })
    const client = await connect()
    for (const version of versions(0, 5)) {
      for (let i = 0; i < 20; i++) {
        const body = { transactionalId: null, transactionTimeoutMs: 1000 }
        const answer = await client.call(InitProducerIdRequest, InitProducerIdResponse, version, body)
        assert.deepEqual([answer.errorCode, answer.producerEpoch], [ErrorCode.NONE, 0])
        seen.add(answer.producerId)
        given++
      }
    }
    if (round % 2 === 0) await broker.kill()
    else await broker.close()
  }
  assert.equal(seen.size, given)
})

test('a transactional id has no coordinator before somebody has asked for it; half an identity is refused', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  const ask = async (body: object) => {
    const whole = { transactionalId: null, transactionTimeoutMs: 1000, ...body }
    const answer = await client.call(InitProducerIdRequest, InitProducerIdResponse, 4, whole)
    const { errorCode, producerId, producerEpoch } = answer
    if (errorCode !== ErrorCode.NONE) assert.deepEqual([producerId, producerEpoch], [-1, -1])
    return errorCode
  }
  assert.equal(await ask({ transactionalId: 'tx' }), ErrorCode.NOT_COORDINATOR)
  assert.equal(await ask({ transactionalId: '' }), ErrorCode.INVALID_REQUEST)
  assert.equal(await ask({ producerId: 5 }), ErrorCode.INVALID_REQUEST)
  assert.equal(await ask({ producerEpoch: 5 }), ErrorCode.INVALID_REQUEST)
  assert.equal(await ask({ producerId: 5, producerEpoch: 0 }), ErrorCode.NONE)
})

test('a transactional batch without a transactional id is refused: nobody could end its transaction', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders')
  const records = batchOf(['a'], { producerId: 1, producerEpoch: 0, baseSequence: 0, transactional: true })
  assert.equal((await produceTo(client, 'orders', records)).errorCode, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
})

test('the leader epoch rises with an unclean stop, and tells where the older one ended', async (t) => {
  const fs = memoryFileSystem()
  const first = await startBroker(t, { fs })
  const client = await first.connect()
  await createTopic(client, 'orders')
  await produceTo(client, 'orders', batchOf(['a', 'b']))
  const ask = async (from: RawClient, version: number, leaderEpoch: number, currentLeaderEpoch = -1, partition = 0) => {
    const wanted = version >= 2 ? { partition, leaderEpoch, currentLeaderEpoch } : { partition, leaderEpoch }
    const body = { replicaId: -1, topics: [{ topic: 'orders', partitions: [wanted] }] }
    const response = await from.call(OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, version, body)
    const [told] = response.topics[0].partitions
    return [told.errorCode, version === 0 ? undefined : told.leaderEpoch, told.endOffset]
  }
  for (const version of versions(0, 4)) {
    assert.deepEqual(await ask(client, version, 0), [ErrorCode.NONE, version === 0 ? undefined : 0, 2])
  }
  assert.deepEqual(await ask(client, 4, 0, 5), [ErrorCode.UNKNOWN_LEADER_EPOCH, -1, -1])
  assert.deepEqual(await ask(client, 4, 0, -1, 9), [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1, -1])
  await first.broker.kill()
  const second = await startBroker(t, { fs })
  const again = await second.connect()
  await produceTo(again, 'orders', batchOf(['c']))
  assert.deepEqual(await ask(again, 4, 0), [ErrorCode.NONE, 0, 2])
  assert.deepEqual(await ask(again, 4, 1), [ErrorCode.NONE, 1, 3])
  assert.deepEqual(await ask(again, 4, 0, 0), [ErrorCode.FENCED_LEADER_EPOCH, -1, -1])
  await second.broker.close()
  const third = await startBroker(t, { fs })
  assert.deepEqual(await ask(await third.connect(), 4, 1, 1), [ErrorCode.NONE, 1, 3])
})

test('zstd needs produce version 7: what counts is the batch, not the setting of the topic', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders')
  await createTopic(client, 'packed', 1, { 'compression.type': 'zstd' })
  const code = async (topic: string, codec: Codec, version: number) =>
    (await produceTo(client, topic, batchOf(['a'], { codec }), 0, version)).errorCode
  assert.equal(await code('orders', Codec.ZSTD, 6), ErrorCode.UNSUPPORTED_COMPRESSION_TYPE)
  assert.equal(await code('orders', Codec.ZSTD, 7), ErrorCode.NONE)
  assert.equal(await code('packed', Codec.NONE, 6), ErrorCode.NONE)
})
