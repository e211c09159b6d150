import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CreateTopicsRequest,
  CreateTopicsResponse,
  ErrorCode,
  FetchRequest,
  FetchResponse,
  ListOffsetsRequest,
  ListOffsetsResponse,
  MetadataRequest,
  MetadataResponse,
  ProduceRequest,
  ProduceResponse,
} from '@ottla/protocol'
import { memoryFileSystem } from '@ottla/runtime/node'
import type { RawClient } from '@ottla/testkit'
import { batchOf } from './support/batches.ts'
import { startBroker } from './support/start.ts'
import { valuesIn } from './support/values.ts'

const TOPIC = 'orders'

function produceBody(records: Buffer, { acks = -1, index = 0, topic = TOPIC } = {}) {
  return { acks, timeoutMs: 10_000, topicData: [{ name: topic, partitionData: [{ index, records }] }] }
}

async function produce(client: RawClient, records: Buffer, options = {}, version = 9) {
  const { responses } = await client.call(ProduceRequest, ProduceResponse, version, produceBody(records, options))
  return responses[0].partitionResponses[0]
}

function fetchBody(
  fetchOffset: number,
  { maxWaitMs = 0, minBytes = 1, maxBytes = 1 << 20, sessionId = 0, sessionEpoch = -1 } = {},
) {
  return {
    replicaId: -1,
    maxWaitMs,
    minBytes,
    maxBytes,
    sessionId,
    sessionEpoch,
    topics: [{ topic: TOPIC, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: maxBytes }] }],
  }
}

async function createTopic(client: RawClient, numPartitions = 1, configs: { name: string; value: string }[] = []) {
  const body = { topics: [{ name: TOPIC, numPartitions, replicationFactor: 1, configs }], timeoutMs: 1000 }
  const { topics } = await client.call(CreateTopicsRequest, CreateTopicsResponse, 7, body)
  assert.equal(topics[0].errorCode, ErrorCode.NONE, topics[0].errorMessage ?? '')
  return topics[0].topicId
}

test('what was produced is fetched, byte for byte, at the offsets that were answered', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client)
  const first = await produce(client, batchOf(['a', 'b']))
  assert.deepEqual([first.errorCode, first.baseOffset], [ErrorCode.NONE, 0])
  const second = await produce(client, batchOf(['c']), { acks: 1 })
  assert.equal(second.baseOffset, 2)
  const { responses } = await client.call(FetchRequest, FetchResponse, 12, fetchBody(0))
  const partition = responses[0].partitions[0]
  assert.equal(partition.highWatermark, 3)
  assert.deepEqual(valuesIn(partition.records), [
    [0, 'a'],
    [1, 'b'],
    [2, 'c'],
  ])
})

test('a topic is created when a producer asks for its metadata, and is the same after a restart', async (t) => {
  const fs = memoryFileSystem()
  const first = await startBroker(t, { fs, config: { 'num.partitions': 3 } })
  const client = await first.connect()
  const asked = { topics: [{ name: TOPIC }], allowAutoTopicCreation: true }
  const created = (await client.call(MetadataRequest, MetadataResponse, 12, asked)).topics[0]
  assert.equal(created.errorCode, ErrorCode.NONE)
  assert.equal(created.partitions.length, 3)
  await produce(client, batchOf(['kept']))
  await first.broker.close()

  const second = await startBroker(t, { fs })
  const again = await second.connect()
  const found = (await again.call(MetadataRequest, MetadataResponse, 12, { topics: null })).topics[0]
  assert.deepEqual([found.name, found.topicId, found.partitions.length], [TOPIC, created.topicId, 3])
  const { responses } = await again.call(FetchRequest, FetchResponse, 12, fetchBody(0))
  assert.deepEqual(valuesIn(responses[0].partitions[0].records), [[0, 'kept']])
})

test('acked records are there after the broker was killed', async (t) => {
  const fs = memoryFileSystem()
  const first = await startBroker(t, { fs })
  const client = await first.connect()
  await createTopic(client)
  for (let i = 0; i < 20; i++) assert.equal((await produce(client, batchOf([`v${i}`]))).errorCode, ErrorCode.NONE)
  await first.broker.kill()

  const second = await startBroker(t, { fs })
  const again = await second.connect()
  const { responses } = await again.call(FetchRequest, FetchResponse, 12, fetchBody(0))
  assert.deepEqual(
    valuesIn(responses[0].partitions[0].records).map(([, value]) => value),
    Array.from({ length: 20 }, (_, i) => `v${i}`),
  )
})

test('a fetch that waits is answered by the append that it waits for', async (t) => {
  const { connect } = await startBroker(t)
  const consumer = await connect()
  const producer = await connect()
  await createTopic(producer)
  consumer.send(FetchRequest, 12, fetchBody(0, { maxWaitMs: 30_000 }))
  // The second request is answered after the first, so the fetch is parked while this append happens.
  await produce(producer, batchOf(['late']))
  const { body } = await consumer.receive(FetchResponse, 12)
  assert.deepEqual(valuesIn(body.responses[0].partitions[0].records), [[0, 'late']])
})

test('a fetch waits until min bytes have come, over several appends', async (t) => {
  const { connect } = await startBroker(t)
  const consumer = await connect()
  const producer = await connect()
  await createTopic(producer)
  const batch = batchOf(['x'.repeat(100)])
  consumer.send(FetchRequest, 12, fetchBody(0, { maxWaitMs: 30_000, minBytes: batch.length * 3 }))
  for (let i = 0; i < 3; i++) await produce(producer, Buffer.from(batch))
  const { body } = await consumer.receive(FetchResponse, 12)
  assert.equal(valuesIn(body.responses[0].partitions[0].records).length, 3)
})

test('answers leave in the order of requests although a later one was ready first', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client)
  const waiting = client.send(FetchRequest, 12, fetchBody(0, { maxWaitMs: 50 }))
  const quick = client.send(MetadataRequest, 12, { topics: [] })
  assert.equal((await client.receive(FetchResponse, 12)).correlationId, waiting)
  assert.equal((await client.receive(MetadataResponse, 12)).correlationId, quick)
})

test('an incremental fetch names only what is new', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client)
  await produce(client, batchOf(['a']))
  const full = await client.call(FetchRequest, FetchResponse, 12, fetchBody(0, { sessionEpoch: 0 }))
  assert.notEqual(full.sessionId, 0)
  assert.deepEqual(valuesIn(full.responses[0].partitions[0].records), [[0, 'a']])

  const next = { ...fetchBody(1, { sessionId: full.sessionId, sessionEpoch: 1 }) }
  const unchanged = await client.call(FetchRequest, FetchResponse, 12, next)
  assert.deepEqual(unchanged.responses, [])
  await produce(client, batchOf(['b']))
  const changed = await client.call(FetchRequest, FetchResponse, 12, {
    ...fetchBody(1, { sessionId: full.sessionId, sessionEpoch: 2 }),
    topics: [],
  })
  assert.deepEqual(valuesIn(changed.responses[0].partitions[0].records), [[1, 'b']])

  const stale = { ...fetchBody(1, { sessionId: full.sessionId, sessionEpoch: 2 }), topics: [] }
  assert.equal(
    (await client.call(FetchRequest, FetchResponse, 12, stale)).errorCode,
    ErrorCode.INVALID_FETCH_SESSION_EPOCH,
  )
  const unknown = { ...fetchBody(1, { sessionId: 12_345, sessionEpoch: 1 }), topics: [] }
  assert.equal(
    (await client.call(FetchRequest, FetchResponse, 12, unknown)).errorCode,
    ErrorCode.FETCH_SESSION_ID_NOT_FOUND,
  )
})

test('a session that has nothing left to fetch is over', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client)
  const { sessionId } = await client.call(FetchRequest, FetchResponse, 12, fetchBody(0, { sessionEpoch: 0 }))
  assert.notEqual(sessionId, 0)
  const forgetting = {
    ...fetchBody(0, { sessionId, sessionEpoch: 1 }),
    topics: [],
    forgottenTopicsData: [{ topic: TOPIC, partitions: [0] }],
  }
  assert.equal((await client.call(FetchRequest, FetchResponse, 12, forgetting)).sessionId, 0)
  const next = { ...fetchBody(0, { sessionId, sessionEpoch: 2 }), topics: [] }
  const { errorCode } = await client.call(FetchRequest, FetchResponse, 12, next)
  assert.equal(errorCode, ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
})

test('who fetches as a broker gets nothing: there is none that copies', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  const topicId = await createTopic(client)
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }]
  await produce(client, batchOf(['a']))
  for (const [version, body] of [
    [12, { ...fetchBody(0), replicaId: 0 }],
    [12, { ...fetchBody(0), replicaId: 7 }],
    [15, { ...fetchBody(0), replicaState: { replicaId: 7 }, topics: [{ topicId, partitions }] }],
  ] as const) {
    const { responses } = await client.call(FetchRequest, FetchResponse, version, body)
    const [{ errorCode, records }] = responses[0].partitions
    assert.deepEqual([errorCode, records?.length ?? 0], [ErrorCode.NOT_LEADER_OR_FOLLOWER, 0])
  }
  // Kafka's debugging consumer.
  const { responses } = await client.call(FetchRequest, FetchResponse, 12, { ...fetchBody(0), replicaId: -2 })
  assert.deepEqual(valuesIn(responses[0].partitions[0].records), [[0, 'a']])
})

test('a topic without a name is an unknown topic, not an unknown id', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  const topics = [{ topic: '', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }]
  const { responses } = await client.call(FetchRequest, FetchResponse, 12, { ...fetchBody(0), topics })
  assert.equal(responses[0].partitions[0].errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
})

test('topics travel as ids from fetch 13 and produce 13 on', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  const topicId = await createTopic(client)
  const produced = await client.call(ProduceRequest, ProduceResponse, 13, {
    acks: -1,
    timeoutMs: 1000,
    topicData: [{ topicId, partitionData: [{ index: 0, records: batchOf(['by id']) }] }],
  })
  assert.equal(produced.responses[0].partitionResponses[0].errorCode, ErrorCode.NONE)
  const fetched = await client.call(FetchRequest, FetchResponse, 18, {
    maxWaitMs: 0,
    topics: [
      { topicId, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] },
      { topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] },
    ],
  })
  assert.deepEqual(valuesIn(fetched.responses[0].partitions[0].records), [[0, 'by id']])
  assert.equal(fetched.responses[1].partitions[0].errorCode, ErrorCode.UNKNOWN_TOPIC_ID)
})

test('an idempotent repeat is answered with the first offset and stored once; a gap is refused', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client)
  const sequence = (baseSequence: number) => ({ producerId: 7, producerEpoch: 0, baseSequence })
  const first = await produce(client, batchOf(['a'], sequence(0)))
  const repeat = await produce(client, batchOf(['a'], sequence(0)))
  assert.deepEqual([repeat.errorCode, repeat.baseOffset], [ErrorCode.NONE, first.baseOffset])
  const gap = await produce(client, batchOf(['c'], sequence(2)))
  assert.equal(gap.errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
  const { responses } = await client.call(FetchRequest, FetchResponse, 12, fetchBody(0))
  assert.deepEqual(valuesIn(responses[0].partitions[0].records), [[0, 'a']])
})

test('acks=0 has no answer, and an error closes the connection', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client)
  client.send(ProduceRequest, 9, produceBody(batchOf(['silent']), { acks: 0 }))
  const { responses } = await client.call(FetchRequest, FetchResponse, 12, fetchBody(0, { maxWaitMs: 10_000 }))
  assert.deepEqual(valuesIn(responses[0].partitions[0].records), [[0, 'silent']])
  client.send(ProduceRequest, 9, produceBody(batchOf(['lost']), { acks: 0, topic: 'missing' }))
  assert.equal(await client.receiveFrame(), null)
})

test('produce versions 0 to 2 are refused by code, other acks too', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client)
  assert.equal((await produce(client, batchOf(['old']), {}, 2)).errorCode, ErrorCode.UNSUPPORTED_VERSION)
  assert.equal((await produce(client, batchOf(['odd']), { acks: 2 })).errorCode, ErrorCode.INVALID_REQUIRED_ACKS)
})

test('offsets are found by time, first, last and largest', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client)
  for (const [value, timestampMs] of [
    ['a', 1000],
    ['b', 3000],
    ['c', 2000],
  ] as const) {
    await produce(client, batchOf([value], { timestampMs }))
  }
  const ask = async (timestamp: number) => {
    const body = { replicaId: -1, topics: [{ name: TOPIC, partitions: [{ partitionIndex: 0, timestamp }] }] }
    const { topics } = await client.call(ListOffsetsRequest, ListOffsetsResponse, 7, body)
    return [topics[0].partitions[0].offset, topics[0].partitions[0].timestamp]
  }
  assert.deepEqual(await ask(-1), [3, -1])
  assert.deepEqual(await ask(-2), [0, -1])
  assert.deepEqual(await ask(-3), [1, 3000])
  assert.deepEqual(await ask(1001), [1, 3000])
  assert.deepEqual(await ask(3001), [-1, -1])
})

test('every version of ListOffsets is answered with the fields that it has', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client)
  await produce(client, batchOf(['a']))
  for (let version = 1; version <= 11; version++) {
    const body = { replicaId: -1, topics: [{ name: TOPIC, partitions: [{ partitionIndex: 0, timestamp: -1 }] }] }
    const { topics } = await client.call(ListOffsetsRequest, ListOffsetsResponse, version, body)
    const { errorCode, offset, leaderEpoch } = topics[0].partitions[0]
    assert.deepEqual([errorCode, offset, leaderEpoch], [0, 1, version < 4 ? -1 : 0], `version ${version}`)
  }
})

test('the start of an empty log has the epoch that its first record will have', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client)
  for (const timestamp of [-2, -4]) {
    const body = { replicaId: -1, topics: [{ name: TOPIC, partitions: [{ partitionIndex: 0, timestamp }] }] }
    const { topics } = await client.call(ListOffsetsRequest, ListOffsetsResponse, 8, body)
    assert.deepEqual([topics[0].partitions[0].offset, topics[0].partitions[0].leaderEpoch], [0, 0])
  }
})

test('an offset out of range says so at once', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client)
  const { responses } = await client.call(FetchRequest, FetchResponse, 12, fetchBody(5, { maxWaitMs: 30_000 }))
  assert.equal(responses[0].partitions[0].errorCode, ErrorCode.OFFSET_OUT_OF_RANGE)
})
