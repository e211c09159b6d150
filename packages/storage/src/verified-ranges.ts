/** Bytes that were looked at last, one piece behind the other. */
interface Run {
  from: number
  to: number
}

/** Log bytes per bit: 32 KiB of bits for a segment of 1 GiB. */
const GRANULE_BYTES = 4096

/**
 * Which parts of a file have had the checksums of their batches verified since the start, on a read or when they were
 * appended: a bit stands for all batches that begin in one granule. A batch that begins in the granule where a verified
 * run began may be verified again.
 */
export class VerifiedRanges {
  #bits = new Uint8Array(0)
  readonly #written: Run = { from: 0, to: 0 }
  readonly #read: Run = { from: 0, to: 0 }

  /** Whether the batch that begins at `position` has been verified. */
  has(position: number): boolean {
    const granule = Math.floor(position / GRANULE_BYTES)
    return granule >> 3 < this.#bits.length && (this.#bits[granule >> 3] & (1 << (granule & 7))) !== 0
  }

  /** Whether every batch that begins in `from` … `to`-1 has been verified. */
  hasAll(from: number, to: number): boolean {
    const last = Math.ceil(to / GRANULE_BYTES)
    for (let granule = Math.floor(from / GRANULE_BYTES); granule < last; granule++) {
      if (this.has(granule * GRANULE_BYTES)) continue
      // The last piece mostly ends within a granule: what begins there later is not known yet, what begins in it is.
      const begin = Math.max(from, granule * GRANULE_BYTES)
      const end = Math.min(to, (granule + 1) * GRANULE_BYTES)
      if (!holds(this.#written, begin, end) && !holds(this.#read, begin, end)) return false
    }
    return true
  }

  /** Every batch that begins in `from` … `to`-1 has been verified by a read. */
  addRead(from: number, to: number): void {
    this.#extend(this.#read, from, to)
  }

  /** Batches that were checked before they were written now. */
  addWritten(from: number, to: number): void {
    this.#extend(this.#written, from, to)
  }

  /** A granule that one piece has ended in is whole with the next one. */
  #extend(run: Run, from: number, to: number): void {
    if (from !== run.to) run.from = from
    run.to = to
    this.#add(Math.max(run.from, from - (from % GRANULE_BYTES)), to)
  }

  #add(from: number, to: number): void {
    const first = Math.ceil(from / GRANULE_BYTES)
    const last = Math.floor(to / GRANULE_BYTES)
    if (last <= first) return
    this.#grow(last)
    for (let granule = first; granule < last; granule++) this.#bits[granule >> 3] |= 1 << (granule & 7)
  }

  clear(): void {
    this.#bits = new Uint8Array(0)
    for (const run of [this.#written, this.#read]) {
      run.from = 0
      run.to = 0
    }
  }

  #grow(granules: number): void {
    const byteLength = (granules + 7) >> 3
    if (byteLength <= this.#bits.length) return
    const bits = new Uint8Array(Math.max(byteLength, this.#bits.length * 2))
    bits.set(this.#bits)
    this.#bits = bits
  }
}

function holds(run: Run, from: number, to: number): boolean {
  return run.from <= from && to <= run.to
}
