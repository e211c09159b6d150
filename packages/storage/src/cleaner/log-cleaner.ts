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
    if (this.#running !== null || this.#stopped) return
    const plan = this.#choose()
    if (plan === null) {
      this.#lookAgainIn(this.#options.backoffMs)
      return
    }
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

  #choose(): CleanPlan | null {
    const nowMs = this.#runtime.clock.nowMs()
    let best: CleanPlan | null = null
    for (const log of this.#host.logs()) {
      if (!log.config.cleanupPolicy.compact || log.offline !== null || this.#uncleanable.has(log)) continue
      const plan = log.guarded(() => planCleaning(log, this.#host.lastCleanOffset(log), nowMs), null)
      if (plan === null || !(plan.overdue || plan.dirtyRatio > log.config.minCleanableDirtyRatio)) continue
      if (
        best === null ||
        (plan.overdue && !best.overdue) ||
        (plan.overdue === best.overdue && plan.dirtyRatio > best.dirtyRatio)
      )
        best = plan
    }
    return best
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
    if (isShortage(error)) this.#runtime.logger.warn('no room to clean a log', { log: log.name })
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
    log.endCleaning()
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
