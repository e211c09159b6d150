import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { nodeNetwork } from '../../src/node/network.ts'
import type { Socket } from '../../src/ports/network.ts'

const crowd = 300
const endsPerTurn = 256

/** Counts what is ended in each turn of the event loop, until the crowd is let go of. */
function countEnds(): { perTurn: number[]; stop(): void } {
  const { end } = net.Socket.prototype
  const perTurn: number[] = []
  let inTurn = 0
  net.Socket.prototype.end = function counted(this: net.Socket, ...args: never[]) {
    if (inTurn++ === 0) {
      queueMicrotask(() => {
        perTurn.push(inTurn)
        inTurn = 0
      })
    }
    return end.apply(this, args as never)
  } as typeof end
  return {
    perTurn,
    stop: () => {
      net.Socket.prototype.end = end
    },
  }
}

interface Guest {
  readonly socket: Socket
  readonly said: string[]
}

async function gather(inPlace: boolean, onEnd: (guest: Guest) => void) {
  const guests: Guest[] = []
  let left = 0
  const all = Promise.withResolvers<void>()
  const listener = await nodeNetwork.listen({ host: '127.0.0.1', port: 0 }, (socket) => {
    const guest: Guest = { socket, said: [] }
    guests.push(guest)
    const memory = Buffer.alloc(64)
    socket.handle({
      ...(inPlace ? { readBuffer: () => memory } : {}),
      onData: () => guest.said.push('data'),
      onEnd: () => {
        guest.said.push('end')
        onEnd(guest)
      },
      onClose: () => {
        guest.said.push('close')
        if (++left === crowd) all.resolve()
      },
    })
  })
  const clients: net.Socket[] = []
  while (clients.length < crowd) {
    const client = net.connect(listener.port, '127.0.0.1')
    await once(client, 'connect')
    clients.push(client)
  }
  while (guests.length < crowd) await new Promise((resolve) => setImmediate(resolve))
  return { listener, guests, clients, all: all.promise }
}

for (const inPlace of [true, false]) {
  test(`a crowd that leaves at once is told of and closed, ${inPlace ? 'reading in place' : 'reading buffers'}`, async () => {
    const { listener, guests, clients, all } = await gather(inPlace, () => {})
    const ends = countEnds()
    try {
      for (const client of clients) client.destroy()
      await all
    } finally {
      ends.stop()
      await listener.close()
    }
    for (const { said } of guests) assert.deepEqual(said, ['end', 'close'])
    if (!inPlace) return
    assert.equal(
      ends.perTurn.reduce((sum, count) => sum + count, 0),
      crowd,
    )
    for (const count of ends.perTurn) assert.ok(count <= endsPerTurn, `${count} in one turn`)
  })
}

test('whoever is destroyed, or ended, when told of the end is not ended again', async () => {
  let told = 0
  const { listener, guests, clients, all } = await gather(true, ({ socket }) => {
    if (told++ % 2 === 0) socket.destroy()
    else socket.end()
  })
  const ends = countEnds()
  try {
    for (const client of clients) client.destroy()
    await all
  } finally {
    ends.stop()
    await listener.close()
  }
  for (const { said } of guests) assert.deepEqual(said, ['end', 'close'])
  assert.equal(
    ends.perTurn.reduce((sum, count) => sum + count, 0),
    crowd / 2,
  )
})

test('what is answered when the peer has ended still leaves', async () => {
  const answered = Promise.withResolvers<void>()
  const memory = Buffer.alloc(64)
  const listener = await nodeNetwork.listen({ host: '127.0.0.1', port: 0 }, (socket) => {
    socket.handle({
      readBuffer: () => memory,
      onData: () => {},
      onEnd: () => socket.write([Buffer.from('bye')]),
      onClose: () => answered.resolve(),
    })
  })
  const client = net.connect({ port: listener.port, host: '127.0.0.1', allowHalfOpen: true })
  client.end('x')
  let heard = ''
  for await (const chunk of client) heard += chunk
  await answered.promise
  await listener.close()
  assert.equal(heard, 'bye')
})
