/** Where records come from. Asked for one at a time. */
export interface IteratedSource<T> {
  /** The next record, if it is at hand; null says nothing. */
  now(): T | null
  /** The next record; null at the end. */
  later(): Promise<T | null>
  close(): Promise<void>
}

const isOver = { done: true, value: undefined } as const

/**
 * What a `for await` loop asks. A record that is at hand costs one promise, where an async generator costs three. The source is
 * closed when it has come to its end or has failed, and when the loop is left.
 */
export class RecordIterator<T> implements AsyncIterableIterator<T, void, undefined> {
  readonly #source: IteratedSource<T>
  #isOver = false
  /** Asked for and not answered. */
  #asked = 0
  #last: Promise<unknown> = Promise.resolve()

  constructor(source: IteratedSource<T>) {
    this.#source = source
  }

  next(): Promise<IteratorResult<T, void>> {
    if (this.#asked === 0 && !this.#isOver) {
      const value = this.#source.now()
      if (value !== null) return Promise.resolve({ done: false, value })
    }
    // Who asks again before there is an answer gets the record after that.
    this.#asked += 1
    const answer = this.#asked === 1 ? this.#ask() : this.#last.then(() => this.#ask())
    this.#last = answer.catch(ignore)
    return answer
  }

  async #ask(): Promise<IteratorResult<T, void>> {
    try {
      if (this.#isOver) return isOver
      const value = await this.#source.later()
      return value === null ? await this.return() : { done: false, value }
    } catch (error) {
      await this.return()
      throw error
    } finally {
      this.#asked -= 1
    }
  }

  /** The loop was left: the record in hand is not done with. */
  async return(): Promise<{ readonly done: true; readonly value: undefined }> {
    this.#isOver = true
    await this.#source.close()
    return isOver
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

function ignore(): void {}
