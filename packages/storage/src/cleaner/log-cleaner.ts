import { RecordsError } from '@ottla/protocol/records'
import { isShortage } from '../errors.ts'
import type { PartitionLog } from '../log.ts'
import type { CleanerOptions } from '../manager-types.ts'
import type { StorageRuntime } from '../types.ts'
import type { Steps } from './batch-source.ts'
import { type CleanResult, cleanLog } from './clean-log.ts'
import { IoThrottle } from './io-throttle.ts'
import { type CleanPlan, planCleaning } from './plan.ts'

/** What cleaning takes of the event loop before it lets others have their turn. */
const SLICE_MS = 2
/** Between slices: half of the time is left to the rest. */
const PAUSE_MS = 2
/** A long rest is taken in parts: a log that is truncated or deleted meanwhile is let go of after one. */
const REST_MS_MAX = 1000
const DEDUPE_BUFFER_SIZE = 134_217_728
const BUFFER_LOAD_FACTOR = 0.9
const BACKOFF_MS = 15_000

interface Choice {
  /** Still to be looked at. */
  readonly logs: Iterator<PartitionLog>
  best: CleanPlan | null
}

export interface CleanerHost {
  logs(): Iterable<PartitionLog>
  /** Of the `cleaner-offset-checkpoint`. */
  lastCleanOffset(log: PartitionLog): number | undefined
  cleaned(log: PartitionLog, endOffset: number): void
}

/**
 * Compacts one log at a time, the dirtiest first, in slices. A run that is interrupted, by a truncation, a deletion or
 * the end of the process, leaves the log as it was.
 */
export class LogCleaner {
  readonly #runtime: StorageRuntime
  readonly #host: CleanerHost
  readonly #options: Required<CleanerOptions>
  #timer: ReturnType<StorageRuntime['timers']['setTimer']> | undefined
  /** While it looks for what to do next. */
  #choosing: Choice | null = null
  #running: { readonly log: PartitionLog; readonly steps: Steps<CleanResult | null> } | null = null
  /** Logs with a batch whose records cannot be read: left as they are until the next start. */
  readonly #uncleanable = new WeakSet<PartitionLog>()
  readonly #throttle: IoThrottle
  /** While the throttle makes it wait. */
  #rest: ReturnType<StorageRuntime['timers']['setTimer']> | null = null
  #stopped = false
  #idleWaiter: (() => void) | null = null

  constructor(runtime: StorageRuntime, host: CleanerHost, options: CleanerOptions = {}) {
    this.#runtime = runtime
    this.#host = host
    this.#options = {
      enable: options.enable ?? true,
      dedupeBufferSize: options.dedupeBufferSize ?? DEDUPE_BUFFER_SIZE,
      bufferLoadFactor: options.bufferLoadFactor ?? BUFFER_LOAD_FACTOR,
      backoffMs: options.backoffMs ?? BACKOFF_MS,
      ioMaxBytesPerSecond: options.ioMaxBytesPerSecond ?? Number.POSITIVE_INFINITY,
    }
    this.#throttle = new IoThrottle(runtime.clock, this.#options.ioMaxBytesPerSecond)
  }

  start(): void {
    if (this.#options.enable) this.#lookAgainIn(this.#options.backoffMs)
  }

  #lookAgainIn(delayMs: number): void {
    if (this.#stopped) return
    this.#timer = this.#runtime.timers.setTimer(() => this.cleanDirtiest(), delayMs, { keepAlive: false })
  }

  /** Starts on the log that needs it most; looks again after a while when none does. */
  cleanDirtiest(): void {
    this.#runtime.timers.clearTimer(this.#timer)
    if (this.#running !== null || this.#choosing !== null || this.#stopped) return
    this.#choosing = { logs: this.#host.logs()[Symbol.iterator](), best: null }
    this.#choose(this.#choosing)
  }

  /** In slices too: the first look at a log costs a look at each of its files. */
  #choose(choosing: Choice): void {
    const { clock, timers } = this.#runtime
    const endMs = clock.monotonicMs() + SLICE_MS
    for (;;) {
      if (this.#stopped) return
      const next = choosing.logs.next()
      if (next.done === true) break
      const plan = this.#planOf(next.value)
      if (plan !== null && (choosing.best === null || isMoreUrgent(plan, choosing.best))) choosing.best = plan
      if (clock.monotonicMs() < endMs) continue
      timers.setTimer(() => this.#choose(choosing), PAUSE_MS, { keepAlive: false })
      return
    }
    this.#choosing = null
    // Things may have changed since it was looked at.
    const plan = choosing.best === null ? null : this.#planOf(choosing.best.log)
    if (plan === null) this.#lookAgainIn(this.#options.backoffMs)
    else this.#begin(plan)
  }

  /** null when the log needs no cleaning, or must not be cleaned. */
  #planOf(log: PartitionLog): CleanPlan | null {
    if (!log.config.cleanupPolicy.compact || log.offline !== null || this.#uncleanable.has(log)) return null
    const nowMs = this.#runtime.clock.nowMs()
    const plan = log.guarded(() => planCleaning(log, this.#host.lastCleanOffset(log), nowMs), null)
    return plan !== null && (plan.overdue || plan.dirtyRatio > log.config.minCleanableDirtyRatio) ? plan : null
  }

  #begin(plan: CleanPlan): void {
    const { log } = plan
    log.beginCleaning()
    this.#running = { log, steps: cleanLog(plan, this.#options, this.#throttle) }
    this.#runtime.logger.debug('cleaning', {
      log: log.name,
      from: plan.firstDirtyOffset,
      to: plan.firstUncleanableOffset,
    })
    this.#slice()
  }

  #slice(): void {
    const { clock, timers } = this.#runtime
    const endMs = clock.monotonicMs() + SLICE_MS
    const { log, steps } = this.#running!
    try {
      for (;;) {
        if (this.#stopped || log.cleaningSpoilt) {
          steps.return(null)
          this.#finish(null)
          return
        }
        const restMs = this.#throttle.restMs
        if (restMs >= PAUSE_MS) {
          this.#restFor(Math.min(restMs, REST_MS_MAX))
          return
        }
        const step = steps.next()
        if (step.done === true) {
          this.#finish(step.value)
          return
        }
        if (step.value !== undefined) {
          step.value((error) => {
            if (error === null) this.#slice()
            else this.#failed(error)
          })
          return
        }
        if (clock.monotonicMs() >= endMs) {
          timers.setTimer(() => this.#slice(), PAUSE_MS)
          return
        }
      }
    } catch (error) {
      this.#failed(error as Error)
    }
  }

  #restFor(ms: number): void {
    this.#rest = this.#runtime.timers.setTimer(() => {
      this.#rest = null
      this.#slice()
    }, ms)
  }

  #failed(error: Error): void {
    const { log, steps } = this.#running!
    try {
      steps.return(null)
    } catch (cleanupError) {
      this.#runtime.logger.warn('could not clean up', { log: log.name, error: (cleanupError as Error).message })
    }
    if (isShortage(error))
      this.#runtime.logger.warn('no room, or no file descriptor, to clean a log; later again', {
        log: log.name,
        error: error.message,
      })
    else if (error instanceof RecordsError) this.#leaveAlone(log, error)
    else log.fail(error)
    this.#finish(null)
  }

  /**
   * The batch is as its producer sent it, before the topic was compacted. Consumers find the same in it, so the log
   * stays in service (`LogCleanerManager.markPartitionUncleanable`).
   */
  #leaveAlone(log: PartitionLog, error: RecordsError): void {
    this.#uncleanable.add(log)
    this.#runtime.logger.error('a log cannot be compacted: a batch in it does not hold records', {
      log: log.name,
      error: error.message,
    })
  }

  #finish(result: CleanResult | null): void {
    const { log } = this.#running!
    this.#running = null
    log.endCleaning(result === null ? null : result.endOffset)
    if (result !== null) {
      const { endOffset, bytesRead, bytesWritten } = result
      this.#runtime.logger.info('cleaned', { log: log.name, endOffset, bytesRead, bytesWritten })
      this.#host.cleaned(log, endOffset)
    }
    this.#idleWaiter?.()
    this.#lookAgainIn(result === null ? this.#options.backoffMs : 0)
  }

  /** Calls back once no run is under way; none begins any more. */
  stop(idle: () => void): void {
    this.#stopped = true
    this.#runtime.timers.clearTimer(this.#timer)
    if (this.#running === null) {
      idle()
      return
    }
    this.#idleWaiter = idle
    if (this.#rest === null) return
    this.#runtime.timers.clearTimer(this.#rest)
    this.#rest = null
    this.#slice()
  }
}

function isMoreUrgent(plan: CleanPlan, other: CleanPlan): boolean {
  return plan.overdue === other.overdue ? plan.dirtyRatio > other.dirtyRatio : plan.overdue
}
