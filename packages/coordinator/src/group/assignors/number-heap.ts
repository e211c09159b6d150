/** A heap of numbers, the smallest first. */
export class NumberHeap {
  readonly #items: number[] = []

  get size(): number {
    return this.#items.length
  }

  /** The smallest; there must be one. */
  peek(): number {
    return this.#items[0]
  }

  push(item: number): void {
    const items = this.#items
    let at = items.length
    items.push(item)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (items[parent] <= item) break
      items[at] = items[parent]
      at = parent
    }
    items[at] = item
  }

  pop(): number {
    const items = this.#items
    const top = items[0]
    const last = items.pop()!
    if (items.length === 0) return top
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && items[child + 1] < items[child]) child++
      if (items[child] >= last) break
      items[at] = items[child]
      at = child
    }
    items[at] = last
    return top
  }
}
