import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type BatchProblem,
  batch,
  batchProblemErrorCode,
  Codec,
  checkBatch,
  checkProducedBatch,
  crc32c,
  INCOMPLETE,
  MALFORMED,
  nextBatch,
  RecordBatchBuilder,
  RecordCursor,
  type RecordProblem,
  walkCompressedRecords,
  walkRecords,
} from '../../src/records/index.ts'
import { throwsRecordsError } from './support.ts'

const NOW = 1_700_000_000_000

function produced(records = 3, options: Parameters<RecordBatchBuilder['build']>[0] = {}): Buffer {
  const builder = new RecordBatchBuilder()
  for (let i = 0; i < records; i++) builder.append(Buffer.from(`k${i}`), Buffer.from(`v${i}`), null, NOW + i)
  return Buffer.from(builder.build(options))
}

/** Changes a good batch and, unless the CRC is the point, sums it again. */
function changed(change: (bytes: Buffer) => void, bytes: Buffer = produced()): Buffer {
  change(bytes)
  batch.setCrc(bytes, 0, crc32c(bytes, batch.CRC_START, bytes.length))
  return bytes
}

test('a good batch has no problem, wherever it lies', () => {
  const bytes = Buffer.concat([Buffer.alloc(5), produced(), produced(2, { codec: Codec.ZSTD }), Buffer.alloc(9)])
  let at = 5
  for (const records of [3, 2]) {
    assert.equal(checkBatch(bytes, at, bytes.length), 0)
    assert.equal(checkProducedBatch(bytes, at, bytes.length), 0)
    assert.equal(walkCompressedRecords(bytes, at, 1000, true), 0)
    assert.equal(batch.recordCount(bytes, at), records)
    at = nextBatch(bytes, at, bytes.length)
  }
  assert.equal(at, bytes.length - 9)
})

test('nextBatch tells an incomplete batch from a malformed one', () => {
  const bytes = produced()
  assert.equal(nextBatch(bytes, 0, bytes.length), bytes.length)
  for (let end = 0; end < bytes.length; end++) {
    assert.equal(nextBatch(bytes, 0, end), INCOMPLETE)
    assert.equal(checkBatch(bytes, 0, end), 'TRUNCATED')
  }
  for (const length of [-1, 0, 13, 48, -0x8000_0000]) {
    const bad = produced()
    bad.writeInt32BE(length, 8)
    assert.equal(nextBatch(bad, 0, bad.length), MALFORMED, `${length}`)
    assert.equal(checkBatch(bad, 0, bad.length), 'SIZE')
  }
  const huge = produced()
  huge.writeInt32BE(0x7fff_ffff, 8)
  assert.equal(nextBatch(huge, 0, huge.length), INCOMPLETE)
})

test('formats before 2 are recognised, also where they are shorter than a batch header', () => {
  for (const version of [0, 1]) {
    const old = Buffer.alloc(40)
    old.writeInt32BE(28, 8)
    old[16] = version
    assert.equal(nextBatch(old, 0, 40), 40)
    assert.equal(nextBatch(old, 0, 39), INCOMPLETE)
    assert.equal(nextBatch(old, 0, 14), INCOMPLETE)
    assert.equal(checkBatch(old, 0, 40), 'OLD_MAGIC')
  }
})

test('any changed bit under the CRC is found', () => {
  const good = produced()
  for (let bit = 8 * batch.CRC_START; bit < 8 * good.length; bit++) {
    good[bit >> 3] ^= 1 << (bit & 7)
    assert.equal(checkBatch(good, 0, good.length), 'CRC')
    good[bit >> 3] ^= 1 << (bit & 7)
  }
  // what the broker sets lies outside
  batch.setBaseOffset(good, 0, 77)
  batch.setPartitionLeaderEpoch(good, 0, 5)
  assert.equal(checkBatch(good, 0, good.length), 0)
})

/** What is done to a good batch of three records · the problem in any log · the problem from a client · Kafka's code. */
const headers: ReadonlyArray<readonly [string, (b: Buffer) => void, BatchProblem | 0, BatchProblem, number]> = [
  ['magic 1', (b) => b.writeInt8(1, 16), 'OLD_MAGIC', 'OLD_MAGIC', 87],
  ['magic 3', (b) => b.writeInt8(3, 16), 'MAGIC', 'MAGIC', 2],
  ['lastOffsetDelta −1', (b) => b.writeInt32BE(-1, 23), 'OFFSET_RANGE', 'OFFSET_RANGE', 87],
  ['lastOffsetDelta too small', (b) => b.writeInt32BE(1, 23), 'COUNT', 'COUNT', 87],
  ['lastOffsetDelta too large', (b) => b.writeInt32BE(3, 23), 0, 'COUNT', 87],
  ['count −1', (b) => b.writeInt32BE(-1, 57), 'COUNT', 'COUNT', 87],
  ['count 0', (b) => b.writeInt32BE(0, 57), 0, 'COUNT', 87],
  [
    'count beyond the bytes',
    (b) => {
      b.writeInt32BE(0x7fff_fffe, 23)
      b.writeInt32BE(0x7fff_ffff, 57)
    },
    'COUNT',
    'COUNT',
    87,
  ],
  ['codec 5', (b) => b.writeInt16BE(5, 21), 'CODEC', 'CODEC', 76],
  ['unknown attribute', (b) => b.writeInt16BE(0x80, 21), 0, 'ATTRIBUTES', 87],
  ['sign bit of the attributes', (b) => b.writeInt16BE(-0x8000, 21), 0, 'ATTRIBUTES', 87],
  ['delete horizon', (b) => b.writeInt16BE(0x40, 21), 0, 'ATTRIBUTES', 87],
  ['control', (b) => b.writeInt16BE(0x20, 21), 0, 'CONTROL', 87],
  ['log append time', (b) => b.writeInt16BE(0x08, 21), 0, 'TIMESTAMP', 32],
  ['nanoseconds as max timestamp', (b) => b.writeBigInt64BE(1_700_000_000_000_000_000n, 35), 0, 'TIMESTAMP', 32],
  ['base timestamp −2^63', (b) => b.writeBigInt64BE(-(2n ** 63n), 27), 0, 'TIMESTAMP', 32],
  ['producer id −2', (b) => b.writeBigInt64BE(-2n, 43), 0, 'PRODUCER', 87],
  ['producer id without epoch', (b) => b.writeBigInt64BE(7n, 43), 0, 'PRODUCER', 87],
  [
    'producer id beyond 2^53',
    (b) => {
      b.writeBigInt64BE(2n ** 60n, 43)
      b.writeInt16BE(0, 51)
      b.writeInt32BE(0, 53)
    },
    0,
    'PRODUCER',
    87,
  ],
  [
    'producer id without sequence',
    (b) => {
      b.writeBigInt64BE(7n, 43)
      b.writeInt16BE(0, 51)
    },
    0,
    'SEQUENCE',
    87,
  ],
  ['transactional without producer id', (b) => b.writeInt16BE(0x10, 21), 0, 'TRANSACTION', 87],
]

test('every contradiction of a header has its name', () => {
  for (const [name, change, anywhere, fromClient, code] of headers) {
    const bytes = changed(change)
    assert.equal(checkBatch(bytes, 0, bytes.length), anywhere, name)
    assert.equal(checkProducedBatch(bytes, 0, bytes.length), fromClient, name)
    assert.equal(batchProblemErrorCode(fromClient), code, name)
  }
})

test('zeros for epoch and sequence without a producer id are no problem: kafkajs sends them', () => {
  const bytes = changed((b) => {
    b.writeInt16BE(0, 51)
    b.writeInt32BE(0, 53)
  })
  assert.equal(checkProducedBatch(bytes, 0, bytes.length), 0)
})

/** A batch around these record bytes. */
function batchOf(records: number[], count: number): Buffer {
  const bytes = Buffer.concat([produced(1).subarray(0, batch.HEADER_BYTES), Buffer.from(records)])
  return changed((b) => {
    b.writeInt32BE(b.length - batch.LOG_OVERHEAD, 8)
    b.writeInt32BE(count - 1, 23)
    b.writeInt32BE(count, 57)
  }, bytes)
}

/** length · attributes · timestamp delta · offset delta · key length · key · value length · value · header count */
const GOOD = [18, 0, 0, 0, 2, 0x6b, 2, 0x76, 0, 0].slice(0, 9)
GOOD[0] = 16

const records: ReadonlyArray<readonly [string, number[], number, RecordProblem | 0]> = [
  ['good', GOOD, 1, 0],
  ['null key', [14, 0, 0, 0, 1, 2, 0x76, 0], 1, 0],
  ['offset deltas 0, 0', [...GOOD, ...GOOD], 2, 'OFFSET'],
  ['offset delta −1', [16, 0, 0, 1, 2, 0x6b, 2, 0x76, 0], 1, 'OFFSET'],
  ['fewer records than counted', [...GOOD, 0, 0, 0, 0, 0], 2, 'LENGTH'],
  ['more bytes than records', [...GOOD, 0], 1, 'TRAILING'],
  ['length 0', [0, 0, 0, 0, 2, 0x6b, 2, 0x76, 0], 1, 'LENGTH'],
  ['length −1', [1, 0, 0, 0, 2, 0x6b, 2, 0x76, 0], 1, 'LENGTH'],
  ['length beyond the batch', [18, 0, 0, 0, 2, 0x6b, 2, 0x76, 0], 1, 'LENGTH'],
  ['length of 2^31−1', [0xfe, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 1, 1, 0], 1, 'LENGTH'],
  ['length of six bytes', [0x80, 0x80, 0x80, 0x80, 0x80, 0, 0, 0, 1, 1, 0], 1, 'LENGTH'],
  ['a byte left in the record', [18, 0, 0, 0, 2, 0x6b, 2, 0x76, 0, 0], 1, 'TRAILING'],
  ['a timestamp that does not end', [14, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80], 1, 'TIMESTAMP'],
  ['an offset that does not end', [14, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x80], 1, 'OFFSET'],
  ['no room for the key', [12, 0, 0x80, 0x80, 0x80, 0x00, 0x00], 1, 'KEY'],
  ['key length −2', [16, 0, 0, 0, 3, 0x6b, 2, 0x76, 0], 1, 'KEY'],
  ['key longer than the record', [16, 0, 0, 0, 14, 0x6b, 2, 0x76, 0], 1, 'KEY'],
  ['no room for the value', [16, 0, 0, 0, 8, 0x6b, 2, 0x76, 0], 1, 'VALUE'],
  ['value length −2', [16, 0, 0, 0, 2, 0x6b, 3, 0x76, 0], 1, 'VALUE'],
  ['value longer than the record', [16, 0, 0, 0, 2, 0x6b, 10, 0x76, 0], 1, 'VALUE'],
  ['no header count', [14, 0, 0, 0, 2, 0x6b, 2, 0x76], 1, 'HEADERS'],
  ['header count −1', [16, 0, 0, 0, 2, 0x6b, 2, 0x76, 1], 1, 'HEADERS'],
  ['header count beyond the record', [16, 0, 0, 0, 2, 0x6b, 2, 0x76, 2], 1, 'HEADERS'],
  ['header key null', [20, 0, 0, 0, 2, 0x6b, 2, 0x76, 2, 1, 1], 1, 'HEADERS'],
  ['header value −2', [20, 0, 0, 0, 2, 0x6b, 2, 0x76, 2, 0, 3], 1, 'HEADERS'],
  ['header value null', [20, 0, 0, 0, 2, 0x6b, 2, 0x76, 2, 0, 1], 1, 0],
  ['header value longer than the record', [20, 0, 0, 0, 2, 0x6b, 2, 0x76, 2, 0, 8], 1, 'HEADERS'],
]

test('every contradiction of a record has its name', () => {
  for (const [name, bytes, count, problem] of records) {
    const built = batchOf(bytes, count)
    assert.equal(checkBatch(built, 0, built.length), 0, name)
    assert.equal(walkRecords(built, 0), problem, name)
  }
})

test('null keys are refused where compaction needs keys, and the record is named', () => {
  const builder = new RecordBatchBuilder()
  builder.append(Buffer.from('k'), null, null, NOW)
  builder.append(Buffer.alloc(0), null, null, NOW + 9)
  builder.append(null, Buffer.from('v'), null, NOW)
  const bytes = builder.build()
  const cursor = new RecordCursor()
  assert.equal(walkRecords(bytes, 0, true, cursor), 'NULL_KEY')
  assert.equal(cursor.index, 2)
  assert.equal(walkRecords(bytes, 0, false, cursor), 0)
  assert.equal(cursor.maxTimestampDelta, 9)
})

test('a compressed batch that inflates beyond the bound, or not at all, is refused', () => {
  const builder = new RecordBatchBuilder()
  builder.append(null, Buffer.alloc(100_000), null, NOW)
  const bytes = builder.build({ codec: Codec.GZIP })
  assert.equal(walkCompressedRecords(bytes, 0, 100_100), 0)
  throwsRecordsError(() => walkCompressedRecords(bytes, 0, 99_999), 'TOO_LARGE')
  const lie = changed((b) => b.writeInt16BE(Codec.LZ4, 21), bytes)
  throwsRecordsError(() => walkCompressedRecords(lie, 0, 100_100), 'CORRUPT')
})

test('what compaction leaves is good in a log: gaps, and a header without records', () => {
  const empty = changed(
    (b) => {
      b.writeInt32BE(batch.HEADER_BYTES - batch.LOG_OVERHEAD, 8)
      b.writeInt32BE(0, 57)
    },
    produced().subarray(0, batch.HEADER_BYTES),
  )
  assert.equal(checkBatch(empty, 0, empty.length), 0)
  assert.equal(walkRecords(empty, 0), 0)
})
