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
import type { Handler } from '../src/server/handler.ts'
import type { Interception } from '../src/server/interceptor.ts'
import type { Request } from '../src/server/request.ts'
import { createTopic } from './support/admin.ts'
import { batchOf } from './support/batches.ts'
import { ManualTime } from './support/manual-time.ts'
import { startBroker } from './support/start.ts'
import { valuesIn } from './support/values.ts'

const TOPIC = 'orders'

function produceBody(value: string, acks: number) {
  return {
    acks,
    timeoutMs: 1000,
    topicData: [{ name: TOPIC, partitionData: [{ index: 0, records: batchOf([value]) }] }],
  }
}

const fetchBody = {
  maxWaitMs: 0,
  topics: [{ topic: TOPIC, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }],
}

test('a request is failed once, dropped before or after its work, delayed, rewritten', async (t) => {
  const time = new ManualTime()
  const { broker, connect } = await startBroker(t, { time })
  const { interceptor } = broker
  const client = await connect()
  await createTopic(client, TOPIC)
  const stored = async () => {
    const { responses } = await (await connect()).call(FetchRequest, FetchResponse, 12, fetchBody)
    return valuesIn(responses[0].partitions[0].records).map(([, value]) => value)
  }

  const failed = interceptor.next('Produce', { action: 'fail', errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER })
  const refused = await client.call(ProduceRequest, ProduceResponse, 9, produceBody('failed', -1))
  await failed
  assert.equal(refused.responses[0].partitionResponses[0].errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
  const accepted = await client.call(ProduceRequest, ProduceResponse, 9, produceBody('accepted', -1))
  assert.equal(accepted.responses[0].partitionResponses[0].errorCode, ErrorCode.NONE)

  for (const when of ['before', 'after'] as const) {
    for (const acks of [-1, 0]) {
      const dropped = await connect()
      interceptor.next('Produce', { action: 'drop', when })
      dropped.send(ProduceRequest, 9, produceBody(`${when} ${acks}`, acks))
      assert.equal(await dropped.receiveFrame(), null)
    }
  }
  assert.deepEqual(await stored(), ['accepted', 'after -1', 'after 0'])

  interceptor.next('Produce', { action: 'delay', delayMs: 60_000 })
  client.send(ProduceRequest, 9, produceBody('late', -1))
  client.send(MetadataRequest, 12, { topics: [] })
  assert.equal((await stored()).length, 3)
  time.advance(60_000)
  const late = await client.receive(ProduceResponse, 9)
  assert.equal(late.body.responses[0].partitionResponses[0].baseOffset, 3)
  await client.receive(MetadataResponse, 12)

  interceptor.next('Metadata', { action: 'rewrite', request: (body) => ({ ...body, topics: [] }) })
  assert.deepEqual((await client.call(MetadataRequest, MetadataResponse, 12, { topics: null })).topics, [])
  assert.throws(() => interceptor.next('Nothing', { action: 'fail', errorCode: 1 }), /no API Nothing/)
})

test('what is delayed when the broker closes is handled before, and never when it is killed', async (t) => {
  for (const how of ['close', 'kill'] as const) {
    const time = new ManualTime()
    const { broker, connect } = await startBroker(t, { time })
    const client = await connect()
    await createTopic(client, TOPIC)
    const met = broker.interceptor.next('Produce', { action: 'delay', delayMs: 60_000 })
    client.send(ProduceRequest, 9, produceBody('late', -1))
    await met
    const ended = broker[how]()
    if (how === 'close') {
      const { body } = await client.receive(ProduceResponse, 9)
      assert.equal(body.responses[0].partitionResponses[0].errorCode, ErrorCode.NONE)
    }
    assert.equal(await client.receiveFrame(), null)
    await ended
    assert.ok(time.longestMs < 60_000, `${time.longestMs} ms`)
  }
})

test('an interception that lacks something is refused when it is armed', async (t) => {
  const { broker } = await startBroker(t)
  const refused: [unknown, RegExp][] = [
    [undefined, /^TypeError: an interception's action is one of delay, fail, drop, rewrite, not undefined$/],
    [null, /not undefined$/],
    [{ action: 'explode' }, /not explode$/],
    [{ action: 'fail' }, /^TypeError: fail needs errorCode, Kafka's number of an error, not undefined$/],
    [{ action: 'fail', errorCode: 0 }, /not 0$/],
    [{ action: 'fail', errorCode: '6' }, /^TypeError: fail needs errorCode/],
    [{ action: 'fail', errorCode: 40_000 }, /not 40000$/],
    [{ action: 'delay' }, /^TypeError: delay needs delayMs, 0 to 2147483647, not undefined$/],
    [{ action: 'delay', delayMs: -1 }, /not -1$/],
    [{ action: 'delay', delayMs: Number.NaN }, /not NaN$/],
    [{ action: 'delay', delayMs: 2 ** 31 }, /not 2147483648$/],
    [{ action: 'drop' }, /^TypeError: drop needs when, 'before' or 'after', not undefined$/],
    [{ action: 'rewrite' }, /^TypeError: rewrite needs request, a function of the body, not undefined$/],
  ]
  for (const [interception, sentence] of refused) {
    assert.throws(() => broker.interceptor.next('Metadata', interception as Interception), sentence)
  }
})

test('a failed request without an answer closes its connection', async (t) => {
  const { broker, connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, TOPIC)
  broker.interceptor.next('Produce', { action: 'fail', errorCode: ErrorCode.UNKNOWN_SERVER_ERROR })
  client.send(ProduceRequest, 9, produceBody('silent', 0))
  assert.equal(await client.receiveFrame(), null)
})

test('a bug of ours is answered with UNKNOWN_SERVER_ERROR, whenever it shows, and hurts nobody else', async (t) => {
  const { broker, connect } = await startBroker(t)
  const { handlers } = broker as unknown as { readonly handlers: ReadonlyMap<number, { handle: Handler['handle'] }> }
  const metadata = handlers.get(3) as { handle: Handler['handle'] }
  const rightly = metadata.handle
  const client = await connect()
  const unwritable = { topics: [null] } as never
  const bugs: Handler['handle'][] = [
    () => {
      throw new TypeError('planted')
    },
    () => Promise.reject(new TypeError('planted')),
    () => unwritable,
    () => Promise.resolve(unwritable),
    (request: Request) => {
      setImmediate(() => request.respond(unwritable))
      return undefined
    },
  ]
  for (const handle of bugs) {
    metadata.handle = handle
    const { topics } = await client.call(MetadataRequest, MetadataResponse, 12, { topics: [{ name: 'a' }] })
    assert.deepEqual(
      topics.map(({ name, errorCode }) => [name, errorCode]),
      [['a', ErrorCode.UNKNOWN_SERVER_ERROR]],
    )
  }
  metadata.handle = rightly
  const { topics } = await client.call(MetadataRequest, MetadataResponse, 12, { topics: [] })
  assert.deepEqual(topics, [])
})
