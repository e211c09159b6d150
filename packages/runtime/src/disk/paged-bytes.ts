/**
 * A sparse, growable run of bytes: what a file holds in memory. Pages that were never written take no memory and
 * read as zeros. `fork` is cheap: both sides share the pages and copy one when they first write into it.
 */
export const pageBytes = 64 * 1024

/** The first page starts small and doubles, so that thousands of small files stay small. */
const firstPageBytes = 512

export class PagedBytes {
  #size = 0
  #pages: (Uint8Array | undefined)[] = []
  /** Parallel to `#pages`: whether this side may write into the page. */
  #owned: boolean[] = []
  #allocatedBytes = 0

  get size(): number {
    return this.#size
  }

  /** Memory behind the bytes; holes cost nothing. */
  get allocatedBytes(): number {
    return this.#allocatedBytes
  }

  fork(): PagedBytes {
    const copy = new PagedBytes()
    copy.#size = this.#size
    copy.#pages = this.#pages.slice()
    copy.#owned = new Array(this.#pages.length).fill(false)
    copy.#allocatedBytes = this.#allocatedBytes
    this.#owned.fill(false)
    return copy
  }

  read(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    const count = Math.max(0, Math.min(length, this.#size - position))
    let done = 0
    while (done < count) {
      const at = position + done
      const index = Math.floor(at / pageBytes)
      const within = at - index * pageBytes
      const step = Math.min(count - done, pageBytes - within)
      const page = this.#pages[index]
      const held = page === undefined ? 0 : Math.max(0, Math.min(step, page.length - within))
      if (held > 0) target.set(page!.subarray(within, within + held), targetOffset + done)
      if (held < step) target.fill(0, targetOffset + done + held, targetOffset + done + step)
      done += step
    }
    return count
  }

  write(source: Uint8Array, position: number): void {
    if (source.length === 0) return
    let done = 0
    while (done < source.length) {
      const at = position + done
      const index = Math.floor(at / pageBytes)
      const within = at - index * pageBytes
      const step = Math.min(source.length - done, pageBytes - within)
      this.#writable(index, within + step).set(source.subarray(done, done + step), within)
      done += step
    }
    this.#size = Math.max(this.#size, position + source.length)
  }

  truncate(length: number): void {
    if (length < this.#size) {
      const kept = Math.ceil(length / pageBytes)
      for (let i = kept; i < this.#pages.length; i++) this.#allocatedBytes -= this.#pages[i]?.length ?? 0
      if (this.#pages.length > kept) {
        this.#pages.length = kept
        this.#owned.length = kept
      }
      // What lies behind the new end must read as zeros when the file grows again.
      const within = length - (kept - 1) * pageBytes
      const last = this.#pages[kept - 1]
      if (last !== undefined && within < last.length) this.#writable(kept - 1, within).fill(0, within)
    }
    this.#size = length
  }

  /** The page, with room for its first `needed` bytes, safe to write into. */
  #writable(index: number, needed: number): Uint8Array {
    const page = this.#pages[index]
    if (page !== undefined && this.#owned[index] && page.length >= needed) return page
    let capacity = page?.length ?? (index === 0 ? firstPageBytes : pageBytes)
    while (capacity < needed) capacity *= 2
    const fresh = new Uint8Array(capacity)
    if (page !== undefined) fresh.set(page)
    while (this.#pages.length < index) {
      this.#pages.push(undefined)
      this.#owned.push(false)
    }
    this.#pages[index] = fresh
    this.#owned[index] = true
    this.#allocatedBytes += capacity - (page?.length ?? 0)
    return fresh
  }
}
