/** Turns of the event loop stay short: what a turn has no time for waits, in order, and one connection after the other. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ErrorCode,
  encodeRequest,
  type InputOf,
  MetadataRequest,
  MetadataResponse,
  ProduceRequest,
  ProduceResponse,
} from '@ottla/protocol'
import type { RawClient } from '@ottla/testkit'
import type { Handler } from '../src/server/handler.ts'
import { TURN_WORK_MS, TurnBudget } from '../src/server/turn-budget.ts'
import { TurnEnd } from '../src/server/turn-end.ts'
import { createTopic, endOffset } from './support/admin.ts'
import { batchOf } from './support/batches.ts'
import { ManualTime } from './support/manual-time.ts'
import { type Started, startBroker } from './support/start.ts'

const TOPIC = 'orders'

function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** A budget, and work that takes time and tells of itself. */
function budgetOf() {
  const time = new ManualTime()
  const turns = new TurnBudget({ clock: time, timers: time, turnEnd: new TurnEnd(time) })
  const done: string[] = []
  const work = (name: string, ms: number) => () => {
    time.advance(ms)
    done.push(name)
    return 'done' as const
  }
  return { time, turns, done, work }
}

test('a turn does what it has time for; each connection keeps its order, and who is new comes before who was served', async () => {
  const { turns, done, work } = budgetOf()
  const [greedy, other] = [{}, {}]
  for (const name of ['a1', 'a2', 'a3']) turns.wait(greedy, work(name, TURN_WORK_MS))
  assert.equal(turns.isSpent, true, 'whoever comes while something waits, waits')
  await turnOfTheLoop()
  assert.deepEqual(done, ['a1'])
  turns.wait(other, work('b1', TURN_WORK_MS))
  while (turns.isSpent) await turnOfTheLoop()
  assert.deepEqual(done, ['a1', 'b1', 'a2', 'a3'])
})

test('short work is done in one turn', async () => {
  const { turns, done, work } = budgetOf()
  const [one, other] = [{}, {}]
  for (const name of ['a1', 'a2']) turns.wait(one, work(name, 1))
  turns.wait(other, work('b1', 1))
  await turnOfTheLoop()
  assert.deepEqual(done, ['a1', 'a2', 'b1'])
  assert.equal(turns.isSpent, false)
})

test('a turn that has done its work does nothing of what waits', async () => {
  const { time, turns, done, work } = budgetOf()
  const began = time.monotonicMs()
  time.advance(TURN_WORK_MS)
  turns.worked(began)
  assert.equal(turns.isSpent, true)
  turns.wait({}, work('a1', 1))
  await turnOfTheLoop()
  assert.deepEqual(done, [])
  await turnOfTheLoop()
  assert.deepEqual(done, ['a1'])
})

test('whoever waits for long has a share, however many come anew', async () => {
  const { turns, done, work } = budgetOf()
  const old = {}
  for (const name of ['old1', 'old2']) turns.wait(old, work(name, TURN_WORK_MS))
  await turnOfTheLoop()
  for (let i = 0; i < 3; i++) {
    for (let n = 0; n < 3; n++) turns.wait({}, work('new', TURN_WORK_MS))
    await turnOfTheLoop()
  }
  assert.ok(done.includes('old2'), done.join())
})

/** Metadata takes as long as a turn may, and longer. */
function slowMetadata({ broker }: Started, time: ManualTime): { handled: number } {
  const { handlers } = broker as unknown as { readonly handlers: ReadonlyMap<number, Handler> }
  const metadata = handlers.get(MetadataRequest.key) as { -readonly [K in keyof Handler]: Handler[K] }
  const { handle } = metadata
  const counted = { handled: 0 }
  metadata.handle = (request, body) => {
    counted.handled++
    time.advance(2 * TURN_WORK_MS)
    return handle(request, body)
  }
  return counted
}

function metadataFrame(correlationId: number): Buffer {
  return Buffer.concat(encodeRequest(MetadataRequest, 12, correlationId, 'raw', { topics: [] }))
}

function produceFrame(correlationId: number, value: string, acks = -1): Buffer {
  const partitionData = [{ index: 0, records: value === '' ? Buffer.alloc(100) : batchOf([value]) }]
  const body: InputOf<typeof ProduceRequest> = {
    acks,
    timeoutMs: 3_600_000,
    topicData: [{ name: TOPIC, partitionData }],
  }
  return Buffer.concat(encodeRequest(ProduceRequest, 9, correlationId, 'raw', body))
}

async function startSlow(t: Parameters<typeof startBroker>[0]) {
  const time = new ManualTime()
  const started = await startBroker(t, { time })
  const client = await started.connect()
  await createTopic(client, TOPIC)
  return { started, client, counted: slowMetadata(started, time) }
}

async function baseOffsetOf(client: RawClient): Promise<number> {
  const { body } = await client.receive(ProduceResponse, 9)
  const { errorCode, baseOffset } = body.responses[0].partitionResponses[0]
  assert.equal(errorCode, ErrorCode.NONE)
  return baseOffset
}

test('long requests in one chunk are answered in order, and another client in between', async (t) => {
  const { started, client, counted } = await startSlow(t)
  const other = await started.connect()
  const count = 50
  const frames = Array.from({ length: count }, (_, i) => [metadataFrame(2 * i), produceFrame(2 * i + 1, 'a')]).flat()
  client.sendBytes(Buffer.concat(frames))
  // Its own request is slow as well, and handled after a few of the others' at most.
  while (counted.handled === 0) await turnOfTheLoop()
  await other.call(MetadataRequest, MetadataResponse, 12, { topics: [] })
  assert.ok(counted.handled < count, `${counted.handled} of ${count} were handled first`)
  for (let i = 0; i < count; i++) {
    assert.equal((await client.receive(MetadataResponse, 12)).correlationId, 2 * i)
    assert.equal(await baseOffsetOf(client), i)
  }
  assert.equal(started.broker.queuedRequestBytes, 0)
})

test('records that want no answer are kept, even if the client is gone before their turn', async (t) => {
  const { started, client } = await startSlow(t)
  const producer = await started.connect()
  const frames = Array.from({ length: 20 }, (_, i) => [metadataFrame(2 * i), produceFrame(2 * i + 1, 'a', 0)]).flat()
  producer.sendBytes(Buffer.concat(frames))
  producer.end()
  await producer.closed
  while ((await endOffset(client, TOPIC)) < 20) await turnOfTheLoop()
  assert.equal(started.broker.queuedRequestBytes, 0)
})

test('after a request that ends the connection no other one of it is carried out', async (t) => {
  const { started, client } = await startSlow(t)
  const producer = await started.connect()
  const frames = [metadataFrame(1), produceFrame(2, 'a', 0), produceFrame(3, '', 0), produceFrame(4, 'b', 0)]
  producer.sendBytes(Buffer.concat(frames))
  await producer.closed
  for (let i = 0; i < 20; i++) await turnOfTheLoop()
  assert.equal(await endOffset(client, TOPIC), 1)
  assert.match(started.broker.metrics(), /^ottla_protocol_errors_total 1$/m)
})
