import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Runtime, Socket } from '../../src/index.ts'
import { Simulation, simEpochMs } from '../../src/sim/index.ts'

/** Answers every chunk with itself and writes it to a file first, as a small broker would. */
async function echoServer(runtime: Runtime, host: string): Promise<void> {
  const file = runtime.fs.open('/log', 'a+')
  let end = file.size()
  await runtime.net.listen({ host, port: 9092 }, (socket) => {
    socket.handle({
      onData(chunk) {
        const position = end
        end += chunk.length
        file.writev([chunk], position, (error) => {
          if (error === null) runtime.timers.immediate(() => socket.write([chunk]))
          else socket.destroy(error)
        })
      },
      onClose() {},
    })
  })
}

interface ClientLog {
  readonly events: string[]
  received: number
}

/** Sends a message now and then, and connects again when the connection is lost. */
function client(runtime: Runtime, name: string, log: ClientLog): void {
  let socket: Socket | undefined
  const connect = (): void => {
    socket = runtime.net.connect(
      { host: 'server', port: 9092, connectTimeoutMs: 300 },
      {
        onConnect: () => log.events.push(`${name} connected`),
        onData: (chunk) => {
          log.received += chunk.length
        },
        onClose(error) {
          log.events.push(`${name} closed ${(error as NodeJS.ErrnoException | null)?.code ?? 'in order'}`)
          socket = undefined
          runtime.timers.setTimer(connect, 20 + runtime.random.below(50))
        },
      },
    )
  }
  const send = async (): Promise<void> => {
    await Promise.resolve()
    socket?.write([runtime.secureRandom.bytes(1 + runtime.random.below(2_000))])
    runtime.timers.setTimer(send, 1 + runtime.random.below(20))
  }
  connect()
  runtime.timers.setTimer(send, 0)
}

/** Everything at once: two clients, a server that is killed and loses power, links that break, clocks that lie. */
async function scenario(seed: number) {
  const simulation = new Simulation({
    seed,
    link: { lossProbability: 0.01, cutProbability: 0.3, mergeProbability: 0.2 },
  })
  const { scheduler, network } = simulation
  const chaos = scheduler.random.split('chaos')
  const server = simulation.addMachine('server', { skewMs: 300, driftPpm: 200 })
  const log: ClientLog = { events: [], received: 0 }
  await echoServer(server.start(), '0.0.0.0')
  for (const name of ['a', 'b']) client(simulation.addMachine(name).start(), name, log)
  for (let round = 0; round < 12; round++) {
    await scheduler.run({ untilMs: scheduler.nowMs + 50 + chaos.below(200) })
    switch (chaos.below(6)) {
      case 0:
        server.kill()
        await echoServer(server.start(), '0.0.0.0')
        break
      case 1:
        server.powerOff({ keep: 'subset', model: 'arbitrary' })
        await scheduler.run({ untilMs: scheduler.nowMs + 100 })
        await echoServer(server.start(), '0.0.0.0')
        break
      case 2:
        network.partition(['a'], ['server'])
        break
      case 3:
        network.block('server', 'b')
        break
      case 4:
        network.resetBetween('server', 'a')
        break
      default:
        network.heal()
        server.jumpWallClock(chaos.below(2_000) - 1_000)
    }
  }
  network.heal()
  await scheduler.run({ untilMs: scheduler.nowMs + 5_000 })
  return { hash: scheduler.traceHash, events: scheduler.eventCount, log, size: server.disk.tree.stat('/log')?.size }
}

test('the same seed gives the same run, another seed another', async () => {
  const hashes = new Set<string>()
  for (const seed of [1, 2, 3, 4, 5]) {
    const first = await scenario(seed)
    const second = await scenario(seed)
    assert.deepEqual(second, first, `seed ${seed}`)
    assert.ok(first.log.received > 10_000, `seed ${seed}: ${JSON.stringify(first)}`)
    hashes.add(first.hash)
  }
  assert.equal(hashes.size, 5)
})

async function connected(simulation: Simulation, from: Runtime, to: string) {
  const log: string[] = []
  const socket = from.net.connect(
    { host: to, port: 9092, connectTimeoutMs: 500 },
    {
      onConnect: () => log.push('connected'),
      onData: (chunk) => log.push(`data ${chunk.length}`),
      onEnd: () => log.push('end'),
      onDrain: () => log.push('drain'),
      onClose: (error) => log.push(`close ${(error as NodeJS.ErrnoException | null)?.code ?? null}`),
    },
  )
  await simulation.scheduler.run({ untilMs: simulation.scheduler.nowMs + 100 })
  return { socket, log }
}

async function pair(seed = 1) {
  const simulation = new Simulation({ seed, link: { cutProbability: 0, mergeProbability: 0 } })
  const server = simulation.addMachine('server')
  const client = simulation.addMachine('client')
  await echoServer(server.start(), 'server')
  const { socket, log } = await connected(simulation, client.start(), 'server')
  assert.deepEqual(log.splice(0), ['connected'])
  const pass = (ms: number): Promise<unknown> => simulation.scheduler.run({ untilMs: simulation.scheduler.nowMs + ms })
  return { simulation, server, client, socket, log, pass }
}

test('a partition stalls bytes both ways and heals without loss', async () => {
  const { simulation, socket, log, pass } = await pair()
  simulation.network.partition(['client'], ['server'])
  socket.write([Buffer.alloc(10)])
  await pass(60_000)
  assert.deepEqual(log, [])
  simulation.network.heal()
  await pass(100)
  assert.deepEqual(log, ['data 10'])
})

test('a partition of one direction lets requests through and holds the answers', async () => {
  const { simulation, server, socket, log, pass } = await pair()
  simulation.network.block('server', 'client')
  socket.write([Buffer.alloc(10)])
  await pass(100)
  assert.equal(server.disk.tree.stat('/log')?.size, 10)
  assert.deepEqual(log, [])
  simulation.network.unblock('server', 'client')
  await pass(100)
  assert.deepEqual(log, ['data 10'])
})

test('connecting into a partition times out, and no ghost connection appears when it heals', async () => {
  const { simulation, client, pass } = await pair()
  simulation.network.partition(['client'], ['server'])
  const runtime = simulation.addMachine('other').start()
  simulation.network.partition(['other'], ['server'])
  const late = await connected(simulation, runtime, 'server')
  await pass(1_000)
  assert.deepEqual(late.log, ['close ETIMEDOUT'])
  const before = simulation.network.connections().length
  simulation.network.heal()
  await pass(1_000)
  assert.equal(simulation.network.connections().length, before)
  assert.ok(client.running)
})

test('kill -9 closes connections for the peers and never calls the dead process', async () => {
  const { server, log, pass, socket } = await pair()
  socket.write([Buffer.alloc(5)])
  server.kill()
  await pass(1_000)
  assert.ok(['end', 'close ECONNRESET'].includes(log[0]), log.join())
  assert.match(log.at(-1)!, /^close/)
  const refused = await connected(server.simulation, server.simulation.addMachine('x').start(), 'server')
  assert.deepEqual(refused.log, ['close ECONNREFUSED'])
})

test('after a power cut peers hear nothing until the machine is back and resets', async () => {
  const { server, log, pass, socket } = await pair()
  server.powerOff({ keep: 'none' })
  socket.write([Buffer.alloc(5)])
  await pass(60_000)
  assert.deepEqual(log, [])
  await echoServer(server.start(), 'server')
  await pass(1_000)
  assert.deepEqual(log, ['close ECONNRESET'])
})

test('a black hole leaves both sides half-open', async () => {
  const { simulation, socket, log, pass } = await pair()
  for (const connection of simulation.network.connections()) connection.blackHole()
  socket.write([Buffer.alloc(5)])
  await pass(100_000)
  assert.deepEqual(log, [])
  socket.destroy()
  await pass(1)
  assert.deepEqual(log, ['close null'])
})

test('who waits for a connection in a black hole gives up in time, though the server is killed meanwhile', async () => {
  const link = { delayMs: [10, 10] as const, cutProbability: 0, mergeProbability: 0 }
  const simulation = new Simulation({ seed: 1, link })
  const server = simulation.addMachine('server')
  const client = simulation.addMachine('client').start()
  await echoServer(server.start(), 'server')
  const log: string[] = []
  client.net.connect(
    { host: 'server', port: 9092, connectTimeoutMs: 500 },
    {
      onConnect: () => log.push('connected'),
      onData: () => {},
      onClose: (error) => log.push(`close ${(error as NodeJS.ErrnoException | null)?.code ?? null}`),
    },
  )
  const pass = (ms: number) => simulation.scheduler.run({ untilMs: simulation.scheduler.nowMs + ms })
  // The server has accepted, and its word is on the way.
  await pass(15)
  for (const connection of simulation.network.connections()) connection.blackHole()
  server.kill()
  await pass(1_000)
  assert.deepEqual(log, ['close ETIMEDOUT'])
})

test('unknown names, foreign addresses and taken ports are refused', async () => {
  const { simulation, client } = await pair()
  client.kill()
  const runtime = client.start()
  const unknown = await connected(simulation, runtime, 'nowhere')
  assert.deepEqual(unknown.log, ['close ENOTFOUND'])
  await assert.rejects(
    runtime.net.listen({ host: 'server', port: 1 }, () => {}),
    /EADDRNOTAVAIL/,
  )
})

test('127.0.0.1 and ::1 are two addresses with ports of their own; localhost reaches both', async () => {
  const simulation = new Simulation({ seed: 9 })
  const runtime = simulation.addMachine('one').start()
  const other = simulation.addMachine('two').start()
  const accepted: string[] = []
  const listenOn = (host: string) =>
    runtime.net.listen({ host, port: 9092 }, (socket) => {
      accepted.push(host)
      socket.handle({ onData() {}, onClose() {} })
    })
  await listenOn('::1')
  for (const host of ['localhost', '::1', '127.0.0.1']) await connected(simulation, runtime, host)
  assert.deepEqual(accepted.splice(0), ['::1', '::1'])
  await listenOn('127.0.0.1')
  await connected(simulation, runtime, '127.0.0.1')
  assert.deepEqual(accepted.splice(0), ['127.0.0.1'])
  const outside = await connected(simulation, other, 'one')
  assert.deepEqual(outside.log, ['close ECONNREFUSED'])
})

test('clocks: skew, drift and jumps touch the wall clock, and timers never fire early on their own clock', async () => {
  const simulation = new Simulation({ seed: 1 })
  for (const driftPpm of [-100_000, -137, 0, 41, 100_000]) {
    const machine = simulation.addMachine(`drift ${driftPpm}`, { driftPpm, skewMs: 5_000 })
    const { clock, timers } = machine.start()
    assert.ok(Number.isInteger(clock.nowMs()) && clock.nowMs() >= simEpochMs + 5_000)
    const monotonic = clock.monotonicMs()
    const wall = clock.nowMs()
    machine.jumpWallClock(-60_000)
    assert.equal(clock.nowMs(), wall - 60_000)
    assert.equal(clock.monotonicMs(), monotonic)
    for (const delayMs of [0, 0.3, 1, 7.77, 1_000, 86_400_000]) {
      const startMs = clock.monotonicMs()
      let firedMs = -1
      timers.setTimer(() => {
        firedMs = clock.monotonicMs()
      }, delayMs)
      simulation.scheduler.runSync({ until: () => firedMs >= 0 })
      assert.ok(
        firedMs - startMs >= delayMs - 1e-6 && firedMs - startMs < delayMs + 0.01,
        `${firedMs - startMs} ${delayMs}`,
      )
    }
  }
})

test('a dead process: no timer, no immediate, no log line; the next one has randomness of its own', async () => {
  const simulation = new Simulation({ seed: 1 })
  const machine = simulation.addMachine('one')
  const first = machine.start()
  first.timers.setTimer(() => assert.fail('timer'), 10)
  first.timers.immediate(() => assert.fail('immediate'))
  first.logger.info('alive', { n: 1 })
  machine.kill()
  first.logger.info('dead')
  first.timers.immediate(() => assert.fail('immediate after death'))
  const second = machine.start()
  const order: number[] = []
  for (let i = 0; i < 20; i++) second.timers.immediate(() => order.push(i))
  await simulation.scheduler.run()
  assert.deepEqual(
    order,
    [...order].sort((x, y) => x - y),
  )
  assert.equal(order.length, 20)
  assert.deepEqual(machine.log, [{ timeMs: 0, level: 'info', message: 'alive', fields: { n: 1 } }])
  assert.notDeepEqual(first.secureRandom.bytes(16), second.secureRandom.bytes(16))
  assert.throws(() => machine.start(), /already/)
})
