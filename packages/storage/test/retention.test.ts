import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LogConfig, PartitionLog } from '../src/index.ts'
import { batchOf, DIRECTORY, World } from './support/world.ts'

function fill(world: World, log: PartitionLog, count: number, timestamp: (i: number) => number): void {
  for (let i = 0; i < count; i++) world.append(log, batchOf([{ value: 'x'.repeat(900), timestamp: timestamp(i) }]))
  world.settle()
}

function files(world: World, folder = 't-0'): string[] {
  return world.runtime.fs.readdir(`${DIRECTORY}/${folder}`)
}

function bases(log: PartitionLog): number[] {
  return log.core.segments.all().map((segment) => segment.baseOffset)
}

test('by time: segments go whose newest record is too old, and their files after a delay', () => {
  const world = new World({ config: { retentionMs: 1000 } })
  const log = world.createLog()
  const nowMs = world.nowMs()
  fill(world, log, 20, (i) => (i < 9 ? nowMs - 5000 : nowMs))
  assert.deepEqual(bases(log), [0, 4, 8, 12, 16])
  world.manager.runRetention()
  world.settle()
  assert.deepEqual(bases(log), [8, 12, 16])
  assert.equal(log.logStartOffset, 8)
  assert.equal(world.read(log, 7), 'out-of-range')
  assert.ok(files(world).includes('00000000000000000004.log.deleted'))
  world.settle(61_000)
  assert.deepEqual(
    files(world).filter((name) => name.startsWith('00000000000000000004')),
    [],
  )
})

test('by time: an active segment that is too old goes as well, and offsets go on', async () => {
  const world = new World({ config: { retentionMs: 1000 } })
  const log = world.createLog()
  fill(world, log, 6, () => world.nowMs() - 5000)
  world.manager.runRetention()
  world.settle()
  assert.deepEqual(bases(log), [6])
  await world.stopAndRestart()
  assert.equal(world.log().logStartOffset, 6)
  assert.equal(world.append(world.log(), batchOf([{}])).baseOffset, 6)
})

test('by bytes: as many segments as fit stay', () => {
  const world = new World({ config: { retentionBytes: 8000 } })
  const log = world.createLog()
  fill(world, log, 20, () => 1)
  world.manager.runRetention()
  world.settle()
  assert.ok(log.sizeBytes >= 8000)
  assert.deepEqual(bases(log), [8, 12, 16])
})

test('a compacted topic keeps what is old; DeleteRecords is obeyed whatever the policy', () => {
  const config: Partial<LogConfig> = { retentionMs: 1, cleanupPolicy: { delete: false, compact: true } }
  const world = new World({ config })
  const log = world.createLog()
  for (let i = 0; i < 20; i++) world.append(log, batchOf([{ key: `${i}`, value: 'x'.repeat(900) }]))
  world.settle()
  world.manager.runRetention()
  world.settle()
  assert.equal(bases(log)[0], 0)
  assert.equal(log.deleteRecordsBefore(9), 9)
  world.manager.runRetention()
  world.settle()
  assert.deepEqual(bases(log), [8, 12, 16])
  assert.equal(log.logStartOffset, 9)
})

test('DeleteRecords holds after kill -9 and after a power cut', () => {
  for (const keep of ['kill', 'none'] as const) {
    const world = new World({ config: { flushMessages: 1 } })
    const log = world.createLog()
    fill(world, log, 10, () => 1)
    assert.equal(log.deleteRecordsBefore(-1), 10)
    assert.equal(log.deleteRecordsBefore(11), null)
    if (keep === 'kill') world.killAndRestart()
    else world.powerCutAndRestart({ keep })
    assert.equal(world.log().logStartOffset, 10)
    assert.equal(world.log().appendEndOffset, 10)
  }
})

test('a deleted partition is out of the way at once, and gone after a delay', () => {
  const world = new World()
  const log = world.createLog()
  fill(world, log, 5, () => 1)
  world.manager.deleteLog('t', 0)
  const again = world.createLog()
  assert.equal(again.appendEndOffset, 0)
  const folders = (): string[] => world.runtime.fs.readdir(DIRECTORY).filter((name) => name.startsWith('t-0'))
  assert.equal(folders().length, 2)
  assert.match(folders()[1], /^t-0\.[0-9a-f]{32}-delete$/)
  world.settle(61_000)
  assert.deepEqual(folders(), ['t-0'])
  world.manager.deleteLog('t', 0)
  world.killAndRestart()
  world.settle()
  assert.deepEqual(folders(), [])
})

test('on a disk without any room retention makes some, and the log goes on', () => {
  for (const segmentBytes of [1000, 4096]) {
    const world = new World({ config: { segmentBytes, fileDeleteDelayMs: 1000 } })
    const log = world.createLog()
    for (let i = 0; i < 60; i++) world.append(log, batchOf([{ value: 'x'.repeat(400) }]))
    world.settle()
    world.manager.checkpoint()
    for (let i = 0; i < 60; i++) world.append(log, batchOf([{ value: 'x'.repeat(400) }]))
    world.settle()
    const { disk } = world.machine
    disk.capacityBytes = disk.usedBytes()
    world.append(log, batchOf([{ value: 'no room' }]))
    world.settle()
    assert.deepEqual(world.failed, [{ log: 't-0', fromOffset: 120, code: 'ENOSPC' }])
    log.updateConfig({ ...log.config, retentionBytes: 2 * segmentBytes })
    world.manager.runRetention()
    world.settle(2000)
    assert.ok(log.logStartOffset > 60, `${log.logStartOffset}`)
    assert.ok(disk.usedBytes() < disk.capacityBytes / 2, `${disk.usedBytes()} of ${disk.capacityBytes}`)
    assert.equal(world.append(log, batchOf([{}])).baseOffset, 120)
    world.settle()
    const start = log.logStartOffset
    world.powerCutAndRestart({ keep: 'subset', model: 'arbitrary' })
    assert.ok(world.log().logStartOffset >= start)
  }
})

test('a producer whose batches retention has taken is known after a power cut, whatever is lost of the caches', () => {
  for (const how of ['retention', 'DeleteRecords'] as const)
    for (let seed = 1; seed <= 20; seed++) {
      const world = new World({ seed, config: { flushMessages: 1 }, manager: { tailBytesMax: 0 } })
      const log = world.createLog()
      const timestamp = world.nowMs()
      const once = batchOf([{ value: 'once', timestamp }], { id: 5, sequence: 0 })
      world.append(log, Buffer.from(once))
      world.settle()
      fill(world, log, 19, () => timestamp)
      const { generation } = log.core
      if (how === 'retention') {
        log.updateConfig({ ...log.config, retentionBytes: 5000 })
        world.manager.runRetention()
        world.settle()
        assert.ok(log.core.segments.first.baseOffset > 0)
      } else {
        assert.equal(log.deleteRecordsBefore(17), 17)
      }
      assert.equal(log.core.generation, generation)
      world.powerCutAndRestart(seed === 1 ? { keep: 'none' } : { keep: 'subset', model: 'arbitrary' })
      const again = world.log()
      const end = again.appendEndOffset
      assert.equal(end, 20)
      // Its answer was lost, and it is sent again.
      const result = world.append(again, Buffer.from(once))
      assert.deepEqual([result.errorCode, result.baseOffset], [0, 0], `${how}, seed ${seed}`)
      world.settle()
      assert.equal(again.appendEndOffset, end)
    }
})
