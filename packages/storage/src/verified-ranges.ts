/** Log bytes per bit: 32 KiB of bits for a segment of 1 GiB. */
const GRANULE_BYTES = 4096

/**
 * Which parts of a file have had the checksums of their batches verified since the start, on a read or when they were
 * appended: a bit stands for all batches that begin in one granule. A batch that begins in the granule where a verified
 * run began may be verified again.
 */
export class VerifiedRanges {
  #bits = new Uint8Array(0)
  /** The run of bytes written last, one write behind the other. */
  #writtenFrom = 0
  #writtenTo = 0

  /** Whether the batch that begins at `position` has been verified. */
  has(position: number): boolean {
    const granule = Math.floor(position / GRANULE_BYTES)
    return granule >> 3 < this.#bits.length && (this.#bits[granule >> 3] & (1 << (granule & 7))) !== 0
  }

  /** Every batch that begins in `from` … `to`-1 has been verified. */
  add(from: number, to: number): void {
    const first = Math.ceil(from / GRANULE_BYTES)
    const last = Math.floor(to / GRANULE_BYTES)
    if (last <= first) return
    this.#grow(last)
    for (let granule = first; granule < last; granule++) this.#bits[granule >> 3] |= 1 << (granule & 7)
  }

  /** Batches that were checked before they were written now. */
  addWritten(from: number, to: number): void {
    if (from !== this.#writtenTo) this.#writtenFrom = from
    this.#writtenTo = to
    // The granule that the previous write has ended in is whole now.
    this.add(Math.max(this.#writtenFrom, from - (from % GRANULE_BYTES)), to)
  }

  clear(): void {
    this.#bits = new Uint8Array(0)
    this.#writtenFrom = 0
    this.#writtenTo = 0
  }

  #grow(granules: number): void {
    const byteLength = (granules + 7) >> 3
    if (byteLength <= this.#bits.length) return
    const bits = new Uint8Array(Math.max(byteLength, this.#bits.length * 2))
    bits.set(this.#bits)
    this.#bits = bits
  }
}
