import { batch } from '@ottla/protocol/records'
import { isPlausibleHeader } from '../batch-scan.ts'
import { StorageError } from '../errors.ts'
import type { Handle } from '../open-files.ts'
import type { Segment } from '../segment.ts'
import type { IoThrottle } from './io-throttle.ts'
import type { Scratch } from './scratch.ts'

/** What a job waits for: called with the function that lets it go on. */
export type Wait = (resume: (error: Error | null) => void) => void
/** A piece of work that gives way: `undefined` means "go on when there is time". */
export type Steps<T> = Generator<Wait | undefined, T, undefined>

const WINDOW_BYTES = 128 * 1024

/** Reads a segment's batches in order, whole, checksums verified, without blocking on the disk. */
export class BatchSource {
  readonly #segment: Segment
  readonly #handle: Handle
  readonly #endPosition: number
  readonly #scratch: Scratch
  readonly #throttle: IoThrottle
  #window: Buffer = Buffer.alloc(0)
  /** Of the next batch, in the file and in the window. */
  #position = 0
  #at = 0

  /** The batches lie in `scratch`. */
  constructor(segment: Segment, scratch: Scratch, throttle: IoThrottle) {
    this.#segment = segment
    this.#throttle = throttle
    this.#scratch = scratch
    this.#handle = segment.acquire()
    this.#endPosition = segment.sizeBytes
  }

  /** One whole batch, to be used before the next is asked for; null at the end. */
  *next(): Steps<Buffer | null> {
    if (this.#position >= this.#endPosition) return null
    if (this.#window.length - this.#at < batch.HEADER_BYTES) yield* this.#fill(WINDOW_BYTES)
    if (
      this.#window.length - this.#at < batch.HEADER_BYTES ||
      !isPlausibleHeader(this.#window, this.#at, this.#endPosition - this.#position, this.#segment.baseOffset)
    )
      throw new StorageError('CORRUPT', `${this.#segment.path('.log')} is damaged at position ${this.#position}`)
    const size = batch.sizeInBytes(this.#window, this.#at)
    if (this.#window.length - this.#at < size) yield* this.#fill(Math.max(WINDOW_BYTES, size))
    const bytes = this.#window.subarray(this.#at, this.#at + size)
    this.#segment.verify(bytes, this.#position)
    this.#position += size
    this.#at += size
    return bytes
  }

  *#fill(byteLength: number): Steps<void> {
    const length = Math.min(byteLength, this.#endPosition - this.#position)
    const window = this.#scratch.take(length)
    let count = 0
    yield (resume) =>
      this.#handle.file.read(window, 0, length, this.#position, (error, bytesRead) => {
        count = bytesRead
        resume(error)
      })
    this.#throttle.spend(count)
    this.#window = window.subarray(0, count)
    this.#at = 0
  }

  close(): void {
    this.#segment.release(this.#handle)
  }
}
