/** A collection that can give up its uncommitted changes, and be asked for what is committed. */
export interface Versioned {
  /** Its `count` oldest uncommitted changes have become committed. */
  settle(count: number): void
  /** Takes back its `count` newest uncommitted changes. */
  revert(count: number): void
}

/** So many committed changes at the front are worth a move of those behind them. */
const COMPACT_AT = 1024

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
  /**
   * What is not committed, in order: the changes of one collection that follow each other in one version stand together.
   * No object for each, since there are many.
   */
  #versions: number[] = []
  #subjects: Versioned[] = []
  #counts: number[] = []
  /** How many at the front have been committed meanwhile. */
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
    const versions = this.#versions
    while (this.#settled < versions.length && versions[this.#settled] <= target) {
      const at = this.#settled++
      this.#subjects[at].settle(this.#counts[at])
    }
    if (this.#settled === versions.length) this.#forget()
    else if (this.#settled >= COMPACT_AT) this.#compact()
  }

  #forget(): void {
    this.#versions.length = 0
    this.#subjects.length = 0
    this.#counts.length = 0
    this.#settled = 0
  }

  #compact(): void {
    for (const list of [this.#versions, this.#subjects, this.#counts]) list.splice(0, this.#settled)
    this.#settled = 0
  }

  /** Takes back every change above `version`. */
  rollBack(version: number): void {
    if (version < this.#committed) throw new Error(`version ${version} is committed: ${this.#committed}`)
    const versions = this.#versions
    while (versions.length > this.#settled && versions[versions.length - 1] > version) {
      versions.pop()
      this.#subjects.pop()!.revert(this.#counts.pop()!)
    }
    if (version < this.#version) this.#version = version
  }

  /** For the collections of this shard: one change more. */
  changed(subject: Versioned): void {
    const last = this.#versions.length - 1
    if (last >= this.#settled && this.#subjects[last] === subject && this.#versions[last] === this.#version) {
      this.#counts[last]++
      return
    }
    this.#versions.push(this.#version)
    this.#subjects.push(subject)
    this.#counts.push(1)
  }
}
