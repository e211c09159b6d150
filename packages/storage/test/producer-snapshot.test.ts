import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ProducerEntry } from '../src/producers/producer-entry.ts'
import { decodeSnapshot, encodeSnapshot } from '../src/producers/producer-snapshot.ts'

const batches = [1, 2, 3, 4, 5].map((i) => ({
  lastSequence: 2 * i + 1,
  lastOffset: 10 * i + 1,
  offsetDelta: 1,
  timestamp: 100 + i,
}))
const of = (producerId: number, more: Partial<ProducerEntry> = {}): ProducerEntry => ({
  producerId,
  epoch: 3,
  coordinatorEpoch: -1,
  lastTimestamp: 105,
  currentTxnFirstOffset: -1,
  batches,
  ...more,
})

test('producers come back from a snapshot with all batches that are remembered', () => {
  const entries = [
    of(1),
    of(2, { currentTxnFirstOffset: 40, coordinatorEpoch: 6 }),
    of(3, { batches: [], lastTimestamp: 77 }),
    of(4, { batches: batches.slice(4) }),
  ]
  const bytes = encodeSnapshot(entries)
  assert.equal(bytes.length, 10 + 46 * (5 + 5 + 1 + 1))
  assert.deepEqual(decodeSnapshot(bytes), entries)
})

test('of several rows of a producer the last one tells its state, as Apache Kafka reads them', () => {
  const bytes = encodeSnapshot([of(9)])
  const last = 10 + 4 * 46
  assert.equal(bytes.readBigInt64BE(last), 9n)
  assert.equal(bytes.readInt32BE(last + 10), 11)
  assert.equal(bytes.readBigInt64BE(last + 14), 51n)
  for (let row = 0; row < 4; row++) assert.ok(bytes.readInt32BE(10 + row * 46 + 10) < 11)
})

test('batches of an older epoch, and more than are remembered, are not taken', () => {
  const rows = encodeSnapshot([of(9, { epoch: 2 }), of(9, { epoch: 3, batches: batches.slice(3) })])
  assert.deepEqual(decodeSnapshot(rows), [of(9, { batches: batches.slice(3) })])
  const twice = decodeSnapshot(encodeSnapshot([of(9), of(9)]))
  assert.equal(twice?.[0].batches.length, 5)
})

test('a snapshot that is damaged anywhere is not used', () => {
  const bytes = encodeSnapshot([of(1), of(2)])
  for (let at = 0; at < bytes.length; at++) {
    const damaged = Buffer.from(bytes)
    damaged[at] ^= 0x10
    assert.equal(decodeSnapshot(damaged), null, `byte ${at}`)
  }
  for (const length of [0, 9, bytes.length - 1]) assert.equal(decodeSnapshot(bytes.subarray(0, length)), null)
})
