import type { TimerHandle } from '@ottla/runtime'
import type { ClientDeps } from '../deps.ts'

/** How often it looks, within the time that one record may take. */
const LOOKS = 4

/**
 * Notices when a reader works on the same record for longer than `maxMs`, up to a quarter of that later: so no clock is read for
 * each record.
 */
export class PollWatch {
  readonly #deps: ClientDeps
  readonly #maxMs: number
  readonly #inHand: () => number | null
  readonly #onOverdue: (workedMs: number) => void
  #timer: TimerHandle | undefined
  #last: number | null = null
  #sinceMs = 0

  /** `inHand`: a number for each record, null while there is none. */
  constructor(deps: ClientDeps, maxMs: number, inHand: () => number | null, onOverdue: (workedMs: number) => void) {
    this.#deps = deps
    this.#maxMs = maxMs
    this.#inHand = inHand
    this.#onOverdue = onOverdue
  }

  /** Idempotent. */
  start(): void {
    if (this.#timer === undefined) this.#schedule()
  }

  stop(): void {
    this.#deps.timers.clearTimer(this.#timer)
    this.#timer = undefined
  }

  #schedule(): void {
    this.#timer = this.#deps.timers.setTimer(() => {
      this.#schedule()
      this.#look()
    }, this.#maxMs / LOOKS)
  }

  #look(): void {
    const nowMs = this.#deps.clock.monotonicMs()
    const inHand = this.#inHand()
    if (inHand === null || inHand !== this.#last) {
      this.#last = inHand
      this.#sinceMs = nowMs
    } else if (nowMs - this.#sinceMs >= this.#maxMs) this.#onOverdue(nowMs - this.#sinceMs)
  }
}
