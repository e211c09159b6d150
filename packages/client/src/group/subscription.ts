import type { Cluster } from '../cluster/cluster.ts'
import { ConfigError } from '../errors.ts'

/** Topics by name, or all whose whole name a regular expression matches. */
export type Subscription = { readonly topics: readonly string[] } | { readonly pattern: string }

/** Throws `ConfigError` for a pattern that is none. */
export function compileTopicPattern(pattern: string): RegExp {
  try {
    return new RegExp(`^(?:${pattern})$`)
  } catch (error) {
    throw new ConfigError(`pattern ${JSON.stringify(pattern)} is no regular expression: ${(error as Error).message}`)
  }
}

/**
 * What a consumer of a classic group is subscribed to, by name: the protocol knows no patterns, so they are matched here, with what
 * the metadata says there is. Internal topics match no pattern (`exclude.internal.topics`).
 */
export class SubscribedTopics {
  readonly #cluster: Cluster
  #names: readonly string[] = []
  #pattern: RegExp | null = null
  #unwatch: (() => void) | null = null

  constructor(cluster: Cluster, subscription: Subscription) {
    this.#cluster = cluster
    this.set(subscription)
  }

  get names(): readonly string[] {
    return this.#names
  }

  /** Throws `ConfigError`. */
  set(subscription: Subscription): void {
    if ('pattern' in subscription) {
      this.#pattern = compileTopicPattern(subscription.pattern)
      this.#unwatch ??= this.#cluster.metadata.watchAll()
      this.#names = []
      return
    }
    this.#pattern = null
    this.close()
    this.#names = [...new Set(subscription.topics)]
  }

  /** Asks what topics there are, if that is of importance and not known yet. */
  async find(): Promise<void> {
    if (this.#pattern === null) return
    if (!this.#cluster.metadata.knowsAll) await this.#cluster.metadata.fetch(null)
    this.match()
  }

  /** True when there are others now than before. */
  match(): boolean {
    const pattern = this.#pattern
    if (pattern === null || !this.#cluster.metadata.knowsAll) return false
    const before = this.#names
    const names: string[] = []
    for (const { name, isInternal } of this.#cluster.metadata.all())
      if (!isInternal && pattern.test(name)) names.push(name)
    this.#names = names.sort()
    return names.length !== before.length || names.some((name, i) => name !== before[i])
  }

  close(): void {
    this.#unwatch?.()
    this.#unwatch = null
  }
}
