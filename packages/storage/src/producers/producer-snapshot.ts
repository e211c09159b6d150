import { batch, crc32c } from '@ottla/protocol/records'
import type { ProducerEntry } from './producer-entry.ts'

/**
 * `<offset>.snapshot`: the producer state of the log before `offset`, version 1 (`ProducerStateManager` in Apache
 * Kafka): version i16, CRC-32C u32 of all that follows, count i32, then per producer 46 bytes: id i64, epoch i16, last
 * sequence i32, last offset i64, offset delta i32, timestamp i64, coordinator epoch i32, first offset of the open
 * transaction i64. Of the batches only the last is kept.
 */

const VERSION = 1
const CRC_AT = 2
const CRC_START = 6
const HEADER_BYTES = 10
const ENTRY_BYTES = 46

export function encodeSnapshot(entries: Iterable<ProducerEntry>, count: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(HEADER_BYTES + count * ENTRY_BYTES)
  bytes.writeInt16BE(VERSION, 0)
  bytes.writeInt32BE(count, CRC_START)
  let at = HEADER_BYTES
  for (const entry of entries) {
    const last = entry.batches[entry.batches.length - 1]
    batch.writeInt64(bytes, at, entry.producerId)
    bytes.writeInt16BE(entry.epoch, at + 8)
    bytes.writeInt32BE(last === undefined ? -1 : last.lastSequence, at + 10)
    batch.writeInt64(bytes, at + 14, last === undefined ? -1 : last.lastOffset)
    bytes.writeInt32BE(last === undefined ? 0 : last.offsetDelta, at + 22)
    batch.writeInt64(bytes, at + 26, entry.lastTimestamp)
    bytes.writeInt32BE(entry.coordinatorEpoch, at + 34)
    batch.writeInt64(bytes, at + 38, entry.currentTxnFirstOffset)
    at += ENTRY_BYTES
  }
  bytes.writeUInt32BE(crc32c(bytes, CRC_START, bytes.length), CRC_AT)
  return bytes
}

/** null when the file is damaged or of another version: an older one, or the log itself, is read instead. */
export function decodeSnapshot(bytes: Buffer): ProducerEntry[] | null {
  if (bytes.length < HEADER_BYTES || bytes.readInt16BE(0) !== VERSION) return null
  const count = bytes.readInt32BE(CRC_START)
  if (count < 0 || bytes.length !== HEADER_BYTES + count * ENTRY_BYTES) return null
  if (bytes.readUInt32BE(CRC_AT) !== crc32c(bytes, CRC_START, bytes.length)) return null
  const entries: ProducerEntry[] = []
  for (let i = 0, at = HEADER_BYTES; i < count; i++, at += ENTRY_BYTES) {
    const lastSequence = bytes.readInt32BE(at + 10)
    const lastOffset = batch.readInt64(bytes, at + 14)
    const offsetDelta = bytes.readInt32BE(at + 22)
    const timestamp = batch.readInt64(bytes, at + 26)
    entries.push({
      producerId: batch.readInt64(bytes, at),
      epoch: bytes.readInt16BE(at + 8),
      coordinatorEpoch: bytes.readInt32BE(at + 34),
      lastTimestamp: timestamp,
      currentTxnFirstOffset: batch.readInt64(bytes, at + 38),
      batches: lastOffset >= 0 ? [{ lastSequence, lastOffset, offsetDelta, timestamp }] : [],
    })
  }
  return entries
}
