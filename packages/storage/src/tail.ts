import { batch } from '@ottla/protocol/records'
import type { BufferPool } from '@ottla/runtime'
import type { AbortedTxn } from './index/transaction-index.ts'
import type { Segment } from './segment.ts'
import type { LogSlice } from './types.ts'

/** The bytes of one append: queued for the disk at first, later kept for readers as long as memory allows. */
export interface TailEntry {
  readonly owner: LogTail
  readonly segment: Segment
  /** Whole batches; empty once the entry is dropped. */
  bytes: Buffer
  readonly baseOffset: number
  /** The first offset after the last batch. */
  readonly nextOffset: number
  /** Transactions that the entry's markers abort. */
  readonly aborted: readonly AbortedTxn[] | null
  /** In the order of appends over all logs. */
  newer: TailEntry | null
  /** Not to be dropped before. */
  written: boolean
  /** Its log has dropped it already; the budget's list has not come to it yet. */
  dropped: boolean
}

const NOTHING = Buffer.alloc(0)

/** Up to this many bytes an append is copied out of the memory that it came in. */
const COPY_BYTES_MAX = 4096
/** Such copies lie behind each other in pieces of memory of this size: one for each would keep the collector busy. */
const SLAB_BYTES = 64 * 1024
/** So is a larger one that is less than this share of it. */
const SHARE_MIN = 1 / 64

/**
 * The memory that the tails of all logs of a broker may take together. What goes first is what was appended first.
 *
 * An entry is a view on a request's frame, so keeping it keeps the whole frame, and retains its memory in the pool. A frame is charged once for all its
 * views; an entry which is but a small part of one is copied, so that little data never holds much memory.
 */
export class TailBudget {
  readonly #bytesMax: number
  readonly #pool: BufferPool
  #bytes = 0
  /** How many entries are views on each block of memory. */
  readonly #holders = new Map<ArrayBufferLike, number>()
  #oldest: TailEntry | null = null
  #newest: TailEntry | null = null
  #slab = NOTHING
  #slabUsed = 0

  constructor(bytesMax: number, pool: BufferPool) {
    this.#bytesMax = bytesMax
    this.#pool = pool
  }

  /** Bytes of memory that the tails hold now; above the bound only by what is not written yet. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * The bytes themselves, or a copy that holds little more memory than it needs: with small copies of the same time, which
   * leave at about the same time too.
   */
  own(bytes: Buffer): Buffer {
    const { length } = bytes
    const held = bytes.buffer.byteLength
    if (held === length) return bytes
    if (length > COPY_BYTES_MAX && length >= held * SHARE_MIN) return bytes
    const copy = length > COPY_BYTES_MAX ? Buffer.allocUnsafeSlow(length) : this.#take(length)
    bytes.copy(copy)
    return copy
  }

  #take(length: number): Buffer {
    if (this.#slabUsed + length > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
      this.#slabUsed = 0
    }
    const from = this.#slabUsed
    this.#slabUsed += length
    return this.#slab.subarray(from, this.#slabUsed)
  }

  add(entry: TailEntry): void {
    const memory = entry.bytes.buffer
    this.#pool.retain(memory)
    const holders = this.#holders.get(memory)
    if (holders === undefined) this.#bytes += memory.byteLength
    this.#holders.set(memory, holders === undefined ? 1 : holders + 1)
    if (this.#newest === null) this.#oldest = entry
    else this.#newest.newer = entry
    this.#newest = entry
  }

  /** Drops the oldest written entries until the bound holds. */
  trim(): void {
    while (this.#oldest !== null && (this.#oldest.dropped || (this.#bytes > this.#bytesMax && this.#oldest.written))) {
      const entry: TailEntry = this.#oldest
      this.#oldest = entry.newer
      if (this.#oldest === null) this.#newest = null
      if (entry.dropped) continue
      entry.owner.dropOldest(entry)
      this.#release(entry)
      // The log's list is cut only now and then: until then the entry must not keep its memory.
      entry.bytes = NOTHING
    }
  }

  /** A log drops an entry by itself: a failed append, truncation, deletion. */
  drop(entry: TailEntry): void {
    this.#release(entry)
    entry.dropped = true
    entry.bytes = NOTHING
  }

  #release(entry: TailEntry): void {
    const memory = entry.bytes.buffer
    this.#pool.release(memory)
    const holders = this.#holders.get(memory)! - 1
    if (holders > 0) {
      this.#holders.set(memory, holders)
      return
    }
    this.#holders.delete(memory)
    this.#bytes -= memory.byteLength
  }
}

const EMPTY_SLICE: LogSlice = { chunks: [], bytes: 0 }
/** The queue's front is cut off once this many entries have left it. */
const COMPACT_AFTER = 64

/** The last appends of one log, in order and without a gap. */
export class LogTail {
  readonly #budget: TailBudget
  #entries: TailEntry[] = []
  /** Entries before this index are gone. */
  #first = 0

  constructor(budget: TailBudget) {
    this.#budget = budget
  }

  /** The first offset held, `Infinity` when nothing is. */
  get startOffset(): number {
    return this.#first < this.#entries.length ? this.#entries[this.#first].baseOffset : Number.POSITIVE_INFINITY
  }

  push(entry: TailEntry): void {
    this.#entries.push(entry)
    this.#budget.add(entry)
  }

  /** For the budget: `entry` is the oldest of this log. */
  dropOldest(entry: TailEntry): void {
    if (this.#entries[this.#first] !== entry) throw new Error('the tails of the logs are out of step with their budget')
    this.#first++
    if (this.#first < COMPACT_AFTER || this.#first * 2 < this.#entries.length) return
    this.#entries = this.#entries.slice(this.#first)
    this.#first = 0
  }

  /** Forgets what begins at or after `offset` (which must be a boundary of appends or of nothing held). */
  truncateTo(offset: number): void {
    let end = this.#entries.length
    while (end > this.#first && this.#entries[end - 1].nextOffset > offset) end--
    this.#removeRange(end, this.#entries.length)
  }

  /** Forgets the entries that end at or before `offset`, which must all be written. */
  dropBelow(offset: number): void {
    let end = this.#first
    while (end < this.#entries.length && this.#entries[end].nextOffset <= offset) end++
    this.#removeRange(this.#first, end)
  }

  clear(): void {
    this.#removeRange(this.#first, this.#entries.length)
  }

  #removeRange(from: number, to: number): void {
    if (from >= to) return
    for (const entry of this.#entries.splice(from, to - from)) this.#budget.drop(entry)
    this.#budget.trim()
    if (this.#first >= this.#entries.length) {
      this.#entries = []
      this.#first = 0
    }
  }

  /** Batches from the one that holds `offset`, which must not lie before `startOffset`. See `ReadOptions`. */
  read(offset: number, maxBytes: number, maxOffset: number, minOneMessage: boolean): LogSlice {
    if (offset >= maxOffset) return EMPTY_SLICE
    const chunks: Buffer[] = []
    let total = 0
    for (let i = this.#find(offset); i < this.#entries.length; i++) {
      const entry = this.#entries[i]
      if (entry.baseOffset >= maxOffset) break
      const from = offset > entry.baseOffset ? batchHolding(entry.bytes, offset) : 0
      const to =
        entry.nextOffset <= maxOffset && total + entry.bytes.length - from <= maxBytes
          ? entry.bytes.length
          : lastWholeBatch(entry.bytes, from, maxBytes - total, maxOffset, minOneMessage && total === 0)
      if (to > from) {
        chunks.push(from === 0 && to === entry.bytes.length ? entry.bytes : entry.bytes.subarray(from, to))
        total += to - from
      }
      if (to < entry.bytes.length) break
    }
    return total === 0 ? EMPTY_SLICE : { chunks, bytes: total }
  }

  /** The entries from the one that holds `offset` on, for look-ups that need the batches themselves. */
  *entriesFrom(offset: number): Generator<TailEntry> {
    for (let i = this.#find(offset); i < this.#entries.length; i++) yield this.#entries[i]
  }

  /** The last entry that begins at or before `offset`. */
  #find(offset: number): number {
    let low = this.#first
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#entries[middle].baseOffset <= offset) low = middle + 1
      else high = middle
    }
    return Math.max(low - 1, this.#first)
  }
}

/** Where the batch begins that ends at or after `offset`; the length when there is none. */
export function batchHolding(bytes: Buffer, offset: number): number {
  let at = 0
  while (at < bytes.length && batch.lastOffset(bytes, at) < offset) at += batch.sizeInBytes(bytes, at)
  return at
}

/** Where to stop: before the batch that crosses `maxBytes` (except a first one that must be returned) or `maxOffset`. */
export function lastWholeBatch(
  bytes: Buffer,
  from: number,
  maxBytes: number,
  maxOffset: number,
  minOneMessage: boolean,
): number {
  let at = from
  while (at + batch.HEADER_BYTES <= bytes.length) {
    const end = at + batch.sizeInBytes(bytes, at)
    if (end > bytes.length || batch.baseOffset(bytes, at) >= maxOffset) break
    if (end - from > maxBytes && !(minOneMessage && at === from)) break
    at = end
  }
  return at
}
