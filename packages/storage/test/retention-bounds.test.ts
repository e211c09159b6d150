import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LogConfig, PartitionLog } from '../src/index.ts'
import { withCalls } from './support/file-systems.ts'
import { batchOf, World } from './support/world.ts'

/** Where retention begins to take, to the millisecond and to the byte (`UnifiedLog.deleteOldSegments`). */

function filled(world: World): PartitionLog {
  const log = world.createLog()
  for (let i = 0; i < 12; i++)
    world.append(log, batchOf([{ value: 'x'.repeat(900), timestamp: world.nowMs() - 1000 + i }]))
  world.settle()
  assert.deepEqual(bases(log), [0, 4, 8])
  return log
}

function bases(log: PartitionLog): number[] {
  return log.core.segments.all().map((segment) => segment.baseOffset)
}

function retain(world: World, log: PartitionLog, config: Partial<LogConfig>): number[] {
  log.updateConfig({ ...log.config, ...config })
  world.manager.runRetention()
  world.settle(0)
  return bases(log)
}

test('retention.ms: a record exactly that old stays, one millisecond more is too old', () => {
  const world = new World()
  const log = filled(world)
  const ageMs = world.nowMs() - log.core.segments.first.maxTimestamp
  assert.deepEqual(retain(world, log, { retentionMs: ageMs }), [0, 4, 8])
  assert.deepEqual(retain(world, log, { retentionMs: ageMs - 1 }), [4, 8])
})

test('retention.bytes: a segment goes when what stays is still that much', () => {
  const world = new World()
  const log = filled(world)
  const rest = log.sizeBytes - log.core.segments.first.sizeBytes
  assert.deepEqual(retain(world, log, { retentionBytes: rest + 1 }), [0, 4, 8])
  assert.deepEqual(retain(world, log, { retentionBytes: rest }), [4, 8])
})

test('neither takes what readers have not been shown', () => {
  const world = new World({ config: { flushMessages: 1 } })
  const log = world.createLog()
  for (let i = 0; i < 12; i++) world.append(log, batchOf([{ value: 'x'.repeat(900), timestamp: 1 }]))
  assert.equal(log.writtenEndOffset, 0)
  assert.deepEqual(retain(world, log, { retentionMs: 1, retentionBytes: 1 }), [0])
  world.settle()
  assert.deepEqual(retain(world, log, {}), [12])
})

test('a log of many segments, and many logs, are cut in turns of a few files each', () => {
  for (const [logs, segments] of [
    [1, 300],
    [100, 3],
  ]) {
    let calls = 0
    const world = new World({
      config: { segmentBytes: 150, retentionMs: 1000 },
      lookMs: 1,
      fileSystem: (fs) =>
        withCalls(fs, {
          rename: (from, to) => {
            calls++
            fs.rename(from, to)
          },
        }),
    })
    for (let partition = 0; partition < logs; partition++) {
      const log = world.createLog('t', partition)
      // Two batches of this size make a segment.
      for (let i = 0; i < 2 * segments; i++) world.append(log, batchOf([{ timestamp: 1 }]))
    }
    world.settle(500)
    const all = (): number => [...world.manager.logs()].reduce((sum, log) => sum + log.core.segments.length, 0)
    assert.equal(all(), logs * segments)
    let most = 0
    let turns = 0
    calls = 0
    const turn = (): boolean => {
      if (calls > 0) turns++
      most = Math.max(most, calls)
      calls = 0
      return all() === logs
    }
    world.manager.runRetention()
    turn()
    world.simulation.scheduler.runSync({ until: turn })
    // Five steps a turn, each of up to 16 segments with three files.
    assert.ok(most <= 5 * 16 * 4, `${most} files in one turn`)
    assert.ok(turns >= 3, `${turns} turns`)
    for (const log of world.manager.logs()) assert.equal(log.logStartOffset, 2 * segments)
  }
})
