/**
 * A reply that is not known yet: that of a member who waits for the others of its group. Unlike a promise it tells at
 * once, so that a machine does the same whoever waits.
 */
export class Later<T> {
  #value: { readonly is: T } | null = null
  #listener: { told(value: T): void } | null = null

  get isSettled(): boolean {
    return this.#value !== null
  }

  /** Only the first value counts. */
  settle(value: T): void {
    if (this.#value !== null) return
    this.#value = { is: value }
    this.#listener?.told(value)
  }

  /** `told` is called once: now, or when the value is known. One listener at most. */
  onSettled(told: (value: T) => void): void {
    if (this.#listener !== null) throw new Error('somebody waits for this already')
    this.#listener = { told }
    if (this.#value !== null) told(this.#value.is)
  }
}
