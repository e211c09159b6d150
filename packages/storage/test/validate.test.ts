import assert from 'node:assert/strict'
import { test } from 'node:test'
import { batch, crc32c, readBatches, transactionMarkerBatch } from '@ottla/protocol/records'
import type { LogConfig } from '../src/index.ts'
import { batchOf, recordsIn, World } from './support/world.ts'

function appendTo(config: Partial<LogConfig>, bytes: Buffer): { world: World; result: ReturnType<World['append']> } {
  const world = new World({ config })
  const log = world.createLog()
  const result = world.append(log, bytes)
  world.settle()
  return { world, result }
}

function codeOf(bytes: Buffer, config: Partial<LogConfig> = {}): number {
  const { world, result } = appendTo(config, bytes)
  if (result.errorCode !== 0) {
    assert.equal(world.log().appendEndOffset, 0, 'nothing of a refused batch is kept')
    assert.equal(result.baseOffset, -1)
  }
  return result.errorCode
}

function changed(change: (bytes: Buffer) => void, bytes = batchOf([{}, {}])): Buffer {
  change(bytes)
  batch.setCrc(bytes, 0, crc32c(bytes, batch.CRC_START, bytes.length))
  return bytes
}

test('what is refused, and how', () => {
  const plain = batchOf([{}])
  assert.equal(codeOf(Buffer.alloc(0)), 87)
  assert.equal(codeOf(plain.subarray(0, 40)), 87)
  assert.equal(codeOf(Buffer.concat([batchOf([{}]), batchOf([{}])])), 87)
  assert.equal(codeOf(Buffer.concat([batchOf([{}]), Buffer.from('?')])), 87)
  const corrupt = batchOf([{ value: 'abc' }])
  corrupt[corrupt.length - 2] ^= 1
  assert.equal(codeOf(corrupt), 2)
  const short = batchOf([{}])
  short.writeInt32BE(3, 8)
  assert.equal(codeOf(short), 2)
  assert.equal(codeOf(batchOf([{ value: 'x'.repeat(500) }]), { maxMessageBytes: 300 }), 10)
  assert.equal(codeOf(batchOf([{ value: 'x'.repeat(500) }]), { segmentBytes: 300 }), 18)
  assert.equal(codeOf(changed((b) => b.writeInt32BE(5, 23))), 87)
  assert.equal(codeOf(changed((b) => b.writeInt32BE(3, 57))), 87)
  assert.equal(codeOf(changed((b) => batch.setBaseOffset(b, 0, 7))), 87)
  assert.equal(codeOf(changed((b) => batch.setAttributes(b, 0, 0x20))), 87)
  assert.equal(codeOf(changed((b) => batch.setAttributes(b, 0, 0x05))), 76)
  // A record that is longer than the batch.
  assert.equal(codeOf(changed((b) => (b[61] = 0x7e))), 87)
  assert.equal(codeOf(batchOf([{ timestamp: 2 ** 53 - 1 }])), 32)
  assert.equal(codeOf(batchOf([{ timestamp: 5 }]), { messageTimestampBeforeMaxMs: 1000 }), 32)
  assert.equal(codeOf(batchOf([{ timestamp: 5 }], undefined, 1), { messageTimestampBeforeMaxMs: 1000 }), 32)
  const old = changed((b) => b.writeInt8(1, 16))
  assert.equal(codeOf(old), 43)
  assert.equal(
    codeOf(
      transactionMarkerBatch({ producerId: 1, producerEpoch: 0, commit: true, coordinatorEpoch: 0, timestamp: 1 }),
    ),
    87,
  )
})

test('a compacted topic names the records without a key, in compressed batches too', () => {
  for (const codec of [0, 1] as const) {
    const { result } = appendTo(
      { cleanupPolicy: { delete: false, compact: true } },
      batchOf([{ key: 'a' }, {}, { key: 'b' }, {}], undefined, codec),
    )
    assert.equal(result.errorCode, 87)
    assert.deepEqual(
      result.recordErrors.map((error) => error.batchIndex),
      [1, 3],
    )
  }
})

test('LogAppendTime: the broker sets the time of all records', () => {
  const { world, result } = appendTo(
    { messageTimestampType: 'LogAppendTime' },
    batchOf([{ timestamp: 1 }, { timestamp: 2 }]),
  )
  assert.equal(result.logAppendTimeMs, world.nowMs() - 50)
  const records = recordsIn(world.read(world.log(), 0) as Buffer)
  assert.deepEqual(
    records.map((record) => record.timestamp),
    [result.logAppendTimeMs, result.logAppendTimeMs],
  )
})

test('a timestamp out of range is told the bounds that there are', () => {
  const nowMs = new World().nowMs()
  const told = (timestamp: number, config: Partial<LogConfig>): string | undefined =>
    appendTo(config, batchOf([{ timestamp }])).result.recordErrors[0]?.message
  const never = Number.POSITIVE_INFINITY
  const both = { messageTimestampBeforeMaxMs: 1000, messageTimestampAfterMaxMs: 2000 }
  const [oldest, newest] = [nowMs - 1000, nowMs + 2000]
  for (const [timestamp, config, must] of [
    [5, both, `lie within [${oldest}, ${newest}]`],
    [newest + 1, { ...both, messageTimestampBeforeMaxMs: never }, `be at most ${newest}`],
    [5, { ...both, messageTimestampAfterMaxMs: never }, `be at least ${oldest}`],
  ] as const) {
    assert.equal(told(timestamp, config), `timestamp ${timestamp} is out of range, it must ${must}`)
  }
  const inexact = changed((b) => b.writeBigInt64BE(2n ** 53n - 1n, 27), batchOf([{ timestamp: 0 }, { timestamp: 1 }]))
  for (const config of [
    { messageTimestampBeforeMaxMs: never, messageTimestampAfterMaxMs: never },
    { ...both, messageTimestampType: 'LogAppendTime' },
  ] as const) {
    assert.deepEqual(appendTo(config, Buffer.from(inexact)).result.recordErrors, [
      {
        batchIndex: 1,
        message: 'timestamp 9007199254740992 is out of range, it must lie within [-9007199254740991, 9007199254740991]',
      },
    ])
  }
})

test('a wrong maximum timestamp is put right', () => {
  const wrong = changed((b) => batch.setMaxTimestamp(b, 0, 99), batchOf([{ timestamp: 3 }, { timestamp: 8 }]))
  const { world, result } = appendTo({}, wrong)
  assert.equal(result.errorCode, 0)
  assert.equal(world.log().fetchMaxTimestamp()?.timestampMs, 8)
  assert.equal(recordsIn(world.read(world.log(), 0) as Buffer).length, 2)
})

test('compression.type: batches of another codec are compressed anew', () => {
  for (const [compressionType, codec] of [
    ['uncompressed', 0],
    ['gzip', 1],
    ['snappy', 2],
    ['lz4', 3],
    ['zstd', 4],
  ] as const)
    for (const source of [0, 1, 3] as const) {
      const { world, result } = appendTo(
        { compressionType },
        batchOf([{ key: 'k', value: 'v'.repeat(500) }, { value: null }], { id: 3, sequence: 0 }, source),
      )
      assert.equal(result.errorCode, 0)
      const bytes = world.read(world.log(), 0) as Buffer
      assert.deepEqual(
        [...readBatches(bytes)].map((b) => [b.codec, b.producerId, b.baseSequence]),
        [[codec, 3, 0]],
      )
      assert.deepEqual(
        recordsIn(bytes).map((record) => record.value),
        ['v'.repeat(500), null],
      )
    }
})

test('transactions: what is open holds back the last stable offset', () => {
  const world = new World()
  const log = world.createLog()
  const marker = (id: number, commit: boolean, epoch = 0, coordinatorEpoch = 0): number =>
    world.append(
      log,
      transactionMarkerBatch({ producerId: id, producerEpoch: epoch, commit, coordinatorEpoch, timestamp: 1 }),
      { origin: 'coordinator' },
    ).errorCode
  world.append(log, batchOf([{}]))
  world.append(log, batchOf([{}, {}], { id: 1, sequence: 0, transactional: true }))
  world.append(log, batchOf([{}], { id: 2, sequence: 0, transactional: true }))
  world.settle()
  assert.equal(log.lastStableOffset, 1)
  assert.equal(world.append(log, batchOf([{}], { id: 1, sequence: 2 })).errorCode, 48)
  assert.equal(marker(1, false, 0, 3), 0)
  // Appended but not written: readers do not see the end of the transaction yet.
  assert.equal(log.lastStableOffset, 1)
  world.settle()
  assert.equal(log.lastStableOffset, 3)
  assert.equal(marker(2, true, 0, 2), 0)
  world.settle()
  assert.equal(log.lastStableOffset, 6)
  assert.deepEqual(log.abortedTransactionsIn(0, 6), [{ producerId: 1, firstOffset: 1 }])
  assert.deepEqual(log.abortedTransactionsIn(5, 6), [])
  assert.equal(marker(1, true, 0, 2), 52)
  assert.equal(marker(1, true, 1, 3), 0)
  assert.equal(marker(1, true, 0, 3), 47)
})

test('a follower takes batches as they are, gaps too, and leaves off a cut one', () => {
  const world = new World()
  const log = world.createLog()
  const first = batchOf([{ value: 'a' }, { value: 'b' }])
  batch.setBaseOffset(first, 0, 10)
  batch.setPartitionLeaderEpoch(first, 0, 4)
  const second = batchOf([{ value: 'c' }])
  batch.setBaseOffset(second, 0, 20)
  batch.setPartitionLeaderEpoch(second, 0, 5)
  const result = world.append(log, Buffer.concat([first, second, second.subarray(0, 30)]), { origin: 'replication' })
  assert.deepEqual([result.errorCode, result.baseOffset, result.nextOffset], [0, 10, 21])
  world.settle()
  assert.deepEqual(
    recordsIn(world.read(log, 0) as Buffer).map((record) => record.offset),
    [10, 11, 20],
  )
  assert.equal(log.latestEpoch, 5)
  assert.deepEqual(log.offsetForLeaderEpoch(4), { leaderEpoch: 4, endOffset: 20 })
  assert.equal(world.append(log, second, { origin: 'replication' }).errorCode, 87)
  world.killAndRestart()
  assert.equal(world.log().appendEndOffset, 21)
})
