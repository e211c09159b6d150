import { batch, crc32c } from '@ottla/protocol/records'
import { BATCHES_MAX, type ProducerBatch, type ProducerEntry } from './producer-entry.ts'

/**
 * `<offset>.snapshot`: the producer state of the log before `offset`, version 1 (`ProducerStateManager` in Apache
 * Kafka): version i16, CRC-32C u32 of all that follows, count i32, then rows of 46 bytes: producer id i64, epoch i16, last
 * sequence i32, last offset i64, offset delta i32, timestamp i64, coordinator epoch i32, first offset of the open
 * transaction i64.
 *
 * Kafka writes one row per producer, with its last batch. Here there is one per batch that is remembered, the oldest
 * first: otherwise what a producer had in flight over a restart would be out of order when it is repeated. Of several
 * rows of a producer Kafka takes the last one.
 */

const VERSION = 1
const CRC_AT = 2
const CRC_START = 6
const HEADER_BYTES = 10
/** Without a producer. */
export const EMPTY_SNAPSHOT_BYTES = HEADER_BYTES
const ROW_BYTES = 46
const NO_BATCH: ProducerBatch = { lastSequence: -1, lastOffset: -1, offsetDelta: 0, timestamp: -1 }

export function encodeSnapshot(entries: readonly ProducerEntry[]): Buffer {
  let count = 0
  for (const { batches } of entries) count += Math.max(1, batches.length)
  const bytes = Buffer.allocUnsafeSlow(HEADER_BYTES + count * ROW_BYTES)
  bytes.writeInt16BE(VERSION, 0)
  bytes.writeInt32BE(count, CRC_START)
  let at = HEADER_BYTES
  for (const entry of entries) {
    const { batches } = entry
    for (let i = 0; i < batches.length - 1; i++, at += ROW_BYTES)
      writeRow(bytes, at, entry, batches[i], batches[i].timestamp)
    writeRow(bytes, at, entry, batches[batches.length - 1] ?? NO_BATCH, entry.lastTimestamp)
    at += ROW_BYTES
  }
  bytes.writeUInt32BE(crc32c(bytes, CRC_START, bytes.length), CRC_AT)
  return bytes
}

function writeRow(bytes: Buffer, at: number, entry: ProducerEntry, of: ProducerBatch, timestamp: number): void {
  batch.writeInt64(bytes, at, entry.producerId)
  bytes.writeInt16BE(entry.epoch, at + 8)
  bytes.writeInt32BE(of.lastSequence, at + 10)
  batch.writeInt64(bytes, at + 14, of.lastOffset)
  bytes.writeInt32BE(of.offsetDelta, at + 22)
  batch.writeInt64(bytes, at + 26, timestamp)
  bytes.writeInt32BE(entry.coordinatorEpoch, at + 34)
  batch.writeInt64(bytes, at + 38, entry.currentTxnFirstOffset)
}

/** null when the file is damaged or of another version: an older one, or the log itself, is read instead. */
export function decodeSnapshot(bytes: Buffer): ProducerEntry[] | null {
  if (bytes.length < HEADER_BYTES || bytes.readInt16BE(0) !== VERSION) return null
  const count = bytes.readInt32BE(CRC_START)
  if (count < 0 || bytes.length !== HEADER_BYTES + count * ROW_BYTES) return null
  if (bytes.readUInt32BE(CRC_AT) !== crc32c(bytes, CRC_START, bytes.length)) return null
  const entries = new Map<number, ProducerEntry>()
  for (let i = 0, at = HEADER_BYTES; i < count; i++, at += ROW_BYTES) {
    const row = readRow(bytes, at)
    const earlier = entries.get(row.producerId)
    const batches = earlier?.epoch === row.epoch ? [...earlier.batches, ...row.batches] : row.batches
    entries.set(row.producerId, { ...row, batches: batches.slice(-BATCHES_MAX) })
  }
  return [...entries.values()]
}

function readRow(bytes: Buffer, at: number): ProducerEntry {
  const lastSequence = bytes.readInt32BE(at + 10)
  const lastOffset = batch.readInt64(bytes, at + 14)
  const offsetDelta = bytes.readInt32BE(at + 22)
  const timestamp = batch.readInt64(bytes, at + 26)
  return {
    producerId: batch.readInt64(bytes, at),
    epoch: bytes.readInt16BE(at + 8),
    coordinatorEpoch: bytes.readInt32BE(at + 34),
    lastTimestamp: timestamp,
    currentTxnFirstOffset: batch.readInt64(bytes, at + 38),
    batches: lastOffset >= 0 ? [{ lastSequence, lastOffset, offsetDelta, timestamp }] : [],
  }
}
