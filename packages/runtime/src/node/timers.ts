import type { TimerHandle, TimerOptions, Timers } from '../ports/clock.ts'
import { realClearTimeout, realMonotonicMs, realSetImmediate, realSetTimeout } from './globals.ts'

const delayMsMax = 2 ** 31 - 1

class NodeTimer {
  readonly #dueMs: number
  readonly #keepAlive: boolean
  #fn: (() => void) | undefined
  #timeout: NodeJS.Timeout | undefined

  constructor(fn: () => void, delayMs: number, keepAlive: boolean) {
    this.#fn = fn
    this.#dueMs = realMonotonicMs() + delayMs
    this.#keepAlive = keepAlive
    this.#arm(delayMs)
  }

  #arm(delayMs: number): void {
    this.#timeout = realSetTimeout(NodeTimer.#fire, Math.ceil(delayMs), this)
    if (!this.#keepAlive) this.#timeout.unref()
  }

  /** Node counts in whole milliseconds cut off at both ends, so it may fire up to one early: then wait the rest. */
  static #fire(timer: NodeTimer): void {
    const fn = timer.#fn
    if (fn === undefined) return
    const restMs = timer.#dueMs - realMonotonicMs()
    if (restMs > 0) {
      timer.#arm(restMs)
      return
    }
    timer.#fn = undefined
    fn()
  }

  clear(): void {
    this.#fn = undefined
    realClearTimeout(this.#timeout)
  }
}

export const nodeTimers: Timers = {
  setTimer(fn: () => void, delayMs: number, options?: TimerOptions): TimerHandle {
    // `!(> 0)` also turns NaN into an immediate timer rather than one that never compares as due.
    const clampedMs = !(delayMs > 0) ? 0 : Math.min(delayMs, delayMsMax)
    return new NodeTimer(fn, clampedMs, options?.keepAlive ?? true) as unknown as TimerHandle
  },
  clearTimer(handle: TimerHandle | undefined): void {
    if (handle !== undefined) (handle as unknown as NodeTimer).clear()
  },
  immediate(fn: () => void): void {
    realSetImmediate(fn)
  },
}
