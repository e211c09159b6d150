import type { Clock, TimerHandle, Timers } from '@ottla/runtime'

/** A produce request that waits for its records to be written. */
export interface AwaitingWrite {
  /** Monotonic. */
  readonly deadlineMs: number
  expire(): void
}

/** How often deadlines are looked at, and the least that a request waits: a write takes longer than no time at all. */
export const PRODUCE_TIMEOUT_MS_MIN = 500

/**
 * The deadlines of all produce requests that wait, looked at by one timer: writes take milliseconds, so that hardly any
 * request is still here when the timer comes. As many as there are requests in flight.
 */
export class ProduceDeadlines {
  private readonly clock: Clock
  private readonly timers: Timers
  private readonly waiting = new Set<AwaitingWrite>()
  private timer: TimerHandle | undefined

  constructor(clock: Clock, timers: Timers) {
    this.clock = clock
    this.timers = timers
  }

  add(operation: AwaitingWrite): void {
    this.waiting.add(operation)
    if (this.timer === undefined) this.lookLater()
  }

  delete(operation: AwaitingWrite): void {
    this.waiting.delete(operation)
  }

  private lookLater(): void {
    this.timer = this.timers.setTimer(() => this.look(), PRODUCE_TIMEOUT_MS_MIN, { keepAlive: false })
  }

  private look(): void {
    this.timer = undefined
    const now = this.clock.monotonicMs()
    for (const operation of this.waiting) {
      if (operation.deadlineMs > now) continue
      this.waiting.delete(operation)
      operation.expire()
    }
    if (this.waiting.size > 0) this.lookLater()
  }
}
