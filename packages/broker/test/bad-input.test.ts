import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ApiVersionsRequest,
  ApiVersionsResponse,
  CreateTopicsRequest,
  CreateTopicsResponse,
  ErrorCode,
  encodeRequest,
  ListOffsetsRequest,
  ListOffsetsResponse,
  MetadataRequest,
  MetadataResponse,
  ProduceRequest,
  ProduceResponse,
} from '@ottla/protocol'
import { batch as batches, crc32c } from '@ottla/protocol/records'
import { batchOf } from './support/batches.ts'
import type { RawClient } from './support/raw-client.ts'
import { type Started, startBroker } from './support/start.ts'

/*
 * What a broken or hostile client may send (reliability.md, section 5). Each is answered with the protocol's error or a
 * closed connection; the broker goes on serving a client that was there before, and nothing is stored.
 */

const TOPIC = 'orders'

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function frame(...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([int32(body.length), body])
}

function header(apiKey: number, apiVersion: number, clientId: Buffer = Buffer.from([0xff, 0xff])): Buffer {
  const fixed = Buffer.alloc(8)
  fixed.writeInt16BE(apiKey, 0)
  fixed.writeInt16BE(apiVersion, 2)
  return Buffer.concat([fixed, clientId])
}

async function bystanderIsServed(client: RawClient): Promise<void> {
  const { topics } = await client.call(MetadataRequest, MetadataResponse, 12, { topics: null })
  assert.ok(Array.isArray(topics))
}

test('the longest lists are answered in full', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  const { topics } = await client.call(MetadataRequest, MetadataResponse, 9, manyTopics(25_000))
  assert.equal(topics.length, 25_000)
  assert.equal(topics[24_999].errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
})

const metadata9 = Buffer.concat(encodeRequest(MetadataRequest, 9, 1, 'client', { topics: [{ name: 'a' }] }))

function manyTopics(count: number) {
  return { topics: Array.from({ length: count }, (_, i) => ({ name: `t${i}` })), allowAutoTopicCreation: false }
}

/** Sent as they are; the connection must end without an answer. */
const CLOSING: Readonly<Record<string, () => Buffer>> = {
  'a frame of -1 bytes': () => int32(-1),
  'a frame of 2^31-1 bytes': () => int32(0x7fff_ffff),
  'a frame one byte over the limit': () => int32(104_857_601),
  'an empty frame': () => int32(0),
  'a list of more than 25,000': () => Buffer.concat(encodeRequest(MetadataRequest, 9, 1, 'client', manyTopics(25_001))),
  'a frame of one byte': () => frame(Buffer.from([1])),
  'an unknown API key': () => frame(header(999, 0)),
  'a negative API key': () => frame(header(-1, 0)),
  'an unknown version': () => frame(header(3, 99)),
  'a negative version': () => frame(header(3, -1)),
  'an API that is not advertised': () => frame(header(11, 0)),
  HTTP: () => Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
  TLS: () => Buffer.from('160301020001000001fc0303', 'hex'),
  'a client id that claims 32 KiB': () => frame(header(3, 1, Buffer.from([0x7f, 0xff, 0x61]))),
  'an array count beyond the frame': () => frame(header(3, 1), int32(0x7fff_ffff)),
  'an array count of -2': () => frame(header(3, 1), int32(-2)),
  'a million tags': () => frame(header(3, 9, Buffer.from([0xff, 0xff, 0xc0, 0x84, 0x3d]))),
  'a varint of six bytes': () => frame(header(3, 9, Buffer.from([0xff, 0xff, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]))),
  'the same tag twice': () => frame(header(3, 9, Buffer.from([0xff, 0xff, 0x02, 0x05, 0x00, 0x05, 0x00]))),
}

for (const [name, bytes] of Object.entries(CLOSING)) {
  test(`${name}: the connection is closed, others are served`, async (t) => {
    const { broker, connect } = await startBroker(t)
    const bystander = await connect()
    const client = await connect()
    client.sendBytes(bytes())
    assert.equal(await client.receiveFrame(), null)
    await bystanderIsServed(bystander)
    // Nothing of it is held any more.
    assert.equal(broker.queuedRequestBytes, 0)
    assert.match(broker.metrics(), /^ottla_connections 1$/m)
  })
}

test('a request that comes byte by byte is answered', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  for (const byte of metadata9) {
    client.sendBytes(Buffer.from([byte]))
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal((await client.receiveFrame())?.readInt32BE(0), 1)
})

test('a million tiny records in one batch are refused for their size, or kept where the topic allows it', async (t) => {
  const { started, client } = await withTopic(t)
  const count = 1_000_000
  const records = batchOf(Array.from({ length: count }, () => ''))
  const produce = async (topic: string) => {
    const partitionData = [{ index: 0, records: Buffer.from(records) }]
    const body = { acks: -1, timeoutMs: 10_000, topicData: [{ name: topic, partitionData }] }
    const { responses } = await client.call(ProduceRequest, ProduceResponse, 9, body)
    return responses[0].partitionResponses[0]
  }
  assert.equal((await produce(TOPIC)).errorCode, ErrorCode.MESSAGE_TOO_LARGE)
  const large = { numPartitions: 1, replicationFactor: 1, configs: [{ name: 'max.message.bytes', value: '20000000' }] }
  await client.call(CreateTopicsRequest, CreateTopicsResponse, 7, {
    topics: [{ name: 'large', ...large }],
    timeoutMs: 1000,
  })
  assert.deepEqual(await produce('large').then(({ errorCode, baseOffset }) => [errorCode, baseOffset]), [
    ErrorCode.NONE,
    0,
  ])
  const topics = [{ name: 'large', partitions: [{ partitionIndex: 0, timestamp: -1 }] }]
  const ends = await client.call(ListOffsetsRequest, ListOffsetsResponse, 7, { replicaId: -1, topics })
  assert.equal(ends.topics[0].partitions[0].offset, count)
  await bystanderIsServed(await started.connect())
})

test('bytes behind a request are ignored, as Apache Kafka does', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  client.sendBytes(frame(metadata9.subarray(4), Buffer.from([1, 2, 3])))
  const { body } = await client.receive(MetadataResponse, 9)
  assert.equal(body.topics[0].name, 'a')
})

test('a request cut at every byte is never answered and never hurts', async (t) => {
  const { connect } = await startBroker(t)
  const bystander = await connect()
  for (let length = 8; length < metadata9.length - 4; length++) {
    const client = await connect()
    client.sendBytes(frame(metadata9.subarray(4, 4 + length)))
    assert.equal(await client.receiveFrame(), null, `cut after ${length} bytes`)
  }
  await bystanderIsServed(bystander)
})

test('an unknown version of ApiVersions is answered in version 0 with the range', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  client.sendBytes(frame(header(18, 1000)))
  const { body } = await client.receive(ApiVersionsResponse, 0)
  assert.equal(body.errorCode, ErrorCode.UNSUPPORTED_VERSION)
  assert.deepEqual(body.apiKeys, [{ apiKey: 18, minVersion: 0, maxVersion: 5 }])
  // The connection lives: the client asks again with what it has learnt.
  const again = await client.call(ApiVersionsRequest, ApiVersionsResponse, 0, {})
  assert.equal(again.errorCode, ErrorCode.NONE)
})

test('a software name that breaks the pattern is INVALID_REQUEST', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  const named = { clientSoftwareName: 'two words', clientSoftwareVersion: '1' }
  assert.equal(
    (await client.call(ApiVersionsRequest, ApiVersionsResponse, 3, named)).errorCode,
    ErrorCode.INVALID_REQUEST,
  )
})

async function withTopic(t: Parameters<typeof startBroker>[0]): Promise<{ started: Started; client: RawClient }> {
  const started = await startBroker(t)
  const client = await started.connect()
  const body = { topics: [{ name: TOPIC, numPartitions: 1, replicationFactor: 1 }], timeoutMs: 1000 }
  await client.call(CreateTopicsRequest, CreateTopicsResponse, 7, body)
  return { started, client }
}

async function produceCode(client: RawClient, records: Buffer): Promise<number> {
  const { responses } = await client.call(ProduceRequest, ProduceResponse, 9, {
    acks: -1,
    timeoutMs: 1000,
    topicData: [{ name: TOPIC, partitionData: [{ index: 0, records }] }],
  })
  return responses[0].partitionResponses[0].errorCode
}

function mangled(change: (batch: Buffer) => void, reseal = true): Buffer {
  const bytes = batchOf(['a', 'b'])
  change(bytes)
  if (reseal) batches.setCrc(bytes, 0, crcOf(bytes))
  return bytes
}

const crcOf = (bytes: Buffer): number => crc32c(bytes, batches.CRC_START, bytes.length)

/** Record batches that a producer must not get in, and the code that says so. */
const BATCHES: Readonly<Record<string, readonly [records: () => Buffer, codes: readonly number[]]>> = {
  'a wrong CRC': [() => mangled((b) => b.writeUInt8(b[70] ^ 1, 70), false), [ErrorCode.CORRUPT_MESSAGE]],
  'magic 3': [
    () => mangled((b) => b.writeInt8(3, 16)),
    [ErrorCode.CORRUPT_MESSAGE, ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT, ErrorCode.INVALID_RECORD],
  ],
  'a length beyond the data': [
    () => mangled((b) => b.writeInt32BE(b.length, 8)),
    [ErrorCode.CORRUPT_MESSAGE, ErrorCode.INVALID_RECORD],
  ],
  'a negative length': [
    () => mangled((b) => b.writeInt32BE(-1, 8)),
    [ErrorCode.CORRUPT_MESSAGE, ErrorCode.INVALID_RECORD],
  ],
  'a last offset delta that is not the count': [
    () => mangled((b) => b.writeInt32BE(7, 23)),
    [ErrorCode.INVALID_RECORD],
  ],
  'a negative record count': [() => mangled((b) => b.writeInt32BE(-3, 57)), [ErrorCode.INVALID_RECORD]],
  'a control batch': [() => mangled((b) => b.writeInt16BE(0x20, 21)), [ErrorCode.INVALID_RECORD]],
  'an unknown codec': [
    () => mangled((b) => b.writeInt16BE(5, 21)),
    [ErrorCode.INVALID_RECORD, ErrorCode.CORRUPT_MESSAGE, ErrorCode.UNSUPPORTED_COMPRESSION_TYPE],
  ],
  'a producer with a negative sequence': [
    () => batchOf(['a'], { producerId: 5, producerEpoch: 0, baseSequence: -1 }),
    [ErrorCode.INVALID_RECORD],
  ],
  'a batch that is cut short': [
    () => batchOf(['a', 'b']).subarray(0, 50),
    [ErrorCode.CORRUPT_MESSAGE, ErrorCode.INVALID_RECORD],
  ],
  'no records at all': [() => Buffer.alloc(0), [ErrorCode.INVALID_RECORD, ErrorCode.CORRUPT_MESSAGE]],
  'a second batch behind it': [() => Buffer.concat([batchOf(['a']), batchOf(['b'])]), [ErrorCode.INVALID_RECORD]],
}

for (const [name, [records, codes]] of Object.entries(BATCHES)) {
  test(`a batch with ${name} is refused by code and not stored`, async (t) => {
    const { started, client } = await withTopic(t)
    const code = await produceCode(client, records())
    assert.ok(codes.includes(code), `answered ${code}, expected one of ${codes.join(', ')}`)
    assert.equal(started.broker.replicas.partition(TOPIC, 0)?.highWatermark, 0)
    assert.equal(await produceCode(client, batchOf(['good'])), ErrorCode.NONE)
  })
}

test('topic names that could leave the folder, or are too long, are refused', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  const names = ['.', '..', '../etc', 'a/b', 'a\0b', 'x'.repeat(250), '', 'ä', 'a b']
  const body = { topics: names.map((name) => ({ name, numPartitions: 1, replicationFactor: 1 })), timeoutMs: 1000 }
  const { topics } = await client.call(CreateTopicsRequest, CreateTopicsResponse, 7, body)
  assert.deepEqual(
    topics.map(({ errorCode }) => errorCode),
    names.map(() => ErrorCode.INVALID_TOPIC_EXCEPTION),
  )
  const asked = await client.call(MetadataRequest, MetadataResponse, 9, { topics: names.map((name) => ({ name })) })
  for (const { errorCode } of asked.topics) assert.equal(errorCode, ErrorCode.INVALID_TOPIC_EXCEPTION)
})

test('a request for more unknown topics than one may create makes none of them', async (t) => {
  const { broker, connect } = await startBroker(t, { config: { 'num.partitions': 100 } })
  const client = await connect()
  const ask = (count: number) => {
    const topics = Array.from({ length: count }, (_, i) => ({ name: `t${i}` }))
    return client.call(MetadataRequest, MetadataResponse, 9, { topics, allowAutoTopicCreation: true })
  }
  for (const { errorCode } of (await ask(101)).topics) assert.equal(errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  assert.deepEqual(broker.topics.all(), [])
  assert.deepEqual(
    (await ask(2)).topics.map(({ partitions }) => partitions.length),
    [100, 100],
  )
})

test('a topic named twice in one request is refused once, the others are made', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  const body = {
    topics: ['twice', 'once', 'twice'].map((name) => ({ name, numPartitions: 1, replicationFactor: 1 })),
    timeoutMs: 1000,
  }
  const { topics } = await client.call(CreateTopicsRequest, CreateTopicsResponse, 7, body)
  assert.deepEqual(
    topics.map(({ name, errorCode }) => [name, errorCode]),
    [
      ['twice', ErrorCode.INVALID_REQUEST],
      ['once', ErrorCode.NONE],
    ],
  )
})

test('a timestamp beyond 2^53 is answered with an error, and the connection lives', async (t) => {
  const { client } = await withTopic(t)
  const asked = { replicaId: -1, topics: [{ name: TOPIC, partitions: [{ partitionIndex: 0, timestamp: 1 }] }] }
  const bytes = Buffer.concat(encodeRequest(ListOffsetsRequest, 7, 1, 'raw', asked))
  // The timestamp is the last field but for two empty tag sections of the partition and topic, and the request's own.
  bytes.writeBigInt64BE(2n ** 60n, bytes.length - 11)
  client.sendBytes(bytes)
  const { body } = await client.receive(ListOffsetsResponse, 7)
  assert.equal(body.topics[0].partitions[0].errorCode, ErrorCode.INVALID_REQUEST)
  await bystanderIsServed(client)
})

test('a hundred thousand pipelined requests are all answered, in order', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  const count = 100_000
  const one = Buffer.concat(encodeRequest(ApiVersionsRequest, 0, 0, null, {}))
  const many = Buffer.alloc(one.length * count)
  for (let i = 0; i < count; i++) {
    one.copy(many, i * one.length)
    many.writeInt32BE(i, i * one.length + 8)
  }
  client.sendBytes(many)
  for (let i = 0; i < count; i++) {
    const answer = await client.receiveFrame()
    assert.equal(answer?.readInt32BE(0), i)
  }
})

test('a reader that takes nothing is not read from any more, and others are served', async (t) => {
  const { started, client: bystander } = await withTopic(t)
  const client = await started.connect()
  client.stopReading()
  const one = Buffer.concat(encodeRequest(ApiVersionsRequest, 0, 0, null, {}))
  const many = Buffer.concat(Array.from({ length: 200_000 }, () => one))
  client.sendBytes(many)
  for (let i = 0; i < 50; i++) await bystanderIsServed(bystander)
  assert.ok(started.broker.queuedRequestBytes < 1 << 20, `${started.broker.queuedRequestBytes} bytes are queued`)
})
