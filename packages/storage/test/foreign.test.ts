import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { batch } from '@ottla/protocol/records'
import type { FileSystem } from '@ottla/runtime'
import { OffsetIndex } from '../src/index/offset-index.ts'
import { TimeIndex } from '../src/index/time-index.ts'
import { LogManager, StorageError } from '../src/index.ts'
import { withCalls } from './support/file-systems.ts'
import { batchOf, recordsIn, World } from './support/world.ts'

/** What Apache Kafka leaves, and how it is treated. */
const DIRECTORY = '/kafka'
const LOG = `${DIRECTORY}/old-0/00000000000000000000.log`
const INDEX_BYTES = 1024

function write(fs: FileSystem, path: string, content: string | Buffer): void {
  const file = fs.open(path, 'w+')
  file.writeSync(Buffer.from(content as string), 0)
  file.close()
}

function batchAt(offset: number, timestamp: number): Buffer {
  const bytes = batchOf([{ value: `value ${offset}`, timestamp }])
  batch.setBaseOffset(bytes, 0, offset)
  batch.setPartitionLeaderEpoch(bytes, 0, 0)
  return bytes
}

/** A log whose active segment has its indexes preallocated, full of zeros, as a broker that was killed leaves them. */
function kafkaDirectory(world: World, logBytes: Buffer): void {
  const { fs } = world.runtime
  fs.mkdir(`${DIRECTORY}/old-0`)
  const meta = 'node.id=1\nversion=1\ncluster.id=theirs\ndirectory.id=AAAAAAAAAAAAAAAAAAAAAQ\n'
  write(fs, `${DIRECTORY}/meta.properties`, meta)
  write(fs, `${DIRECTORY}/.lock`, '')
  write(fs, `${DIRECTORY}/old-0/partition.metadata`, 'version: 0\ntopic_id: chQzDVVPSG-Hgee77FyClw')
  write(fs, LOG, logBytes)
  for (const suffix of ['index', 'timeindex']) write(fs, LOG.replace(/log$/, suffix), Buffer.alloc(INDEX_BYTES))
}

function open(world: World, adopt = true, fs = world.runtime.fs): LogManager {
  return LogManager.open(
    { ...world.runtime, fs },
    {
      directories: [DIRECTORY],
      nodeId: 1,
      clusterId: null,
      identity: { pid: 77, startedAt: '1', bootId: 'b' },
      isAlive: () => false,
      configOf: () => world.config,
      listener: world,
      adopt,
      tailBytesMax: 0,
    },
  )
}

const changing = ['mkdir', 'rename', 'unlink', 'remove', 'rmdir', 'syncDir'] as const

test('without leave not one call goes to a directory of Apache Kafka that could change it', () => {
  const world = new World()
  kafkaDirectory(world, batchAt(0, 1))
  const { fs } = world.runtime
  const changed: string[] = []
  const watched = withCalls(fs, {
    ...Object.fromEntries(changing.map((call) => [call, (path: string) => void changed.push(`${call} ${path}`)])),
    open: (path, mode) => {
      if (mode !== 'r') changed.push(`open ${path} ${mode}`)
      return fs.open(path, mode)
    },
  })
  assert.throws(
    () => open(world, false, watched),
    (error) => error instanceof StorageError && error.code === 'FOREIGN_DIRECTORY',
  )
  assert.deepEqual(changed, [])
})

test('adopted: indexes of zeros, gaps that compaction has left, a torn tail', () => {
  const world = new World()
  const offsets = [0, 1, 5, 6, 7, 20, 30]
  const whole = offsets.map((offset) => batchAt(offset, 1000 + offset))
  kafkaDirectory(world, Buffer.concat([...whole, batchAt(31, 2000).subarray(0, 40)]))
  // A segment that begins later than the one before it ends.
  write(world.runtime.fs, LOG.replace('00000000.log', '00000050.log'), batchAt(50, 1050))
  const manager = open(world)
  const log = manager.getLog('old', 0)!
  assert.equal(log.offline, null)
  assert.equal(log.topicId, 'chQzDVVPSG-Hgee77FyClw')
  assert.equal(log.fetchOffsetByTimestamp(1006)?.offset, 6)
  assert.equal(log.fetchOffsetByTimestamp(1008)?.offset, 20)
  for (const [from, expected] of [
    [0, 0],
    [2, 5],
    [8, 20],
    [30, 30],
  ])
    assert.equal(recordsIn(world.read(log, from) as Buffer).find(({ offset }) => offset >= from)?.offset, expected)
  assert.equal(world.append(log, batchOf([{ value: 'ours' }])).errorCode, 0)
  manager.abandon()
})

test('an adoption that was interrupted begins anew: until it is done the logs are taken for Kafka’s', () => {
  const gap = LOG.replace('00000000.log', '00000050.log')
  const calls = ['rename', 'syncDir', 'unlink'] as const
  let interrupted = 0
  for (let left = 0; ; left++) {
    const world = new World()
    kafkaDirectory(world, batchAt(0, 1000))
    write(world.runtime.fs, gap, batchAt(50, 1050))
    const { fs } = world.runtime
    let more = left
    const dying = withCalls(
      fs,
      Object.fromEntries(
        calls.map((call) => [
          call,
          (...args: [string, string]) => {
            if (more-- <= 0) throw new Error('killed')
            return (fs[call] as (...args: string[]) => void)(...args)
          },
        ]),
      ),
    )
    let done = true
    try {
      open(world, true, dying).abandon()
    } catch (error) {
      assert.match((error as Error).message, /killed/)
      done = false
      interrupted++
    }
    const manager = open(world)
    const log = manager.getLog('old', 0)!
    assert.equal(log.appendEndOffset, 51, `after ${left} calls`)
    assert.equal(recordsIn(world.read(log, 2) as Buffer)[0]?.offset, 50)
    manager.abandon()
    if (done) break
  }
  assert.ok(interrupted > 5, `${interrupted} interruptions`)
})

test('the padding behind the entries of an index is no entry; a first entry of zeros may be one', () => {
  const padded = (entry: readonly (readonly [offset: number, position: number])[], zeros: number): Buffer => {
    const bytes = Buffer.alloc(8 * (entry.length + zeros))
    for (const [i, [offset, position]] of entry.entries()) {
      bytes.writeInt32BE(offset, 8 * i)
      bytes.writeInt32BE(position, 8 * i + 4)
    }
    return bytes
  }
  const entries = [
    [4, 5000],
    [9, 9100],
  ] as const
  assert.equal(OffsetIndex.decode(padded(entries, 0), 10_000)?.count, 2)
  assert.equal(OffsetIndex.decode(padded(entries, 100), 10_000)?.count, 2)
  assert.equal(OffsetIndex.decode(padded([], 100), 10_000)?.count, 0)
  assert.equal(OffsetIndex.decode(padded([[0, 0], ...entries], 3), 10_000)?.count, 3)
  assert.equal(OffsetIndex.decode(padded(entries, 0), 9100), null, 'beyond the log')
  assert.equal(OffsetIndex.decode(padded([...entries, [9, 9500]], 0), 10_000), null, 'not rising')
  const times = new TimeIndex()
  times.maybeAppend(1000, 4)
  times.maybeAppend(2000, 9)
  assert.equal(TimeIndex.decode(Buffer.concat([times.encode(), Buffer.alloc(120)]), 10)?.count, 2)
  assert.equal(TimeIndex.decode(Buffer.alloc(120), 10)?.count, 0)
  assert.equal(TimeIndex.decode(times.encode(), 9), null, 'beyond the log')
})

test('messages of before Kafka 0.11 are refused, not cut off as a torn tail', () => {
  const world = new World()
  const old = Buffer.alloc(40)
  old.writeInt32BE(28, 8)
  old.writeInt8(1, 16)
  old.writeInt32BE(-1, 26)
  old.writeInt32BE(6, 30)
  old.write('abcdef', 34)
  old.writeUInt32BE(crc32(old.subarray(16)), 12)
  kafkaDirectory(world, Buffer.concat([old, old]))
  const manager = open(world)
  const log = manager.getLog('old', 0)!
  assert.match(String(log.offline?.message), /message format v1/)
  assert.equal(world.runtime.fs.stat(LOG)?.size, 80)
  manager.abandon()
})
