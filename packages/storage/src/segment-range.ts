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

/** Below this, reading costs less than finding out that it is not needed. */
const RANGE_BYTES_MIN = 64 * 1024
/** Batches between an index entry and the offset that is asked for. */
const HEADERS_MAX = 8

const header = Buffer.alloc(batch.HEADER_BYTES)

/**
 * The batches from the one that holds `offset` on, as far as the index tells where one ends; null where the bytes must be
 * read: because they are few, not in the page cache, or nobody has verified their checksums yet. `next` is the segment
 * behind this one. Throws the system's errors.
 */
export function rangeToSend(
  segment: Segment,
  next: Segment | undefined,
  offset: number,
  { maxBytes, maxOffset }: ReadOptions,
): SegmentRange | null {
  const { offsets } = segment.indexes()
  const { baseOffset, sizeBytes } = segment
  const from = offsets.positionFor(Math.max(0, offset - baseOffset))
  const reach = Math.min(sizeBytes, from + maxBytes)
  if (reach - from < RANGE_BYTES_MIN) return null
  const handle = segment.acquire()
  const { file } = handle
  let range: SegmentRange | null = null
  try {
    if (file.isSendable?.(from, reach - from) !== true) return null
    const start = findBatch(file, from, offset, sizeBytes, baseOffset)
    if (start < 0) return null
    // What ends at an entry's batch lies before that batch's last offset.
    const slot = Math.min(offsets.slotAtPosition(start + maxBytes), offsets.slotFor(maxOffset - baseOffset))
    let end = slot < 0 ? 0 : offsets.positionAt(slot)
    if (next !== undefined && next.baseOffset <= maxOffset && sizeBytes - start <= maxBytes) end = sizeBytes
    if (end - start < RANGE_BYTES_MIN || !segment.isVerified(start, end)) return null
    range = new SegmentRange(segment, handle, start, end - start)
    return range
  } finally {
    if (range === null) segment.release(handle)
  }
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
