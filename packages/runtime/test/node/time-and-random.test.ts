import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import {
  memoryFileSystem,
  nodeClock,
  nodeRandom,
  nodeRuntime,
  nodeSecureRandom,
  nodeTimers,
} from '../../src/node/index.ts'

function fired(delayMs: number): Promise<number> {
  const startMs = nodeClock.monotonicMs()
  return new Promise((resolve) => nodeTimers.setTimer(() => resolve(nodeClock.monotonicMs() - startMs), delayMs))
}

test('a timer never fires early, whatever the fraction', async () => {
  const delaysMs = Array.from({ length: 200 }, (_, i) => i / 17)
  const tookMs = await Promise.all(delaysMs.map(fired))
  for (let i = 0; i < delaysMs.length; i++) assert.ok(tookMs[i] >= delaysMs[i], `${tookMs[i]} < ${delaysMs[i]}`)
})

test('delays outside the range are clamped', async () => {
  await fired(-5)
  await fired(Number.NaN)
  const handle = nodeTimers.setTimer(() => assert.fail('fired'), Number.MAX_VALUE)
  nodeTimers.clearTimer(handle)
})

test('a cleared timer does not fire; clearing is idempotent', async () => {
  const handle = nodeTimers.setTimer(() => assert.fail('fired'), 1)
  nodeTimers.clearTimer(handle)
  nodeTimers.clearTimer(handle)
  nodeTimers.clearTimer(undefined)
  await fired(5)
})

test('immediates run in order after the current turn', async () => {
  const order: string[] = []
  await new Promise<void>((resolve) => {
    nodeTimers.immediate(() => order.push('first'))
    nodeTimers.immediate(() => {
      order.push('second')
      resolve()
    })
    Promise.resolve().then(() => order.push('microtask'))
    order.push('now')
  })
  assert.deepEqual(order, ['now', 'microtask', 'first', 'second'])
})

test('fake timers of a test framework do not reach the runtime', async () => {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'], now: 1_000 })
  try {
    assert.equal(Date.now(), 1_000)
    assert.ok(nodeClock.nowMs() > 1_600_000_000_000)
    await fired(2)
    await new Promise<void>((resolve) => nodeTimers.immediate(resolve))
    const fs = memoryFileSystem()
    const file = fs.open('/a', 'w+')
    await new Promise((resolve) => file.writev([Buffer.from('x')], 0, resolve))
  } finally {
    mock.timers.reset()
  }
})

test('random numbers keep to their ranges', () => {
  const seen = new Set<number>()
  for (let i = 0; i < 1_000; i++) {
    const n = nodeRandom.below(3)
    seen.add(n)
    const u = nodeRandom.uint32()
    assert.ok(Number.isInteger(u) && u >= 0 && u < 2 ** 32)
    const f = nodeRandom.float()
    assert.ok(f >= 0 && f < 1)
  }
  assert.deepEqual([...seen].sort(), [0, 1, 2])
  assert.throws(() => nodeRandom.below(0), RangeError)
  assert.throws(() => nodeRandom.below(2 ** 32 + 1), RangeError)
  assert.equal(nodeRandom.below(1), 0)
  assert.equal(nodeSecureRandom.bytes(16).length, 16)
})

test('nodeRuntime takes a file system and a logger', () => {
  const fs = memoryFileSystem()
  const runtime = nodeRuntime({ fs })
  assert.equal(runtime.fs, fs)
  runtime.logger.error('goes nowhere')
})
