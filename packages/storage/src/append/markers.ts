import { batch } from '@ottla/protocol/records'
import type { EndTxnMarker } from '../producers/producer-state.ts'

/**
 * The one record of a control batch: key = version i16, type i16 (0 abort, 1 commit); value = version i16, coordinator
 * epoch i32 (`EndTransactionMarker` in Apache Kafka). null for other kinds (leader change, snapshots) and for an
 * empty control batch, which compaction leaves when the whole transaction is gone.
 */
export function readEndTxnMarker(bytes: Buffer, at: number): EndTxnMarker | null {
  const end = at + batch.sizeInBytes(bytes, at)
  if (batch.recordCount(bytes, at) < 1) return null
  // length, attributes, timestamp delta, offset delta, key length: varints, in a marker of one byte mostly.
  let position = at + batch.HEADER_BYTES
  position = skipVarint(bytes, position, end)
  position = skipVarint(bytes, position + 1, end)
  position = skipVarint(bytes, position, end)
  position = skipVarint(bytes, position, end)
  if (position + 4 > end) return null
  const type = bytes.readInt16BE(position + 2)
  if (type !== 0 && type !== 1) return null
  position = skipVarint(bytes, position + 4, end)
  return { commit: type === 1, coordinatorEpoch: position + 6 <= end ? bytes.readInt32BE(position + 2) : -1 }
}

function skipVarint(bytes: Buffer, from: number, end: number): number {
  let position = from
  while (position < end && (bytes[position] & 0x80) !== 0) position++
  return position + 1
}
