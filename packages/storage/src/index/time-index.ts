import { fromBigEndian, toBigEndian } from './big-endian.ts'

/**
 * The time index of a segment: an entry (timestamp, offset) says that no record up to that offset is newer than the
 * timestamp. On disk 12 bytes each, big endian: timestamp, offset relative to the segment's base (`TimeIndex` in
 * Apache Kafka). Timestamps rise strictly. A cache, like the offset index.
 */

export const TIME_INDEX_ENTRY_BYTES = 12
const CAPACITY_MIN = 16
const TWO_32 = 0x1_0000_0000

export class TimeIndex {
  #timestamps: Float64Array = new Float64Array(0)
  #relativeOffsets: Int32Array = new Int32Array(0)
  #count = 0

  get count(): number {
    return this.#count
  }

  get memoryBytes(): number {
    return this.#timestamps.length * TIME_INDEX_ENTRY_BYTES
  }

  /** Ignores an entry that is not newer than the last: it would say nothing. */
  maybeAppend(timestamp: number, relativeOffset: number): void {
    if (timestamp < 0 || (this.#count > 0 && timestamp <= this.#timestamps[this.#count - 1])) return
    if (this.#count === this.#timestamps.length) this.#grow()
    this.#timestamps[this.#count] = timestamp
    this.#relativeOffsets[this.#count++] = relativeOffset
  }

  /** The last slot whose timestamp is < `timestamp`: every record up to its offset is older. -1 without one. */
  slotBefore(timestamp: number): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#timestamps[middle] < timestamp) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  timestampAt(slot: number): number {
    return this.#timestamps[slot]
  }

  relativeOffsetAt(slot: number): number {
    return this.#relativeOffsets[slot]
  }

  /** Drops entries about offsets at or after `relativeOffset`. */
  truncateTo(relativeOffset: number): void {
    while (this.#count > 0 && this.#relativeOffsets[this.#count - 1] >= relativeOffset) this.#count--
  }

  encode(): Buffer {
    const values = new Int32Array(this.#count * 3)
    for (let i = 0; i < this.#count; i++) {
      const timestamp = this.#timestamps[i]
      const high = Math.floor(timestamp / TWO_32)
      values[3 * i] = high
      values[3 * i + 1] = timestamp - high * TWO_32
      values[3 * i + 2] = this.#relativeOffsets[i]
    }
    return toBigEndian(values)
  }

  /** See `OffsetIndex.decode`; `relativeEnd` is the first offset after the segment's last, relative to its base. */
  static decode(bytes: Buffer, relativeEnd: number): TimeIndex | null {
    const index = new TimeIndex()
    const entries = Math.floor(bytes.length / TIME_INDEX_ENTRY_BYTES)
    const values = fromBigEndian(bytes)
    let lastTimestamp = -1
    let lastOffset = -1
    for (let i = 0; i < entries; i++) {
      const timestamp = values[3 * i] * TWO_32 + (values[3 * i + 1] >>> 0)
      const relativeOffset = values[3 * i + 2]
      if (timestamp === 0 && relativeOffset === 0) break
      if (!Number.isSafeInteger(timestamp) || timestamp <= lastTimestamp) return null
      if (relativeOffset < lastOffset || relativeOffset >= relativeEnd) return null
      index.maybeAppend(timestamp, relativeOffset)
      lastTimestamp = timestamp
      lastOffset = relativeOffset
    }
    return index
  }

  #grow(): void {
    const capacity = Math.max(CAPACITY_MIN, this.#timestamps.length * 2)
    const timestamps = new Float64Array(capacity)
    const offsets = new Int32Array(capacity)
    timestamps.set(this.#timestamps)
    offsets.set(this.#relativeOffsets)
    this.#timestamps = timestamps
    this.#relativeOffsets = offsets
  }
}
