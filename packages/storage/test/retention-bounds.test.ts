import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LogConfig, PartitionLog } from '../src/index.ts'
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
