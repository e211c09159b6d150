import { batch, openRecords, RecordCursor } from '@ottla/protocol/records'
import type { LogCore } from './log-core.ts'
import type { TimestampLookup } from './log-types.ts'
import type { Segment } from './segment.ts'

/** Looking up offsets by time (ListOffsets). Synchronous: indexes in memory and a few short reads. */

const cursor = new RecordCursor()

/** The first record, by offset, whose timestamp is `timestampMs` or later; null when there is none. */
export function findByTimestamp(core: LogCore, timestampMs: number): TimestampLookup | null {
  for (const segment of core.segments.all()) {
    if (segment.maxTimestamp < timestampMs) continue
    const found = findInSegment(core, segment, timestampMs)
    if (found !== null) return found
  }
  return null
}

function findInSegment(core: LogCore, segment: Segment, timestampMs: number): TimestampLookup | null {
  const { times, offsets } = segment.indexes()
  const slot = times.slotBefore(timestampMs)
  const afterOffset = slot < 0 ? segment.baseOffset : segment.baseOffset + times.relativeOffsetAt(slot) + 1
  const fromOffset = Math.max(afterOffset, core.logStartOffset)
  let found: TimestampLookup | null = null
  const from = offsets.positionFor(fromOffset - segment.baseOffset)
  segment.scan({ from, minOffset: segment.baseOffset, verify: false }, (bytes, at, position) => {
    if (batch.maxTimestamp(bytes, at) < timestampMs || batch.lastOffset(bytes, at) < fromOffset) return undefined
    found = firstRecord(core, segment.readBatchAt(position), timestampMs, core.logStartOffset)
    return found === null ? undefined : false
  })
  return found
}

/** The record with the largest timestamp, the first of several; null when the log is empty. */
export function findMaxTimestamp(core: LogCore): TimestampLookup | null {
  let best: { segment: Segment; position: number; timestampMs: number } | null = null
  for (const segment of core.segments.all()) {
    if (segment.sizeBytes === 0 || segment.maxTimestamp < 0) continue
    if (best !== null && segment.maxTimestamp <= best.timestampMs) continue
    const candidate = maxOf(core, segment)
    if (candidate !== null && (best === null || candidate.timestampMs > best.timestampMs)) best = candidate
  }
  if (best === null) return null
  return firstRecord(core, best.segment.readBatchAt(best.position), best.timestampMs, core.logStartOffset)
}

function maxOf(core: LogCore, segment: Segment): { segment: Segment; position: number; timestampMs: number } | null {
  if (segment.maxTimestampOffset >= core.logStartOffset) {
    const position = segment.positionOf(segment.maxTimestampOffset)
    return position < 0 ? null : { segment, position, timestampMs: segment.maxTimestamp }
  }
  // The newest record has been deleted: the log begins behind it, within this segment.
  let best: { segment: Segment; position: number; timestampMs: number } | null = null
  const from = segment.indexes().offsets.positionFor(core.logStartOffset - segment.baseOffset)
  segment.scan({ from, minOffset: segment.baseOffset, verify: false }, (bytes, at, position) => {
    const timestampMs = batch.maxTimestamp(bytes, at)
    if (
      batch.lastOffset(bytes, at) >= core.logStartOffset &&
      timestampMs >= 0 &&
      timestampMs > (best?.timestampMs ?? -1)
    )
      best = { segment, position, timestampMs }
    return undefined
  })
  return best
}

function firstRecord(core: LogCore, bytes: Buffer, timestampMs: number, minOffset: number): TimestampLookup | null {
  const baseOffset = batch.baseOffset(bytes, 0)
  const leaderEpoch = batch.partitionLeaderEpoch(bytes, 0)
  if (batch.isLogAppendTime(batch.attributes(bytes, 0))) {
    // One time for all records of the batch.
    const offset = Math.max(baseOffset, minOffset)
    return { timestampMs: batch.maxTimestamp(bytes, 0), offset, leaderEpoch }
  }
  openRecords(cursor, bytes, 0, core.config.maxDecompressedMessageBytes)
  const baseTimestamp = batch.baseTimestamp(bytes, 0)
  while (cursor.next()) {
    const recordTimestamp = baseTimestamp + cursor.timestampDelta
    const offset = baseOffset + cursor.offsetDelta
    if (recordTimestamp >= timestampMs && offset >= minOffset)
      return { timestampMs: recordTimestamp, offset, leaderEpoch }
  }
  return null
}
