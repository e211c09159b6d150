import { batch } from '@ottla/protocol/records'

/**
 * The aborted transactions whose abort marker lies in a segment, in the order of the markers. On disk 34 bytes each:
 * version i16 = 0, then producer id, first offset, last offset (of the marker) and last stable offset, i64 each
 * (`AbortedTxn` and `TransactionIndex` in Apache Kafka).
 */
export interface AbortedTxn {
  readonly producerId: number
  readonly firstOffset: number
  readonly lastOffset: number
  /** Of the log when the marker was appended: no transaction that begins before it can be aborted later in the index. */
  readonly lastStableOffset: number
}

export const ABORTED_TXN_BYTES = 34
const VERSION = 0

export function encodeAbortedTxns(entries: readonly AbortedTxn[]): Buffer {
  const bytes = Buffer.allocUnsafeSlow(entries.length * ABORTED_TXN_BYTES)
  for (let i = 0, at = 0; i < entries.length; i++, at += ABORTED_TXN_BYTES) {
    const entry = entries[i]
    bytes.writeInt16BE(VERSION, at)
    batch.writeInt64(bytes, at + 2, entry.producerId)
    batch.writeInt64(bytes, at + 10, entry.firstOffset)
    batch.writeInt64(bytes, at + 18, entry.lastOffset)
    batch.writeInt64(bytes, at + 26, entry.lastStableOffset)
  }
  return bytes
}

/** null when the bytes are no such index. */
export function decodeAbortedTxns(bytes: Buffer, baseOffset: number): AbortedTxn[] | null {
  if (bytes.length % ABORTED_TXN_BYTES !== 0) return null
  const entries: AbortedTxn[] = []
  let previousLast = -1
  for (let at = 0; at < bytes.length; at += ABORTED_TXN_BYTES) {
    if (bytes.readInt16BE(at) !== VERSION) return null
    const entry: AbortedTxn = {
      producerId: batch.readInt64(bytes, at + 2),
      firstOffset: batch.readInt64(bytes, at + 10),
      lastOffset: batch.readInt64(bytes, at + 18),
      lastStableOffset: batch.readInt64(bytes, at + 26),
    }
    if (entry.firstOffset > entry.lastOffset || entry.lastOffset < baseOffset || entry.lastOffset <= previousLast)
      return null
    previousLast = entry.lastOffset
    entries.push(entry)
  }
  return entries
}
