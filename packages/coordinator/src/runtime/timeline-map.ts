import type { Timeline, Versioned } from './timeline.ts'

/** What one key had before its value now. `undefined`: absent. */
interface History<V> {
  committed: V | undefined
  /** Changes that are not committed; the newest is what the key has now. */
  pending: number
  /** What the others were, oldest first; null until there are any. */
  between: (V | undefined)[] | null
}

/**
 * A map whose changes belong to a timeline: `get` and the like see every change, the `committed` ones what nobody can take
 * back. Values are immutable, or at least never changed in place once they are in the map (`TimelineHashMap` in Kafka).
 * A key costs nothing more than in a `Map` unless it has changes that are not committed.
 */
export class TimelineMap<K, V extends object> implements Versioned {
  readonly #timeline: Timeline
  readonly #now = new Map<K, V>()
  readonly #past = new Map<K, History<V>>()

  constructor(timeline: Timeline) {
    this.#timeline = timeline
  }

  /** Nothing of it can be taken back yet: the shard is being read. */
  get isLoading(): boolean {
    return this.#timeline.isLoading
  }

  get size(): number {
    return this.#now.size
  }

  /** Neither has anything now nor had when last committed. */
  get isForgotten(): boolean {
    return this.#now.size === 0 && this.#past.size === 0
  }

  get(key: K): V | undefined {
    return this.#now.get(key)
  }

  has(key: K): boolean {
    return this.#now.has(key)
  }

  keys(): IterableIterator<K> {
    return this.#now.keys()
  }

  values(): IterableIterator<V> {
    return this.#now.values()
  }

  entries(): IterableIterator<[K, V]> {
    return this.#now.entries()
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.#now.entries()
  }

  set(key: K, value: V): void {
    this.#remember(key)
    this.#now.set(key, value)
  }

  delete(key: K): boolean {
    if (!this.#now.has(key)) return false
    this.#remember(key)
    return this.#now.delete(key)
  }

  committed(key: K): V | undefined {
    const history = this.#past.get(key)
    return history === undefined ? this.#now.get(key) : history.committed
  }

  *committedEntries(): IterableIterator<[K, V]> {
    for (const entry of this.#now) {
      if (this.#past.size === 0 || !this.#past.has(entry[0])) yield entry
    }
    for (const [key, { committed }] of this.#past) if (committed !== undefined) yield [key, committed]
  }

  /** Of one key: whether it has changes that are not committed. */
  isPending(key: K): boolean {
    return this.#past.has(key)
  }

  settle(key: unknown): void {
    const history = this.#past.get(key as K)!
    if (--history.pending === 0) this.#past.delete(key as K)
    else history.committed = history.between!.shift()
  }

  revert(key: unknown): void {
    const history = this.#past.get(key as K)!
    const isLast = --history.pending === 0
    const before = isLast ? history.committed : history.between!.pop()
    if (before === undefined) this.#now.delete(key as K)
    else this.#now.set(key as K, before)
    if (isLast) this.#past.delete(key as K)
  }

  /** Before the key is changed. */
  #remember(key: K): void {
    if (this.#timeline.isLoading) return
    const now = this.#now.get(key)
    const history = this.#past.get(key)
    if (history === undefined) this.#past.set(key, { committed: now, pending: 1, between: null })
    else {
      history.pending++
      if (history.between === null) history.between = [now]
      else history.between.push(now)
    }
    this.#timeline.changed(this, key)
  }
}
