import type { TimerHandle, Timers } from '@ottla/runtime'

/** A time after which nothing is waited for. */
export class Deadline {
  readonly #timers: Timers
  readonly #timer: TimerHandle
  readonly #over: Promise<void>
  #isOver = false

  constructor(timers: Timers, timeoutMs: number) {
    this.#timers = timers
    let end: () => void
    this.#over = new Promise((resolve) => {
      end = resolve
    })
    this.#timer = timers.setTimer(() => {
      this.#isOver = true
      end()
    }, timeoutMs)
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Settles as `work` does, or resolves when the time is over; what comes of the work then is of no interest. */
  async wait(work: Promise<void>): Promise<void> {
    work.catch(() => {})
    await Promise.race([work, this.#over])
  }

  end(): void {
    this.#timers.clearTimer(this.#timer)
  }
}
