import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  batch,
  CODEC_NAMES,
  Codec,
  checkProducedBatch,
  crc32c,
  forEachRecord,
  RecordBatchBuilder,
  readBatches,
  recordBytesMax,
  setProducer,
  transactionMarkerBatch,
  walkCompressedRecords,
} from '../../src/records/index.ts'
import { lines, NATIVE_OR_NOT, throwsRecordsError, withNative, withSeed } from './support.ts'

const CODECS = [Codec.NONE, Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD] as const
const NOW = 1_700_000_000_000

const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array))
const nullable = fc.option(bytes, { nil: null })
const plain = { noNullPrototype: true }
const header = fc.record({ key: fc.string({ unit: 'grapheme', maxLength: 12 }), value: nullable }, plain)
const record = fc.record(
  {
    key: nullable,
    value: nullable,
    headers: fc.array(header, { maxLength: 4 }),
    timestamp: fc.oneof(
      fc.integer({ min: NOW - 1e6, max: NOW + 1e6 }),
      fc.integer({ min: -1, max: Number.MAX_SAFE_INTEGER - 1 }),
    ),
  },
  plain,
)

for (const [native, words] of NATIVE_OR_NOT) {
  test(`what is built is read, for every codec, ${words}`, () => {
    withNative(native, () => {
      fc.assert(
        fc.property(
          fc.array(record, { minLength: 1, maxLength: 30 }),
          fc.constantFrom(...CODECS),
          fc.nat(Number.MAX_SAFE_INTEGER - 100),
          fc.nat(500),
          (records, codec, baseOffset, initialBytes) => {
            const builder = new RecordBatchBuilder(initialBytes)
            for (const { key, value, headers, timestamp } of records) {
              const before = builder.sizeInBytes
              builder.append(key, value, headers, timestamp)
              const grown = builder.sizeInBytes - before
              const estimate = recordBytesMax(key, value, headers)
              assert.ok(grown <= estimate && estimate <= grown + 19)
            }
            const size = builder.sizeInBytes
            const built = builder.build({ codec, baseOffset })
            if (codec === Codec.NONE) assert.equal(built.length, size)
            assert.equal(builder.recordCount, 0)
            assert.equal(checkProducedBatch(built, 0, built.length), 0)
            assert.equal(walkCompressedRecords(built, 0, size), 0)
            const [read, ...more] = readBatches(built)
            assert.equal(more.length, 0)
            assert.equal(read.codec, codec)
            assert.equal(read.maxTimestamp, Math.max(...records.map(({ timestamp }) => timestamp)))
            const expected = records.map((each, i) => ({ offset: baseOffset + i, ...each }))
            assert.deepEqual([...read.records()], expected)
          },
        ),
        withSeed({ numRuns: 250 }),
      )
    })
  })
}

test('a builder serves again after build, and after clear', () => {
  const builder = new RecordBatchBuilder()
  throwsRecordsError(() => builder.build(), 'VALUE')
  builder.append(null, Buffer.from('dropped'), null, NOW)
  builder.clear()
  const built: Buffer[] = []
  for (const codec of CODECS) {
    builder.append(null, Buffer.from(`in ${CODEC_NAMES[codec]}`), null, NOW + codec)
    built.push(builder.build({ codec, baseOffset: 10 * codec }))
  }
  const seen: string[] = []
  forEachRecord(Buffer.concat(built), ({ offset, timestamp, value }, { codec }) => {
    seen.push(`${offset} ${timestamp - NOW} ${value} ${codec}`)
  })
  assert.deepEqual(
    seen,
    CODECS.map((codec) => `${10 * codec} ${codec} in ${CODEC_NAMES[codec]} ${codec}`),
  )
})

test('timestamps that have no room are refused, and the batch stays good', () => {
  const builder = new RecordBatchBuilder()
  builder.append(null, null, null, Number.MAX_SAFE_INTEGER)
  for (const timestamp of [Number.NaN, 1.5, 2 ** 53, -(2 ** 53), -1]) {
    throwsRecordsError(() => builder.append(null, null, null, timestamp), 'VALUE')
  }
  const [read] = readBatches(builder.build())
  assert.equal(read.recordCount, 1)
})

test('a level that does not exist leaves the records in the builder', () => {
  const builder = new RecordBatchBuilder()
  builder.append(null, Buffer.from('x'), null, NOW)
  throwsRecordsError(() => builder.build({ codec: Codec.GZIP, level: 99 }), 'VALUE')
  assert.equal(builder.recordCount, 1)
  assert.equal([...readBatches(builder.build())].length, 1)
})

test('a record of 50 MB', () => {
  const value = Buffer.alloc(50_000_000, lines(100_000))
  for (const codec of [Codec.NONE, Codec.LZ4, Codec.ZSTD] as const) {
    const builder = new RecordBatchBuilder()
    builder.append(null, value, null, NOW)
    const [batchRead] = readBatches(builder.build({ codec }))
    const [recordRead] = batchRead.records()
    assert.ok(recordRead.value!.equals(value))
  }
})

test('a fetched buffer: the last batch is cut, a consumer begins in the middle of one, markers are passed over', () => {
  const builder = new RecordBatchBuilder()
  const of = (count: number, baseOffset: number, codec: Codec): Buffer => {
    for (let i = 0; i < count; i++) builder.append(null, Buffer.from(`${baseOffset + i}`), null, NOW)
    return builder.build({ baseOffset, codec, producerId: 5, producerEpoch: 0, baseSequence: 0, transactional: true })
  }
  const marker = transactionMarkerBatch({
    producerId: 5,
    producerEpoch: 0,
    commit: true,
    coordinatorEpoch: 0,
    timestamp: NOW,
    baseOffset: 7,
  })
  const buffer = Buffer.concat([of(4, 0, Codec.LZ4), of(3, 4, Codec.NONE), marker, of(5, 8, Codec.SNAPPY)])
  const values: string[] = []
  for (let cut = 1; cut < 60; cut += 13) {
    values.length = 0
    forEachRecord(buffer.subarray(0, buffer.length - cut), ({ value }) => values.push(`${value}`))
    assert.deepEqual(values, ['0', '1', '2', '3', '4', '5', '6'])
  }
  const batches = [...readBatches(buffer)]
  assert.deepEqual(
    batches.map(({ isControl, lastOffset }) => [isControl, lastOffset]),
    [
      [false, 3],
      [false, 6],
      [true, 7],
      [false, 12],
    ],
  )
  assert.deepEqual(
    [...batches[3].records(10)].map(({ offset }) => offset),
    [10, 11, 12],
  )
})

test('log append time holds for every record of the batch', () => {
  const builder = new RecordBatchBuilder()
  for (let i = 0; i < 3; i++) builder.append(null, null, null, NOW + i)
  const [read] = readBatches(builder.build({ logAppendTime: NOW + 500 }))
  assert.ok(read.isLogAppendTime)
  assert.deepEqual(
    [...read.records()].map(({ timestamp }) => timestamp - NOW),
    [500, 500, 500],
  )
})

test('timestamps beyond 2^53 are read, rounded, and can be told', () => {
  const builder = new RecordBatchBuilder()
  builder.append(null, null, null, NOW)
  const built = builder.build()
  built.writeBigInt64BE(1_700_000_000_123_456_789n, 27)
  built.writeBigInt64BE(1_700_000_000_123_456_789n, 35)
  batch.setCrc(built, 0, crc32c(built, batch.CRC_START, built.length))
  const [read] = readBatches(built)
  const [{ timestamp }] = read.records()
  assert.ok(!Number.isSafeInteger(timestamp))
  assert.equal(timestamp, Number(1_700_000_000_123_456_789n))
})

test('what cannot be read is told by the typed error', () => {
  const builder = new RecordBatchBuilder()
  for (let i = 0; i < 3; i++) builder.append(null, Buffer.from('value'), null, NOW)
  const good = builder.build()
  const read = (change: (b: Buffer) => void, sum: boolean, checkCrc = true): number => {
    const b = Buffer.from(good)
    change(b)
    if (sum) batch.setCrc(b, 0, crc32c(b, batch.CRC_START, b.length))
    let records = 0
    forEachRecord(b, () => records++, { checkCrc })
    return records
  }
  assert.equal(
    read(() => {}, false),
    3,
  )
  throwsRecordsError(() => read((b) => b.writeInt8(66, b.length - 2), false), 'CRC')
  assert.equal(
    read((b) => b.writeInt8(66, b.length - 2), false, false),
    3,
  )
  throwsRecordsError(() => read((b) => b.writeInt8(0, 16), true), 'MAGIC')
  throwsRecordsError(() => read((b) => b.writeInt8(1, 16), true), 'MAGIC')
  throwsRecordsError(() => read((b) => b.writeInt32BE(5, 8), false), 'BATCH')
  throwsRecordsError(() => read((b) => b.writeInt32BE(-1, 23), true), 'BATCH')
  throwsRecordsError(() => read((b) => b.writeInt16BE(6, 21), true), 'CODEC')
  throwsRecordsError(() => read((b) => b.writeBigInt64BE(-1n, 0), false), 'BATCH')
  throwsRecordsError(() => read((b) => b.writeBigInt64BE(2n ** 60n, 0), false), 'BATCH')
  throwsRecordsError(() => read((b) => b.writeInt8(8, 64), true), 'RECORD')
})

test('a batch sent again under a new epoch', () => {
  const builder = new RecordBatchBuilder()
  builder.append(null, Buffer.from('again'), null, NOW)
  const built = builder.build({ producerId: 9, producerEpoch: 1, baseSequence: 500 })
  setProducer(built, 0, 9, 2, 0)
  assert.equal(checkProducedBatch(built, 0, built.length), 0)
  const [read] = readBatches(built)
  assert.deepEqual([read.producerId, read.producerEpoch, read.baseSequence], [9, 2, 0])
})
