import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readBatches, transactionMarkerBatch } from '@ottla/protocol/records'
import { KeyHasher } from '../src/cleaner/key-hash.ts'
import { OffsetMap } from '../src/cleaner/offset-map.ts'
import type { LogConfig, PartitionLog } from '../src/index.ts'
import { Dice } from './support/random.ts'
import { batchOf, DIRECTORY, type ReadRecord, recordsIn, World } from './support/world.ts'

const compacted: Partial<LogConfig> = {
  cleanupPolicy: { delete: false, compact: true },
  minCleanableDirtyRatio: 0,
  segmentBytes: 2000,
  deleteRetentionMs: 1000,
}

function clean(world: World): void {
  world.manager.runCleaner()
  world.settle(200)
}

function allBytes(world: World, log: PartitionLog): Buffer {
  const parts: Buffer[] = []
  for (let offset = log.logStartOffset; offset < log.writtenEndOffset; ) {
    const bytes = world.read(log, offset)
    assert.ok(Buffer.isBuffer(bytes) && bytes.length > 0, `${offset}: ${bytes}`)
    parts.push(bytes)
    for (const batch of readBatches(bytes)) offset = batch.lastOffset + 1
  }
  return Buffer.concat(parts)
}

function contents(world: World, log = world.log()): ReadRecord[] {
  return recordsIn(allBytes(world, log))
}

function appendMarker(world: World, log: PartitionLog, producerId: number, commit: boolean, epoch = 0): void {
  const marker = transactionMarkerBatch({
    producerId,
    producerEpoch: epoch,
    commit,
    coordinatorEpoch: 0,
    timestamp: world.nowMs(),
  })
  assert.equal(world.append(log, marker, { origin: 'coordinator' }).errorCode, 0)
}

test('the newest value of each key stays, at its offset and in order', () => {
  const world = new World({ config: compacted, manager: { tailBytesMax: 0 } })
  const log = world.createLog()
  for (let i = 0; i < 100; i++)
    world.append(
      log,
      batchOf([
        { key: `k${i % 7}`, value: `v${i}${'x'.repeat(80)}` },
        { key: `only${i}`, value: '' },
      ]),
    )
  world.settle()
  const before = contents(world)
  const activeBase = log.core.segments.last.baseOffset
  const sizeBefore = log.sizeBytes
  clean(world)
  assert.ok(log.sizeBytes < sizeBefore * 0.8)
  const newest = new Map(before.filter((r) => r.offset < activeBase).map((r) => [r.key, r.offset]))
  const expected = before.filter((r) => r.offset >= activeBase || newest.get(r.key) === r.offset)
  assert.deepEqual(contents(world), expected)
  world.killAndRestart()
  assert.deepEqual(contents(world), expected)
  assert.deepEqual(
    world.runtime.fs.readdir(`${DIRECTORY}/t-0`).filter((name) => /cleaned|swap|deleted/.test(name)),
    [],
  )
})

test('a tombstone goes after delete.retention.ms, counted from the first cleaning', () => {
  const world = new World({ config: compacted, manager: { tailBytesMax: 0 } })
  const log = world.createLog()
  const fill = (): void => {
    for (let i = 0; i < 10; i++) world.append(log, batchOf([{ key: `fill${i}`, value: 'x'.repeat(300) }]))
    world.settle()
  }
  world.append(log, batchOf([{ key: 'a', value: '1', timestamp: 500 }]))
  world.append(
    log,
    batchOf([
      { key: 'a', value: null, timestamp: 600 },
      { key: 'b', value: '2', timestamp: 700 },
    ]),
  )
  fill()
  clean(world)
  const find = (key: string): (string | null)[] =>
    contents(world)
      .filter((r) => r.key === key)
      .map((r) => r.value)
  assert.deepEqual(find('a'), [null])
  // The delete horizon moves the base of the timestamps, not the timestamps.
  assert.deepEqual(
    contents(world)
      .filter((r) => r.key === 'b')
      .map((r) => r.timestamp),
    [700],
  )
  fill()
  clean(world)
  assert.deepEqual(find('a'), [null])
  world.settle(2000)
  fill()
  clean(world)
  assert.deepEqual(find('a'), [])
  assert.deepEqual(find('b'), ['2'])
})

test('a producer is recognised after its records are gone', async () => {
  const world = new World({ config: compacted, manager: { tailBytesMax: 0 } })
  const log = world.createLog()
  // Not so old that the producer would have expired.
  const timestamp = world.nowMs()
  world.append(log, batchOf([{ key: 'a', timestamp }], { id: 5, sequence: 0 }))
  world.append(log, batchOf([{ key: 'a', timestamp }], { id: 5, sequence: 1 }))
  for (let i = 0; i < 20; i++) world.append(log, batchOf([{ key: 'a', value: 'x'.repeat(300) }]))
  world.settle()
  clean(world)
  const empties = [...readBatches(allBytes(world, log))].filter((batch) => batch.producerId === 5)
  assert.deepEqual(
    empties.map((batch) => [batch.baseOffset, batch.recordCount, batch.baseSequence]),
    [[1, 0, 1]],
  )
  // Even from nothing but the log.
  await world.stop()
  const { fs } = world.machine.start()
  for (const name of fs.readdir(`${DIRECTORY}/t-0`))
    if (name.endsWith('.snapshot')) fs.unlink(`${DIRECTORY}/t-0/${name}`)
  world.machine.kill()
  world.restart()
  assert.equal(world.append(world.log(), batchOf([{ key: 'a' }], { id: 5, sequence: 1 })).duplicate, true)
  assert.equal(world.append(world.log(), batchOf([{ key: 'a' }], { id: 5, sequence: 3 })).errorCode, 45)
  assert.equal(world.append(world.log(), batchOf([{ key: 'a' }], { id: 5, sequence: 2 })).errorCode, 0)
})

test('aborted records go, markers when nothing is left of their transaction and their time is over', () => {
  const world = new World({ config: compacted, manager: { tailBytesMax: 0 } })
  const log = world.createLog()
  world.append(log, batchOf([{ key: 'a', value: 'kept' }]))
  world.append(log, batchOf([{ key: 'a', value: 'aborted' }], { id: 1, sequence: 0, transactional: true }))
  world.append(log, batchOf([{ key: 'c', value: 'committed' }], { id: 2, sequence: 0, transactional: true }))
  appendMarker(world, log, 1, false)
  appendMarker(world, log, 2, true)
  const fill = (): void => {
    for (let i = 0; i < 10; i++) world.append(log, batchOf([{ key: `f${i}`, value: 'x'.repeat(300) }]))
    world.settle()
  }
  fill()
  clean(world)
  assert.deepEqual(
    contents(world)
      .filter((r) => !r.key?.startsWith('f'))
      .map((r) => [r.key, r.value]),
    [
      ['a', 'kept'],
      ['c', 'committed'],
    ],
  )
  const markers = (): number => [...readBatches(allBytes(world, log))].filter((batch) => batch.isControl).length
  assert.equal(markers(), 2)
  assert.deepEqual(log.abortedTransactionsIn(0, 5), [{ producerId: 1, firstOffset: 1 }])
  // Newer transactions, so that these markers are not the last that is known of their producers.
  world.append(log, batchOf([{ key: 'c', value: 'newer' }], { id: 2, sequence: 1, transactional: true }))
  appendMarker(world, log, 2, true)
  for (let i = 0; i < 3; i++) {
    fill()
    clean(world)
    world.settle(2000)
  }
  fill()
  clean(world)
  assert.deepEqual(contents(world).find((r) => r.key === 'c')?.value, 'newer')
  assert.equal(
    contents(world).find((r) => r.value === 'aborted'),
    undefined,
  )
})

test('an open transaction, the compaction lag and the active segment are left alone', () => {
  const world = new World({ config: { ...compacted, minCompactionLagMs: 10_000 }, manager: { tailBytesMax: 0 } })
  const log = world.createLog()
  for (let i = 0; i < 30; i++)
    world.append(log, batchOf([{ key: 'a', value: `${i}${'x'.repeat(300)}`, timestamp: world.nowMs() }]))
  world.settle()
  clean(world)
  assert.equal(contents(world).length, 30)
  world.settle(20_000)
  clean(world)
  assert.ok(contents(world).length < 10)
  const open = new World({ config: compacted, manager: { tailBytesMax: 0 } })
  const other = open.createLog()
  open.append(other, batchOf([{ key: 'a' }], { id: 1, sequence: 0, transactional: true }))
  for (let i = 0; i < 30; i++) open.append(other, batchOf([{ key: 'a', value: 'x'.repeat(300) }]))
  open.settle()
  clean(open)
  assert.equal(contents(open).length, 31)
})

test('a small dedupe buffer takes several runs to the same end', () => {
  const run = (dedupeBufferSize: number): ReadRecord[] => {
    const world = new World({
      config: compacted,
      manager: { tailBytesMax: 0, cleaner: { dedupeBufferSize, backoffMs: 100 } },
    })
    const log = world.createLog()
    for (let i = 0; i < 200; i++) world.append(log, batchOf([{ key: `k${i % 60}`, value: `${i}${'x'.repeat(60)}` }]))
    world.settle()
    world.settle(20_000)
    return contents(world, log)
  }
  assert.deepEqual(run(16 * 24), run(1 << 20))
})

test('cleaning gives way to truncation and deletion', () => {
  const world = new World({ config: compacted, manager: { tailBytesMax: 0 } })
  const log = world.createLog()
  for (let i = 0; i < 300; i++) world.append(log, batchOf([{ key: 'a', value: `${i}${'x'.repeat(300)}` }]))
  world.settle()
  world.manager.runCleaner()
  world.settle(1)
  assert.equal(log.cleaning, true)
  assert.equal(
    world.wait((done) => log.truncateTo(150, done)),
    null,
  )
  world.settle()
  assert.equal(log.cleaning, false)
  assert.equal(contents(world).length, 150)
  world.manager.runCleaner()
  world.settle(1)
  world.manager.deleteLog('t', 0)
  world.settle()
  assert.equal(world.manager.directories[0].offline, null)
})

test('random keys against a model, values compressed or not', () => {
  for (let seed = 1; seed <= 25; seed++) {
    const dice = new Dice(seed)
    const world = new World({ seed, config: compacted, manager: { tailBytesMax: 0, cleaner: { enable: false } } })
    const log = world.createLog()
    for (let round = 0; round < 4; round++) {
      for (let i = dice.between(5, 60); i > 0; i--) {
        const records = Array.from({ length: dice.between(1, 5) }, () => ({
          key: `k${dice.below(20)}`,
          value: dice.chance(0.1) ? null : 'v'.repeat(dice.below(200)),
          timestamp: 1000 + dice.below(1000),
        }))
        world.append(log, batchOf(records, undefined, dice.pick([0, 1, 4])))
      }
      world.settle()
      const before = contents(world)
      const activeBase = log.core.segments.last.baseOffset
      clean(world)
      const after = contents(world)
      const newest = new Map(before.filter((r) => r.offset < activeBase).map((r) => [r.key, r]))
      const kept = new Set(after.map((r) => r.offset))
      // What is there was there, unchanged; what is gone was replaced, or is a tombstone.
      assert.deepEqual(
        after,
        before.filter((r) => kept.has(r.offset)),
        `seed ${seed}`,
      )
      for (const r of before) {
        const wanted = r.offset >= activeBase || (newest.get(r.key) === r && r.value !== null)
        if (wanted) assert.ok(kept.has(r.offset), `seed ${seed}: offset ${r.offset} is lost`)
        else if (r.offset < activeBase && newest.get(r.key) !== r)
          assert.ok(!kept.has(r.offset), `seed ${seed}: ${r.offset} stayed`)
      }
      for (const at of [1100, 1500, 1900]) {
        const expected = after.find((r) => r.timestamp >= at)
        assert.equal(log.fetchOffsetByTimestamp(at)?.offset, expected?.offset, `seed ${seed}`)
      }
    }
  }
})

test('what is cleaned is read clean although it was in memory; what is not stays there', () => {
  const world = new World({ config: compacted })
  const log = world.createLog()
  for (let i = 0; i < 60; i++) world.append(log, batchOf([{ key: `k${i % 3}`, value: `v${i}${'x'.repeat(80)}` }]))
  world.settle()
  const [activeFrom] = log.core.segments.all().slice(-1)
  assert.ok(Buffer.isBuffer(world.read(log, 0)))
  clean(world)
  const offsets = contents(world).map(({ offset }) => offset)
  assert.deepEqual(
    offsets.filter((offset) => offset < activeFrom.baseOffset),
    [3, 2, 1].map((back) => activeFrom.baseOffset - back),
  )
  const options = { maxBytes: 1000, maxOffset: 60, minOneMessage: true }
  assert.equal(log.read(0, options), 'disk')
  assert.notEqual(log.read(activeFrom.baseOffset, options), 'disk')
  world.append(log, batchOf([{ key: 'k', value: 'after' }]))
  world.settle()
  assert.equal(contents(world).at(-1)?.value, 'after')
})

test('the offset map: what was put is found, and no more than fits', () => {
  const dice = new Dice(1)
  const map = new OffsetMap({ uint32: () => dice.below(0x1_0000_0000) }, 1000, 24 * 512, 0.9)
  const expected = new Map<string, number>()
  for (let i = 0; i < 2000; i++) {
    const key = `key ${dice.below(600)}`
    const bytes = Buffer.from(key)
    const known = expected.has(key)
    if (map.put(bytes, 0, bytes.length, i)) expected.set(key, i)
    else assert.ok(!known && map.count === Math.floor(512 * 0.9))
  }
  for (let i = 0; i < 600; i++) {
    const bytes = Buffer.from(`xkey ${i}`)
    assert.equal(map.get(bytes, 1, bytes.length - 1), expected.get(`key ${i}`) ?? -1)
  }
})

test('the offset map: with a load factor of 1, or of any number, a search ends', () => {
  for (const [factor, expected] of [
    [1, 7],
    [9, 1],
    [0, 1],
    [-1, 1],
  ]) {
    const map = new OffsetMap({ uint32: () => 1 }, 8, 24 * 8, factor)
    for (let i = 0; i < 20; i++) map.put(Buffer.from([i]), 0, 1, i)
    assert.equal(map.count, expected)
    assert.equal(map.get(Buffer.from('absent'), 0, 6), -1)
  }
})

test('the key hash depends on every byte, the length and the keys', () => {
  const hasher = new KeyHasher({ uint32: () => 0x01020304 })
  const seen = new Set<string>()
  for (let length = 0; length < 20; length++)
    for (let flip = -1; flip < length; flip++) {
      const bytes = Buffer.alloc(length)
      if (flip >= 0) bytes[flip] = 1
      hasher.hash(bytes, 0, length)
      seen.add(hasher.out.join())
    }
  assert.equal(seen.size, 20 + 190)
})

test('what to clean next is looked for in slices, and a stop in between ends that', async () => {
  const world = new World({ config: compacted, lookMs: 1, manager: { tailBytesMax: 0, cleaner: { enable: false } } })
  const logs = Array.from({ length: 12 }, (_, partition) => world.createLog('t', partition))
  for (const log of logs)
    for (let i = 0; i < 40; i++) world.append(log, batchOf([{ key: 'k', value: `${i}${'x'.repeat(200)}` }]))
  world.settle()
  let looks = 0
  for (const log of logs) {
    const guarded = log.guarded.bind(log)
    log.guarded = (action, otherwise) => {
      looks++
      return guarded(action, otherwise)
    }
  }
  const sizeBefore = logs.map((log) => log.sizeBytes)
  world.manager.runCleaner()
  assert.ok(looks > 0 && looks < logs.length / 2, `${looks} looks`)
  world.manager.runCleaner()
  world.settle(2000)
  for (const [i, log] of logs.entries()) assert.ok(log.sizeBytes < sizeBefore[i] / 2, log.name)
  world.manager.runCleaner()
  looks = 0
  await world.stop()
  assert.equal(looks, 0)
})
