import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom, SimScheduler } from '../../src/sim/index.ts'

test('events run by time, and those of one instant in an order the seed decides', async () => {
  const orders = new Set<string>()
  for (let seed = 0; seed < 20; seed++) {
    const scheduler = new SimScheduler({ seed })
    let order = ''
    for (const name of ['a', 'b', 'c']) scheduler.schedule(5, 'x', 0, 0, () => (order += name))
    scheduler.schedule(1, 'x', 0, 0, () => (order += '1'))
    scheduler.schedule(9, 'x', 0, 0, () => (order += '9'))
    assert.equal(await scheduler.run(), 'idle')
    assert.match(order, /^1[abc]{3}9$/)
    assert.equal(scheduler.nowMs, 9)
    orders.add(order)
  }
  assert.ok(orders.size > 3, `${orders.size} orders of 6`)
})

test('promise callbacks and next ticks run out before the next event', async () => {
  const scheduler = new SimScheduler({ seed: 1 })
  const order: string[] = []
  scheduler.schedule(1, 'x', 0, 0, () => {
    order.push('one')
    Promise.resolve()
      .then(() => Promise.resolve())
      .then(() => {
        order.push('promise')
        process.nextTick(() => queueMicrotask(() => order.push('tick')))
      })
  })
  scheduler.schedule(1.001, 'x', 0, 0, () => order.push('two'))
  await scheduler.run()
  assert.deepEqual(order, ['one', 'promise', 'tick', 'two'])
})

test('run stops at a time, at a predicate, and refuses a run without end', async () => {
  const scheduler = new SimScheduler({ seed: 1 })
  let count = 0
  const again = (): void => {
    count += 1
    scheduler.schedule(10, 'again', 0, 0, again)
  }
  again()
  assert.equal(await scheduler.run({ untilMs: 35 }), 'time')
  assert.deepEqual([count, scheduler.nowMs], [4, 35])
  assert.equal(await scheduler.run({ until: () => count === 7 }), 'predicate')
  assert.equal(scheduler.nowMs, 60)
  await assert.rejects(scheduler.run({ eventsMax: 50 }), /come to rest/)
  await assert.rejects(scheduler.runUntilSettled(new Promise(() => {}), { eventsMax: 50 }), /come to rest/)
})

test('a promise that nothing will settle is reported, with the seed', async () => {
  const scheduler = new SimScheduler({ seed: 77 })
  await assert.rejects(scheduler.runUntilSettled(new Promise(() => {})), /seed 77: nothing left to do/)
})

test('an error in an event stops the run', async () => {
  const scheduler = new SimScheduler({ seed: 1 })
  scheduler.schedule(1, 'x', 0, 0, () => {
    throw new Error('invariant broken')
  })
  await assert.rejects(scheduler.run(), /invariant broken/)
  assert.equal(await scheduler.run(), 'idle')
})

test('a cancelled event does not run', async () => {
  const scheduler = new SimScheduler({ seed: 1 })
  const event = scheduler.schedule(1, 'x', 0, 0, () => assert.fail('ran'))
  scheduler.cancel(event)
  scheduler.cancel(event)
  assert.equal(scheduler.runSync(), 'idle')
  assert.equal(scheduler.eventCount, 0)
})

test('the heap keeps its order over many events', () => {
  const scheduler = new SimScheduler({ seed: 3 })
  let lastMs = 0
  let ran = 0
  for (let i = 0; i < 5_000; i++) {
    scheduler.schedule(scheduler.random.below(1_000), 'x', i, 0, () => {
      assert.ok(scheduler.nowMs >= lastMs)
      lastMs = scheduler.nowMs
      ran += 1
    })
  }
  scheduler.runSync()
  assert.equal(ran, 5_000)
})

test('the trace keeps its tail, and its hash sees order, time and ids', () => {
  const hashOf = (build: (scheduler: SimScheduler) => void): string => {
    const scheduler = new SimScheduler({ seed: 1, traceEntriesMax: 4 })
    build(scheduler)
    scheduler.runSync()
    return scheduler.traceHash
  }
  const nothing = (): void => {}
  const base = hashOf((s) => s.schedule(1, 'x', 1, 2, nothing))
  assert.match(base, /^[0-9a-f]{16}$/)
  assert.equal(
    hashOf((s) => s.schedule(1, 'x', 1, 2, nothing)),
    base,
  )
  for (const other of [
    hashOf((s) => s.schedule(2, 'x', 1, 2, nothing)),
    hashOf((s) => s.schedule(1, 'y', 1, 2, nothing)),
    hashOf((s) => s.schedule(1, 'x', 2, 2, nothing)),
    hashOf((s) => s.schedule(1, 'x', 1, 3, nothing)),
    hashOf((s) => s.note('z')),
  ]) {
    assert.notEqual(other, base)
  }
  const scheduler = new SimScheduler({ seed: 1, traceEntriesMax: 4 })
  for (let i = 1; i <= 10; i++) scheduler.schedule(i, 'tick', i, 0, nothing)
  scheduler.runSync()
  assert.deepEqual(
    scheduler.trace().map((entry) => [entry.event, entry.timeMs, entry.kind, entry.a]),
    [7, 8, 9, 10].map((i) => [i, i, 'tick', i]),
  )
})

test('seeded streams repeat, differ by purpose, and do not disturb each other', () => {
  const draw = (random: SeededRandom): number[] => Array.from({ length: 5 }, () => random.uint32())
  const root = new SeededRandom(42)
  const disk = draw(root.split('disk'))
  assert.deepEqual(draw(new SeededRandom(42).split('disk')), disk)
  assert.notDeepEqual(draw(root.split('net')), disk)
  assert.notDeepEqual(draw(new SeededRandom(43).split('disk')), disk)
  draw(root)
  assert.deepEqual(draw(root.split('disk')), disk)
})

test('seeded numbers are even and in range', () => {
  const random = new SeededRandom(7)
  const counts = new Array(10).fill(0)
  for (let i = 0; i < 10_000; i++) counts[random.below(10)] += 1
  for (const count of counts) assert.ok(count > 850 && count < 1_150, String(counts))
  for (let i = 0; i < 1_000; i++) {
    const f = random.float()
    assert.ok(f >= 0 && f < 1)
  }
  assert.throws(() => random.below(0), RangeError)
})
