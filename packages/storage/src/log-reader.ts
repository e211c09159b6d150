import { batch } from '@ottla/protocol/records'
import type { BufferPool, File } from '@ottla/runtime'
import { isPlausibleHeader } from './batch-scan.ts'
import { StorageError } from './errors.ts'
import type { LogCore } from './log-core.ts'
import type { ReadOptions } from './log-types.ts'
import type { Segment } from './segment.ts'
import { findCached, SegmentRange } from './segment-range.ts'
import { lastWholeBatch } from './tail.ts'
import type { LogSlice } from './types.ts'

export type ReadFromDiskDone = (error: Error | null, slice: LogSlice | null) => void

const EMPTY: LogSlice = { chunks: [], bytes: 0 }
/** Besides what is asked for: the way from an index entry to the batch, mostly. */
const SLACK_BYTES = 16 * 1024
/** Fewer bytes are read at once where they are in the page cache; of more, the file's own are sent. */
const RANGE_BYTES_MIN = 64 * 1024

/**
 * Reads from the files: one positional read, beginning at the offset index's entry, that mostly holds all that is
 * asked for. Checksums are verified before anything is handed on. Who can send a part of a file is answered in the same
 * turn with what lies in the page cache, and many bytes are not read at all. The slice stays what it is only during `done`, or while
 * the caller retains its memory in the pool.
 */
export class LogReader {
  readonly #core: LogCore
  readonly #pool: BufferPool

  constructor(core: LogCore, pool: BufferPool) {
    this.#core = core
    this.#pool = pool
  }

  read(offset: number, options: ReadOptions, done: ReadFromDiskDone): void {
    new DiskRead(this.#core, this.#pool, offset, options, done).begin()
  }
}

class DiskRead {
  readonly #core: LogCore
  readonly #pool: BufferPool
  readonly #offset: number
  readonly #options: ReadOptions
  readonly #done: ReadFromDiskDone
  #segmentIndex = -1
  readonly #generation: number

  constructor(core: LogCore, pool: BufferPool, offset: number, options: ReadOptions, done: ReadFromDiskDone) {
    this.#core = core
    this.#pool = pool
    this.#offset = offset
    this.#options = options
    this.#done = done
    this.#generation = core.generation
  }

  /** Errors thrown here are told through `done` as well, in the caller's turn. */
  begin(): void {
    this.#guard(() => {
      this.#segmentIndex = Math.max(0, this.#core.segments.floorIndex(this.#offset))
      this.#readSegment()
    })
  }

  #guard(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.#done(error as Error, null)
    }
  }

  #readSegment(): void {
    const segment = this.#core.segments.at(this.#segmentIndex)
    if (segment === undefined || segment.baseOffset >= this.#options.maxOffset) {
      this.#done(null, EMPTY)
      return
    }
    if (segment.sizeBytes === 0) {
      this.#readNextSegment()
      return
    }
    if (this.#options.ranges === true && this.#answerFromCache(segment)) return
    const { offsets } = segment.indexes()
    const position = offsets.positionFor(Math.max(0, this.#offset - segment.baseOffset))
    this.#readAt(segment, position, Math.max(0, this.#options.maxBytes) + SLACK_BYTES)
  }

  /** `false` when what is asked for is not in the page cache, as far as it can be told without reading it. */
  #answerFromCache(segment: Segment): boolean {
    const next = this.#core.segments.at(this.#segmentIndex + 1)
    const handle = segment.acquire()
    let range: SegmentRange | null = null
    try {
      const span = findCached(handle.file, segment, next, this.#offset, this.#options)
      if (span === null) return false
      const { start, end } = span
      const length = end - start
      if (length < RANGE_BYTES_MIN) {
        this.#readAtOnce(segment, handle.file, start, length)
      } else if (segment.isVerified(start, end)) {
        range = new SegmentRange(segment, handle, start, length)
        this.#done(null, { chunks: [range], bytes: length })
      } else {
        this.#readAt(segment, start, length)
      }
      return true
    } finally {
      if (range === null) segment.release(handle)
      else range.release()
    }
  }

  #readAtOnce(segment: Segment, file: File, position: number, length: number): void {
    if (length === 0) {
      this.#done(null, EMPTY)
      return
    }
    const bytes = this.#pool.take(length)
    try {
      const count = file.readSync(bytes, 0, length, position)
      this.#take(segment, position, bytes.subarray(0, count))
    } finally {
      this.#pool.release(bytes.buffer)
    }
  }

  /** The offset lies in a gap at the end of the segment, which compaction has left. */
  #readNextSegment(): void {
    this.#segmentIndex++
    this.#readSegment()
  }

  #readAt(segment: Segment, position: number, wantedBytes: number): void {
    const length = Math.min(wantedBytes, segment.sizeBytes - position)
    if (length <= 0) {
      this.#readNextSegment()
      return
    }
    const bytes = this.#pool.take(length)
    const handle = segment.acquire()
    handle.file.read(bytes, 0, length, position, (error, bytesRead) => {
      segment.release(handle)
      if (error !== null) {
        this.#done(error, null)
      } else {
        this.#guard(() => {
          // Cut, and perhaps written anew, meanwhile: what was read may be of both.
          if (this.#core.generation !== this.#generation) return this.#done(null, EMPTY)
          this.#take(segment, position, bytes.subarray(0, bytesRead))
        })
      }
      this.#pool.release(bytes.buffer)
    })
  }

  #take(segment: Segment, position: number, bytes: Buffer): void {
    const { maxBytes, maxOffset, minOneMessage } = this.#options
    const available = segment.sizeBytes - position
    let at = 0
    while (at + batch.HEADER_BYTES <= bytes.length) {
      if (!isPlausibleHeader(bytes, at, available - at, segment.baseOffset)) {
        throw new StorageError('CORRUPT', `${segment.path('.log')} is damaged: no valid batch at ${position + at}`)
      }
      if (batch.lastOffset(bytes, at) >= this.#offset) break
      at += batch.sizeInBytes(bytes, at)
    }
    if (at + batch.HEADER_BYTES > bytes.length) {
      this.#readAt(segment, position + at, maxBytes + SLACK_BYTES)
      return
    }
    const firstBytes = batch.sizeInBytes(bytes, at)
    if (at + firstBytes > bytes.length) {
      if (!minOneMessage && firstBytes > maxBytes) {
        this.#done(null, EMPTY)
        return
      }
      this.#readAt(segment, position + at, Math.max(firstBytes, maxBytes))
      return
    }
    const end = lastWholeBatch(bytes, at, maxBytes, maxOffset, minOneMessage)
    if (end === at) {
      this.#done(null, EMPTY)
      return
    }
    const slice = bytes.subarray(at, end)
    segment.verify(slice, position + at)
    this.#done(null, { chunks: [slice], bytes: slice.length })
  }
}
