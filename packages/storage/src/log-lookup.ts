import { batch, openRecords, RecordCursor, RecordsError } from '@ottla/protocol/records'
import { storedBytesMax } from './append/decompressed-bytes.ts'
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

/** A batch and the largest timestamp of those of its records that are not deleted. */
interface NewestBatch {
  readonly segment: Segment
  readonly position: number
  readonly timestampMs: number
}

/**
 * The record with the largest timestamp below `endOffset`, the first of several; null when there is none. Above it may
 * lie what is written and not visible yet, because it waits for the device.
 */
export function findMaxTimestamp(core: LogCore, endOffset: number): TimestampLookup | null {
  let best: NewestBatch | null = null
  for (const segment of core.segments.all()) {
    if (segment.sizeBytes === 0 || segment.maxTimestamp <= (best?.timestampMs ?? -1)) continue
    const candidate = newestOf(core, segment, endOffset)
    if (candidate !== null && candidate.timestampMs > (best?.timestampMs ?? -1)) best = candidate
  }
  if (best === null) return null
  const bytes = best.segment.readBatchAt(best.position)
  // Of a compressed batch nobody has looked whether its header tells the truth.
  return firstRecord(core, bytes, best.timestampMs, core.logStartOffset) ?? asHeaderSays(bytes, core.logStartOffset)
}

function newestOf(core: LogCore, segment: Segment, endOffset: number): NewestBatch | null {
  const { logStartOffset } = core
  if (segment.baseOffset >= logStartOffset && segment.maxTimestampOffset < endOffset) {
    const position = segment.positionOf(segment.maxTimestampOffset)
    return position < 0 ? null : { segment, position, timestampMs: segment.maxTimestamp }
  }
  // The log begins, or what is visible ends, within this segment: its newest record may be a deleted or an unseen one.
  let best: NewestBatch | null = null
  const from = segment.indexes().offsets.positionFor(Math.max(0, logStartOffset - segment.baseOffset))
  segment.scan({ from, minOffset: segment.baseOffset, verify: false }, (bytes, at, position) => {
    if (batch.baseOffset(bytes, at) >= endOffset) return false
    if (batch.lastOffset(bytes, at) < logStartOffset) return undefined
    const cut = batch.baseOffset(bytes, at) < logStartOffset
    const timestampMs = cut ? newestRecord(core, segment.readBatchAt(position)) : batch.maxTimestamp(bytes, at)
    if (timestampMs > (best?.timestampMs ?? -1)) best = { segment, position, timestampMs }
    return undefined
  })
  return best
}

function newestRecord(core: LogCore, bytes: Buffer): number {
  if (batch.isLogAppendTime(batch.attributes(bytes, 0))) return batch.maxTimestamp(bytes, 0)
  let newest = -1
  if (!openStored(core, bytes)) return batch.maxTimestamp(bytes, 0)
  while (cursor.next()) {
    if (batch.baseOffset(bytes, 0) + cursor.offsetDelta >= core.logStartOffset)
      newest = Math.max(newest, batch.baseTimestamp(bytes, 0) + cursor.timestampDelta)
  }
  return newest
}

function firstRecord(core: LogCore, bytes: Buffer, timestampMs: number, minOffset: number): TimestampLookup | null {
  // With LogAppendTime all records of the batch have one time.
  if (batch.isLogAppendTime(batch.attributes(bytes, 0)) || !openStored(core, bytes))
    return asHeaderSays(bytes, minOffset)
  const baseOffset = batch.baseOffset(bytes, 0)
  const baseTimestamp = batch.baseTimestamp(bytes, 0)
  while (cursor.next()) {
    const recordTimestamp = baseTimestamp + cursor.timestampDelta
    const offset = baseOffset + cursor.offsetDelta
    if (recordTimestamp >= timestampMs && offset >= minOffset)
      return { timestampMs: recordTimestamp, offset, leaderEpoch: batch.partitionLeaderEpoch(bytes, 0) }
  }
  return cursor.problem === 0 ? null : asHeaderSays(bytes, minOffset)
}

function asHeaderSays(bytes: Buffer, minOffset: number): TimestampLookup {
  return {
    timestampMs: batch.maxTimestamp(bytes, 0),
    offset: Math.max(batch.baseOffset(bytes, 0), minOffset),
    leaderEpoch: batch.partitionLeaderEpoch(bytes, 0),
  }
}

/**
 * Puts the cursor before the records of a batch. False where its producer has compressed something else than records,
 * or too much: what a client has sent must not take the log out of service, and the header is all that can be gone by.
 */
function openStored(core: LogCore, bytes: Buffer): boolean {
  try {
    openRecords(cursor, bytes, 0, storedBytesMax(core.config))
    return true
  } catch (error) {
    if (!(error instanceof RecordsError)) throw error
    return false
  }
}
