import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Network, Socket, SocketHandlers } from '../../src/index.ts'

export interface NetworkUnderTest {
  readonly net: Network
  /** Where this implementation can listen. */
  readonly host: string
  /** A port on `host` where no one listens. */
  freePort(): Promise<number>
  run<T>(promise: Promise<T>): Promise<T>
  /** Lets everything that is under way arrive. */
  settle(): Promise<void>
  close(): void
}

/** Collects what happens to a socket, and lets a test wait for it. */
class Recorder implements SocketHandlers {
  socket!: Socket
  connected = false
  ended = false
  drains = 0
  bytes = 0
  closes: (Error | null)[] = []
  readonly chunks: Buffer[] = []
  readonly #waits: { readonly until: () => boolean; readonly resolve: () => void }[] = []

  onConnect(): void {
    this.connected = true
    this.#changed()
  }
  onData(chunk: Buffer): void {
    assert.equal(this.closes.length, 0, 'data after close')
    this.chunks.push(chunk)
    this.bytes += chunk.length
    this.#changed()
  }
  onDrain(): void {
    assert.equal(this.socket.pendingBytes, 0, 'drained with bytes pending')
    this.drains += 1
    this.#changed()
  }
  onEnd(): void {
    this.ended = true
    this.#changed()
  }
  onClose(error: Error | null): void {
    this.closes.push(error)
    this.#changed()
  }

  text(): string {
    return Buffer.concat(this.chunks).toString('latin1')
  }

  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve()
    return new Promise((resolve) => this.#waits.push({ until: condition, resolve }))
  }

  closed(): Promise<void> {
    return this.until(() => this.closes.length > 0)
  }

  #changed(): void {
    for (const wait of this.#waits) if (wait.until()) wait.resolve()
  }
}

async function pair(under: NetworkUnderTest) {
  const server = new Recorder()
  const accepted = new Promise<void>((resolve) => server.until(() => server.socket !== undefined).then(resolve))
  const listener = await under.run(
    under.net.listen({ host: under.host, port: 0 }, (socket) => {
      server.socket = socket
      socket.handle(server)
      server.onConnect()
    }),
  )
  const client = new Recorder()
  client.socket = under.net.connect({ host: under.host, port: listener.port }, client)
  assert.equal(client.connected, false, 'connected inside the call')
  await under.run(client.until(() => client.connected))
  await under.run(accepted)
  return { listener, server, client }
}

/** Every implementation of the `Network` port passes this suite. */
export function networkContract(name: string, make: () => NetworkUnderTest): void {
  const check = (title: string, body: (under: NetworkUnderTest) => Promise<void>): void => {
    test(`${name}: ${title}`, async () => {
      const under = make()
      try {
        await body(under)
      } finally {
        under.close()
      }
    })
  }

  check('bytes cross in order, both ways, and ports agree', async (under) => {
    const { listener, server, client } = await pair(under)
    assert.ok(listener.port > 0)
    assert.equal(client.socket.remotePort, listener.port)
    assert.equal(server.socket.localPort, listener.port)
    assert.equal(server.socket.remotePort, client.socket.localPort)
    assert.equal(typeof server.socket.remoteAddress, 'string')
    client.socket.write([Buffer.from('he'), Buffer.from('ll'), Buffer.from('o')])
    client.socket.write([])
    client.socket.write([Buffer.from(' you')])
    await under.run(server.until(() => server.bytes === 9))
    assert.equal(server.text(), 'hello you')
    server.socket.write([Buffer.from('back')])
    await under.run(client.until(() => client.bytes === 4))
    assert.equal(client.text(), 'back')
    client.socket.destroy()
    await under.run(Promise.all([client.closed(), server.closed()]))
    await under.run(listener.close())
  })

  check('pieces that leave together arrive in order, whether they are few bytes or many', async (under) => {
    const { listener, server, client } = await pair(under)
    const pieces: Buffer[] = []
    for (const bytes of [20, 1000, 3000]) {
      const together = [0, 1, 2].map((i) => Buffer.alloc(bytes, String.fromCharCode(97 + pieces.length + i)))
      client.socket.write(together)
      pieces.push(...together)
    }
    const all = Buffer.concat(pieces).toString()
    await under.run(server.until(() => server.bytes === all.length))
    assert.equal(server.text(), all)
    client.socket.destroy()
    await under.run(Promise.all([client.closed(), server.closed()]))
    await under.run(listener.close())
  })

  check('bytes written before the connection is made are sent', async (under) => {
    const server = new Recorder()
    const listener = await under.run(
      under.net.listen({ host: under.host, port: 0 }, (socket) => {
        server.socket = socket
        socket.handle(server)
      }),
    )
    const client = new Recorder()
    client.socket = under.net.connect({ host: under.host, port: listener.port }, client)
    assert.equal(client.socket.write([Buffer.from('early')]), false)
    await under.run(server.until(() => server.bytes === 5))
    await under.run(client.until(() => client.drains === 1))
    client.socket.destroy()
    await under.run(server.closed())
    await under.run(listener.close())
  })

  check('end sends what is pending, then both sides close once without error', async (under) => {
    const { listener, server, client } = await pair(under)
    const big = Buffer.alloc(3_000_000, 7)
    client.socket.write([big, Buffer.from('!')])
    client.socket.end()
    client.socket.end()
    await under.run(Promise.all([server.closed(), client.closed()]))
    assert.equal(server.bytes, big.length + 1)
    assert.equal(server.ended, true)
    await under.settle()
    assert.deepEqual([server.closes, client.closes], [[null], [null]])
    await under.run(listener.close())
  })

  check('a destroyed socket closes once, with the error it was given', async (under) => {
    const { listener, server, client } = await pair(under)
    const reason = new Error('bad frame')
    server.socket.destroy(reason)
    server.socket.destroy()
    assert.equal(server.closes.length, 0, 'closed inside the call')
    await under.run(Promise.all([server.closed(), client.closed()]))
    await under.settle()
    assert.deepEqual(server.closes, [reason])
    assert.equal(client.closes.length, 1)
    assert.equal(typeof server.socket.write([Buffer.from('late')]), 'boolean')
    server.socket.end()
    server.socket.pause()
    server.socket.resume()
    await under.run(listener.close())
  })

  check('back-pressure: write says stop, drain says go, nothing is lost', async (under) => {
    const { listener, server, client } = await pair(under)
    server.socket.pause()
    await under.settle()
    const chunk = Buffer.alloc(65_536)
    let sent = 0
    let going = true
    // A hundred megabytes is more than any pair of socket buffers holds.
    while (going && sent < 100_000_000) {
      going = client.socket.write([chunk, chunk])
      sent += 2 * chunk.length
    }
    assert.equal(going, false)
    assert.ok(client.socket.pendingBytes > 0)
    await under.settle()
    assert.equal(client.drains, 0)
    const before = server.bytes
    await under.settle()
    assert.equal(server.bytes, before, 'data while paused')
    server.socket.resume()
    await under.run(Promise.all([client.until(() => client.drains === 1), server.until(() => server.bytes === sent)]))
    assert.equal(client.socket.pendingBytes, 0)
    client.socket.destroy()
    await under.run(server.closed())
    await under.run(listener.close())
  })

  check('a chunk belongs to its receiver', async (under) => {
    const { listener, server, client } = await pair(under)
    const sent = Buffer.from('first')
    client.socket.write([sent])
    await under.run(server.until(() => server.bytes === 5))
    await under.run(client.until(() => client.socket.pendingBytes === 0))
    sent.fill(0)
    assert.equal(server.text(), 'first')
    const kept = server.chunks.splice(0)
    for (const chunk of kept) chunk.fill(0x2a)
    client.socket.write([Buffer.from('other')])
    await under.run(server.until(() => server.bytes === 10))
    assert.equal(server.text(), 'other')
    assert.equal(Buffer.concat(kept).toString('latin1'), '*****')
    client.socket.destroy()
    await under.run(server.closed())
    await under.run(listener.close())
  })

  check('no one listens: the failure arrives through onClose', async (under) => {
    const client = new Recorder()
    client.socket = under.net.connect({ host: under.host, port: await under.freePort() }, client)
    assert.equal(client.closes.length, 0)
    await under.run(client.closed())
    assert.equal((client.closes[0] as NodeJS.ErrnoException).code, 'ECONNREFUSED')
    assert.equal(client.connected, false)
    await under.settle()
    assert.equal(client.closes.length, 1)
  })

  check('a port out of range is a failed connection', async (under) => {
    const client = new Recorder()
    client.socket = under.net.connect({ host: under.host, port: 70_000 }, client)
    assert.equal(client.closes.length, 0)
    await under.run(client.closed())
    assert.ok(client.closes[0] instanceof Error)
  })

  check('destroy before the connection is made', async (under) => {
    const listener = await under.run(under.net.listen({ host: under.host, port: 0 }, (s) => s.destroy()))
    const client = new Recorder()
    client.socket = under.net.connect({ host: under.host, port: listener.port }, client)
    client.socket.destroy()
    await under.run(client.closed())
    assert.deepEqual(client.closes, [null])
    assert.equal(client.connected, false)
    await under.settle()
    await under.run(listener.close())
  })

  check('a port is taken while listening and free after close; connections live on', async (under) => {
    const { listener, server, client } = await pair(under)
    await assert.rejects(
      under.run(under.net.listen({ host: under.host, port: listener.port }, () => {})),
      (error: NodeJS.ErrnoException) => error.code === 'EADDRINUSE',
    )
    await under.run(listener.close())
    await under.run(listener.close())
    client.socket.write([Buffer.from('still here')])
    await under.run(server.until(() => server.bytes === 10))
    const again = await under.run(under.net.listen({ host: under.host, port: listener.port }, () => {}))
    assert.equal(again.port, listener.port)
    await under.run(again.close())
    client.socket.destroy()
    await under.run(Promise.all([client.closed(), server.closed()]))
  })

  check('handlers are given once', async (under) => {
    const { listener, server, client } = await pair(under)
    assert.throws(() => server.socket.handle(server))
    client.socket.destroy()
    await under.run(server.closed())
    await under.run(listener.close())
  })
}
