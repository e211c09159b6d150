/**
 * Large buffers that are used again instead of being left to the garbage collector, which otherwise runs for every
 * 64 MiB that pass through the process, however small the heap is.
 *
 * Memory is counted by holders. Who takes a buffer is its first holder; whoever keeps a view beyond the call in which it
 * was given one retains the memory and releases it later. When the last holder has let go, the memory is written anew:
 * a view kept without holding it would then show other data. What the pool does not know (memory from elsewhere, buffers
 * above `POOLED_BYTES_MAX`) is left alone by `retain` and `release`, so that views of any origin may be treated alike.
 */
export class BufferPool {
  readonly #idleBytesMax: number
  readonly #poison: boolean
  /** Of the memory in use. */
  readonly #holders = new Map<ArrayBufferLike, number>()
  /** By size, the size that was wanted last at the end. */
  readonly #idle = new Map<number, ArrayBuffer[]>()
  #idleBytes = 0
  #lastWanted = 0

  /** `poison`: memory is overwritten when its last holder lets go, so that a view kept by mistake shows at once. */
  constructor({ idleBytesMax, poison = false }: { readonly idleBytesMax: number; readonly poison?: boolean }) {
    this.#idleBytesMax = idleBytesMax
    this.#poison = poison
  }

  /** Bytes that wait to be used again. */
  get idleBytes(): number {
    return this.#idleBytes
  }

  /** Buffers that have holders. */
  get inUse(): number {
    return this.#holders.size
  }

  /** A buffer of `bytes` or up to twice as much, uninitialised, with the caller as its holder. */
  take(bytes: number): Buffer {
    if (bytes > POOLED_BYTES_MAX) return Buffer.allocUnsafeSlow(bytes)
    const size = sizeClass(bytes)
    const memory = this.#wanted(size).pop() ?? this.#larger(size)
    if (memory === undefined) {
      const fresh = Buffer.allocUnsafeSlow(size)
      this.#holders.set(fresh.buffer, 1)
      return fresh
    }
    this.#idleBytes -= memory.byteLength
    this.#holders.set(memory, 1)
    return Buffer.from(memory)
  }

  retain(memory: ArrayBufferLike): void {
    const holders = this.#holders.get(memory)
    if (holders !== undefined) this.#holders.set(memory, holders + 1)
  }

  release(memory: ArrayBufferLike): void {
    const holders = this.#holders.get(memory)
    if (holders === undefined) return
    if (holders > 1) {
      this.#holders.set(memory, holders - 1)
      return
    }
    this.#holders.delete(memory)
    if (this.#poison) new Uint8Array(memory).fill(POISON)
    const size = memory.byteLength
    const idle = this.#idle.get(size) ?? this.#wanted(size)
    this.#idleBytes += size
    idle.push(memory as ArrayBuffer)
    this.#dropOldest()
  }

  /** The smallest idle buffer of another size that is not twice as large: frames of one client differ from each other. */
  #larger(size: number): ArrayBuffer | undefined {
    let best = 2 * size
    for (const [other, buffers] of this.#idle) if (other > size && other < best && buffers.length > 0) best = other
    return best < 2 * size ? this.#wanted(best).pop() : undefined
  }

  /** The idle buffers of a size that is being asked for. */
  #wanted(size: number): ArrayBuffer[] {
    const idle = this.#idle.get(size)
    if (idle !== undefined) {
      if (size === this.#lastWanted) return idle
      this.#idle.delete(size)
    }
    const buffers = idle ?? []
    this.#lastWanted = size
    this.#idle.set(size, buffers)
    return buffers
  }

  /** Room for what is in use now is made by what has not been asked for longest: loads change, and their sizes with them. */
  #dropOldest(): void {
    while (this.#idleBytes > this.#idleBytesMax) {
      for (const [size, buffers] of this.#idle) {
        if (buffers.pop() === undefined) {
          this.#idle.delete(size)
          continue
        }
        this.#idleBytes -= size
        break
      }
    }
  }
}

/** Larger buffers are rare, and would be kept for nothing. */
export const POOLED_BYTES_MAX: number = 8 * 1024 * 1024
const SIZE_MIN = 8 * 1024
/** Steps between two powers of two: at most a fifth of a buffer is not used. */
const STEPS = 4
const POISON = 0xdb

/** The smallest pooled size that holds `bytes`. */
function sizeClass(bytes: number): number {
  if (bytes <= SIZE_MIN) return SIZE_MIN
  const power = 2 ** Math.floor(Math.log2(bytes - 1))
  const step = power / STEPS
  return power + Math.ceil((bytes - power) / step) * step
}
