import { isOutOfDescriptors, isShortage } from './errors.ts'
import type { AbortedTxn } from './index/transaction-index.ts'
import type { LogCore } from './log-core.ts'
import type { LogFlusher } from './log-flusher.ts'
import type { Handle } from './open-files.ts'
import { Segment } from './segment.ts'
import type { LogTail, TailEntry } from './tail.ts'

/** The most buffers that one write takes (`IOV_MAX`); what is over joins the next. */
const WRITE_BUFFERS_MAX = 1024
/** While there is no file descriptor for what has to be brought to the device. */
const FLUSH_RETRY_MS = 100
/** An offset in an index is relative and has 31 bits. */
const RELATIVE_OFFSET_MAX = 0x7fff_ffff
const OFFSET_INDEX_ENTRY_BYTES = 8
const TIME_INDEX_ENTRY_BYTES = 12

/** What an append needs besides its bytes. */
export interface Appendable {
  readonly bytes: Buffer
  readonly baseOffset: number
  readonly nextOffset: number
  readonly maxTimestamp: number
  readonly aborted: readonly AbortedTxn[] | null
}

/** Told by the writer; the log behind it. */
export interface WriterEvents {
  /** Everything below `endOffset` is written (and on the device where `flush.messages` asks for it). */
  written(endOffset: number): void
  /** Nothing from `fromOffset` on was written; the file is as before. Memory is to be taken back, then `resetPlan`. */
  failed(fromOffset: number, error: Error): void
  /** The file is damaged, or the disk can no longer be trusted. */
  broken(error: Error): void
}

/**
 * The way of appends to the disk.
 *
 * ```
 * append ─► queue ──(end of the turn)──► one writev to one segment ──► written ─► readers, acks
 *             ▲                                   │
 *             └── what arrives meanwhile ─────────┘ joins the next
 * ```
 * Rolls are decided when offsets are given; the files follow when the write reaches the new segment, after everything
 * before it has been written. So the written part of the log is always a prefix.
 */
export class LogWriter {
  readonly #core: LogCore
  readonly #tail: LogTail
  readonly #flusher: LogFlusher
  readonly #events: WriterEvents
  /** Not yet handed to the disk, in order; may span several segments. */
  #queue: TailEntry[] = []
  #scheduled = false
  #inFlight: TailEntry[] | null = null
  #stopped = false
  #idleWaiters: (() => void)[] = []
  /** The segment that the next append goes to, and how it will look when the queue is written. */
  #planned: Segment
  #plannedBytes = 0
  #plannedEntries = 0
  #plannedBytesSinceEntry = 0
  #plannedFirstTimestamp = -1
  #segmentAgeMaxMs = 0
  /** Producer snapshots taken when the roll was decided, to be written with it. */
  readonly #snapshots = new Map<Segment, Buffer>()
  #unflushedRecords = 0

  constructor(core: LogCore, tail: LogTail, flusher: LogFlusher, events: WriterEvents) {
    this.#core = core
    this.#tail = tail
    this.#flusher = flusher
    this.#events = events
    this.#planned = core.segments.last
  }

  get idle(): boolean {
    return this.#queue.length === 0 && this.#inFlight === null
  }

  /**
   * Decides whether the next append begins a new segment; to be asked before the append changes the producer state, of
   * which the roll takes a snapshot.
   */
  rollIfNeeded(bytes: number, nextOffset: number, maxTimestamp: number, nowMs: number): void {
    // At the log's end, even where a follower's next batch begins later: recovery takes a gap for a lost segment.
    if (this.#mustRoll(bytes, nextOffset, maxTimestamp, nowMs)) this.#planRoll(this.#core.appendEndOffset, nowMs)
  }

  /** Takes over whole batches with their final offsets. Nothing is written before this turn of the event loop ends. */
  append(item: Appendable): void {
    const entry: TailEntry = {
      owner: this.#tail,
      segment: this.#planned,
      bytes: item.bytes,
      baseOffset: item.baseOffset,
      nextOffset: item.nextOffset,
      aborted: item.aborted,
      newer: null,
      written: false,
      dropped: false,
    }
    if (this.#plannedBytes === 0) this.#plannedFirstTimestamp = item.maxTimestamp
    this.#plannedBytes += item.bytes.length
    if (this.#plannedBytesSinceEntry > this.#core.env.indexIntervalBytes) {
      this.#plannedEntries++
      this.#plannedBytesSinceEntry = 0
    }
    this.#plannedBytesSinceEntry += item.bytes.length
    this.#tail.push(entry)
    this.#queue.push(entry)
    if (!this.#scheduled && this.#inFlight === null) this.#schedule()
  }

  #schedule(): void {
    this.#scheduled = true
    this.#core.env.runtime.timers.immediate(() => {
      this.#scheduled = false
      if (this.#inFlight === null) this.#writeNext()
    })
  }

  /** `LogSegment.shouldRoll`. */
  #mustRoll(bytes: number, nextOffset: number, maxTimestamp: number, nowMs: number): boolean {
    const { config } = this.#core
    if (this.#plannedBytes === 0) return false
    if (this.#plannedBytes + bytes > config.segmentBytes) return true
    if (nextOffset - 1 - this.#planned.baseOffset > RELATIVE_OFFSET_MAX) return true
    if (this.#plannedEntries >= Math.floor(config.segmentIndexBytes / OFFSET_INDEX_ENTRY_BYTES)) return true
    if (this.#plannedEntries >= Math.floor(config.segmentIndexBytes / TIME_INDEX_ENTRY_BYTES) - 1) return true
    const ageMs =
      this.#plannedFirstTimestamp >= 0 && maxTimestamp >= 0
        ? maxTimestamp - this.#plannedFirstTimestamp
        : nowMs - this.#planned.createdMs
    return ageMs > this.#segmentAgeMaxMs
  }

  #planRoll(baseOffset: number, nowMs: number): void {
    this.#planned = Segment.planned(this.#core.env, baseOffset, nowMs)
    this.#plannedBytes = 0
    this.#plannedEntries = 0
    this.#plannedBytesSinceEntry = 0
    this.#drawAge()
    // What the state is now, before the batch that causes the roll: by the time of the write it will have moved on.
    this.#snapshots.set(this.#planned, this.#core.producers().snapshot())
  }

  /** Segments created together should not all roll together. */
  #drawAge(): void {
    const { segmentJitterMs, maxCompactionLagMs, cleanupPolicy } = this.#core.config
    // Only closed segments are compacted, so the lag bounds the age of the active one.
    const segmentMs = cleanupPolicy.compact
      ? Math.min(this.#core.config.segmentMs, maxCompactionLagMs)
      : this.#core.config.segmentMs
    const jitterMs = Math.min(segmentJitterMs, segmentMs)
    this.#segmentAgeMaxMs =
      segmentMs - (jitterMs > 0 ? Math.floor(this.#core.env.runtime.random.float() * jitterMs) : 0)
  }

  /** After a failure, truncation or a new configuration: plan from what is on disk and in the queue. */
  resetPlan(): void {
    const queued = this.#queue[this.#queue.length - 1] ?? this.#inFlight?.[this.#inFlight.length - 1]
    if (queued !== undefined) {
      this.#drawAge()
      return
    }
    const active = this.#core.segments.last
    active.unseal()
    this.#planned = active
    this.#plannedBytes = active.sizeBytes
    this.#plannedEntries = active.indexes().offsets.count
    this.#plannedBytesSinceEntry = active.indexes().bytesSinceEntry
    this.#plannedFirstTimestamp = active.rollingTimestamp
    this.#snapshots.clear()
    this.#drawAge()
  }

  #writeNext(): void {
    if (this.#stopped || this.#queue.length === 0) {
      this.#nowIdle()
      return
    }
    const segment = this.#queue[0].segment
    let count = 1
    while (count < this.#queue.length && count < WRITE_BUFFERS_MAX && this.#queue[count].segment === segment) count++
    const entries = count === this.#queue.length ? this.#queue : this.#queue.slice(0, count)
    this.#queue = count === this.#queue.length ? [] : this.#queue.slice(count)
    this.#inFlight = entries
    let handle: Handle
    try {
      if (segment !== this.#core.segments.last) this.#roll(segment)
      else if (!segment.created) this.#create(segment)
      // What acks need besides the write itself, while nothing is written and an error can still refuse it.
      if (this.#core.config.flushMessages !== Number.POSITIVE_INFINITY && !segment.entrySynced)
        this.#core.makeFolderDurable()
      segment.prepareToWrite()
      handle = segment.acquire()
    } catch (error) {
      this.#fail(error as Error, null)
      return
    }
    const buffers = new Array<Buffer>(entries.length)
    for (let i = 0; i < entries.length; i++) buffers[i] = entries[i].bytes
    handle.file.writev(buffers, segment.sizeBytes, (error) => {
      if (error !== null) this.#fail(error, () => segment.dropUnwritten(handle))
      segment.release(handle)
      if (error === null) this.#written(segment, entries)
    })
  }

  #written(segment: Segment, entries: readonly TailEntry[]): void {
    for (const entry of entries) {
      segment.noteWritten(entry.bytes, entry.aborted)
      entry.written = true
    }
    const { baseOffset } = entries[0]
    const { nextOffset } = entries[entries.length - 1]
    this.#unflushedRecords += nextOffset - baseOffset
    if (this.#unflushedRecords < this.#core.config.flushMessages) {
      this.#complete(nextOffset)
      return
    }
    this.#unflushedRecords = 0
    this.#flush(nextOffset)
  }

  /** Acks wait for the device; so does the next write, which gathers all that arrives meanwhile. */
  #flush(endOffset: number): void {
    this.#flusher.flushTo(endOffset, (error) => {
      if (error === null) {
        this.#complete(endOffset)
      } else if (isOutOfDescriptors(error) && !this.#stopped) {
        // It is written, so a refusal would not be true, and an ack not yet.
        const again = (): void => (this.#stopped ? this.#giveUp() : this.#flush(endOffset))
        this.#core.env.runtime.timers.setTimer(again, FLUSH_RETRY_MS, { keepAlive: false })
      } else {
        this.#giveUp()
      }
    })
  }

  /** Of what is under way nothing more becomes known: the log is gone, or offline. */
  #giveUp(): void {
    this.#inFlight = null
    this.#nowIdle()
  }

  #complete(endOffset: number): void {
    this.#inFlight = null
    if (this.#stopped) {
      this.#nowIdle()
      return
    }
    this.#events.written(endOffset)
    // The listener may have appended: that is scheduled, unless something waits already.
    if (this.#inFlight === null && !this.#scheduled) this.#writeNext()
  }

  /** The new segment begins where everything before it is written. */
  #roll(segment: Segment): void {
    const core = this.#core
    const previous = core.segments.last
    core.sealActive(segment.baseOffset, this.#snapshots.get(segment) ?? null)
    this.#create(segment)
    core.segments.add(segment)
    this.#snapshots.delete(segment)
    if (previous.created) this.#flusher.flushInBackground(segment.baseOffset)
  }

  #create(segment: Segment): void {
    try {
      segment.createFile(this.#core.config.preallocate ? this.#core.config.segmentBytes : 0)
    } catch (error) {
      // A leftover would stand in the way: the next roll may come at another offset.
      segment.closeFile()
      this.#core.env.runtime.fs.unlink(segment.path('.log'))
      throw error
    }
  }

  /**
   * A write failed. When there is no room, or no descriptor to begin with, the file is taken back to where it was (`undo`,
   * null when nothing was written) and the log goes on; anything else, and a disk that does not even shrink a file, is the
   * end of the directory (S6, S7).
   */
  #fail(error: Error, undo: (() => void) | null): void {
    const failed = this.#inFlight!
    this.#inFlight = null
    this.#queue = []
    const problem = isShortage(error) ? tryTo(undo) : error
    if (problem === null) {
      this.#events.failed(failed[0].baseOffset, error)
    } else {
      this.#stopped = true
      this.#events.broken(problem)
    }
    this.#nowIdle()
  }

  /** Calls `fn` when nothing is queued or under way: at once, or later. Appends that arrive meanwhile are written first. */
  whenIdle(fn: () => void): void {
    if (this.idle) fn()
    else this.#idleWaiters.push(fn)
  }

  #nowIdle(): void {
    if (!this.idle) return
    const waiters = this.#idleWaiters
    this.#idleWaiters = []
    for (const waiter of waiters) {
      if (this.idle) waiter()
      else this.#idleWaiters.push(waiter)
    }
  }

  /**
   * Begins a new segment at the end of the log although nothing demands it, so that retention and compaction get at the
   * old one. Only while idle. Throws the system's error.
   */
  rollNow(nowMs: number): void {
    if (!this.idle) throw new Error('rollNow while writing')
    const endOffset = this.#core.appendEndOffset
    if (this.#core.segments.last.sizeBytes === 0) return
    this.#planRoll(endOffset, nowMs)
    this.#roll(this.#planned)
  }

  /** The directory is gone or the log is being closed: nothing more is written. */
  stop(): void {
    this.#stopped = true
    this.#queue = []
    if (this.#inFlight === null) this.#nowIdle()
  }
}

/** The error that it threw. */
function tryTo(action: (() => void) | null): Error | null {
  try {
    action?.()
    return null
  } catch (error) {
    return error as Error
  }
}
