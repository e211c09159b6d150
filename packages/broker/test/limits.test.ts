import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ErrorCode,
  FetchRequest,
  FetchResponse,
  MetadataRequest,
  MetadataResponse,
  ProduceRequest,
  ProduceResponse,
} from '@ottla/protocol'
import { Codec } from '@ottla/protocol/records'
import { memoryFileSystem } from '@ottla/runtime/node'
import { RawClient } from '@ottla/testkit'
import type { Handler } from '../src/server/handler.ts'
import type { Server } from '../src/server/server.ts'
import { createTopic, produceTo, versions } from './support/admin.ts'
import { batchOf } from './support/batches.ts'
import { ManualTime } from './support/manual-time.ts'
import { type Started, startBroker } from './support/start.ts'

const TOPIC = 'orders'
/** The most that a file of memory takes at once. */
const BLOCK_BYTES_MAX = 64 << 10

function serverOf({ broker }: Started): Server {
  return (broker as unknown as { readonly server: Server }).server
}

async function isServed(client: RawClient): Promise<void> {
  const { brokers } = await client.call(MetadataRequest, MetadataResponse, 12, { topics: [] })
  assert.equal(brokers.length, 1)
}

function parkedFetch(maxWaitMs: number, fetchOffset = 0) {
  return {
    maxWaitMs,
    minBytes: 1,
    maxBytes: 1 << 20,
    topics: [{ topic: TOPIC, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1 << 20 }] }],
  }
}

test('no append passes ottla.max.disk.bytes; readers are served meanwhile, and producers with room again', async (t) => {
  const time = new ManualTime()
  const started = await startBroker(t, { time, config: { 'ottla.max.disk.bytes': 4000 } })
  const client = await started.connect()
  await createTopic(client, TOPIC)
  await createTopic(client, 'small')
  const large = batchOf(['x'.repeat(3000)])
  assert.equal((await produceTo(client, TOPIC, large)).errorCode, ErrorCode.NONE)
  const refused = await produceTo(client, 'small', large)
  assert.equal(refused.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
  const taken = `logs take ${large.length} bytes, the limit is 4000`
  assert.equal(refused.errorMessage, `${taken}: no room for ${large.length} bytes more`)
  // What fits is taken until nothing does.
  const small = batchOf(['no'])
  let count = 0
  while ((await produceTo(client, 'small', small)).errorCode === ErrorCode.NONE) count++
  assert.equal(count, Math.floor((4000 - large.length) / small.length))
  const { responses } = await client.call(FetchRequest, FetchResponse, 12, parkedFetch(0))
  assert.equal(responses[0].partitions[0].errorCode, ErrorCode.NONE)
  await started.broker.topics.delete(TOPIC)
  time.advance(1000)
  assert.equal((await produceTo(client, 'small', batchOf(['yes']))).errorCode, ErrorCode.NONE)
})

test('what is on its way to the disk counts, as it will be stored', async (t) => {
  const started = await startBroker(t, { time: new ManualTime(), config: { 'ottla.max.disk.bytes': 100_000 } })
  const client = await started.connect()
  await createTopic(client, TOPIC, 6, { 'compression.type': 'uncompressed' })
  const records = batchOf(['x'.repeat(30_000)], { codec: Codec.GZIP })
  assert.ok(records.length < 1000, `${records.length} bytes`)
  const partitionData = versions(0, 5).map((index) => ({ index, records }))
  const body = { acks: -1, timeoutMs: 10_000, topicData: [{ name: TOPIC, partitionData }] }
  const { responses } = await client.call(ProduceRequest, ProduceResponse, 9, body)
  assert.deepEqual(
    responses[0].partitionResponses.map(({ errorCode }) => errorCode),
    [0, 0, 0, 0, 0, 0].fill(ErrorCode.KAFKA_STORAGE_ERROR, 4),
  )
})

test('a disk that fills within a second is refused before it is full, whatever arrives at once', async (t) => {
  const capacityBytes = 16 << 20
  const minFreeBytes = 4 << 20
  const fs = memoryFileSystem({ capacityBytes })
  const config = { 'ottla.min.free.disk.bytes': minFreeBytes }
  const started = await startBroker(t, { time: new ManualTime(), fs, config })
  const client = await started.connect()
  await createTopic(client, TOPIC, 6)
  const records = batchOf(['x'.repeat(500_000)])
  const partitionData = versions(0, 5).map((index) => ({ index, records }))
  const body = { acks: 1, timeoutMs: 10_000, topicData: [{ name: TOPIC, partitionData }] }
  const requests = 12
  for (let i = 0; i < requests; i++) client.send(ProduceRequest, 9, body)
  const told = new Set<string>()
  let written = 0
  for (let i = 0; i < requests; i++) {
    const answer = await client.receive(ProduceResponse, 9)
    for (const { errorCode, errorMessage } of answer.body.responses[0].partitionResponses) {
      if (errorCode === ErrorCode.NONE) written += records.length
      else told.add(`${errorCode} ${errorMessage?.replace(/: no room for .+/, '').replace(/\d{3,}/g, 'N')}`)
    }
  }
  assert.deepEqual([...told], ['56 /data has N bytes left, N are kept free'])
  // Only the last block of each file, which is not full, may go past it.
  const { freeBytes } = fs.statfs('/')
  assert.ok(freeBytes >= minFreeBytes - 6 * BLOCK_BYTES_MAX, `${freeBytes} bytes are free`)
  assert.ok(written > 10_000_000, `${written} bytes are written`)
})

test('no more connections than max.connections', async (t) => {
  const { connect } = await startBroker(t, { config: { 'max.connections': 2 } })
  const first = await connect()
  const second = await connect()
  await Promise.all([isServed(first), isServed(second)])
  await (await connect()).closed
  await Promise.all([isServed(first), isServed(second)])
})

test('no more connections from one address than max.connections.per.ip; a closed one makes room', async (t) => {
  const config = { 'max.connections.per.ip': 1, 'max.connections.per.ip.overrides': '' }
  const started = await startBroker(t, { config })
  const first = await started.connect()
  await isServed(first)
  await (await started.connect()).closed
  first.close()
  await first.closed
  // The broker learns of the end on its own side of the socket, a little after us.
  let next = await started.connect()
  while ((await Promise.race([next.closed.then(() => 'closed'), isServed(next).catch(() => 'closed')])) === 'closed') {
    next = await started.connect()
  }
})

test('an override raises the limit of one address', async (t) => {
  const config = { 'max.connections.per.ip': 1, 'max.connections.per.ip.overrides': '127.0.0.1:2' }
  const { connect } = await startBroker(t, { config })
  const clients = [await connect(), await connect()]
  await Promise.all(clients.map(isServed))
  await (await connect()).closed
})

test('a connection without a request is closed after its deadline, one with a request is not', async (t) => {
  const time = new ManualTime()
  const { connect } = await startBroker(t, { time, config: { 'ottla.preauth.timeout.ms': 5000 } })
  const silent = await connect()
  const half = await connect()
  const served = await connect()
  half.sendBytes(Buffer.from([0, 0, 0, 20, 0, 3]))
  await isServed(served)
  // A byte now and then is no request.
  for (let i = 0; i < 7; i++) {
    time.advance(1000)
    half.sendBytes(Buffer.from([0]))
    await isServed(served)
  }
  await Promise.all([silent.closed, half.closed])
  await isServed(served)
})

test('an idle connection is closed after connections.max.idle.ms, one that waits for an answer is not', async (t) => {
  const time = new ManualTime()
  const { connect } = await startBroker(t, { time, config: { 'connections.max.idle.ms': 5000 } })
  const idle = await connect()
  const waiting = await connect()
  await isServed(idle)
  await createTopic(waiting, TOPIC)
  waiting.send(FetchRequest, 12, parkedFetch(20_000))
  const other = await connect()
  await isServed(other)
  time.advance(7000)
  await idle.closed
  time.advance(13_000)
  const { body } = await waiting.receive(FetchResponse, 12)
  assert.equal(body.responses[0].partitions[0].errorCode, ErrorCode.NONE)
  // Its time counts from the answer on.
  time.advance(4000)
  await isServed(waiting)
})

test('connections beyond the creation rate are read later, not refused', async (t) => {
  const time = new ManualTime()
  const { connect } = await startBroker(t, { time, config: { 'max.connection.creation.rate': 2 } })
  const clients = [await connect(), await connect(), await connect(), await connect()]
  for (const client of clients) client.send(MetadataRequest, 12, { topics: [] })
  // The rate allows a second's worth at once.
  for (const client of clients.slice(0, 2)) await client.receive(MetadataResponse, 12)
  let early = true
  const last = clients[3].receive(MetadataResponse, 12).then(() => assert.equal(early, false))
  await isServed(clients[0])
  early = false
  time.advance(2000)
  await clients[2].receive(MetadataResponse, 12)
  await last
})

test('with the queue of request bytes full nobody is read, and all are answered when there is room', async (t) => {
  const time = new ManualTime()
  // Full once two of the requests are in it; each connection may have one more on its way in.
  const config = { 'queued.max.request.bytes': 2000, 'socket.request.max.bytes': 1500 }
  const started = await startBroker(t, { time, config })
  const setup = await started.connect()
  await createTopic(setup, TOPIC)
  const clients = await Promise.all([started.connect(), started.connect(), started.connect(), started.connect()])
  const padding = Array.from({ length: 40 }, () => parkedFetch(0).topics[0].partitions[0])
  const padded = { ...parkedFetch(9000), topics: [{ topic: TOPIC, partitions: padding }] }
  for (const client of clients) for (let i = 0; i < 5; i++) client.send(FetchRequest, 11, padded)
  const { queuedBytes } = serverOf(started)
  while (!queuedBytes.full) await turnOfTheLoop()
  for (let turn = 0; turn < 20; turn++) await turnOfTheLoop()
  assert.ok(queuedBytes.total < 2000 + clients.length * 1500, `${queuedBytes.total} bytes queued`)
  // The first are answered when their wait ends, and make room for the others.
  let answered = 0
  for (const client of clients) {
    for (let i = 0; i < 5; i++) client.receive(FetchResponse, 11).then(() => answered++)
  }
  while (answered < clients.length * 5) {
    time.advance(9000)
    await turnOfTheLoop()
  }
  await isServed(setup)
  assert.equal(started.broker.queuedRequestBytes, 0)
})

/** One turn of the event loop, in which sockets are read. */
function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

test('after a throttled answer a connection is not read for that long; others are', async (t) => {
  const time = new ManualTime()
  const started = await startBroker(t, { time })
  const client = await started.connect()
  const other = await started.connect()
  await isServed(client)
  const connections = (serverOf(started) as unknown as { readonly connections: Set<{ mute(ms: number): void }> })
    .connections
  const [first] = connections
  first.mute(5000)
  client.send(MetadataRequest, 12, { topics: [] })
  let answered = false
  const answer = client.receive(MetadataResponse, 12).then(() => {
    answered = true
  })
  for (let i = 0; i < 5; i++) await isServed(other)
  time.advance(4999)
  for (let i = 0; i < 5; i++) await isServed(other)
  assert.equal(answered, false)
  time.advance(1)
  await answer
})

test('a handler that throttles: the answer says for how long, and leaves at once', async (t) => {
  const time = new ManualTime()
  const started = await startBroker(t, { time })
  const { handlers } = started.broker as unknown as { readonly handlers: ReadonlyMap<number, Handler> }
  const metadata = handlers.get(MetadataRequest.key) as { -readonly [K in keyof Handler]: Handler[K] }
  const { handle } = metadata
  metadata.handle = (request, body) => {
    request.throttleTimeMs = 5000
    return handle(request, body)
  }
  const client = await started.connect()
  const first = await client.call(MetadataRequest, MetadataResponse, 12, { topics: [] })
  assert.deepEqual([first.throttleTimeMs, first.brokers.length], [5000, 1])
  // Version 0 has no field to say it in.
  const other = await started.connect()
  assert.equal((await other.call(MetadataRequest, MetadataResponse, 0, { topics: [] })).brokers.length, 1)
  metadata.handle = handle
  client.send(MetadataRequest, 12, { topics: [] })
  let answered = false
  const answer = client.receive(MetadataResponse, 12).then(({ body }) => {
    answered = true
    return body
  })
  const third = await started.connect()
  for (let i = 0; i < 5; i++) await isServed(third)
  assert.equal(answered, false)
  time.advance(5000)
  assert.equal((await answer).throttleTimeMs, 0)
})

test('closing answers a consumer that waits, at once, with what there is', async (t) => {
  const time = new ManualTime()
  const { broker, connect } = await startBroker(t, { time })
  const client = await connect()
  await createTopic(client, TOPIC)
  client.send(FetchRequest, 12, parkedFetch(3_600_000))
  await isServed(await connect())
  // Time stands still: nothing but the broker's own doing can end the wait.
  await broker.close()
  const { body } = await client.receive(FetchResponse, 12)
  assert.equal(body.responses[0].partitions[0].errorCode, ErrorCode.NONE)
  await client.closed
})

test('closing twice at once waits for the same end', async (t) => {
  const { broker } = await startBroker(t)
  const [first, second] = [broker.close(), broker.close()]
  await Promise.all([first, second, broker.kill()])
  await assert.rejects(RawClient.connect(broker.listeners[0].port))
})

test('a fetch that asks for more than its answer may hold is answered as soon as that is full', async (t) => {
  const time = new ManualTime()
  const { connect } = await startBroker(t, { time })
  const client = await connect()
  await createTopic(client, TOPIC)
  assert.equal((await produceTo(client, TOPIC, batchOf(['x'.repeat(500)]))).errorCode, ErrorCode.NONE)
  const greedy = { ...parkedFetch(30_000), minBytes: 1 << 20, maxBytes: 400 }
  const { responses } = await client.call(FetchRequest, FetchResponse, 12, greedy)
  assert.ok((responses[0].partitions[0].records?.length ?? 0) > 500)
})
