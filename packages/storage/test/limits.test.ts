import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { RecordBatchBuilder } from '@ottla/protocol/records'
import { OffsetMap } from '../src/cleaner/offset-map.ts'
import type { LogConfig, LogManagerOptions } from '../src/index.ts'
import { batchOf, recordsIn, World } from './support/world.ts'

function codeOf(bytes: Buffer, config: Partial<LogConfig>, manager: Partial<LogManagerOptions> = {}): number {
  const world = new World({ config: { segmentBytes: 1 << 20, ...config }, manager })
  return world.append(world.createLog(), Buffer.from(bytes)).errorCode
}

test('max.decompressed.message.bytes, where the broker looks inside', () => {
  const inside: Partial<LogConfig> = { cleanupPolicy: { delete: false, compact: true } }
  const record = { key: 'k', value: 'x'.repeat(5000) }
  for (const codec of [1, 2, 3, 4] as const) {
    const bytes = batchOf([record], undefined, codec)
    assert.equal(codeOf(bytes, { ...inside, maxDecompressedMessageBytes: 5000 }), 10, `codec ${codec}`)
    assert.equal(codeOf(bytes, { ...inside, maxDecompressedMessageBytes: 5100 }), 0, `codec ${codec}`)
  }
  // A hundred times max.message.bytes, whatever is configured.
  const ten = batchOf(Array(10).fill(record), undefined, 1)
  assert.ok(ten.length < 450, `${ten.length}`)
  assert.equal(codeOf(ten, { ...inside, maxMessageBytes: 450 }), 10)
  assert.equal(codeOf(ten, { ...inside, maxMessageBytes: 550 }), 0)
})

test('message.timestamp.after.max.ms and before.max.ms, in compressed batches too', () => {
  const nowMs = new World().nowMs()
  for (const codec of [0, 1] as const)
    for (const manager of [{}, { validateCompressed: true }]) {
      const at = (timestamp: number, config: Partial<LogConfig>): number =>
        codeOf(batchOf([{ timestamp }], undefined, codec), config, manager)
      assert.equal(at(nowMs + 1001, { messageTimestampAfterMaxMs: 1000 }), 32)
      assert.equal(at(nowMs + 1000, { messageTimestampAfterMaxMs: 1000 }), 0)
      assert.equal(at(nowMs - 1001, { messageTimestampBeforeMaxMs: 1000 }), 32)
      assert.equal(at(nowMs - 1000, { messageTimestampBeforeMaxMs: 1000 }), 0)
      assert.equal(at(-1, { messageTimestampBeforeMaxMs: 1000 }), 0)
      const logTime = { messageTimestampType: 'LogAppendTime', messageTimestampAfterMaxMs: 1 } as const
      assert.equal(at(nowMs + 5000, logTime), 0)
    }
})

test('a batch that grows beyond max.message.bytes by being compressed anew is refused', () => {
  const builder = new RecordBatchBuilder()
  builder.append(null, randomBytes(5000), null, 1)
  const bytes = builder.build()
  assert.equal(codeOf(bytes, { maxMessageBytes: bytes.length }), 0)
  assert.equal(codeOf(bytes, { maxMessageBytes: bytes.length, compressionType: 'gzip' }), 10)
})

test('log.cleaner.dedupe.buffer.size bounds the memory of the map', () => {
  for (const [entries, bytesMax, least] of [
    [1e9, 24 * 512, 24 * 512],
    [1e9, 24 * 1000, 24 * 512],
    [10, 1 << 27, 24 * 16],
  ]) {
    const { memoryBytes } = new OffsetMap({ uint32: () => 1 }, entries, bytesMax, 0.9)
    assert.ok(memoryBytes <= bytesMax && memoryBytes >= least, `${memoryBytes} for ${entries}`)
  }
})

test('min.cleanable.dirty.ratio: a log is compacted once more than that share of it is dirty', () => {
  const world = new World({
    config: { cleanupPolicy: { delete: false, compact: true }, minCleanableDirtyRatio: 0, segmentBytes: 400 },
    manager: { cleaner: { enable: false } },
  })
  const log = world.createLog()
  const append = (from: number, count: number): void => {
    for (let i = from; i < from + count; i++)
      world.append(log, batchOf([{ key: `k${100 + i}`, value: 'x'.repeat(300) }]))
    world.settle()
  }
  const cleaned = (): boolean => {
    const before = log.core.segments.all()[0]
    world.manager.runCleaner()
    world.settle(200)
    return log.core.segments.all()[0] !== before
  }
  // Each segment holds one record of the same size, and no key comes twice: all of it stays. The active segment is never cleaned.
  append(0, 11)
  assert.equal(cleaned(), true)
  log.updateConfig({ ...log.config, minCleanableDirtyRatio: 0.5 })
  append(11, 10)
  assert.equal(cleaned(), false, '10 of 20 are dirty')
  append(21, 1)
  assert.equal(cleaned(), true, '11 of 21 are dirty')
})

test('max.compaction.lag.ms: a log is compacted in time although little of it is dirty', () => {
  const world = new World({
    config: {
      cleanupPolicy: { delete: false, compact: true },
      minCleanableDirtyRatio: 1,
      maxCompactionLagMs: 60_000,
      segmentBytes: 400,
    },
    manager: { tailBytesMax: 0, cleaner: { backoffMs: 1000 } },
  })
  const log = world.createLog()
  for (let i = 0; i < 20; i++) world.append(log, batchOf([{ key: 'k', value: `${i}`, timestamp: world.nowMs() }]))
  world.settle()
  const size = log.sizeBytes
  world.settle(55_000)
  assert.equal(log.sizeBytes, size)
  world.settle(10_000)
  assert.ok(log.sizeBytes < size)
  assert.equal(recordsIn(world.read(log, 18, { minOneMessage: true }) as Buffer).at(-1)?.value, '19')
})

test('a small dedupe buffer is kept to: more runs, each with as many keys as fit', () => {
  const runs = (dedupeBufferSize: number): number => {
    const world = new World({
      config: { cleanupPolicy: { delete: false, compact: true }, minCleanableDirtyRatio: 0, segmentBytes: 2000 },
      manager: { tailBytesMax: 0, cleaner: { dedupeBufferSize, backoffMs: 100 } },
    })
    const log = world.createLog()
    for (let i = 0; i < 200; i++) world.append(log, batchOf([{ key: `k${i % 60}`, value: 'x'.repeat(60) }]))
    world.settle(20_000)
    return world.machine.log.filter((line) => line.message === 'cleaned').length
  }
  assert.ok(runs(16 * 24) > 3 * runs(1 << 20), `${runs(16 * 24)} runs, and ${runs(1 << 20)}`)
})
