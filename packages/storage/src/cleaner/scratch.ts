/**
 * Memory that one job uses again and again. A cleaner that takes fresh buffers for what it reads and writes makes the
 * garbage collector run for every 64 MiB of the log, and all others wait for that.
 */
export class Scratch {
  #memory = Buffer.alloc(0)

  /** `bytes` of memory, uninitialised; what was taken before is void. */
  take(bytes: number): Buffer {
    if (this.#memory.length < bytes) this.#memory = Buffer.allocUnsafeSlow(bytes)
    return this.#memory.subarray(0, bytes)
  }
}
