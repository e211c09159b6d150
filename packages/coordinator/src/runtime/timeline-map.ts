import type { Timeline, Versioned } from './timeline.ts'

/** Among so many uncommitted changes a key is looked for one by one; among more, by an index. */
const SCANNED_MAX = 16

/**
 * The uncommitted changes of one map, oldest first: whose they are, and what the key had before. `undefined`: nothing.
 * What a key had when last committed is what its oldest change here has replaced.
 */
class Changes<K, V> {
  readonly #keys: K[] = []
  readonly #before: (V | undefined)[] = []
  /** How many at the front have been committed meanwhile. */
  #settled = 0
  /** By key, its oldest change; made when asked for, and good until the next change. */
  #oldest: Map<K, number> | null = null

  get isEmpty(): boolean {
    return this.#settled === this.#keys.length
  }

  add(key: K, before: V | undefined): void {
    this.#keys.push(key)
    this.#before.push(before)
    this.#oldest = null
  }

  /** The `count` oldest are committed. */
  settle(count: number): void {
    this.#settled += count
    this.#oldest = null
    if (this.isEmpty || this.#settled * 2 <= this.#keys.length) return
    this.#keys.splice(0, this.#settled)
    this.#before.splice(0, this.#settled)
    this.#settled = 0
  }

  /** Takes the newest off. */
  takeLast(): [key: K, before: V | undefined] {
    this.#oldest = null
    return [this.#keys.pop()!, this.#before.pop()]
  }

  has(key: K): boolean {
    return this.#oldestOf(key) >= 0
  }

  /** What the key had when last committed; only for one that has changes. */
  committed(key: K): V | undefined {
    return this.#before[this.#oldestOf(key)]
  }

  /** Each key once. */
  keys(): IterableIterator<K> {
    return this.#index().keys()
  }

  #oldestOf(key: K): number {
    if (this.#keys.length - this.#settled <= SCANNED_MAX) return this.#keys.indexOf(key, this.#settled)
    return this.#index().get(key) ?? -1
  }

  #index(): Map<K, number> {
    if (this.#oldest !== null) return this.#oldest
    const index = new Map<K, number>()
    for (let i = this.#settled; i < this.#keys.length; i++) if (!index.has(this.#keys[i])) index.set(this.#keys[i], i)
    this.#oldest = index
    return index
  }
}

/**
 * A map whose changes belong to a timeline: `get` and the like see every change, the `committed` ones what nobody can take
 * back. Values are immutable, or at least never changed in place once they are in the map (`TimelineHashMap` in Kafka).
 * A key costs nothing more than in a `Map` unless it has changes that are not committed.
 */
export class TimelineMap<K, V extends object> implements Versioned {
  readonly #timeline: Timeline
  readonly #now = new Map<K, V>()
  /** Null while everything is committed, as it is most of the time. */
  #changes: Changes<K, V> | null = null

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
    return this.#now.size === 0 && this.#changes === null
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
    if (!this.#timeline.isLoading) this.#remember(key)
    this.#now.set(key, value)
  }

  delete(key: K): boolean {
    if (!this.#now.has(key)) return false
    if (!this.#timeline.isLoading) this.#remember(key)
    return this.#now.delete(key)
  }

  committed(key: K): V | undefined {
    const changes = this.#changes
    return changes?.has(key) ? changes.committed(key) : this.#now.get(key)
  }

  *committedEntries(): IterableIterator<[K, V]> {
    const changes = this.#changes
    if (changes === null) {
      yield* this.#now
      return
    }
    for (const entry of this.#now) if (!changes.has(entry[0])) yield entry
    for (const key of changes.keys()) {
      const committed = changes.committed(key)
      if (committed !== undefined) yield [key, committed]
    }
  }

  /** Of one key: whether it has changes that are not committed. */
  isPending(key: K): boolean {
    return this.#changes?.has(key) === true
  }

  settle(count: number): void {
    const changes = this.#changes!
    changes.settle(count)
    if (changes.isEmpty) this.#changes = null
  }

  revert(count: number): void {
    const changes = this.#changes!
    for (let i = 0; i < count; i++) {
      const [key, before] = changes.takeLast()
      if (before === undefined) this.#now.delete(key)
      else this.#now.set(key, before)
    }
    if (changes.isEmpty) this.#changes = null
  }

  /** Before the key is changed. */
  #remember(key: K): void {
    this.#changes ??= new Changes()
    this.#changes.add(key, this.#now.get(key))
    this.#timeline.changed(this)
  }
}
