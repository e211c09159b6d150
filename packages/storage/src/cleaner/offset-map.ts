import { KeyHasher } from './key-hash.ts'

/** A hash of 16 bytes and an offset. */
export const MAP_ENTRY_BYTES = 24

/**
 * The newest offset of each key, by hash, in a fixed piece of memory (`SkimpyOffsetMap` in Apache Kafka): open
 * addressing, linear probing, nothing is ever taken out.
 */
export class OffsetMap {
  readonly #hasher: KeyHasher
  readonly #mask: number
  readonly #entriesMax: number
  readonly #hashes: Int32Array
  /** One more than the offset; 0 where nothing is. Never filled: memory that is not touched costs nothing. */
  readonly #ends: Float64Array
  #count = 0
  /** The largest offset that was looked at, whether or not its record had a key; -1 before the first. */
  latestOffset = -1

  /** For up to `entries` keys, as far as `bytesMax` and `loadFactor` allow. */
  constructor(random: { uint32(): number }, entries: number, bytesMax: number, loadFactor: number) {
    this.#hasher = new KeyHasher(random)
    const slotsMax = 2 ** Math.floor(Math.log2(Math.max(2, bytesMax / MAP_ENTRY_BYTES)))
    const slots = Math.min(slotsMax, 2 ** Math.ceil(Math.log2(Math.max(2, entries / loadFactor))))
    this.#mask = slots - 1
    // A slot stays free whatever the factor: the search for a key that is not there ends at it.
    this.#entriesMax = Math.min(slots - 1, Math.max(1, Math.floor(slots * loadFactor)))
    this.#hashes = new Int32Array(slots * 4)
    this.#ends = new Float64Array(slots)
  }

  get count(): number {
    return this.#count
  }

  get memoryBytes(): number {
    return this.#hashes.byteLength + this.#ends.byteLength
  }

  /** False when the key is new and there is no room for it. */
  put(bytes: Buffer, from: number, length: number, offset: number): boolean {
    const slot = this.#slotOf(bytes, from, length)
    if (this.#ends[slot] === 0) {
      if (this.#count >= this.#entriesMax) return false
      this.#count++
      this.#hashes.set(this.#hasher.out, slot * 4)
    }
    this.#ends[slot] = offset + 1
    return true
  }

  /** -1 for a key that is not there. */
  get(bytes: Buffer, from: number, length: number): number {
    return this.#ends[this.#slotOf(bytes, from, length)] - 1
  }

  #slotOf(bytes: Buffer, from: number, length: number): number {
    this.#hasher.hash(bytes, from, length)
    const { out } = this.#hasher
    const hashes = this.#hashes
    for (let slot = out[0] & this.#mask; ; slot = (slot + 1) & this.#mask) {
      if (this.#ends[slot] === 0) return slot
      const at = slot * 4
      if (hashes[at] === out[0] && hashes[at + 1] === out[1] && hashes[at + 2] === out[2] && hashes[at + 3] === out[3])
        return slot
    }
  }
}
