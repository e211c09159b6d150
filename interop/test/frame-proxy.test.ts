import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { FrameProxy } from '../frame-proxy.ts'

const produce = 0
const metadata = 3

function frame(apiKey: number, correlationId: number): Buffer {
  const bytes = Buffer.alloc(12)
  bytes.writeInt32BE(8, 0)
  bytes.writeInt16BE(apiKey, 4)
  bytes.writeInt32BE(correlationId, 8)
  return bytes
}

/** A broker that answers each request of 12 bytes with its correlation id, and notes what came. */
async function broker() {
  const requests: number[] = []
  const server = createServer((socket) => {
    let pending = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk])
      for (; pending.length >= 12; pending = pending.subarray(12)) {
        requests.push(pending.readInt32BE(8))
        // Two writes, so that the proxy sees answers in pieces.
        socket.write(Buffer.from([0, 0]))
        socket.write(Buffer.concat([Buffer.from([0, 4]), pending.subarray(8, 12)]))
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { requests, port: (server.address() as AddressInfo).port, close: () => server.close() }
}

/** The correlation ids of the answers until there are `count`, or the connection ends. */
async function answers(socket: Socket, count: number): Promise<number[]> {
  let received = Buffer.alloc(0)
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    received = Buffer.concat([received, chunk as Buffer])
    if (received.length >= 8 * count) break
  }
  return Array.from({ length: received.length / 8 }, (_, i) => received.readInt32BE(8 * i + 4))
}

test('an armed proxy loses the answer to one Produce request and passes everything else', async () => {
  const upstream = await broker()
  const proxy = await FrameProxy.listen(() => upstream.port)
  try {
    const cut = proxy.arm({ at: 'response' })
    const first = connect(proxy.port, '127.0.0.1')
    for (const byte of frame(metadata, 1)) first.write(Buffer.from([byte]))
    assert.deepEqual(await answers(first, 1), [1])
    first.write(Buffer.concat([frame(metadata, 2), frame(produce, 3)]))
    assert.deepEqual(await answers(first, 2), [2], 'the answer before it comes, the answer to it does not')
    await cut
    assert.deepEqual(upstream.requests, [1, 2, 3], 'the broker had it')

    const second = connect(proxy.port, '127.0.0.1')
    second.write(frame(produce, 4))
    assert.deepEqual(await answers(second, 1), [4], 'only once')
    second.destroy()
  } finally {
    await proxy.close()
    upstream.close()
  }
})

test('a cut at the append waits for it', async () => {
  const upstream = await broker()
  const proxy = await FrameProxy.listen(() => upstream.port)
  try {
    const { promise, resolve } = Promise.withResolvers<void>()
    let isCut = false
    const cut = proxy.arm({ at: 'append', appended: () => promise }).then(() => {
      isCut = true
    })
    const client = connect(proxy.port, '127.0.0.1')
    client.write(frame(produce, 1))
    await once(client, 'data')
    assert.equal(isCut, false)
    resolve()
    await Promise.all([cut, once(client, 'close')])
  } finally {
    await proxy.close()
    upstream.close()
  }
})
