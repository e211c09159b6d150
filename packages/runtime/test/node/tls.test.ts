import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer as createPlainServer, type Server } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createServer, type TlsOptions as ServerOptions, type TLSSocket } from 'node:tls'
import { nodeNetwork } from '../../src/node/index.ts'
import type { Socket, TlsOptions } from '../../src/ports/network.ts'

const pem = (name: string) => readFileSync(new URL(`tls/${name}.pem`, import.meta.url), 'utf8')
const ca = pem('authority.cert')
const own = { cert: pem('server.cert'), key: pem('server.key') }

async function listen(t: TestContext, server: Server): Promise<number> {
  const sockets = new Set<{ destroy(): void }>()
  server.on('connection', (socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as { port: number }).port
}

const serve = (t: TestContext, onSocket: (socket: TLSSocket) => void, options: ServerOptions = {}) => {
  const server = createServer({ ...own, ...options }, onSocket)
  server.on('tlsClientError', () => {})
  return listen(t, server)
}

/** What becomes of a connection: the bytes that came, and how it ended. */
function connect(port: number, tls: TlsOptions, options: { connectTimeoutMs?: number } = {}) {
  const connected = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<Error | null>()
  const received: Buffer[] = []
  let drained = 0
  const socket: Socket = nodeNetwork.connect(
    { host: '127.0.0.1', port, tls, ...options },
    {
      onConnect: connected.resolve,
      // Node's TLS has memory of its own: it is not asked for.
      readBuffer: () => assert.fail('asked where to read to'),
      onData: (chunk) => void received.push(chunk),
      onDrain: () => {
        drained += 1
      },
      onClose: closed.resolve,
    },
  )
  return { socket, connected: connected.promise, closed: closed.promise, received, drained: () => drained }
}

const codeOf = async (closed: Promise<Error | null>) => ((await closed) as NodeJS.ErrnoException | null)?.code

test('what is sent over TLS arrives, both ways, and the end behind it', async (t) => {
  const port = await serve(t, (socket) => void socket.pipe(socket))
  const { socket, connected, closed, received, drained } = connect(port, { ca })
  await connected
  const sent = Buffer.from(Uint8Array.from({ length: 3_000_000 }, (_, i) => i * 31))
  assert.equal(socket.write([sent.subarray(0, 1000), sent.subarray(1000, 2000), sent.subarray(2000)]), false)
  assert.ok(socket.pendingBytes > 0)
  while (received.reduce((sum, { length }) => sum + length, 0) < sent.length) await new Promise(setImmediate)
  assert.ok(Buffer.concat(received).equals(sent))
  assert.equal(drained() > 0, true)
  socket.end()
  assert.equal(await closed, null)
})

test('a peer is trusted for its certificate, and for the name it was called by', async (t) => {
  const port = await serve(t, (socket) => socket.end('x'))
  assert.equal(await codeOf(connect(port, {}).closed), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  assert.equal(await codeOf(connect(port, { ca, servername: 'kafka.example' }).closed), 'ERR_TLS_CERT_ALTNAME_INVALID')
  assert.equal(await connect(port, { ca, servername: 'localhost' }).closed, null)
  assert.equal(await connect(port, { rejectUnauthorized: false }).closed, null)
})

test('a peer may ask who we are', async (t) => {
  const port = await serve(t, (socket) => socket.end('x'), { ca, requestCert: true, rejectUnauthorized: true })
  assert.equal(await codeOf(connect(port, { ca }).closed), 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')
  assert.equal(await connect(port, { ca, ...own }).closed, null)
})

test('a peer without TLS, one that is silent, and a key that is none end the connection', async (t) => {
  const plain = await listen(
    t,
    createPlainServer((socket) => void socket.end('no TLS here')),
  )
  assert.match(String(await codeOf(connect(plain, { ca }).closed)), /^ERR_SSL_/)
  const silent = await listen(
    t,
    createPlainServer(() => {}),
  )
  assert.equal(await codeOf(connect(silent, { ca }, { connectTimeoutMs: 20 }).closed), 'ETIMEDOUT')
  assert.match(String(await codeOf(connect(silent, { ca, cert: own.cert, key: 'none' }).closed)), /^ERR_OSSL_/)
})
