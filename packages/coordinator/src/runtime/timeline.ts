/** A collection that can give up its uncommitted changes, and be asked for what is committed. */
export interface Versioned {
  /** The oldest uncommitted change of `key` has become committed. */
  settle(key: unknown): void
  /** Takes back the newest uncommitted change of `key`. */
  revert(key: unknown): void
}

interface Change {
  readonly version: number
  readonly subject: Versioned
  readonly key: unknown
}

/**
 * The past of one shard's state: which changes are not committed yet. A version is the offset behind the records that made
 * the change, so what is committed is everything up to the high watermark (`SnapshotRegistry` in Apache Kafka).
 *
 * ```
 *      committed                  latest
 *  ───────┤ changes of appended records ├──▶ begin(version)
 *         └──▶ commit(version)      ◀────┘ rollBack(version)
 * ```
 * While a shard is loaded nothing can be taken back, and no past is kept.
 */
export class Timeline {
  #changes: Change[] = []
  #settled = 0
  #version = 0
  #committed = 0
  #loading = true

  /** Of the changes being made. */
  get version(): number {
    return this.#version
  }

  /** Every change of this version and below is committed. */
  get committedVersion(): number {
    return this.#committed
  }

  get isLoading(): boolean {
    return this.#loading
  }

  /** Everything so far is committed; from here on changes can be taken back. */
  loaded(version: number): void {
    this.#loading = false
    this.#version = version
    this.#committed = version
  }

  /** What is changed from here on has this version, which is not below the one before. */
  begin(version: number): void {
    if (version < this.#version) throw new Error(`version ${version} after ${this.#version}`)
    this.#version = version
  }

  commit(version: number): void {
    const target = Math.min(version, this.#version)
    if (target <= this.#committed) return
    this.#committed = target
    const changes = this.#changes
    while (this.#settled < changes.length && changes[this.#settled].version <= target) {
      const { subject, key } = changes[this.#settled++]
      subject.settle(key)
    }
    if (this.#settled === changes.length) {
      this.#changes = []
      this.#settled = 0
    }
  }

  /** Takes back every change above `version`. */
  rollBack(version: number): void {
    if (version < this.#committed) throw new Error(`version ${version} is committed: ${this.#committed}`)
    const changes = this.#changes
    while (changes.length > this.#settled && changes[changes.length - 1].version > version) {
      const { subject, key } = changes.pop()!
      subject.revert(key)
    }
    if (version < this.#version) this.#version = version
  }

  /** For the collections of this shard. */
  changed(subject: Versioned, key: unknown): void {
    this.#changes.push({ version: this.#version, subject, key })
  }
}
