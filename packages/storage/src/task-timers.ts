import type { StorageRuntime } from './types.ts'

type Timer = ReturnType<StorageRuntime['timers']['setTimer']>

/** Work of the background, by name: of each name at most one run is pending. None keeps the process alive. */
export class TaskTimers {
  readonly #timers: StorageRuntime['timers']
  readonly #pending = new Map<string, Timer>()
  #stopped = false

  constructor(timers: StorageRuntime['timers']) {
    this.#timers = timers
  }

  once(name: string, delayMs: number, action: () => void): void {
    if (this.#pending.has(name) || this.#stopped) return
    const timer = this.#timers.setTimer(
      () => {
        this.#pending.delete(name)
        if (!this.#stopped) action()
      },
      delayMs,
      { keepAlive: false },
    )
    this.#pending.set(name, timer)
  }

  every(name: string, delayMs: number, intervalMs: number, action: () => void): void {
    this.once(name, delayMs, () => {
      action()
      this.every(name, intervalMs, intervalMs, action)
    })
  }

  /** What is pending does not run. */
  stop(): void {
    this.#stopped = true
    for (const timer of this.#pending.values()) this.#timers.clearTimer(timer)
    this.#pending.clear()
  }
}
