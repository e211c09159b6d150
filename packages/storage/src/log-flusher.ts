import { isOutOfDescriptors } from './errors.ts'
import type { LogCore } from './log-core.ts'
import type { Segment } from './segment.ts'

export type FlushDone = (error: Error | null) => void

/**
 * Brings a log to the device and knows how far it has got: the recovery point. One flush at a time; what is asked for
 * meanwhile is served by the next one.
 */
export class LogFlusher {
  readonly #core: LogCore
  readonly #broken: (error: Error) => void
  /** Everything below survives a power cut; recovery begins in its segment. */
  #recoveryPoint: number
  #running = false
  #waiting: { readonly offset: number; readonly done: FlushDone }[] = []
  #error: Error | null = null

  constructor(core: LogCore, recoveryPoint: number, broken: (error: Error) => void) {
    this.#core = core
    this.#recoveryPoint = recoveryPoint
    this.#broken = broken
  }

  get recoveryPoint(): number {
    return this.#recoveryPoint
  }

  /** The log was cut: nothing above is known to be anything. */
  truncateTo(offset: number): void {
    this.#recoveryPoint = Math.min(this.#recoveryPoint, offset)
  }

  /** After a log was emptied to begin elsewhere. */
  startAt(offset: number): void {
    this.#recoveryPoint = offset
  }

  /**
   * Waits until every written batch below `offset` (which must be written) is on the device. `done` may come at once. When a
   * file cannot be opened for want of a descriptor, nothing was waited for, and it may be asked for again; any other error
   * is the end of the directory.
   */
  flushTo(offset: number, done: FlushDone): void {
    if (this.#error !== null) {
      done(this.#error)
      return
    }
    if (offset <= this.#recoveryPoint) {
      done(null)
      return
    }
    this.#waiting.push({ offset, done })
    if (!this.#running) this.#next()
  }

  flushInBackground(offset: number): void {
    this.flushTo(offset, () => {})
  }

  #next(): void {
    const served = this.#waiting
    if (served.length === 0) return
    this.#waiting = []
    this.#running = true
    let offset = 0
    for (const waiter of served) offset = Math.max(offset, waiter.offset)
    const finish = (error: Error | null): void => {
      this.#running = false
      if (error === null)
        this.#recoveryPoint = Math.max(this.#recoveryPoint, Math.min(offset, this.#core.appendEndOffset))
      else if (isOutOfDescriptors(error)) this.#postpone(error)
      else this.#fail(error)
      for (const waiter of served) waiter.done(error)
      if (!this.#running && this.#error === null) this.#next()
    }
    try {
      this.#core.makeFolderDurable()
    } catch (error) {
      finish(error as Error)
      return
    }
    const { segments } = this.#core
    const from = Math.max(0, segments.floorIndex(this.#recoveryPoint))
    const dirty = segments
      .all()
      .filter((s, i) => i >= from && s.created && s.baseOffset < offset && s.sizeBytes > s.syncedBytes)
    this.#syncEach(dirty, 0, finish)
  }

  #syncEach(segments: readonly Segment[], index: number, finish: FlushDone): void {
    if (index === segments.length) {
      finish(null)
      return
    }
    const segment = segments[index]
    const bytes = segment.sizeBytes
    let handle: ReturnType<Segment['acquire']>
    try {
      handle = segment.acquire()
    } catch (error) {
      // Deleted by retention since: what does not exist need not be kept.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' && !this.#core.segments.all().includes(segment))
        this.#syncEach(segments, index + 1, finish)
      else finish(error as Error)
      return
    }
    handle.file.sync((error) => {
      segment.release(handle)
      if (error !== null) return finish(error)
      segment.syncedBytes = Math.max(segment.syncedBytes, Math.min(bytes, segment.sizeBytes))
      this.#syncEach(segments, index + 1, finish)
    })
  }

  #postpone(error: Error): void {
    const { runtime, directory } = this.#core.env
    runtime.logger.warn('a flush has to wait for a file descriptor', { directory, error: error.message })
  }

  /** After a failed sync the kernel may have dropped the pages and will call the next sync a success: never retry (S6). */
  #fail(error: Error): void {
    this.#error = error
    const waiting = this.#waiting
    this.#waiting = []
    for (const waiter of waiting) waiter.done(error)
    this.#broken(error)
  }
}
