import { batch } from '@ottla/protocol/records'
import type { File, FileRange } from '@ottla/runtime'
import { isPlausibleHeader } from './batch-scan.ts'
import type { ReadOptions } from './log-types.ts'
import type { Handle } from './open-files.ts'
import type { Segment } from './segment.ts'

/**
 * Whole batches of a segment, to be sent from its file. The file stays open as long as somebody holds the range, also
 * when retention or the cleaner have done with the segment.
 */
export class SegmentRange implements FileRange {
  readonly position: number
  readonly length: number
  readonly #segment: Segment
  readonly #handle: Handle
  #holders = 1

  /** The handle is the range's from here on; its maker is the first holder. */
  constructor(segment: Segment, handle: Handle, position: number, length: number) {
    this.#segment = segment
    this.#handle = handle
    this.position = position
    this.length = length
  }

  get file(): File {
    return this.#handle.file
  }

  retain(): void {
    this.#holders++
  }

  release(): void {
    if (--this.#holders === 0) this.#segment.release(this.#handle)
  }
}

/** Batches between an index entry and the offset that is asked for, or the end of what is answered. */
const HEADERS_MAX = 8

const header = Buffer.alloc(batch.HEADER_BYTES)

/** Whole batches in a file, the first of which holds the offset asked for; none where `end` is `start`. */
export interface BatchSpan {
  readonly start: number
  readonly end: number
}

/**
 * The batches from the one that holds `offset` on, within the limits; null where they are not in the page cache, or so
 * many small batches lie between two entries of the index that they must be read to know. `next` is the segment behind
 * this one. Throws the system's errors.
 */
export function findCached(
  file: File,
  segment: Segment,
  next: Segment | undefined,
  offset: number,
  { maxBytes, maxOffset, minOneMessage }: ReadOptions,
): BatchSpan | null {
  const { offsets } = segment.indexes()
  const { baseOffset, sizeBytes } = segment
  const from = offsets.positionFor(Math.max(0, offset - baseOffset))
  const reach = Math.min(sizeBytes, from + Math.max(batch.HEADER_BYTES, maxBytes))
  if (file.isSendable?.(from, reach - from) !== true) return null
  const start = findBatch(file, from, offset, sizeBytes, baseOffset)
  if (start < 0) return null
  const limit = start + maxBytes
  if (next !== undefined && next.baseOffset <= maxOffset && sizeBytes <= limit) return { start, end: sizeBytes }
  // What ends at an entry's batch lies before that batch's last offset.
  const slot = Math.min(offsets.slotAtPosition(limit), offsets.slotFor(maxOffset - baseOffset))
  let end = slot < 0 ? start : Math.max(start, offsets.positionAt(slot))
  for (let i = 0; sizeBytes - end >= batch.HEADER_BYTES; i++) {
    if (i === HEADERS_MAX) break
    file.readSync(header, 0, batch.HEADER_BYTES, end)
    if (!isPlausibleHeader(header, 0, sizeBytes - end, baseOffset)) return null
    const after = end + batch.sizeInBytes(header, 0)
    if (batch.lastOffset(header, 0) >= maxOffset || (after > limit && !(minOneMessage && end === start))) break
    end = after
  }
  return end <= reach || file.isSendable(reach, end - reach) ? { start, end } : null
}

/** Where the batch with `offset` begins, looking from `from` on; -1 when it is not close. */
function findBatch(file: File, from: number, offset: number, sizeBytes: number, baseOffset: number): number {
  let at = from
  for (let i = 0; i < HEADERS_MAX && sizeBytes - at >= batch.HEADER_BYTES; i++) {
    file.readSync(header, 0, batch.HEADER_BYTES, at)
    if (!isPlausibleHeader(header, 0, sizeBytes - at, baseOffset)) return -1
    if (batch.lastOffset(header, 0) >= offset) return at
    at += batch.sizeInBytes(header, 0)
  }
  return -1
}
