import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ErrorCode } from '@ottla/protocol'
import { batch } from '@ottla/protocol/records'
import {
  describeClusterApi,
  fetchApi,
  initProducerIdApi,
  listOffsetsApi,
  metadataApi,
  produceApi,
} from '../src/apis.ts'
import { Kafka, type KafkaOptions } from '../src/index.ts'
import { FakeBroker, metadataOf } from './support/fake-broker.ts'

interface Appended {
  readonly broker: number
  readonly epoch: number
  readonly sequence: number
  readonly count: number
}

/** Two brokers; the leader of the only partition of `t` is whoever `leader` says. */
async function twoBrokers(t: TestContext, options: Partial<KafkaOptions> = {}) {
  const brokers = [await new FakeBroker(1).listen(t), await new FakeBroker(2).listen(t)]
  const state = { leader: 1, epoch: 0, appended: [] as Appended[], errors: [] as number[] }
  for (const broker of brokers) {
    broker
      .on(metadataApi, () => metadataOf(brokers, { t: [state.leader] }, state.epoch))
      .on(initProducerIdApi, () => ({ producerId: 77, producerEpoch: 0 }))
      .on(produceApi, (request) => {
        const [topic] = request.topicData
        const [{ index, records }] = topic.partitionData
        const b = records as Buffer
        const errorCode = broker.id === state.leader ? (state.errors.shift() ?? 0) : ErrorCode.NOT_LEADER_OR_FOLLOWER
        if (errorCode === 0) {
          state.appended.push({
            broker: broker.id,
            epoch: batch.producerEpoch(b, 0),
            sequence: batch.baseSequence(b, 0),
            count: batch.recordCount(b, 0),
          })
        }
        return {
          responses: [
            { name: topic.name, topicId: topic.topicId, partitionResponses: [{ index, errorCode, baseOffset: 100 }] },
          ],
        }
      })
  }
  const kafka = new Kafka({
    bootstrap: brokers.map((b) => `127.0.0.1:${b.port}`),
    retryBackOffMs: 2,
    retryBackOffMaxMs: 4,
    apiTimeoutMs: 5000,
    ...options,
  })
  t.after(() => kafka.close())
  return { brokers, state, kafka }
}

test('records follow the leader when it moves', async (t) => {
  const { state, kafka } = await twoBrokers(t)
  const producer = kafka.producer()
  assert.equal((await producer.send('t', { value: 'a' })).offset, 100)
  state.leader = 2
  state.epoch = 1
  await producer.send('t', { value: 'b' })
  assert.deepEqual(
    state.appended.map((a) => [a.broker, a.sequence]),
    [
      [1, 0],
      [2, 1],
    ],
  )
})

test('metadata that is older than what is known takes no leader back', async (t) => {
  const { state, kafka, brokers } = await twoBrokers(t)
  state.leader = 2
  state.epoch = 5
  const producer = kafka.producer()
  await producer.send('t', { value: 'a' })
  brokers[0].on(metadataApi, () => metadataOf(brokers, { t: [1] }, 4))
  brokers[1].on(metadataApi, () => metadataOf(brokers, { t: [1] }, 4))
  await kafka.admin.listTopics()
  await producer.send('t', { value: 'b' })
  assert.deepEqual(
    state.appended.map((a) => a.broker),
    [2, 2],
  )
})

test('an error that passes is retried under the same sequence, one that does not is told', async (t) => {
  const { state, kafka } = await twoBrokers(t)
  const producer = kafka.producer()
  state.errors = [ErrorCode.NOT_ENOUGH_REPLICAS, ErrorCode.LEADER_NOT_AVAILABLE]
  await producer.send('t', { value: 'a' })
  assert.deepEqual(state.appended, [{ broker: 1, epoch: 0, sequence: 0, count: 1 }])
  state.errors = [ErrorCode.TOPIC_AUTHORIZATION_FAILED]
  await assert.rejects(producer.send('t', { value: 'b' }), { code: 'TOPIC_AUTHORIZATION_FAILED', errorCode: 29 })
  // The number of the record that was given up is missing: the next one begins a new epoch.
  await producer.send('t', { value: 'c' })
  assert.deepEqual(state.appended[1], { broker: 1, epoch: 1, sequence: 0, count: 1 })
})

test('a broker that has lost track of the producer gets the next epoch', async (t) => {
  for (const errorCode of [ErrorCode.UNKNOWN_PRODUCER_ID, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER]) {
    const { state, kafka } = await twoBrokers(t)
    const producer = kafka.producer()
    await producer.send('t', { value: 'a' })
    state.errors = [errorCode]
    await producer.send('t', { value: 'b' })
    await producer.send('t', { value: 'c' })
    assert.deepEqual(
      state.appended.map((a) => [a.epoch, a.sequence]),
      [
        [0, 0],
        [1, 0],
        [1, 1],
      ],
    )
  }
})

test('a batch that was written long ago counts as written', async (t) => {
  const { state, kafka } = await twoBrokers(t)
  state.errors = [ErrorCode.DUPLICATE_SEQUENCE_NUMBER]
  const { offset, partition } = await kafka.producer().send('t', { value: 'a' })
  assert.deepEqual([partition, offset], [0, -1])
})

test('a record that is not written in its time fails once, with what kept it', async (t) => {
  const { state, kafka } = await twoBrokers(t)
  state.errors = new Array<number>(10_000).fill(ErrorCode.NOT_ENOUGH_REPLICAS)
  const producer = kafka.producer({ deliveryTimeoutMs: 60 })
  await assert.rejects(producer.send('t', { value: 'a' }), { code: 'TIMEOUT', retriable: true })
  const once = kafka.producer({ retries: 1 })
  // Errors are left over for these two attempts, and for one of the other producer that may be under way.
  await assert.rejects(once.send('t', { value: 'a' }), { code: 'NOT_ENOUGH_REPLICAS' })
})

test('a silent broker costs its records no more than their time', async (t) => {
  const { brokers, kafka } = await twoBrokers(t)
  const producer = kafka.producer({ deliveryTimeoutMs: 100 })
  await producer.send('t', { value: 'first' })
  for (const broker of brokers) broker.on(produceApi, () => 'silence')
  await assert.rejects(producer.send('t', { value: 'a' }), { code: 'TIMEOUT' })
})

test('topics are named by id where both ends can', async (t) => {
  const { brokers, kafka } = await twoBrokers(t)
  const topicId = 'AAAAAAAAAAAAAAAAAAAAKg'
  for (const broker of brokers) {
    broker.on(metadataApi, () => {
      const metadata = metadataOf(brokers, { t: [1] })
      return { ...metadata, topics: metadata.topics!.map((topic) => ({ ...topic, topicId })) }
    })
  }
  await kafka.producer().send('t', { value: 'a' })
  const produced = brokers[0].requests.find((r) => r.name === 'Produce')!
  assert.equal(produced.version, 13)
  assert.equal((produced.body as { topicData: { topicId: string }[] }).topicData[0].topicId, topicId)
})

test('a bootstrap broker that is gone is passed over; when all are, the first reason is told in time', async (t) => {
  const { brokers } = await twoBrokers(t)
  const kafka = new Kafka({ bootstrap: ['127.0.0.1:1', `127.0.0.1:${brokers[0].port}`] })
  t.after(() => kafka.close())
  assert.deepEqual(
    (await kafka.admin.listTopics()).map((topic) => topic.name),
    ['t'],
  )
  const lost = new Kafka({ bootstrap: '127.0.0.1:1', bootstrapTimeoutMs: 50 })
  t.after(() => lost.close())
  await assert.rejects(lost.admin.listTopics(), { code: 'CONNECTION_REFUSED' })
})

test('while no broker was ever reached, no call of the admin outlasts the bootstrap time', async (t) => {
  // An hour each, if `apiTimeoutMs` counted.
  const lost = new Kafka({ bootstrap: '127.0.0.1:1', apiTimeoutMs: 3_600_000, bootstrapTimeoutMs: 50 })
  t.after(() => lost.close())
  const { admin } = lost
  const calls = [
    () => admin.createTopics([{ name: 't' }]),
    () => admin.deleteTopics(['t']),
    () => admin.createPartitions([{ name: 't', count: 2 }]),
    () => admin.describeConfigs([{ type: 'topic', name: 't' }]),
    () => admin.describeConfigs([{ type: 'broker', name: '1' }]),
    () => admin.alterConfigs([{ type: 'topic', name: 't', changes: [] }]),
    () => admin.topicOffsets('t', 'latest'),
    () => admin.describeCluster(),
    () => admin.describeLogDirs(),
  ]
  await Promise.all(calls.map((call) => assert.rejects(call(), { code: 'CONNECTION_REFUSED' })))
})

test('once a broker was reached, the admin has all of its time', async (t) => {
  const { brokers, kafka } = await twoBrokers(t, { bootstrapTimeoutMs: 0 })
  let cuts = 0
  for (const broker of brokers) {
    broker.on(describeClusterApi, () => (++cuts < 4 ? 'cut' : { clusterId: 'fake', controllerId: 1, brokers: [] }))
  }
  // The first answer is cut off as well: that a connection was made is enough.
  assert.deepEqual(await kafka.admin.describeCluster(), { clusterId: 'fake', controllerId: 1, brokers: [] })
  assert.equal(cuts, 4)
})

test('reading follows the leader, and ends with an error when no broker answers any more', async (t) => {
  const { brokers, state, kafka } = await twoBrokers(t, { apiTimeoutMs: 200 })
  for (const broker of brokers) {
    broker
      .on(listOffsetsApi, () => ({
        topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset: 0, timestamp: -1 }] }],
      }))
      .on(fetchApi, () => {
        const errorCode = broker.id === state.leader ? 0 : ErrorCode.NOT_LEADER_OR_FOLLOWER
        return {
          responses: [
            { topic: 't', partitions: [{ partitionIndex: 0, errorCode, highWatermark: 0, abortedTransactions: null }] },
          ],
        }
      })
  }
  const next = kafka
    .consumer({ assign: [{ topic: 't' }] })
    [Symbol.asyncIterator]()
    .next()
  const asked = (broker: number, count: number) =>
    new Promise<void>((resolve) => {
      const look = () => (brokers[broker].count('Fetch') >= count ? resolve() : void setImmediate(look))
      look()
    })
  await asked(0, 2)
  state.leader = 2
  state.epoch = 1
  await asked(1, 2)
  for (const broker of brokers) {
    broker.on(fetchApi, () => 'cut')
    broker.on(metadataApi, () => 'cut')
  }
  await assert.rejects(next, { code: 'CONNECTION_CLOSED' })
})
