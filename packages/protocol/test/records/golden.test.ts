import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  type ConsumedRecord,
  ControlType,
  checkBatch,
  checkProducedBatch,
  controlTypeOf,
  coordinatorEpochOf,
  leaderChangeBatch,
  RecordBatchBuilder,
  RecordCursor,
  readBatches,
  transactionMarkerBatch,
  walkCompressedRecords,
  walkRecords,
} from '../../src/records/index.ts'
import { NATIVE_OR_NOT, withNative } from './support.ts'

/** Batches that real clients wrote, given the five records below. */
interface Golden {
  readonly client: string
  readonly what: string
  readonly batch: string
}
const goldens = JSON.parse(readFileSync(new URL('golden-batches.json', import.meta.url), 'utf8')) as Golden[]
const golden = (client: string, what: string): Buffer => {
  const found = goldens.find((each) => each.client.startsWith(client) && each.what === what)
  assert.ok(found, `${client} ${what}`)
  return Buffer.from(found.batch, 'base64')
}

const BASE = 1_700_000_000_000
const expected = [
  { offset: 0, timestamp: BASE, key: 'k-0', value: 'value 0', headers: [] },
  { offset: 1, timestamp: BASE + 5, key: null, value: 'no key', headers: [] },
  { offset: 2, timestamp: BASE - 1, key: 'tombstone', value: null, headers: [] },
  {
    offset: 3,
    timestamp: BASE + 1000,
    key: 'k-3',
    value: 'abc'.repeat(100),
    headers: [
      { key: 'h1', value: 'v1' },
      { key: 'häder', value: null },
    ],
  },
  { offset: 4, timestamp: BASE + 5_000_000_000, key: '', value: '', headers: [] },
]

const text = (bytes: Buffer | null): string | null => (bytes === null ? null : bytes.toString())
const readable = (record: ConsumedRecord): object => ({
  ...record,
  key: text(record.key),
  value: text(record.value),
  headers: record.headers.map(({ key, value }) => ({ key, value: text(value) })),
})

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

for (const [native, words] of NATIVE_OR_NOT) {
  test(`batches of real clients are checked and read, ${words}`, () => {
    withNative(native, () => {
      let read = 0
      for (const { client, what, batch } of goldens) {
        const codec = CODECS.indexOf(what)
        if (codec === -1) continue
        const bytes = Buffer.from(batch, 'base64')
        assert.equal(checkProducedBatch(bytes, 0, bytes.length), 0, `${client} ${what}`)
        if (codec === 0) assert.equal(walkRecords(bytes, 0), 0)
        const cursor = new RecordCursor()
        assert.equal(walkCompressedRecords(bytes, 0, 10_000, false, cursor), 0)
        assert.equal(cursor.maxTimestampDelta, 5_000_000_000)
        assert.equal(walkCompressedRecords(bytes, 0, 10_000, true), 'NULL_KEY')
        const [first, ...more] = readBatches(bytes)
        assert.equal(more.length, 0)
        assert.equal(first.codec, codec)
        assert.equal(first.maxTimestamp, BASE + 5_000_000_000)
        const records = [...first.records()].map(readable)
        // kafkajs has no null headers; it was given an empty one
        const mine = client.startsWith('kafkajs') ? structuredClone(expected) : expected
        if (mine !== expected) mine[3].headers[1].value = ''
        assert.deepEqual(records, mine, `${client} ${what}`)
        read++
      }
      assert.ok(read >= 20)
    })
  })
}

function build(): RecordBatchBuilder {
  const bytes = (value: string | null): Buffer | null => (value === null ? null : Buffer.from(value))
  const builder = new RecordBatchBuilder(16)
  for (const { timestamp, key, value, headers } of expected) {
    const written = headers.map((header) => ({ key: header.key, value: bytes(header.value) }))
    builder.append(bytes(key), bytes(value), written, timestamp)
  }
  return builder
}

test('our uncompressed batch is Java’s, byte for byte', () => {
  assert.deepEqual(build().build(), golden('Java', 'none'))
})

test('a transactional batch of Java’s, and our header for the same', () => {
  const java = golden('Java', 'txn')
  const [batch] = readBatches(java)
  assert.ok(batch.isTransactional && !batch.isControl)
  assert.equal(batch.producerId, Number.MAX_SAFE_INTEGER)
  assert.equal(batch.producerEpoch, 5)
  assert.equal(batch.baseSequence, 2_147_483_646)
  assert.equal(batch.baseOffset, 7000)
  assert.equal(batch.lastOffset, 7004)
  assert.equal(batch.partitionLeaderEpoch, 3)
  const ours = build().build({
    codec: 3,
    baseOffset: 7000,
    partitionLeaderEpoch: 3,
    producerId: Number.MAX_SAFE_INTEGER,
    producerEpoch: 5,
    baseSequence: 2_147_483_646,
    transactional: true,
  })
  // all but the lengths, the CRC and the compressed bytes, which are each implementation's own
  for (const [from, to] of [
    [0, 8],
    [12, 17],
    [21, 61],
  ]) {
    assert.deepEqual(ours.subarray(from, to), java.subarray(from, to))
  }
})

test('control batches are Java’s, byte for byte', () => {
  const where = { baseOffset: 42, timestamp: BASE, partitionLeaderEpoch: 3 }
  const marker = { ...where, producerId: 4000, producerEpoch: 1, coordinatorEpoch: 17 }
  const commit = transactionMarkerBatch({ ...marker, commit: true })
  const abort = transactionMarkerBatch({ ...marker, commit: false })
  const leader = leaderChangeBatch({ ...where, leaderId: 2, voterIds: [1, 2], grantingVoterIds: [2] })
  assert.deepEqual(commit, golden('Java', 'commit'))
  assert.deepEqual(abort, golden('Java', 'abort'))
  assert.deepEqual(leader, golden('Java', 'leader'))

  const types = [commit, abort, leader].map((bytes) => {
    assert.equal(checkBatch(bytes, 0, bytes.length), 0)
    assert.equal(checkProducedBatch(bytes, 0, bytes.length), 'CONTROL')
    const [batch] = readBatches(bytes)
    const [record] = batch.records()
    assert.ok(batch.isControl)
    const type = controlTypeOf(record.key)
    if (type === ControlType.COMMIT || type === ControlType.ABORT) assert.equal(coordinatorEpochOf(record.value), 17)
    return type
  })
  assert.deepEqual(types, [ControlType.COMMIT, ControlType.ABORT, ControlType.LEADER_CHANGE])
  assert.equal(controlTypeOf(Buffer.from([0, 0, 0, 99])), -1)
})
