/** How long the turns of this thread's event loop keep the processor: what a busy machine takes from it does not count. */
export class TurnWatch {
  /** Of the longest turn since `reset`. */
  longestCpuMs = 0
  turns = 0
  #lastCpuMs = threadCpuMs()

  constructor() {
    this.#next()
  }

  /** What this turn has done so far counts for none. */
  reset(): void {
    this.longestCpuMs = 0
    this.turns = 0
    this.#lastCpuMs = threadCpuMs()
  }

  /** Not counted among what keeps the loop going, so it neither spins nor stays alive for this. */
  #next(): void {
    setImmediate(() => {
      const now = threadCpuMs()
      this.longestCpuMs = Math.max(this.longestCpuMs, now - this.#lastCpuMs)
      this.#lastCpuMs = now
      this.turns++
      this.#next()
    }).unref()
  }
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
