import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LogConfig, PartitionLog } from '../src/index.ts'
import { batchOf, DIRECTORY, World } from './support/world.ts'

function bases(log: PartitionLog): number[] {
  return log.core.segments.all().map((segment) => segment.baseOffset)
}

function append(world: World, log: PartitionLog, timestamp: number): void {
  assert.equal(world.append(log, batchOf([{ timestamp }])).errorCode, 0)
  world.settle(0.5)
}

test('segment.ms counts from the newest record of a segment’s first append, also after a restart', async () => {
  const world = new World({ config: { segmentMs: 1000 } })
  append(world, world.createLog(), 5000)
  await world.stopAndRestart()
  append(world, world.log(), 6000)
  assert.deepEqual(bases(world.log()), [0])
  append(world, world.log(), 6001)
  assert.deepEqual(bases(world.log()), [0, 2])
})

test('records without a time: a segment is as old as its file', () => {
  const world = new World({ config: { segmentMs: 1000 } })
  const log = world.createLog()
  append(world, log, -1)
  world.settle(900)
  append(world, log, -1)
  assert.deepEqual(bases(log), [0])
  world.settle(200)
  append(world, log, -1)
  assert.deepEqual(bases(log), [0, 2])
})

test('a compacted log rolls early enough for max.compaction.lag.ms', () => {
  const config: Partial<LogConfig> = { maxCompactionLagMs: 1000, cleanupPolicy: { delete: false, compact: true } }
  const world = new World({ config })
  const log = world.createLog()
  for (const timestamp of [5000, 6000, 6001]) {
    world.append(log, batchOf([{ key: 'a', timestamp }]))
    world.settle(1)
  }
  assert.deepEqual(bases(log), [0, 2])
})

test('segment.jitter.ms: no segment is older than segment.ms, and they do not all end at the same age', () => {
  const ages = new Set<number>()
  for (let seed = 1; seed <= 12; seed++) {
    const world = new World({ seed, config: { segmentMs: 1000, segmentJitterMs: 400 } })
    const log = world.createLog()
    append(world, log, 10_000)
    let age = 600
    for (; log.core.segments.length === 1; age += 20) append(world, log, 10_000 + age)
    assert.ok(age - 20 > 600 && age - 20 <= 1020, `seed ${seed}: ${age - 20} ms`)
    ages.add(age)
  }
  assert.ok(ages.size > 3, [...ages].join())
})

test('a segment ends when one of its indexes is full', async () => {
  const world = new World({ config: { indexIntervalBytes: 1, segmentIndexBytes: 100, segmentBytes: 1 << 20 } })
  const log = world.createLog()
  for (let i = 0; i < 40; i++) append(world, log, 1000 + i)
  await world.stop()
  const { fs } = world.machine.start()
  const names = fs.readdir(`${DIRECTORY}/t-0`)
  assert.ok(names.filter((name) => name.endsWith('.log')).length > 3)
  for (const name of names.filter((file) => /index$/.test(file))) {
    const size = fs.stat(`${DIRECTORY}/t-0/${name}`)!.size
    assert.ok(size <= 100, `${name}: ${size} bytes`)
  }
})

test('preallocate: a segment has its size from the start, and only what is written once it ends or the broker stops', async () => {
  const world = new World({ config: { preallocate: true, segmentBytes: 1000 } })
  const log = world.createLog()
  const size = (base: number): number | undefined =>
    world.runtime.fs.stat(`${DIRECTORY}/t-0/${String(base).padStart(20, '0')}.log`)?.size
  append(world, log, 1)
  const batchBytes = log.sizeBytes
  assert.equal(size(0), 1000)
  while (log.core.segments.length === 1) append(world, log, 1)
  const second = log.core.segments.last.baseOffset
  assert.equal(size(0), second * batchBytes)
  assert.equal(size(second), 1000)
  world.killAndRestart()
  assert.equal(world.log().appendEndOffset, second + 1)
  assert.equal(size(second), batchBytes)
  append(world, world.log(), 2)
  await world.stopAndRestart()
  assert.equal(size(second), 2 * batchBytes)
  assert.equal(world.log().appendEndOffset, second + 2)
})

test('index.interval.bytes: so far apart are the entries of the offset index, from the next batch after a change on', () => {
  const world = new World({ config: { indexIntervalBytes: 1000, segmentBytes: 1 << 20 } })
  const log = world.createLog()
  const value = 'x'.repeat(300)
  const entriesAfter = (batches: number): number => {
    const before = log.core.segments.last.indexes().offsets.count
    for (let i = 0; i < batches; i++) world.append(log, batchOf([{ value }]))
    world.settle()
    return log.core.segments.last.indexes().offsets.count - before
  }
  const batchBytes = batchOf([{ value }]).length
  assert.ok(batchBytes > 334 && batchBytes < 500)
  assert.equal(entriesAfter(30), 9)
  log.updateConfig({ ...log.config, indexIntervalBytes: 1 })
  assert.equal(entriesAfter(30), 30)
})
