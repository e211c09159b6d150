import { fromBigEndian, toBigEndian } from './big-endian.ts'

/**
 * The offset index of a segment: entries (last offset of a batch, position where that batch begins), one per
 * `index.interval.bytes`. On disk 8 bytes each, big endian: offset relative to the segment's base, position
 * (`OffsetIndex` in Apache Kafka). It is a cache: what is missing costs a longer scan, and a damaged one is rebuilt.
 */

export const OFFSET_INDEX_ENTRY_BYTES = 8
const CAPACITY_MIN = 16

export class OffsetIndex {
  #relativeOffsets: Int32Array = new Int32Array(0)
  #positions: Int32Array = new Int32Array(0)
  #count = 0

  get count(): number {
    return this.#count
  }

  get memoryBytes(): number {
    return this.#positions.length * OFFSET_INDEX_ENTRY_BYTES
  }

  /** Offsets and positions must rise. */
  append(relativeOffset: number, position: number): void {
    if (this.#count === this.#positions.length) this.#grow()
    this.#relativeOffsets[this.#count] = relativeOffset
    this.#positions[this.#count++] = position
  }

  /** Where to begin looking for an offset: the position of the last entry at or before it, 0 without one. */
  positionFor(relativeOffset: number): number {
    const slot = this.slotFor(relativeOffset)
    return slot < 0 ? 0 : this.#positions[slot]
  }

  /** The last slot whose offset is ≤ `relativeOffset`, -1 without one. */
  slotFor(relativeOffset: number): number {
    return lastNotAbove(this.#relativeOffsets, this.#count, relativeOffset)
  }

  /** The last slot whose batch begins at or before `position`, -1 without one. */
  slotAtPosition(position: number): number {
    return lastNotAbove(this.#positions, this.#count, position)
  }

  relativeOffsetAt(slot: number): number {
    return this.#relativeOffsets[slot]
  }

  positionAt(slot: number): number {
    return this.#positions[slot]
  }

  get lastPosition(): number {
    return this.#count === 0 ? 0 : this.#positions[this.#count - 1]
  }

  /** Drops entries of batches that begin at or after `position`. */
  truncateToPosition(position: number): void {
    while (this.#count > 0 && this.#positions[this.#count - 1] >= position) this.#count--
  }

  encode(): Buffer {
    const values = new Int32Array(this.#count * 2)
    for (let i = 0; i < this.#count; i++) {
      values[2 * i] = this.#relativeOffsets[i]
      values[2 * i + 1] = this.#positions[i]
    }
    return toBigEndian(values)
  }

  /**
   * Apache Kafka preallocates the active segment's index with zeros and may leave them behind: reading stops at the
   * first entry that does not rise. null when even the first entries make no sense for a segment of `logBytes`.
   */
  static decode(bytes: Buffer, logBytes: number): OffsetIndex | null {
    const index = new OffsetIndex()
    const entries = Math.floor(bytes.length / OFFSET_INDEX_ENTRY_BYTES)
    const values = fromBigEndian(bytes)
    let lastOffset = -1
    let lastPosition = -1
    for (let i = 0; i < entries; i++) {
      const relativeOffset = values[2 * i]
      const position = values[2 * i + 1]
      if (relativeOffset === 0 && position === 0 && (i > 0 || values.every((value) => value === 0))) break
      if (relativeOffset <= lastOffset || position <= lastPosition || position >= logBytes) return null
      index.append(relativeOffset, position)
      lastOffset = relativeOffset
      lastPosition = position
    }
    return index
  }

  #grow(): void {
    const capacity = Math.max(CAPACITY_MIN, this.#positions.length * 2)
    const offsets = new Int32Array(capacity)
    const positions = new Int32Array(capacity)
    offsets.set(this.#relativeOffsets)
    positions.set(this.#positions)
    this.#relativeOffsets = offsets
    this.#positions = positions
  }
}

/** Index of the last of `count` rising values that is at most `limit`, -1 when all are above it. */
function lastNotAbove(values: Int32Array, count: number, limit: number): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (values[middle] <= limit) low = middle + 1
    else high = middle
  }
  return low - 1
}
