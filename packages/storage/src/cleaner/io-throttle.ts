import type { Clock } from '@ottla/runtime'

/**
 * How fast the cleaner may read and write (`log.cleaner.io.max.bytes.per.second`, Kafka's `Throttler`). What has been read
 * or written is paid for afterwards with time, so that the mean holds whatever the size of a single step.
 */
export class IoThrottle {
  readonly #clock: Clock
  readonly #msPerByte: number
  /** When all that was spent is paid for. */
  #paidMs = Number.NEGATIVE_INFINITY

  /** `bytesPerSecond`: `Infinity` for as fast as it goes; 0 or less lets nothing through after the first step. */
  constructor(clock: Clock, bytesPerSecond: number) {
    this.#clock = clock
    this.#msPerByte = 1000 / Math.max(0, bytesPerSecond)
  }

  spend(bytes: number): void {
    if (this.#msPerByte === 0 || bytes === 0) return
    this.#paidMs = Math.max(this.#paidMs, this.#clock.monotonicMs()) + bytes * this.#msPerByte
  }

  /** How long to rest now, in ms; 0 for not at all. */
  get restMs(): number {
    return this.#paidMs === Number.NEGATIVE_INFINITY ? 0 : Math.max(0, this.#paidMs - this.#clock.monotonicMs())
  }
}
