import assert from 'node:assert/strict'
import { test } from 'node:test'
import { batchOf, World } from './support/world.ts'

test('flush.ms: what was appended is on the device after that time', () => {
  const world = new World({ config: { flushMs: 500 } })
  const log = world.createLog()
  world.append(log, batchOf([{ value: 'early' }]))
  world.settle(400)
  world.append(log, batchOf([{ value: 'late' }]))
  world.settle(50)
  assert.deepEqual([log.writtenEndOffset, log.recoveryPoint], [2, 0])
  world.settle(100)
  assert.equal(log.recoveryPoint, 2)
  world.append(log, batchOf([{ value: 'later still' }]))
  world.settle(50)
  world.powerCutAndRestart({ keep: 'none' })
  assert.equal(world.log().appendEndOffset, 2)
})

test('flush.ms switched off: nothing is flushed any more', () => {
  const world = new World({ config: { flushMs: 500 } })
  const log = world.createLog()
  world.append(log, batchOf([{}]))
  world.settle(100)
  log.updateConfig({ ...log.config, flushMs: Number.POSITIVE_INFINITY })
  world.settle(1000)
  assert.equal(log.recoveryPoint, 0)
})

test('flush.ms changed while a record waits: it waits for the new time at most', () => {
  for (const before of [Number.POSITIVE_INFINITY, 1_000_000, 100]) {
    const world = new World({ config: { flushMs: before } })
    const log = world.createLog()
    world.append(log, batchOf([{}]))
    world.settle(50)
    log.updateConfig({ ...log.config, flushMs: 500 })
    world.settle(400)
    assert.equal(log.recoveryPoint, 0, `before ${before}`)
    world.settle(110)
    assert.equal(log.recoveryPoint, 1, `before ${before}`)
  }
})

test('flush.messages: the device is waited for once so many records are not on it, and the ack with it', () => {
  const world = new World({ config: { flushMessages: 3 } })
  const log = world.createLog()
  const state = (): number[] => [log.writtenEndOffset, log.recoveryPoint]
  world.append(log, batchOf([{}]))
  world.settle(10)
  assert.deepEqual(state(), [1, 0])
  world.append(log, batchOf([{}]))
  world.settle(10)
  assert.deepEqual(state(), [2, 0])
  world.append(log, batchOf([{}]))
  world.settle(10)
  assert.deepEqual(state(), [3, 3])
  world.append(log, batchOf([{}, {}, {}, {}]))
  world.settle(10)
  assert.deepEqual(state(), [7, 7])
})

test('a record that waits for the device is not read before, nor found by its time', () => {
  const world = new World({ config: { flushMessages: 1 } })
  const log = world.createLog()
  const release = world.machine.disk
  release.slowFactor = 1000
  world.append(log, batchOf([{ timestamp: 77 }]))
  let looks = 0
  world.simulation.scheduler.runSync({
    until: () => {
      if (log.writtenEndOffset > 0) return true
      looks++
      assert.equal((world.read(log, 0) as Buffer).length, 0)
      assert.equal(log.fetchOffsetByTimestamp(0), null)
      assert.equal(log.fetchMaxTimestamp(), null)
      return false
    },
  })
  assert.ok(looks > 1)
  assert.equal(log.recoveryPoint, 1)
  assert.equal(log.fetchMaxTimestamp()?.timestampMs, 77)
})
