import { ErrorCode } from '@ottla/protocol'

interface Waiting {
  /** Of the state it waits for: the offset behind the records. */
  readonly version: number
  readonly settle: (errorCode: number) => void
}

/** Replies that wait until what they tell of is committed, in the order of their versions. */
export class Deferred {
  #waiting: Waiting[] = []
  #settled = 0

  get size(): number {
    return this.#waiting.length - this.#settled
  }

  /** `settle` gets 0, or why it will never be committed; exactly once. */
  add(version: number, settle: (errorCode: number) => void): void {
    this.#waiting.push({ version, settle })
  }

  completeUpTo(version: number): void {
    while (this.#settled < this.#waiting.length && this.#waiting[this.#settled].version <= version) {
      this.#waiting[this.#settled++].settle(ErrorCode.NONE)
    }
    if (this.#settled === this.#waiting.length && this.#settled > 0) {
      this.#waiting = []
      this.#settled = 0
    }
  }

  failAbove(version: number, errorCode: number): void {
    const rest = this.#waiting.slice(this.#settled)
    this.#waiting = rest.filter((waiting) => waiting.version <= version)
    this.#settled = 0
    for (const waiting of rest) if (waiting.version > version) waiting.settle(errorCode)
  }
}
