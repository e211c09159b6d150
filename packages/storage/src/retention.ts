import type { PartitionLog } from './log.ts'
import type { Segment } from './segment.ts'
import type { StorageRuntime } from './types.ts'

/** After this time a turn of the event loop begins no further step; with that step, which may wait for the device, it takes 5 ms. */
const SLICE_MS = 2
/** Segments that one step judges or drops: each costs some file operations. */
const STEP_SEGMENTS = 16
/** After so many logs with something to delete, the deletions so far are carried out. */
const BATCH_LOGS = 64

/**
 * Which segments of a log may go, counted from the oldest (`UnifiedLog.deleteOldSegments`): those below the log's start
 * always; with `cleanup.policy=delete` also those that are too old or too many. Never one that readers have not seen
 * the end of, and the active one only if all may go (the caller rolls first). No more than `STEP_SEGMENTS` above the
 * log's start: asked again once it has risen, it tells the next ones.
 */
export function deletableSegments(log: PartitionLog, nowMs: number): number {
  const { config, segments, logStartOffset } = log.core
  const all = segments.all()
  const byTime = config.cleanupPolicy.delete && config.retentionMs !== Number.POSITIVE_INFINITY
  const byBytes = config.cleanupPolicy.delete && config.retentionBytes !== Number.POSITIVE_INFINITY
  let excessBytes = byBytes ? log.sizeBytes - config.retentionBytes : Number.NEGATIVE_INFINITY
  let above = 0
  let count = 0
  for (; count < all.length && above < STEP_SEGMENTS; count++) {
    const segment = all[count]
    const isLast = count === all.length - 1
    const endOffset = isLast ? log.appendEndOffset : all[count + 1].baseOffset
    if (endOffset > log.writtenEndOffset || (isLast && segment.sizeBytes === 0)) break
    if (endOffset > logStartOffset) {
      const tooMany = byBytes && excessBytes - segment.sizeBytes >= 0
      // Looked at last: it may have to be read.
      const tooOld = !tooMany && byTime && nowMs - newestTimestamp(segment) > config.retentionMs
      if (!tooMany && !tooOld) break
      above++
    }
    excessBytes -= segment.sizeBytes
  }
  return count
}

function newestTimestamp(segment: Segment): number {
  return segment.maxTimestamp >= 0 ? segment.maxTimestamp : segment.createdMs
}

/**
 * Walks over the logs of a broker in small steps, as many in a turn as there is time for. First the new log starts
 * become durable, then the files go: in this order a crash leaves no hole, whichever of the deletions it undoes.
 */
export class Retention {
  readonly #runtime: StorageRuntime
  readonly #makeStartsDurable: (logs: readonly PartitionLog[]) => Iterable<PartitionLog>
  #running: Iterator<PartitionLog> | null = null
  /** Whose start is being raised. */
  #raising: PartitionLog | null = null
  #hasRisen = false
  /** Whose start is not durable yet. */
  #raised: PartitionLog[] = []
  /** Whose files may go. */
  #dropping: PartitionLog[] = []
  #stopped = false

  constructor(runtime: StorageRuntime, makeStartsDurable: (logs: readonly PartitionLog[]) => Iterable<PartitionLog>) {
    this.#runtime = runtime
    this.#makeStartsDurable = makeStartsDurable
  }

  /** Begins a pass, unless one is under way. */
  start(logs: Iterable<PartitionLog>): void {
    if (this.#running !== null || this.#stopped) return
    this.#running = logs[Symbol.iterator]()
    this.#slice()
  }

  stop(): void {
    this.#stopped = true
    this.#running = null
  }

  #slice(): void {
    const { clock, timers } = this.#runtime
    const endMs = clock.monotonicMs() + SLICE_MS
    while (this.#running !== null) {
      this.#step(this.#running)
      if (clock.monotonicMs() < endMs) continue
      timers.immediate(() => this.#slice())
      return
    }
  }

  #step(logs: Iterator<PartitionLog>): void {
    const dropping = this.#dropping.at(-1)
    if (dropping !== undefined) {
      if (!this.#mayTouch(dropping) || !dropping.dropSegmentsBelowStart(STEP_SEGMENTS)) this.#dropping.pop()
    } else if (this.#raising !== null) {
      this.#raise(this.#raising)
    } else if (this.#raised.length >= BATCH_LOGS) {
      this.#makeDurable()
    } else {
      const next = logs.next()
      if (next.done !== true) this.#raising = next.value
      else if (this.#raised.length > 0) this.#makeDurable()
      else this.#running = null
    }
  }

  /** The cleaner keeps the segments that it works on. */
  #mayTouch(log: PartitionLog): boolean {
    return log.offline === null && !log.cleaning
  }

  #raise(log: PartitionLog): void {
    const before = log.logStartOffset
    const droppable = this.#mayTouch(log) && log.raiseStartForRetention(this.#runtime.clock.nowMs())
    if (log.logStartOffset > before) {
      this.#hasRisen = true
      return
    }
    if (droppable || this.#hasRisen) this.#raised.push(log)
    this.#raising = null
    this.#hasRisen = false
  }

  /** Files below a start that a crash could take back stay; the next pass tries again. */
  #makeDurable(): void {
    const raised = this.#raised
    this.#raised = []
    const durable = new Set(this.#makeStartsDurable(raised))
    const others = raised.filter((log) => !durable.has(log) && this.#mayTouch(log))
    if (others.length > 0) {
      // There is no room for the checkpoint, it seems.
      for (const log of others) log.makeRoomBelowStart(Math.ceil(STEP_SEGMENTS / others.length))
      for (const log of this.#makeStartsDurable(others)) durable.add(log)
    }
    for (const log of durable) {
      log.startIsDurable()
      this.#dropping.push(log)
    }
  }
}
