import type { Segment } from './segment.ts'

/** The segments of a log by base offset, at least one from the first append on. */
export class SegmentList {
  #segments: Segment[]

  constructor(segments: Segment[]) {
    this.#segments = segments
  }

  get length(): number {
    return this.#segments.length
  }

  get first(): Segment {
    return this.#segments[0]
  }

  /** The active segment. */
  get last(): Segment {
    return this.#segments[this.#segments.length - 1]
  }

  at(index: number): Segment | undefined {
    return this.#segments[index]
  }

  all(): readonly Segment[] {
    return this.#segments
  }

  /** Index of the segment in which `offset` lies or would lie: the last that begins at or before it; -1 when all begin later. */
  floorIndex(offset: number): number {
    let low = 0
    let high = this.#segments.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#segments[middle].baseOffset <= offset) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  add(segment: Segment): void {
    if (this.#segments.length > 0 && segment.baseOffset <= this.last.baseOffset)
      throw new Error(`segment ${segment.baseOffset} would not be the last one`)
    this.#segments.push(segment)
  }

  /** Takes out `count` segments from `index` on and puts others in their place. Returns those taken out. */
  replace(index: number, count: number, ...added: Segment[]): Segment[] {
    const next = this.#segments.slice()
    const removed = next.splice(index, count, ...added)
    // A new array: whoever walks the old one is not disturbed.
    this.#segments = next
    return removed
  }
}
