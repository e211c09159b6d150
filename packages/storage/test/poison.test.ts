import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { batch, crc32c } from '@ottla/protocol/records'
import type { LogConfig, PartitionLog } from '../src/index.ts'
import { batchOf, DIRECTORY, recordsIn, World } from './support/world.ts'

/**
 * A compressed batch is not looked into before it is appended, unless the topic demands it. So a client can put anything
 * there, with a right checksum around it. It must not be more than a nuisance to who reads it.
 */
const TIMESTAMP = 5000

/** A gzip batch of `count` records as its header says, with `body` where their compressed form should be. */
function gzipBatch(body: Buffer, count = 2): Buffer {
  const header = batchOf(
    Array.from({ length: count }, () => ({ key: 'k', timestamp: TIMESTAMP })),
    undefined,
    1,
  ).subarray(0, batch.HEADER_BYTES)
  const bytes = Buffer.concat([header, body])
  bytes.writeInt32BE(bytes.length - batch.LOG_OVERHEAD, 8)
  batch.setCrc(bytes, 0, crc32c(bytes, batch.CRC_START, bytes.length))
  return bytes
}

const poisons: readonly (readonly [name: string, bytes: Buffer])[] = [
  ['no gzip stream', gzipBatch(Buffer.from('not compressed at all'))],
  ['a stream of no records', gzipBatch(gzipSync(Buffer.alloc(40, 0xff)))],
  ['fewer records than counted', gzipBatch(gzipSync(Buffer.from('0e0000000276000e0000000276', 'hex')), 3)],
  ['a bomb of 80 MiB', gzipBatch(gzipSync(Buffer.alloc(80 * 1024 * 1024)))],
]

function fill(world: World, log: PartitionLog, bytes: Buffer): void {
  world.append(log, batchOf([{ key: 'k', value: 'before', timestamp: 1000 }]))
  const result = world.append(log, Buffer.from(bytes))
  assert.equal(result.errorCode, 0, result.errorMessage ?? '')
  world.append(log, batchOf([{ key: 'k', value: 'after', timestamp: 9000 }]))
  world.settle()
}

function isFine(world: World, log: PartitionLog): void {
  assert.equal(log.offline, null)
  assert.equal(world.manager.directories[0].offline, null)
  assert.equal(world.append(log, batchOf([{ key: 'k' }])).errorCode, 0)
}

for (const [name, bytes] of poisons) {
  test(`${name}: look-ups by time go by its header, and nothing goes offline`, () => {
    const world = new World({ config: { segmentBytes: 1 << 20 }, manager: { tailBytesMax: 0 } })
    const log = world.createLog()
    fill(world, log, bytes)
    const found = log.fetchOffsetByTimestamp(1001)
    assert.ok(found !== null && found.offset >= 1, JSON.stringify(found))
    assert.equal(log.fetchOffsetByTimestamp(TIMESTAMP + 1)?.timestampMs, 9000)
    assert.equal(log.fetchMaxTimestamp()?.timestampMs, 9000)
    // Cut in two by the log's start.
    assert.equal(log.deleteRecordsBefore(2), 2)
    const cut = log.fetchOffsetByTimestamp(0)
    assert.ok(cut !== null && cut.offset >= 2, JSON.stringify(cut))
    assert.equal(log.fetchMaxTimestamp()?.timestampMs, 9000)
    isFine(world, log)
  })

  test(`${name}: compaction leaves the log alone and says so once, the others are compacted`, () => {
    const config: Partial<LogConfig> = { segmentBytes: 1 << 20, minCleanableDirtyRatio: 0 }
    const world = new World({ config, manager: { tailBytesMax: 0 } })
    const log = world.createLog()
    const other = world.createLog('other')
    fill(world, log, bytes)
    for (let i = 0; i < 10; i++) world.append(other, batchOf([{ key: 'k', value: `${i}` }]))
    world.settle()
    const before = (world.read(log, 0) as Buffer).toString('hex')
    for (const each of [log, other]) {
      assert.equal(each.roll(), true)
      each.updateConfig({ ...each.config, cleanupPolicy: { delete: false, compact: true } })
    }
    for (let i = 0; i < 3; i++) {
      world.manager.runCleaner()
      world.settle(1000)
    }
    assert.equal((world.read(log, 0) as Buffer).toString('hex'), before)
    assert.deepEqual(
      recordsIn(world.read(other, 0) as Buffer).map((record) => record.value),
      ['9'],
    )
    assert.equal(world.machine.log.filter((line) => line.message.includes('cannot be compacted')).length, 1)
    assert.deepEqual(
      world.runtime.fs.readdir(`${DIRECTORY}/t-0`).filter((file) => /cleaned|swap/.test(file)),
      [],
    )
    isFine(world, log)
  })
}

test('where the topic demands a look inside, none of them is taken', () => {
  for (const [config, manager] of [
    [{ cleanupPolicy: { delete: false, compact: true } }, {}],
    [{ compressionType: 'zstd' }, {}],
    [{ messageTimestampBeforeMaxMs: 1e15 }, {}],
    [{}, { validateCompressed: true }],
  ] as const) {
    const world = new World({ config, manager })
    const log = world.createLog()
    for (const [name, bytes] of poisons) {
      const { errorCode } = world.append(log, Buffer.from(bytes))
      assert.equal(errorCode, name.startsWith('a bomb') ? 10 : 87, `${name} with ${JSON.stringify(config)}`)
    }
    assert.equal(log.appendEndOffset, 0)
  }
})
