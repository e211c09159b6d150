import { ErrorCode } from '@ottla/protocol'
import { type Refusal, refusal } from './append/refusal.ts'
import { isOutOfDescriptors, isShortage, isSystemError, StorageError } from './errors.ts'
import { readTopicId } from './files/partition-metadata.ts'
import type { EpochEndOffset } from './leader-epochs.ts'
import type { LoadedLog } from './load/load-log.ts'
import { LogAppender } from './log-appender.ts'
import type { LogCore } from './log-core.ts'
import { LogFlusher } from './log-flusher.ts'
import { findByTimestamp, findMaxTimestamp } from './log-lookup.ts'
import { LogReader, type ReadFromDiskDone } from './log-reader.ts'
import type { LogShared } from './log-shared.ts'
import { cutLog, restartLog } from './log-truncation.ts'
import type {
  AbortedTransaction,
  ActiveProducer,
  AppendOptions,
  ReadOptions,
  ReadResult,
  TimestampLookup,
} from './log-types.ts'
import { LogWriter } from './log-writer.ts'
import { lastSequenceOf } from './producers/producer-entry.ts'
import { deletableSegments } from './retention.ts'
import { LogTail } from './tail.ts'
import type { AppendResult, LogConfig, LogSlice } from './types.ts'

export type Done = (error: Error | null) => void

const EMPTY_SLICE: LogSlice = { chunks: [], bytes: 0 }

/**
 * One partition's log. Appends get their offsets at once and reach the disk gathered, at the end of the turn of the
 * event loop; readers see what has been written.
 *
 * ```
 *        logStartOffset        lastStableOffset   writtenEndOffset      appendEndOffset
 *  deleted │ readable … committed │ readable, open     │ queued for the disk  │
 * ```
 * A log that meets damage, or whose disk fails, goes offline: every call then answers KAFKA_STORAGE_ERROR.
 */
export class PartitionLog {
  readonly topic: string
  readonly partition: number
  readonly #core: LogCore
  readonly #shared: LogShared
  readonly #tail: LogTail
  /** How far the start may be raised without a wait for the device. */
  #durableStart: number
  readonly #flusher: LogFlusher
  readonly #writer: LogWriter
  readonly #reader: LogReader
  readonly #appender: LogAppender
  #writtenEndOffset: number
  #offline: Error | null = null
  #topicId: string | null | undefined
  /** Producers, epochs and the active segment are loaded for appending. */
  #active = false
  #flushTimer: ReturnType<LogShared['runtime']['timers']['setTimer']> | undefined
  #closed = false
  /** Counts what was asked for and could not be found out. */
  #unanswered = 0
  /** How often the log had been truncated when cleaning began; -1 while it is not being cleaned. */
  #cleaningFrom = -1

  constructor(topic: string, partition: number, shared: LogShared, loaded: LoadedLog) {
    this.topic = topic
    this.partition = partition
    this.#shared = shared
    this.#core = loaded.core
    this.#writtenEndOffset = loaded.core.appendEndOffset
    this.#durableStart = loaded.core.logStartOffset
    this.#tail = new LogTail(shared.tailBudget)
    this.#flusher = new LogFlusher(this.#core, loaded.recoveryPoint, (error) => this.#diskFailed(error))
    this.#writer = new LogWriter(this.#core, this.#tail, this.#flusher, {
      written: (endOffset) => this.#written(endOffset),
      failed: (fromOffset, error) => this.#appendFailed(fromOffset, error),
      broken: (error) => this.#broken(error),
    })
    this.#reader = new LogReader(this.#core, shared.bufferPool)
    this.#appender = new LogAppender(this.#core, this.#writer)
  }

  // ---- what is known without a look at the disk

  get name(): string {
    return `${this.topic}-${this.partition}`
  }

  get logStartOffset(): number {
    return this.#core.logStartOffset
  }

  /** The next offset to be assigned. */
  get appendEndOffset(): number {
    return this.#core.appendEndOffset
  }

  /** Everything below is in the operating system's hands (on the device with `flushMessages` 1): what readers may see. */
  get writtenEndOffset(): number {
    return this.#writtenEndOffset
  }

  /** Everything below survives a power cut. */
  get recoveryPoint(): number {
    return this.#flusher.recoveryPoint
  }

  get config(): LogConfig {
    return this.#core.config
  }

  /** Not null when the log cannot be used any more: its directory has failed, or a batch in it is damaged. */
  get offline(): Error | null {
    return this.#offline
  }

  /** The folder. */
  get directory(): string {
    return this.#core.env.directory
  }

  /** For retention and the cleaner. */
  get core(): LogCore {
    return this.#core
  }

  updateConfig(config: LogConfig): void {
    const { flushMs } = this.#core.config
    this.#core.config = config
    if (!this.#active) return
    this.#attempt(() => this.#writer.resetPlan(), undefined)
    if (config.flushMs === flushMs) return
    // What waits already waits for the new time at most.
    this.#stopFlushTimer()
    const waits = this.#offline === null && this.appendEndOffset > this.recoveryPoint
    if (waits && config.flushMs !== Number.POSITIVE_INFINITY) this.#startFlushTimer()
  }

  // ---- what may need the disk

  /**
   * What `ask` returns; null when something that it has asked this log could not be found out, because of damage, a broken
   * disk or for want of a file descriptor. Without this, such questions are answered as if there were nothing.
   */
  answered<T>(ask: () => T): T | null {
    const before = this.#unanswered
    const answer = ask()
    return this.#offline === null && this.#unanswered === before ? answer : null
  }

  /** URL-safe base64 without padding, as Apache Kafka prints it; null when the folder has no `partition.metadata`. */
  get topicId(): string | null {
    if (this.#topicId === undefined)
      this.#topicId = this.#attempt(() => readTopicId(this.#shared.runtime.fs, this.directory), null)
    return this.#topicId
  }

  /** Bytes of all `.log` files. */
  get sizeBytes(): number {
    return this.#attempt(() => this.#core.segments.all().reduce((total, segment) => total + segment.sizeBytes, 0), 0)
  }

  /** What a read_committed reader may see: below it no transaction is open. */
  get lastStableOffset(): number {
    const producers = this.#core.loadedProducers ?? this.#attempt(() => this.#core.producers(), null)
    // Unknown: then nothing is known to be stable.
    if (producers === null) return this.#core.logStartOffset
    const unstable = producers.firstUnstableOffset
    if (unstable < 0) return this.#writtenEndOffset
    return Math.min(Math.max(unstable, this.#core.logStartOffset), this.#writtenEndOffset)
  }

  /** Whether this producer has a transaction open here, under this epoch. */
  isInTransaction(producerId: number, producerEpoch: number): boolean {
    const producers = this.#core.loadedProducers ?? this.#attempt(() => this.#core.producers(), null)
    const entry = producers?.get(producerId)
    return entry !== undefined && entry.epoch === producerEpoch && entry.currentTxnFirstOffset >= 0
  }

  /** Whether the log remembers anything of this producer. */
  knowsProducer(producerId: number): boolean {
    const producers = this.#core.loadedProducers ?? this.#attempt(() => this.#core.producers(), null)
    return producers?.get(producerId) !== undefined
  }

  /** A producer's batch was refused before it came to the log, and comes again: those behind it are not to overtake it. */
  awaitRefused(records: Buffer): void {
    const producers = this.#core.loadedProducers ?? this.#attempt(() => this.#core.producers(), null)
    producers?.awaitRefused(records, 0, this.#core.env.runtime.clock.nowMs())
  }

  activeProducers(): ActiveProducer[] {
    const producers = this.#attempt(() => this.#core.producers(), null)
    if (producers === null) return []
    return Array.from(producers.entries(), (entry) => ({
      producerId: entry.producerId,
      producerEpoch: entry.epoch,
      lastSequence: lastSequenceOf(entry),
      lastTimestampMs: entry.lastTimestamp,
      coordinatorEpoch: entry.coordinatorEpoch,
      currentTransactionStartOffset: entry.currentTxnFirstOffset,
    }))
  }

  /** -1 when no batch carries an epoch. */
  get latestEpoch(): number {
    return this.#attempt(() => this.#core.latestEpoch, -1)
  }

  /** The leader epoch of the record at `offset`, -1 when unknown. */
  epochOf(offset: number): number {
    return this.#attempt(() => this.#core.epochs().epochOf(offset), -1)
  }

  /** `EpochEndOffset`: see `LeaderEpochs.endOffsetFor`. */
  offsetForLeaderEpoch(epoch: number): EpochEndOffset {
    return this.#attempt(() => this.#core.epochs().endOffsetFor(epoch, this.#writtenEndOffset), {
      leaderEpoch: -1,
      endOffset: -1,
    })
  }

  /** The first record whose timestamp is `timestampMs` or later. */
  fetchOffsetByTimestamp(timestampMs: number): TimestampLookup | null {
    const found = this.#attempt(() => findByTimestamp(this.#core, timestampMs), null)
    // It may be written and not visible yet, because it waits for the device.
    return found !== null && found.offset >= this.#writtenEndOffset ? null : found
  }

  /** The record with the largest timestamp (KIP-734). */
  fetchMaxTimestamp(): TimestampLookup | null {
    return this.#attempt(() => findMaxTimestamp(this.#core, this.#writtenEndOffset), null)
  }

  /** Aborted transactions that touch offsets `fromOffset` … `toOffset`-1, for a read_committed reader to leave out. */
  abortedTransactionsIn(fromOffset: number, toOffset: number): AbortedTransaction[] {
    return this.#attempt(() => this.#collectAborted(fromOffset, toOffset), [])
  }

  #collectAborted(fromOffset: number, toOffset: number): AbortedTransaction[] {
    const found: AbortedTransaction[] = []
    const { segments } = this.#core
    for (let i = Math.max(0, segments.floorIndex(fromOffset)); i < segments.length; i++) {
      for (const entry of segments.at(i)!.indexes().transactions) {
        if (entry.lastOffset >= fromOffset && entry.firstOffset < toOffset)
          found.push({ producerId: entry.producerId, firstOffset: entry.firstOffset })
        // Whatever was aborted later begins at or after this entry's last stable offset.
        if (entry.lastStableOffset >= toOffset) return found
      }
    }
    return found
  }

  // ---- appending

  append(records: Buffer, options: AppendOptions): AppendResult {
    if (this.#offline !== null) return this.#appender.refused(storageError(this.#offline))
    try {
      if (!this.#active) this.#activate()
      const result = this.#appender.append(records, options)
      if (this.#core.config.flushMs !== Number.POSITIVE_INFINITY) this.#startFlushTimer()
      return result
    } catch (error) {
      this.#failed(error as Error)
      return this.#appender.refused(storageError(error as Error))
    }
  }

  /** The first append: what the start has left unread. The end of the file must be where it was said to be. */
  #activate(): void {
    const core = this.#core
    const endOffset = core.readEndOffset()
    if (endOffset !== core.appendEndOffset)
      throw new StorageError(
        'CORRUPT',
        `${core.segments.last.path('.log')} ends at offset ${endOffset}, where ${core.appendEndOffset} was expected`,
      )
    core.producers()
    core.epochs()
    this.#writer.resetPlan()
    this.#active = true
  }

  #written(endOffset: number): void {
    this.#writtenEndOffset = endOffset
    const producers = this.#core.producers()
    producers.confirm(endOffset)
    producers.onHighWatermark(endOffset)
    this.#shared.tailBudget.trim()
    this.#shared.listener.onWritten(this)
  }

  #appendFailed(fromOffset: number, error: Error): void {
    const core = this.#core
    core.producers().rollBackTo(fromOffset)
    core.epochs().truncateFromEnd(fromOffset)
    core.appendEndOffset = fromOffset
    this.#tail.truncateTo(fromOffset)
    try {
      this.#writer.resetPlan()
    } catch (failure) {
      this.#failed(failure as Error)
    }
    this.#shared.runtime.logger.error('append failed; nothing of it was kept', {
      log: this.name,
      fromOffset,
      error: error.message,
    })
    this.#shared.listener.onAppendFailed(this, fromOffset, error)
  }

  // ---- reading

  /** Answers from memory where it can. */
  read(offset: number, options: ReadOptions): ReadResult {
    if (this.#offline !== null) return 'offline'
    if (offset < this.#core.logStartOffset || offset > this.#core.appendEndOffset) return 'out-of-range'
    const maxOffset = Math.min(options.maxOffset, this.#writtenEndOffset)
    if (offset >= maxOffset) return EMPTY_SLICE
    if (offset < this.#tail.startOffset) return 'disk'
    return this.#tail.read(offset, options.maxBytes, maxOffset, options.minOneMessage)
  }

  /** After `read` said `disk`. An error means that the log is offline by now. `done` may come in this turn. */
  readFromDisk(offset: number, options: ReadOptions, done: ReadFromDiskDone): void {
    if (this.#offline !== null) {
      done(this.#offline, null)
      return
    }
    const maxOffset = Math.min(options.maxOffset, this.#writtenEndOffset)
    this.#reader.read(offset, { ...options, maxOffset }, (error, slice) => {
      if (error !== null) this.#failed(error)
      done(error, slice)
    })
  }

  // ---- moving the ends

  /**
   * DeleteRecords: the log begins at `offset` from now on, also after a crash; -1 stands for the high watermark.
   * Returns the log's start, null when `offset` lies above what readers see, or `not-durable` when the new start could not
   * be written, and then nothing has changed. Files go with the next retention run.
   */
  deleteRecordsBefore(offset: number): number | null | 'not-durable' {
    const target = offset === -1 ? this.#writtenEndOffset : offset
    if (target < 0 || target > this.#writtenEndOffset) return null
    const before = this.#core.logStartOffset
    if (target <= Math.min(before, this.#durableStart)) return before
    const durable = this.#attempt(() => {
      this.#core.makeProducersDurable(target)
      this.#core.logStartOffset = Math.max(before, target)
      this.#shared.checkpointDirectoryOf(this)
      return true
    }, false)
    if (!durable) {
      this.#core.logStartOffset = before
      return 'not-durable'
    }
    this.startIsDurable()
    this.#core.loadedEpochs?.truncateFromStart(this.#core.logStartOffset)
    return this.#core.logStartOffset
  }

  /** The log's start is in the directory's checkpoint, on the device. */
  startIsDurable(): void {
    this.#durableStart = this.#core.logStartOffset
  }

  /** Not durable before the next checkpoint. False when the log begins there or later already. */
  raiseLogStart(offset: number): boolean {
    if (offset <= this.#core.logStartOffset) return false
    this.#core.logStartOffset = offset
    this.#core.loadedEpochs?.truncateFromStart(offset)
    return true
  }

  /**
   * Lets the log begin behind what retention no longer wants, and says whether there are files to drop: that is
   * `dropSegmentsBelowStart`, to be called once the new start is durable.
   */
  raiseStartForRetention(nowMs: number): boolean {
    return this.#attempt(() => {
      const { segments } = this.#core
      const count = deletableSegments(this, nowMs)
      if (count === 0) return false
      if (count === segments.length && !this.roll()) return false
      const { baseOffset } = segments.at(count)!
      this.#core.makeProducersDurable(baseOffset)
      this.raiseLogStart(baseOffset)
      return true
    }, false)
  }

  /**
   * Of segments that end at or before the log's start, the oldest `segmentsMax` of them, removes what is not the log itself: so
   * there is room even on a full disk to write down that they go.
   */
  makeRoomBelowStart(segmentsMax: number): void {
    this.#attempt(() => {
      const { segments } = this.#core
      for (let i = 0; i < Math.min(this.#segmentsBelowStart(), segmentsMax); i++) segments.at(i)!.removeIndexFiles()
    }, undefined)
  }

  #segmentsBelowStart(): number {
    const { segments } = this.#core
    let count = 0
    while (count < segments.length - 1 && segments.at(count + 1)!.baseOffset <= this.logStartOffset) count++
    return count
  }

  /**
   * Takes out segments that end at or before the log's start, the oldest `segmentsMax` of them, and says whether there are
   * more; their files go after `file.delete.delay.ms`.
   */
  dropSegmentsBelowStart(segmentsMax: number): boolean {
    return this.#attempt(() => {
      const { segments } = this.#core
      const count = this.#segmentsBelowStart()
      if (count === 0) return false
      const removed = segments.replace(0, Math.min(count, segmentsMax))
      this.#core.removeSnapshots((offset) => offset < segments.first.baseOffset)
      this.#core.discard(removed)
      return count > segmentsMax
    }, false)
  }

  /** A follower takes back what its leader does not have. Waits for writes under way; does nothing above the end. */
  truncateTo(offset: number, done: Done): void {
    this.#whenIdle(done, () => {
      const core = this.#core
      if (offset >= core.appendEndOffset) return
      core.finishSwap()
      if (offset > core.segments.first.baseOffset) {
        this.#activateOnce()
        this.#afterTruncation(cutLog(core, offset))
      } else {
        restartLog(core, offset)
        this.#afterTruncation(offset)
      }
    })
  }

  /** Everything goes; the next offset is `offset`. */
  truncateFullyAndStartAt(offset: number, done: Done): void {
    this.#whenIdle(done, () => {
      this.#core.finishSwap()
      restartLog(this.#core, offset)
      this.#afterTruncation(offset)
    })
  }

  #afterTruncation(offset: number): void {
    const core = this.#core
    core.generation++
    core.truncations++
    core.appendEndOffset = offset
    this.#writtenEndOffset = offset
    this.#tail.truncateTo(offset)
    core.removeSnapshots((snapshotOffset) => snapshotOffset > offset)
    core.useProducers(null)
    const epochs = core.epochs()
    epochs.truncateFromEnd(offset)
    epochs.write()
    this.#flusher.truncateTo(offset)
    this.#active = false
    core.env.runtime.fs.syncDir(core.env.directory)
    // A recovery point above the cut would spare from recovery what is written there next.
    this.#shared.checkpointDirectoryOf(this)
  }

  #activateOnce(): void {
    if (!this.#active) this.#activate()
  }

  /** Begins a new segment now. False when writes are under way: try again later. */
  roll(): boolean {
    if (!this.#writer.idle || this.#offline !== null) return false
    return this.#attempt(() => {
      this.#activateOnce()
      this.#writer.rollNow(this.#shared.runtime.clock.nowMs())
      return true
    }, false)
  }

  // ---- the device

  /** Everything appended so far is on the device when `done` is called. */
  flush(done: Done): void {
    if (this.#offline !== null) {
      done(this.#offline)
      return
    }
    this.#writer.whenIdle(() => {
      if (this.#offline !== null) return done(this.#offline)
      try {
        this.#core.makeFolderDurable()
      } catch (error) {
        this.#failed(error as Error)
        return done(error as Error)
      }
      this.#flusher.flushTo(this.#writtenEndOffset, done)
    })
  }

  #startFlushTimer(): void {
    if (this.#flushTimer !== undefined) return
    this.#flushTimer = this.#shared.runtime.timers.setTimer(
      () => {
        this.#flushTimer = undefined
        if (this.#offline !== null || this.#closed) return
        this.flush((error) => {
          if (error !== null && this.#offline === null && !this.#closed) this.#startFlushTimer()
        })
      },
      this.#core.config.flushMs,
      { keepAlive: false },
    )
  }

  #stopFlushTimer(): void {
    this.#shared.runtime.timers.clearTimer(this.#flushTimer)
    this.#flushTimer = undefined
  }

  /** Clean: all on the device, indexes and snapshot written. The log must not be used afterwards. */
  close(done: Done): void {
    this.#stopFlushTimer()
    this.#closed = true
    this.flush((error) => {
      if (error !== null) {
        // The stop must not pass for a clean one.
        this.takeOffline(error)
        return done(error)
      }
      try {
        this.#writeCaches()
        this.#release()
        done(null)
      } catch (failure) {
        this.#diskFailed(failure as Error)
        done(failure as Error)
      }
    })
  }

  #writeCaches(): void {
    const core = this.#core
    core.finishSwap()
    const { last } = core.segments
    if (!last.sealed) last.seal()
    // An empty active segment needs no flush, but its name must survive.
    core.makeFolderDurable()
    const producers = core.loadedProducers
    if (
      producers !== null &&
      core.appendEndOffset > Math.max(core.latestSnapshotOffset, core.segments.first.baseOffset)
    )
      core.writeSnapshot(core.appendEndOffset, producers.snapshot())
    core.loadedEpochs?.write()
  }

  /** Lets go of memory and files; nothing is written any more. */
  abandon(): void {
    this.#closed = true
    this.#stopFlushTimer()
    this.#writer.stop()
    this.#release()
  }

  #release(): void {
    this.#tail.clear()
    for (const segment of this.#core.segments.all()) segment.closeFile()
  }

  // ---- the cleaner

  /** Retention keeps its hands off the segments until `endCleaning`. */
  beginCleaning(): void {
    this.#cleaningFrom = this.#core.truncations
  }

  /** `cleanedTo`: up to here it is clean now, null when nothing was done. Readers get from the disk what is left of it. */
  endCleaning(cleanedTo: number | null): void {
    this.#cleaningFrom = -1
    if (cleanedTo === null) return
    // Whole segments were rewritten, also the one that the run has left off in.
    const { segments } = this.#core
    const next = segments.at(segments.floorIndex(cleanedTo - 1) + 1)
    this.#tail.dropBelow(next?.baseOffset ?? cleanedTo)
  }

  get cleaning(): boolean {
    return this.#cleaningFrom >= 0
  }

  /** What is being cleaned is not what it was, or is gone. */
  get cleaningSpoilt(): boolean {
    return this.#closed || this.#offline !== null || this.#core.truncations !== this.#cleaningFrom
  }

  /** Runs something that may meet a broken disk or a damaged file, which then take the log offline. */
  guarded<T>(action: () => T, otherwise: T): T {
    return this.#attempt(action, otherwise)
  }

  fail(error: Error): void {
    this.#failed(error)
  }

  // ---- failure

  /** Takes the log out of service, because its directory has failed elsewhere. */
  takeOffline(error: Error): void {
    if (this.#offline !== null) return
    this.#offline = error
    this.#stopFlushTimer()
    this.#writer.stop()
    const fromOffset = this.#writtenEndOffset
    if (this.#core.appendEndOffset > fromOffset)
      this.#shared.runtime.timers.immediate(() => this.#shared.listener.onAppendFailed(this, fromOffset, error))
  }

  /** Damage concerns this log alone; anything the system says concerns the directory. */
  #failed(error: Error): void {
    if (this.#offline !== null) return
    if (error instanceof StorageError) {
      this.#shared.runtime.logger.error('log offline', { log: this.name, error: error.message })
      this.takeOffline(error)
    } else if (isShortage(error)) {
      const what = isOutOfDescriptors(error) ? 'no file descriptor is left' : 'the disk is full'
      this.#shared.runtime.logger.warn(what, { log: this.name, error: error.message })
    } else if ((error as NodeJS.ErrnoException).code !== undefined) {
      this.#diskFailed(error)
    } else {
      throw error
    }
  }

  /** A writer that has stopped for good. */
  #broken(error: Error): void {
    if (isSystemError(error)) this.#diskFailed(error)
    else this.#failed(error)
  }

  #diskFailed(error: Error): void {
    if (this.#offline !== null) return
    this.takeOffline(error)
    this.#shared.diskFailed(this, error)
  }

  #attempt<T>(action: () => T, otherwise: T): T {
    if (this.#offline !== null) return otherwise
    try {
      return action()
    } catch (error) {
      this.#unanswered++
      this.#failed(error as Error)
      return otherwise
    }
  }

  /** Runs when no write is under way; a failure takes the log offline. */
  #whenIdle(done: Done, action: () => void): void {
    this.#writer.whenIdle(() => {
      try {
        if (this.#offline === null) action()
      } catch (error) {
        this.#failed(error as Error)
        // Cut half-way for want of room, the log is neither what it was nor what it should be.
        this.takeOffline(error as Error)
      }
      done(this.#offline)
    })
  }
}

function storageError(error: Error): Refusal {
  return refusal(ErrorCode.KAFKA_STORAGE_ERROR, `the log cannot be written: ${error.message}`)
}
