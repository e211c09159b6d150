import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IndexMemory } from '../src/log-shared.ts'
import type { Segment } from '../src/segment.ts'
import { batchOf, World } from './support/world.ts'

test('the newest record is not one that was deleted, not even of a batch cut in two', () => {
  for (const codec of [0, 1] as const) {
    const world = new World({ manager: { tailBytesMax: 0 } })
    const log = world.createLog()
    world.append(log, batchOf([{ timestamp: 100 }, { timestamp: 5 }], undefined, codec))
    world.append(log, batchOf([{ timestamp: 50 }, { timestamp: 50 }], undefined, codec))
    world.settle()
    assert.deepEqual(log.fetchMaxTimestamp(), { timestampMs: 100, offset: 0, leaderEpoch: 0 })
    log.deleteRecordsBefore(1)
    assert.deepEqual(log.fetchMaxTimestamp(), { timestampMs: 50, offset: 2, leaderEpoch: 0 })
    assert.equal(log.fetchOffsetByTimestamp(51), null)
    assert.deepEqual(log.fetchOffsetByTimestamp(0), { timestampMs: 5, offset: 1, leaderEpoch: 0 })
    log.deleteRecordsBefore(4)
    assert.equal(log.fetchMaxTimestamp(), null)
    assert.equal(log.fetchOffsetByTimestamp(0), null)
  }
})

test('of several newest records it is the first, over segments too', () => {
  const world = new World({ manager: { tailBytesMax: 0 } })
  const log = world.createLog()
  for (const timestamp of [3, 9, 9, 4, 9]) {
    world.append(log, batchOf([{ timestamp: timestamp - 1 }, { timestamp }]))
    world.settle()
    log.roll()
  }
  assert.ok(log.core.segments.length >= 5)
  assert.equal(log.fetchMaxTimestamp()?.offset, 3)
  log.deleteRecordsBefore(4)
  assert.equal(log.fetchMaxTimestamp()?.offset, 5)
})

test('records without a time are not found by it', () => {
  const world = new World()
  const log = world.createLog()
  world.append(log, batchOf([{ timestamp: -1 }]))
  world.settle()
  assert.equal(log.fetchMaxTimestamp(), null)
  assert.equal(log.fetchOffsetByTimestamp(0), null)
})

test('the indexes of all logs keep to their memory; those used longest ago are dropped', () => {
  const memory = new IndexMemory(100)
  const dropped: string[] = []
  const segment = (name: string, indexBytes: number, sealed = true): Segment =>
    ({ indexBytes, sealed, forgetIndexes: () => dropped.push(name) }) as unknown as Segment
  const a = segment('a', 40)
  memory.note(a)
  memory.note(segment('b', 40))
  // Active: not the memory's to drop.
  memory.note(segment('active', 1000, false))
  assert.deepEqual(dropped, [])
  memory.note(a)
  memory.note(segment('c', 40))
  assert.deepEqual(dropped, ['b'])
  memory.note(segment('huge', 500))
  assert.deepEqual(dropped, ['b', 'a', 'c'])
})
