import type { Clock, TimerHandle, Timers } from '@ottla/runtime'
import { nodeTimers } from '@ottla/runtime/node'

interface Pending {
  readonly dueMs: number
  readonly fn: () => void
}

/** Time that stands still until a test moves it. */
export class ManualTime implements Clock, Timers {
  #elapsedMs = 0
  readonly #pending = new Set<Pending>()

  nowMs(): number {
    return 1_700_000_000_000 + this.#elapsedMs
  }

  monotonicMs(): number {
    return this.#elapsedMs
  }

  /** When the last of what is set falls due, in ms from now; 0 when nothing is. */
  get longestMs(): number {
    return Math.max(0, ...[...this.#pending].map(({ dueMs }) => dueMs - this.#elapsedMs))
  }

  setTimer(fn: () => void, delayMs: number): TimerHandle {
    const pending = { dueMs: this.#elapsedMs + Math.max(0, delayMs), fn }
    this.#pending.add(pending)
    return pending as unknown as TimerHandle
  }

  clearTimer(handle: TimerHandle | undefined): void {
    this.#pending.delete(handle as unknown as Pending)
  }

  immediate(fn: () => void): void {
    nodeTimers.immediate(fn)
  }

  /** Lets time pass, firing what falls due in order. */
  advance(ms: number): void {
    const end = this.#elapsedMs + ms
    for (;;) {
      let next: Pending | undefined
      for (const pending of this.#pending) {
        if (pending.dueMs <= end && (next === undefined || pending.dueMs < next.dueMs)) next = pending
      }
      if (next === undefined) break
      this.#pending.delete(next)
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs)
      next.fn()
    }
    this.#elapsedMs = end
  }
}
