/** Saying who we are on a connection, against a broker that is a few lines. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  ApiVersionsResponse,
  MetadataRequest,
  MetadataResponse,
  Reader,
  SaslAuthenticateResponse,
  SaslHandshakeResponse,
  Writer,
} from '@ottla/protocol'
import { type Socket, silentLogger, type TimerHandle, type Timers } from '@ottla/runtime'
import { nodeClock, nodeNetwork, nodeTimers } from '@ottla/runtime/node'
import { api, Connection, FrameAssembler, plain, type SaslMechanism } from '../../src/index.ts'

const metadataApi = api(MetadataRequest, MetadataResponse)
const KEYS = { ApiVersions: 18, SaslHandshake: 17, SaslAuthenticate: 36, Metadata: 3 }

interface Broker {
  readonly port: number
  /** Names of the requests, in their order. */
  readonly seen: string[]
  /** What SaslAuthenticate answers. */
  answer: Parameters<typeof SaslAuthenticateResponse.write>[2]
  /** Called before SaslAuthenticate is answered. */
  beforeAnswer: () => Promise<void>
  /** Resolves at the next request of this name. */
  next(name: string): Promise<void>
}

async function start(t: TestContext): Promise<Broker> {
  const sockets: Socket[] = []
  const waiting = new Map<string, () => void>()
  const broker = {
    port: 0,
    seen: [] as string[],
    answer: {} as Broker['answer'],
    beforeAnswer: async () => {},
    next: (name: string) => new Promise<void>((resolve) => waiting.set(name, resolve)),
  }
  const listener = await nodeNetwork.listen({ host: '127.0.0.1', port: 0 }, (socket) => {
    sockets.push(socket)
    const assembler = new FrameAssembler({
      onFrame: (frame) => {
        void serve(frame, socket)
        return undefined
      },
      onError: assert.fail,
    })
    socket.handle({ onData: (chunk) => assembler.push(chunk), onClose: () => {} })
  })
  async function serve(frame: Buffer, socket: Socket): Promise<void> {
    const reader = new Reader(frame)
    const [key, version, correlationId] = [reader.int16(), reader.int16(), reader.int32()]
    const name = Object.entries(KEYS).find(([, one]) => one === key)![0]
    broker.seen.push(name)
    waiting.get(name)?.()
    const writer = new Writer()
    writer.int32(0)
    writer.int32(correlationId)
    if (name === 'ApiVersions') {
      const apiKeys = Object.values(KEYS).map((apiKey) => ({ apiKey, minVersion: 0, maxVersion: 1 }))
      ApiVersionsResponse.write(writer, version, { apiKeys })
    } else if (name === 'SaslHandshake') {
      const mechanism = frame.subarray(-'PLAIN'.length).toString()
      SaslHandshakeResponse.write(writer, version, {
        errorCode: mechanism === 'PLAIN' ? 0 : 33,
        mechanisms: ['PLAIN', 'OTHER'],
      })
    } else if (name === 'SaslAuthenticate') {
      await broker.beforeAnswer()
      SaslAuthenticateResponse.write(writer, version, broker.answer)
    } else MetadataResponse.write(writer, version, {})
    socket.write(writer.finishFrame())
  }
  t.after(async () => {
    for (const socket of sockets) socket.destroy()
    await listener.close()
  })
  return Object.assign(broker, { port: listener.port })
}

const sasl = plain('ann', 'secret')

async function open(t: TestContext, { port }: Broker, mechanism: SaslMechanism = sasl, timers: Timers = nodeTimers) {
  const deps = { net: nodeNetwork, clock: nodeClock, timers, logger: silentLogger }
  const options = { host: '127.0.0.1', port, clientId: 't', sasl: mechanism, requestTimeoutMs: 5000 }
  const connection = await Connection.open(options, deps)
  t.after(() => connection.close())
  return connection
}

test('who we are is said before anything else', async (t) => {
  const broker = await start(t)
  const connection = await open(t, broker)
  await connection.call(metadataApi, {}, { version: 1 })
  assert.deepEqual(broker.seen, ['ApiVersions', 'SaslHandshake', 'SaslAuthenticate', 'Metadata'])
})

test('it is said again before the session ends, and other requests wait for that', async (t) => {
  const broker = await start(t)
  const due: { fn: () => void; delayMs: number }[] = []
  const kept = {} as TimerHandle
  const timers: Timers = {
    ...nodeTimers,
    setTimer(fn, delayMs, options) {
      // The session's own is the one that a minute makes.
      if (delayMs < 50_000) return nodeTimers.setTimer(fn, delayMs, options)
      due.push({ fn, delayMs })
      return kept
    },
    clearTimer(handle) {
      if (handle !== kept) nodeTimers.clearTimer(handle)
    },
  }
  broker.answer = { sessionLifetimeMs: 60_000 as never }
  const connection = await open(t, broker, sasl, timers)
  assert.deepEqual(
    due.map(({ delayMs }) => delayMs),
    [51_000],
  )
  await connection.call(metadataApi, {}, { version: 1 })

  const gate = Promise.withResolvers<void>()
  broker.beforeAnswer = () => gate.promise
  const asked = broker.next('SaslAuthenticate')
  due[0].fn()
  const held = Promise.all([1, 2].map(() => connection.call(metadataApi, {}, { version: 1 })))
  await asked
  const before = [...broker.seen]
  gate.resolve()
  await held
  const first = ['ApiVersions', 'SaslHandshake', 'SaslAuthenticate', 'Metadata']
  assert.deepEqual(before, [...first, 'SaslHandshake', 'SaslAuthenticate'])
  assert.deepEqual(broker.seen.slice(before.length), ['Metadata', 'Metadata'])
  assert.equal(due.length, 2)

  // One that is refused then ends the connection, and what waits fails with it.
  broker.answer = { errorCode: 58, errorMessage: 'ann is gone' }
  due[1].fn()
  const last = connection.call(metadataApi, {}, { version: 1 })
  await assert.rejects(last, { code: 'SASL_AUTHENTICATION_FAILED', message: /ann is gone$/, retriable: false })
  assert.equal(connection.closed, true)
})

test('a broker that refuses is quoted, and not asked again', async (t) => {
  const broker = await start(t)
  broker.answer = { errorCode: 58, errorMessage: 'wrong password' }
  await assert.rejects(open(t, broker), {
    name: 'ConnectionError',
    code: 'SASL_AUTHENTICATION_FAILED',
    retriable: false,
    message: /^127\.0\.0\.1:\d+ does not take us for who we say we are \(PLAIN\): wrong password$/,
  })
})

test('a mechanism that the broker does not offer', async (t) => {
  const broker = await start(t)
  const other: SaslMechanism = { name: 'GSSAPI', authenticate: async () => assert.fail() }
  await assert.rejects(open(t, broker, other), {
    code: 'UNSUPPORTED_SASL_MECHANISM',
    message: /does not offer GSSAPI, but PLAIN, OTHER$/,
  })
})

test('a mechanism that cannot say it now may be able to later', async (t) => {
  const broker = await start(t)
  const failing: SaslMechanism = {
    name: 'PLAIN',
    authenticate: async () => {
      throw new Error('no tokens today')
    },
  }
  await assert.rejects(open(t, broker, failing), {
    code: 'CONNECTION_FAILED',
    retriable: true,
    message: /no tokens today$/,
  })
})

test('a mechanism that never comes to an end is not waited for', async (t) => {
  const broker = await start(t)
  const silent: SaslMechanism = { name: 'PLAIN', authenticate: () => new Promise(() => {}) }
  const timers: Timers = {
    ...nodeTimers,
    // Time passes at once for whoever waits for this.
    setTimer: (fn, delayMs, options) => nodeTimers.setTimer(fn, delayMs === 5000 ? 0 : delayMs, options),
  }
  await assert.rejects(open(t, broker, silent, timers), { code: 'REQUEST_TIMEOUT', message: /too long to say|in time/ })
})
