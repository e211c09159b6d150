import type { Outcome } from './outcome.ts'

/**
 * Timers of one shard, each under a key: what is scheduled anew under the same key replaces what was. `onExpired` is carried
 * out like a request of the shard; when its records cannot be appended it is tried again (`CoordinatorTimer` in Kafka).
 */
export interface CoordinatorTimers {
  schedule(key: string, delayMs: number, onExpired: (nowMs: number) => Outcome<void>): void
  cancel(key: string): void
  isScheduled(key: string): boolean
}

/** The host's timers. */
export interface HostTimers {
  setTimer(delayMs: number, callback: () => void): unknown
  clearTimer(handle: unknown): void
  monotonicMs(): number
}

interface Entry {
  readonly key: string
  dueMs: number
  armedForMs: number
  handle: unknown
  onExpired: (nowMs: number) => Outcome<void>
}

/**
 * A timer that is put off, as a session's is with each heartbeat, costs no call of the host's: it notices when it goes off
 * that it is not due, and waits on.
 */
export class ShardTimers implements CoordinatorTimers {
  readonly #host: HostTimers
  readonly #run: (key: string, onExpired: (nowMs: number) => Outcome<void>) => void
  readonly #entries = new Map<string, Entry>()

  constructor(host: HostTimers, run: (key: string, onExpired: (nowMs: number) => Outcome<void>) => void) {
    this.#host = host
    this.#run = run
  }

  get size(): number {
    return this.#entries.size
  }

  isScheduled(key: string): boolean {
    return this.#entries.has(key)
  }

  schedule(key: string, delayMs: number, onExpired: (nowMs: number) => Outcome<void>): void {
    const dueMs = this.#host.monotonicMs() + delayMs
    const entry = this.#entries.get(key)
    if (entry === undefined) {
      const added: Entry = { key, dueMs, armedForMs: dueMs, handle: null, onExpired }
      this.#entries.set(key, added)
      this.#arm(added, delayMs)
      return
    }
    entry.dueMs = dueMs
    entry.onExpired = onExpired
    if (dueMs >= entry.armedForMs) return
    this.#host.clearTimer(entry.handle)
    this.#arm(entry, delayMs)
  }

  cancel(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    this.#host.clearTimer(entry.handle)
  }

  cancelAll(): void {
    for (const { handle } of this.#entries.values()) this.#host.clearTimer(handle)
    this.#entries.clear()
  }

  #arm(entry: Entry, delayMs: number): void {
    entry.armedForMs = entry.dueMs
    entry.handle = this.#host.setTimer(delayMs, () => {
      const leftMs = entry.dueMs - this.#host.monotonicMs()
      if (leftMs > 0) {
        this.#arm(entry, leftMs)
        return
      }
      this.#entries.delete(entry.key)
      this.#run(entry.key, entry.onExpired)
    })
  }
}
