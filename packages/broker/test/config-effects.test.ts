/** Settings of requests and connections, each by what it does through a running broker. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CreateTopicsRequest,
  CreateTopicsResponse,
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponse,
  ErrorCode,
  encodeRequest,
  FetchRequest,
  FetchResponse,
  MetadataRequest,
  MetadataResponse,
} from '@ottla/protocol'
import { batch, Codec, compress, crc32c, levelsOf } from '@ottla/protocol/records'
import type { ListenOptions, Network } from '@ottla/runtime'
import { memoryFileSystem, nodeNetwork } from '@ottla/runtime/node'
import { RawClient } from '@ottla/testkit'
import { createTopic, produceTo } from './support/admin.ts'
import { batchOf } from './support/batches.ts'
import { alterConfig, BROKER_RESOURCE, readText, storedBatches, TOPIC_RESOURCE } from './support/effects.ts'
import { startBroker } from './support/start.ts'

test('node.id, or broker.id: who the broker is, to clients and in its folder', async (t) => {
  for (const key of ['node.id', 'broker.id']) {
    const fs = memoryFileSystem()
    const { connect } = await startBroker(t, { fs, config: { [key]: 7 } })
    const client = await connect()
    await createTopic(client, 'orders')
    const { brokers, topics } = await client.call(MetadataRequest, MetadataResponse, 12, { topics: null })
    const [{ leaderId, replicaNodes }] = topics[0].partitions
    assert.deepEqual([brokers[0].nodeId, leaderId, replicaNodes], [7, 7, [7]], key)
    assert.match(readText(fs, '/data/meta.properties'), /^(node|broker)\.id=7$/m)
  }
})

test('log.dir holds the logs where log.dirs is not set, and does not where it is', async (t) => {
  for (const [config, folder] of [
    [{ 'log.dir': '/one' }, '/one'],
    [{ 'log.dir': '/one', 'log.dirs': '/other' }, '/other'],
  ] as const) {
    const fs = memoryFileSystem()
    const { connect } = await startBroker(t, { fs, config })
    await createTopic(await connect(), 'orders')
    assert.deepEqual(
      [fs.exists('/one/orders-0'), fs.exists('/other/orders-0')],
      [folder === '/one', folder === '/other'],
    )
  }
})

test('auto.create.topics.enable and num.partitions: what a client that only asks gets', async (t) => {
  for (const [config, expected] of [
    [{ 'num.partitions': 5 }, [ErrorCode.NONE, 5]],
    [{ 'auto.create.topics.enable': false }, [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 0]],
  ] as const) {
    const { connect } = await startBroker(t, { config })
    const asked = { topics: [{ name: 'asked-for' }], allowAutoTopicCreation: true }
    const { topics } = await (await connect()).call(MetadataRequest, MetadataResponse, 12, asked)
    assert.deepEqual([topics[0].errorCode, topics[0].partitions.length], expected)
  }
})

test('default.replication.factor: a topic that does not say how many replicas gets it, or is refused', async (t) => {
  const { connect } = await startBroker(t, { config: { 'default.replication.factor': 2 } })
  const client = await connect()
  const topics = [
    { name: 'silent', numPartitions: 1, replicationFactor: -1 },
    { name: 'says-one', numPartitions: 1, replicationFactor: 1 },
  ]
  const answer = await client.call(CreateTopicsRequest, CreateTopicsResponse, 7, { topics, timeoutMs: 1000 })
  assert.deepEqual(
    answer.topics.map(({ errorCode }) => errorCode),
    [ErrorCode.INVALID_REPLICATION_FACTOR, ErrorCode.NONE],
  )
  const wanted = { topics: [{ name: 'automatic' }], allowAutoTopicCreation: true }
  const metadata = await client.call(MetadataRequest, MetadataResponse, 12, wanted)
  assert.equal(metadata.topics[0].errorCode, ErrorCode.INVALID_REPLICATION_FACTOR)
})

test('max.request.partition.size.limit bounds a page of DescribeTopicPartitions, whatever the client asks for', async (t) => {
  const { connect } = await startBroker(t, { config: { 'max.request.partition.size.limit': 3 } })
  const client = await connect()
  await createTopic(client, 'wide', 5)
  const pageFrom = async (cursor: { topicName: string; partitionIndex: number } | null) => {
    const body = { topics: [{ name: 'wide' }], responsePartitionLimit: 2000, cursor }
    const page = await client.call(DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, 0, body)
    return {
      indexes: page.topics[0].partitions.map(({ partitionIndex }) => partitionIndex),
      next: page.nextCursor?.partitionIndex,
    }
  }
  assert.deepEqual(await pageFrom(null), { indexes: [0, 1, 2], next: 3 })
  assert.deepEqual(await pageFrom({ topicName: 'wide', partitionIndex: 3 }), { indexes: [3, 4], next: undefined })
})

/** The network of the system, and what it is asked to listen on. */
function noting(asked: ListenOptions[]): Network {
  return {
    listen(options, onConnection) {
      asked.push(options)
      return nodeNetwork.listen(options, onConnection)
    },
    connect: (options, handlers) => nodeNetwork.connect(options, handlers),
  }
}

test('socket.listen.backlog.size is what the system is asked for on every address', async (t) => {
  const asked: ListenOptions[] = []
  const listeners = 'PLAINTEXT://127.0.0.1:0,SECOND://127.0.0.1:0'
  const map = 'PLAINTEXT:PLAINTEXT,SECOND:PLAINTEXT'
  const config = { 'socket.listen.backlog.size': 37, listeners, 'listener.security.protocol.map': map }
  await startBroker(t, { net: noting(asked), config })
  assert.deepEqual(
    asked.map(({ backlog }) => backlog),
    [37, 37],
  )
})

test('advertised.listeners: what clients of each listener are told; what names no address tells its own', async (t) => {
  const names = ['IN', 'OUT', 'PLAIN']
  const { broker } = await startBroker(t, {
    config: {
      listeners: names.map((name) => `${name}://127.0.0.1:0`).join(),
      'listener.security.protocol.map': names.map((name) => `${name}:PLAINTEXT`).join(),
      'inter.broker.listener.name': 'IN',
      'advertised.listeners': 'IN://in.test:1111,OUT://out.test:2222',
    },
  })
  const told: unknown[] = []
  for (const { port } of broker.listeners) {
    const client = await RawClient.connect(port)
    t.after(() => client.close())
    const { brokers } = await client.call(MetadataRequest, MetadataResponse, 12, { topics: [] })
    told.push(`${brokers[0].host}:${brokers[0].port}`)
  }
  assert.deepEqual(told, ['in.test:1111', 'out.test:2222', `127.0.0.1:${broker.listeners[2].port}`])
})

test('controller.listener.names: such a listener is not opened', async (t) => {
  const asked: ListenOptions[] = []
  const config = {
    listeners: 'PLAINTEXT://127.0.0.1:0,CONTROL://127.0.0.1:0',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROL:PLAINTEXT',
    'controller.listener.names': 'CONTROL',
    'process.roles': 'broker,controller',
  }
  const { broker } = await startBroker(t, { net: noting(asked), config })
  assert.deepEqual(
    broker.listeners.map(({ name }) => name),
    ['PLAINTEXT'],
  )
  assert.equal(asked.length, 1)
})

test('socket.request.max.bytes: a larger request ends its connection, one of that size is served', async (t) => {
  const bytes = 1500
  const { connect } = await startBroker(t, { config: { 'socket.request.max.bytes': bytes } })
  const client = await connect()
  const frameOf = (topics: { name: string }[]) =>
    Buffer.concat(encodeRequest(MetadataRequest, 12, 1, 'raw', { topics, allowAutoTopicCreation: false }))
  const empty = frameOf([{ name: '' }]).length - 4
  // A name of 128 bytes or more has a length of two bytes.
  const name = 'x'.repeat(bytes - empty - 1)
  const frame = frameOf([{ name }])
  assert.equal(frame.length - 4, bytes)
  client.sendBytes(frame)
  assert.equal((await client.receive(MetadataResponse, 12)).body.topics.length, 1)
  client.sendBytes(frameOf([{ name: `${name}x` }]))
  assert.equal(await client.receiveFrame(), null)
})

test('fetch.max.bytes bounds an answer over all its partitions, whatever the client asks for', async (t) => {
  const { connect } = await startBroker(t, { config: { 'fetch.max.bytes': 2500 } })
  const client = await connect()
  await createTopic(client, 'wide', 3)
  const batchBytes = batchOf(['x'.repeat(900)]).length
  assert.ok(2 * batchBytes < 2500 && 3 * batchBytes > 2500)
  for (const index of [0, 1, 2]) {
    for (let i = 0; i < 3; i++) await produceTo(client, 'wide', batchOf(['x'.repeat(900)]), index)
  }
  const ask = async (indexes: readonly number[]) => {
    const partitions = indexes.map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 1 << 20 }))
    const body = { maxWaitMs: 0, minBytes: 1, maxBytes: 1 << 24, topics: [{ topic: 'wide', partitions }] }
    const { responses } = await client.call(FetchRequest, FetchResponse, 12, body)
    return responses[0].partitions.map(({ records }) => ((records as Buffer | null)?.length ?? 0) / batchBytes)
  }
  const [first, second, third] = await ask([0, 1, 2])
  assert.ok(first > 0 && Math.floor(first + second + third) === 2, `${[first, second, third]} batches`)
})

test('max.incremental.fetch.session.cache.slots: who comes when all are taken gets no session', async (t) => {
  const { connect } = await startBroker(t, { config: { 'max.incremental.fetch.session.cache.slots': 2 } })
  const client = await connect()
  await createTopic(client, 'orders')
  const fetch = async (sessionId: number, sessionEpoch: number) => {
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }]
    const topics = [{ topic: 'orders', partitions }]
    const body = { maxWaitMs: 0, minBytes: 0, maxBytes: 1000, sessionId, sessionEpoch, topics }
    const { errorCode, ...answer } = await client.call(FetchRequest, FetchResponse, 12, body)
    assert.equal(errorCode, ErrorCode.NONE)
    return answer.sessionId
  }
  const first = await fetch(0, 0)
  assert.ok(first !== 0 && (await fetch(0, 0)) !== 0)
  assert.equal(await fetch(0, 0), 0)
  assert.equal(await fetch(first, -1), 0, 'the first session ends')
  assert.notEqual(await fetch(0, 0), 0)
})

test('min.insync.replicas above what there is refuses acks=all; the default of the broker and a change to it', async (t) => {
  const { connect } = await startBroker(t, { config: { 'min.insync.replicas': 2 } })
  const client = await connect()
  await createTopic(client, 'orders')
  await createTopic(client, 'easy', 1, { 'min.insync.replicas': '1' })
  const code = async (topic: string) => (await produceTo(client, topic, batchOf(['v']))).errorCode
  assert.equal(await code('orders'), ErrorCode.NOT_ENOUGH_REPLICAS)
  assert.equal(await code('easy'), ErrorCode.NONE)
  await alterConfig(client, BROKER_RESOURCE, '', 'min.insync.replicas', '1')
  assert.equal(await code('orders'), ErrorCode.NONE)
  await alterConfig(client, BROKER_RESOURCE, '', 'min.insync.replicas', null)
  assert.equal(await code('orders'), ErrorCode.NOT_ENOUGH_REPLICAS)
})

/** Where a batch has them. */
const LAST_OFFSET_DELTA_AT = 23
const RECORD_COUNT_AT = 57

/** Sound from outside: what its header counts is not what it holds once it is decompressed. */
function batchWithARecordTooFew(): Buffer {
  const bytes = batchOf(['a', 'b'], { codec: Codec.GZIP })
  bytes.writeInt32BE(2, LAST_OFFSET_DELTA_AT)
  bytes.writeInt32BE(3, RECORD_COUNT_AT)
  batch.setCrc(bytes, 0, crc32c(bytes, batch.CRC_START, bytes.length))
  return bytes
}

test('ottla.log.record.validation: full looks into compressed batches, auto does not', async (t) => {
  for (const [validation, expected] of [
    ['full', ErrorCode.INVALID_RECORD],
    ['auto', ErrorCode.NONE],
  ] as const) {
    const { connect } = await startBroker(t, { config: { 'ottla.log.record.validation': validation } })
    const client = await connect()
    await createTopic(client, 'orders')
    assert.equal((await produceTo(client, 'orders', batchWithARecordTooFew())).errorCode, expected, validation)
    const sound = batchOf(['a', 'b'], { codec: Codec.GZIP })
    assert.equal((await produceTo(client, 'orders', sound)).errorCode, ErrorCode.NONE, validation)
  }
})

/** Text in which searching deeper finds more. */
const VALUES = Array.from({ length: 300 }, (_, i) => `${(i * 7919) % 1009} ${(i * i) % 251} orders ${i % 13}`)

/** What the broker makes of an uncompressed batch. */
async function storedWith(client: RawClient, topic: string): Promise<Buffer> {
  assert.equal((await produceTo(client, topic, batchOf(VALUES))).errorCode, ErrorCode.NONE)
  const stored = await storedBatches(client, topic)
  const last = lastBatch(stored)
  return last.subarray(batch.HEADER_BYTES)
}

function lastBatch(bytes: Buffer): Buffer {
  let at = 0
  while (at + batch.sizeInBytes(bytes, at) < bytes.length) at += batch.sizeInBytes(bytes, at)
  return bytes.subarray(at)
}

for (const [name, codec, levels] of [
  ['gzip', Codec.GZIP, [1, 9, 4]],
  ['lz4', Codec.LZ4, [2, 12, 4]],
  ['zstd', Codec.ZSTD, [1, 19, 6]],
] as const) {
  test(`compression.${name}.level is the level the broker compresses with: its own, altered, and the topic's`, async (t) => {
    const key = `compression.${name}.level`
    const [atStart, altered, ofTopic] = levels
    const plain = batchOf(VALUES).subarray(batch.HEADER_BYTES)
    const withLevel = (level: number) => compress(codec, plain, level)
    const all = [...levels, levelsOf(codec)!.default].map((level) => withLevel(level).toString('latin1'))
    assert.equal(new Set(all).size, all.length, 'these levels can be told apart')
    const { connect } = await startBroker(t, { config: { 'compression.type': name, [key]: atStart } })
    const client = await connect()
    await createTopic(client, 'orders')
    await createTopic(client, 'own', 1, { [key]: String(ofTopic) })
    assert.deepEqual(await storedWith(client, 'orders'), withLevel(atStart))
    assert.deepEqual(await storedWith(client, 'own'), withLevel(ofTopic))
    await alterConfig(client, BROKER_RESOURCE, '1', key, String(altered))
    assert.deepEqual(await storedWith(client, 'orders'), withLevel(altered))
    assert.deepEqual(await storedWith(client, 'own'), withLevel(ofTopic))
    await alterConfig(client, TOPIC_RESOURCE, 'own', key, null)
    assert.deepEqual(await storedWith(client, 'own'), withLevel(altered))
  })
}
