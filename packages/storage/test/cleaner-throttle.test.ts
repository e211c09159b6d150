import assert from 'node:assert/strict'
import { test } from 'node:test'
import { batchOf, World } from './support/world.ts'

/** Ten segments of which most records are replaced by later ones. */
function dirtyWorld(ioMaxBytesPerSecond: number): World {
  const config = {
    cleanupPolicy: { delete: false, compact: true },
    minCleanableDirtyRatio: 0,
    segmentBytes: 10_000,
  }
  const world = new World({ config, manager: { tailBytesMax: 0, cleaner: { ioMaxBytesPerSecond } } })
  const log = world.createLog()
  for (let i = 0; i < 1000; i++) world.append(log, batchOf([{ key: `k${i % 5}`, value: `v${i}${'x'.repeat(30)}` }]))
  world.settle()
  return world
}

/** Simulated ms until the log is small, within `msMax`. */
function msToClean(world: World, msMax: number): number {
  const sizeBefore = world.log().sizeBytes
  const startMs = world.nowMs()
  world.manager.runCleaner()
  while (world.log().sizeBytes > sizeBefore / 2) {
    assert.ok(world.nowMs() - startMs < msMax, `not cleaned within ${msMax} ms`)
    world.settle(20)
  }
  return world.nowMs() - startMs
}

test('the cleaner reads and writes no more than log.cleaner.io.max.bytes.per.second', () => {
  const unlimited = msToClean(dirtyWorld(Number.POSITIVE_INFINITY), 2000)
  const world = dirtyWorld(50_000)
  const dirtyBytes = world.log().sizeBytes - world.log().core.segments.last.sizeBytes
  const limited = msToClean(world, 60_000)
  // Until half of the log is gone every dirty byte is read for the map, half of them again for the copy, and one segment at
  // the end need not be paid for yet.
  const leastMs = ((1.5 * dirtyBytes - 10_000) / 50_000) * 1000
  assert.ok(limited >= leastMs, `${limited} ms, at least ${leastMs} expected`)
  assert.ok(limited > unlimited * 3, `${limited} ms, ${unlimited} ms without a limit`)
})

test('a cleaner that rests for its throttle lets a log manager close at once', async () => {
  const world = dirtyWorld(1)
  world.manager.runCleaner()
  world.settle(500)
  const beforeMs = world.nowMs()
  await world.stop()
  assert.ok(world.nowMs() - beforeMs < 1000, `${world.nowMs() - beforeMs} ms`)
})

test('a log that is deleted while the cleaner rests is let go of', () => {
  const world = dirtyWorld(1)
  world.manager.runCleaner()
  world.settle(500)
  const log = world.log()
  world.manager.deleteLog(log.topic, log.partition, log.topicId ?? undefined)
  world.settle(120_000)
  assert.deepEqual(
    world.runtime.fs.readdir('/data').filter((name) => name.startsWith('t-0')),
    [],
  )
})
