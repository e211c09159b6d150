import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ApiVersionsRequest, ApiVersionsResponse, Reader, Writer } from '@ottla/protocol'
import { type Socket, silentLogger, type TimerHandle, type Timers } from '@ottla/runtime'
import { nodeClock, nodeNetwork, nodeTimers } from '@ottla/runtime/node'
import { api } from '../src/api.ts'
import { Connection, type ConnectionOptions } from '../src/connection.ts'
import type { ConnectionError } from '../src/errors.ts'
import { FrameAssembler } from '../src/frame-assembler.ts'

const versionsApi = api(ApiVersionsRequest, ApiVersionsResponse)
const deps = { net: nodeNetwork, clock: nodeClock, timers: nodeTimers, logger: silentLogger }

interface Seen {
  readonly key: number
  readonly version: number
  readonly correlationId: number
  readonly clientId: string
  readonly body: Buffer
}

type Script = (request: Seen, socket: Socket, index: number) => void

async function server(t: TestContext, script: Script): Promise<{ port: number; seen: Seen[] }> {
  const seen: Seen[] = []
  const sockets: Socket[] = []
  const listener = await nodeNetwork.listen({ host: '127.0.0.1', port: 0 }, (socket) => {
    sockets.push(socket)
    const assembler = new FrameAssembler({
      onFrame: (frame) => {
        const reader = new Reader(frame)
        const request = {
          key: reader.int16(),
          version: reader.int16(),
          correlationId: reader.int32(),
          clientId: reader.text(reader.stringLength()),
          body: frame.subarray(reader.position),
        }
        seen.push(request)
        script(request, socket, seen.length - 1)
        return undefined
      },
      onError: assert.fail,
    })
    socket.handle({ onData: (chunk) => assembler.push(chunk), onClose: () => {} })
  })
  t.after(async () => {
    for (const socket of sockets) socket.destroy()
    await listener.close()
  })
  return { port: listener.port, seen }
}

function answer(
  socket: Socket,
  request: Seen,
  value: Parameters<typeof ApiVersionsResponse.write>[2],
  as?: number,
): void {
  const writer = new Writer()
  writer.int32(0)
  writer.int32(request.correlationId)
  ApiVersionsResponse.write(writer, as ?? request.version, value)
  socket.write(writer.finishFrame())
}

const offers = (min: number, max: number) => ({ apiKeys: [{ apiKey: 18, minVersion: min, maxVersion: max }] })

async function open(
  t: TestContext,
  port: number,
  options: Partial<ConnectionOptions> = {},
  timers: Timers = nodeTimers,
) {
  const connection = await Connection.open(
    { host: '127.0.0.1', port, clientId: 'test', ...options },
    { ...deps, timers },
  )
  t.after(() => connection.close())
  return connection
}

test('negotiates, and picks the highest common version', async (t) => {
  const { port, seen } = await server(t, (request, socket) =>
    answer(socket, request, {
      ...offers(0, 9),
      finalizedFeaturesEpoch: 7,
      finalizedFeatures: [{ name: 'transaction.version', minVersionLevel: 1, maxVersionLevel: 2 }],
    }),
  )
  const connection = await open(t, port)
  assert.deepEqual([seen[0].key, seen[0].version, seen[0].clientId], [18, 4, 'test'])
  assert.equal(connection.versions.pick(versionsApi), 5)
  assert.equal(connection.versions.pick(versionsApi, 3), 3)
  assert.deepEqual(connection.versions.features.get('transaction.version'), { minLevel: 1, maxLevel: 2 })
})

test('a refused ApiVersions version falls back to the range named, or to 0', async (t) => {
  for (const named of [offers(0, 2), { apiKeys: [] }]) {
    const { port, seen } = await server(t, (request, socket) => {
      if (request.version > 2) answer(socket, request, { errorCode: 35, ...named }, 0)
      else answer(socket, request, offers(0, 2))
    })
    const connection = await open(t, port)
    assert.deepEqual(
      seen.map((s) => s.version),
      [4, named.apiKeys.length === 0 ? 0 : 2],
    )
    assert.equal(connection.versions.pick(versionsApi), 2)
  }
})

test('an API without a common version is refused by name', async (t) => {
  const { port } = await server(t, (request, socket) =>
    answer(socket, request, { apiKeys: [{ apiKey: 3, minVersion: 0, maxVersion: 1 }] }),
  )
  const connection = await open(t, port)
  assert.equal(connection.versions.highest(versionsApi), -1)
  await assert.rejects(connection.call(versionsApi, {}), {
    code: 'UNSUPPORTED_API',
    retriable: false,
    message: `no common version of ApiVersions: 127.0.0.1:${port} does not offer it, we speak 0 to 5`,
  })
})

test('requests are pipelined and answered in order', async (t) => {
  const held: [Seen, Socket][] = []
  const { port } = await server(t, (request, socket, index) => {
    if (index === 0) return answer(socket, request, offers(0, 4))
    held.push([request, socket])
    if (held.length < 3) return
    for (const [r, s] of held) answer(s, r, { throttleTimeMs: r.correlationId })
  })
  const connection = await open(t, port)
  const calls = [1, 2, 3].map(() => connection.call(versionsApi, {}))
  assert.equal(connection.inFlightCount, 3)
  assert.deepEqual(
    (await Promise.all(calls)).map((r) => r.throttleTimeMs),
    [1, 2, 3],
  )
  assert.equal(connection.inFlightCount, 0)
})

test('a response that does not fit closes the connection and fails all requests', async (t) => {
  const { port } = await server(t, (request, socket, index) => {
    if (index === 0) answer(socket, request, offers(0, 4))
    else answer(socket, { ...request, correlationId: 99 }, {})
  })
  const closed: ConnectionError[] = []
  const connection = await open(t, port, { onClose: (error) => closed.push(error) })
  const calls = await Promise.allSettled([connection.call(versionsApi, {}), connection.call(versionsApi, {})])
  for (const call of calls) assert.equal((call as PromiseRejectedResult).reason.code, 'MALFORMED_RESPONSE')
  assert.deepEqual(
    closed.map((e) => e.code),
    ['MALFORMED_RESPONSE'],
  )
  assert.equal(connection.closed, true)
  await assert.rejects(connection.call(versionsApi, {}), { code: 'MALFORMED_RESPONSE' })
})

test('a request that is not answered in time closes the connection', async (t) => {
  let nowMs = 0
  const due: { at: number; fn: () => void }[] = []
  const timers: Timers = {
    setTimer(fn, delayMs) {
      const entry = { at: nowMs + delayMs, fn }
      due.push(entry)
      return entry as unknown as TimerHandle
    },
    clearTimer(handle) {
      const at = due.indexOf(handle as unknown as (typeof due)[number])
      if (at >= 0) due.splice(at, 1)
    },
    immediate: nodeTimers.immediate,
  }
  const { port } = await server(t, (request, socket, index) => {
    if (index === 0) answer(socket, request, offers(0, 4))
  })
  const connection = await Connection.open(
    { host: '127.0.0.1', port, clientId: 'test' },
    { ...deps, timers, clock: { nowMs: () => nowMs, monotonicMs: () => nowMs } },
  )
  assert.equal(due.length, 0)
  const late = connection.call(versionsApi, {}, { timeoutMs: 500 })
  const later = connection.call(versionsApi, {})
  assert.deepEqual(
    due.map((d) => d.at),
    [500],
  )
  nowMs = 500
  due.shift()!.fn()
  await assert.rejects(late, { code: 'REQUEST_TIMEOUT', retriable: true })
  await assert.rejects(later, { code: 'REQUEST_TIMEOUT' })
  assert.equal(due.length, 0)
})

test('nobody there, a peer that hangs up, and a peer that speaks something else are told apart', async (t) => {
  const listener = await nodeNetwork.listen({ host: '127.0.0.1', port: 0 }, () => {})
  await listener.close()
  const open = (port: number) => Connection.open({ host: '127.0.0.1', port, clientId: null }, deps)
  await assert.rejects(open(listener.port), {
    code: 'CONNECTION_REFUSED',
    retriable: true,
    message: `connection to 127.0.0.1:${listener.port} refused`,
  })
  const hangUp = await server(t, (_request, socket) => socket.destroy())
  await assert.rejects(open(hangUp.port), /closed the connection before the first response: does it expect TLS or SASL/)
  const http = await server(
    t,
    (_request, socket) => void socket.write([Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')]),
  )
  await assert.rejects(open(http.port), { code: 'MALFORMED_RESPONSE', message: /does not speak Kafka.*HTTP/ })
})
