import type { PartitionLog } from './log.ts'
import type { Segment } from './segment.ts'
import type { StorageRuntime } from './types.ts'

/** What one turn of the event loop spends on retention. */
const SLICE_MS = 5
/** After so many logs with something to delete, the deletions so far are carried out. */
const BATCH_LOGS = 64

/**
 * Which segments of a log may go, counted from the oldest (`UnifiedLog.deleteOldSegments`): those below the log's start
 * always; with `cleanup.policy=delete` also those that are too old or too many. Never one that readers have not seen
 * the end of, and the active one only if all may go (the caller rolls first).
 */
export function deletableSegments(log: PartitionLog, nowMs: number): number {
  const { config, segments, logStartOffset } = log.core
  const all = segments.all()
  const byTime = config.cleanupPolicy.delete && config.retentionMs !== Number.POSITIVE_INFINITY
  const byBytes = config.cleanupPolicy.delete && config.retentionBytes !== Number.POSITIVE_INFINITY
  let excessBytes = byBytes ? log.sizeBytes - config.retentionBytes : Number.NEGATIVE_INFINITY
  let count = 0
  for (; count < all.length; count++) {
    const segment = all[count]
    const isLast = count === all.length - 1
    const endOffset = isLast ? log.appendEndOffset : all[count + 1].baseOffset
    if (endOffset > log.writtenEndOffset || (isLast && segment.sizeBytes === 0)) break
    const below = endOffset <= logStartOffset
    const tooOld = byTime && nowMs - newestTimestamp(segment) > config.retentionMs
    const tooMany = byBytes && excessBytes - segment.sizeBytes >= 0
    if (!below && !tooOld && !tooMany) break
    excessBytes -= segment.sizeBytes
  }
  return count
}

function newestTimestamp(segment: Segment): number {
  return segment.maxTimestamp >= 0 ? segment.maxTimestamp : segment.createdMs
}

/**
 * Walks over the logs of a broker, a slice at a time. First the new log starts become durable, then the files go: in
 * this order a crash leaves no hole, whichever of the deletions it undoes.
 */
export class Retention {
  readonly #runtime: StorageRuntime
  readonly #makeStartsDurable: (logs: readonly PartitionLog[]) => Iterable<PartitionLog>
  #running: Iterator<PartitionLog> | null = null
  #raised: PartitionLog[] = []
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
      const next = this.#running.next()
      if (next.done === true) {
        this.#running = null
        this.#carryOut()
        return
      }
      const log = next.value
      if (log.offline === null && !log.cleaning && log.raiseStartForRetention(clock.nowMs())) this.#raised.push(log)
      if (this.#raised.length >= BATCH_LOGS) this.#carryOut()
      if (clock.monotonicMs() < endMs) continue
      timers.immediate(() => this.#slice())
      return
    }
  }

  #carryOut(): void {
    const logs = this.#raised
    this.#raised = []
    if (logs.length === 0) return
    // Files below a start that a crash could take back stay; the next pass tries again.
    for (const log of this.#makeStartsDurable(logs)) {
      log.startIsDurable()
      if (log.offline === null && !log.cleaning) log.dropSegmentsBelowStart()
    }
  }
}
