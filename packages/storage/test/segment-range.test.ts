import assert from 'node:assert/strict'
import { test } from 'node:test'
import { batch } from '@ottla/protocol/records'
import type { File, FileSystem } from '@ottla/runtime'
import { SeededRandom } from '@ottla/runtime/sim'
import type { PartitionLog, ReadOptions, SegmentRange } from '../src/index.ts'
import { withCalls } from './support/file-systems.ts'
import { batchOf, World } from './support/world.ts'

const RECORDS = 4
const BATCHES = 400

/** A log whose files say that they can be sent; nothing of it is in memory. */
function rangeWorld(sendable: () => boolean): { world: World; log: PartitionLog } {
  const world = new World({
    config: { segmentBytes: 1 << 20, indexIntervalBytes: 4096 },
    manager: { tailBytesMax: 0 },
    fileSystem: (fs: FileSystem) =>
      withCalls(fs, {
        open: (path, mode) => {
          const file = fs.open(path, mode) as File & { isSendable?: () => boolean }
          file.isSendable = sendable
          return file
        },
      }),
  })
  const log = world.createLog()
  fill(world, log)
  return { world, log }
}

function fill(world: World, log: PartitionLog): void {
  for (let i = 0; i < BATCHES; i++) {
    const value = String(i).padEnd(1500 + ((i * 37) % 900), 'x')
    world.append(log, batchOf(Array.from({ length: RECORDS }, () => ({ value }))))
    if (i % 8 === 0) world.settle(1)
  }
  world.settle(100)
}

type Slice = { readonly bytes: number; readonly chunks: readonly (Buffer | SegmentRange)[] }

function read(world: World, log: PartitionLog, offset: number, options: Partial<ReadOptions> = {}): Slice {
  const result: { slice?: Slice | null } = {}
  const full = { maxBytes: 256 * 1024, maxOffset: log.writtenEndOffset, minOneMessage: true, ranges: true, ...options }
  log.readFromDisk(offset, full, (error, slice) => {
    assert.equal(error, null)
    for (const chunk of slice!.chunks) if (!Buffer.isBuffer(chunk)) chunk.retain()
    result.slice = slice
  })
  world.simulation.scheduler.runSync({ until: () => result.slice !== undefined })
  return result.slice as Slice
}

function rangeOf(slice: Slice): SegmentRange {
  const [range] = slice.chunks
  assert.ok(range !== undefined && !Buffer.isBuffer(range), 'the bytes were read')
  return range
}

function contentOf(range: SegmentRange): Buffer {
  const bytes = Buffer.alloc(range.length)
  assert.equal(range.file.readSync(bytes, 0, range.length, range.position), range.length)
  return bytes
}

test('a range is the beginning of what a read gives: whole batches within the limits', () => {
  const { world, log } = rangeWorld(() => true)
  const random = new SeededRandom(7)
  let ranges = 0
  for (let i = 0; i < 300; i++) {
    const offset = random.below(log.writtenEndOffset)
    const maxBytes = 10_000 + random.below(600_000)
    const maxOffset = random.chance(0.5)
      ? log.writtenEndOffset
      : RECORDS * Math.ceil((offset + random.below(log.writtenEndOffset - offset)) / RECORDS)
    const options = { maxBytes, maxOffset }
    const slice = read(world, log, offset, options)
    const [chunk] = slice.chunks
    if (chunk === undefined || Buffer.isBuffer(chunk)) continue
    ranges++
    const bytes = contentOf(chunk)
    const expected = world.readFromDisk(log, offset, { ...options, minOneMessage: true }) as Buffer
    assert.ok(bytes.length <= maxBytes)
    // Nothing is left out: the index has an entry for every batch of this size.
    assert.ok(bytes.equals(expected), `${offset} ${maxBytes} ${maxOffset}: ${bytes.length} of ${expected.length}`)
    let last = -1
    for (let at = 0; at < bytes.length; at += batch.sizeInBytes(bytes, at)) last = batch.lastOffset(bytes, at)
    assert.ok(last < maxOffset)
    chunk.release()
  }
  assert.ok(ranges > 100, `${ranges} ranges`)
})

/** Batches of these sizes, about, in bytes. */
function logOf(world: World, sizes: readonly number[]): PartitionLog {
  const log = world.createLog('sized', 0)
  for (const size of sizes) {
    world.append(log, batchOf([{ value: 'y'.repeat(size) }]))
    world.settle(1)
  }
  world.settle(100)
  return log
}

test('a large batch behind a small one comes with it, and the end of the log is found', () => {
  const { world } = rangeWorld(() => true)
  const log = logOf(world, [1000, 200_000, 200_000, 1000, 300_000, 500])
  const sizes: number[] = []
  for (let offset = 0; offset < 6; ) {
    const slice = read(world, log, offset, { maxBytes: 410_000 })
    const range = rangeOf(slice)
    const bytes = contentOf(range)
    sizes.push(Math.round(bytes.length / 1000))
    for (let at = 0; at < bytes.length; at += batch.sizeInBytes(bytes, at)) offset = batch.lastOffset(bytes, at) + 1
    range.release()
  }
  assert.deepEqual(sizes, [402, 301])
})

test('the first batch comes whatever its size, unless none must', () => {
  const { world } = rangeWorld(() => true)
  const log = logOf(world, [300_000, 1000])
  assert.ok(rangeOf(read(world, log, 0, { maxBytes: 1000 })).length > 300_000)
  assert.equal(read(world, log, 0, { maxBytes: 1000, minOneMessage: false }).bytes, 0)
  assert.equal(read(world, log, 0, { maxOffset: 0 }).bytes, 0)
})

test('few bytes are read in the turn of the question when they are in the page cache', () => {
  let sendable = true
  const { world } = rangeWorld(() => sendable)
  const log = logOf(world, [1000, 200_000])
  const answeredAtOnce = (): boolean => {
    let answered = false
    const options = { maxBytes: 100_000, maxOffset: 2, minOneMessage: true, ranges: true }
    log.readFromDisk(0, options, (error, slice) => {
      assert.equal(error, null)
      assert.ok(Buffer.isBuffer(slice!.chunks[0]) && slice!.bytes < 2000)
      answered = true
    })
    const atOnce = answered
    world.settle(100)
    assert.ok(answered)
    return atOnce
  }
  assert.equal(answeredAtOnce(), true)
  sendable = false
  assert.equal(answeredAtOnce(), false)
})

test('reading on from where a range ends, one comes through the whole log', () => {
  const { world, log } = rangeWorld(() => true)
  let offset = 0
  while (offset < log.writtenEndOffset) {
    for (const chunk of read(world, log, offset).chunks) {
      const bytes = Buffer.isBuffer(chunk) ? chunk : contentOf(chunk)
      for (let at = 0; at < bytes.length; at += batch.sizeInBytes(bytes, at)) {
        assert.equal(batch.baseOffset(bytes, at), offset)
        offset = batch.lastOffset(bytes, at) + 1
      }
    }
  }
  assert.equal(offset, BATCHES * RECORDS)
})

test('what is not in the page cache is read, and so is what nobody has verified since the start', async () => {
  let sendable = false
  const { world } = rangeWorld(() => sendable)
  assert.ok(Buffer.isBuffer(read(world, world.log(), 0).chunks[0]))
  sendable = true
  assert.ok(!Buffer.isBuffer(read(world, world.log(), 0).chunks[0]))
  await world.stopAndRestart()
  const log = world.log()
  let offset = 0
  const first = read(world, log, 0)
  assert.ok(Buffer.isBuffer(first.chunks[0]))
  for (let at = 0; at < first.bytes; at += batch.sizeInBytes(first.chunks[0], at))
    offset = batch.lastOffset(first.chunks[0], at) + 1
  assert.ok(Buffer.isBuffer(read(world, log, offset).chunks[0]))
  // Both reads together have looked at every batch of it.
  assert.ok(!Buffer.isBuffer(read(world, log, 4 * RECORDS).chunks[0]))
})

test('who does not send ranges gets bytes', () => {
  const { world, log } = rangeWorld(() => true)
  assert.ok(Buffer.isBuffer(read(world, log, 0, { ranges: false }).chunks[0]))
})

test('a range stays readable when its segment has gone, as long as it is held', () => {
  const { world, log } = rangeWorld(() => true)
  const range = rangeOf(read(world, log, 0))
  const before = contentOf(range)
  log.deleteRecordsBefore(log.writtenEndOffset)
  log.raiseStartForRetention(world.nowMs())
  log.truncateFullyAndStartAt(10_000, () => {})
  world.settle(120_000)
  assert.ok(contentOf(range).equals(before))
  range.release()
  assert.throws(() => contentOf(range))
})
