/** What is to be written, gathered in memory that is used again. */
export class OutputBuffer {
  #memory = Buffer.alloc(0)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** A view, void after the next `add` or `clear`. */
  get bytes(): Buffer {
    return this.#memory.subarray(0, this.#length)
  }

  add(bytes: Buffer): void {
    const end = this.#length + bytes.length
    if (end > this.#memory.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(end, 2 * this.#memory.length))
      this.#memory.copy(grown, 0, 0, this.#length)
      this.#memory = grown
    }
    bytes.copy(this.#memory, this.#length)
    this.#length = end
  }

  clear(): void {
    this.#length = 0
  }
}
