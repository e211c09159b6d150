import type { Api } from './api.ts'
import { ConnectionError } from './errors.ts'

export interface FinalizedFeature {
  readonly minLevel: number
  readonly maxLevel: number
}

/** What a peer said it can do. */
export class PeerVersions {
  readonly peer: string
  private readonly ranges: ReadonlyMap<number, { readonly min: number; readonly max: number }>
  /** By name, e.g. `transaction.version`; empty when the peer said to ignore them (epoch -1). */
  readonly features: ReadonlyMap<string, FinalizedFeature>

  constructor(
    peer: string,
    apiKeys: readonly { apiKey: number; minVersion: number; maxVersion: number }[],
    features: ReadonlyMap<string, FinalizedFeature> = new Map(),
  ) {
    this.peer = peer
    this.ranges = new Map(apiKeys.map((k) => [k.apiKey, { min: k.minVersion, max: k.maxVersion }]))
    this.features = features
  }

  /** The highest version both ends know, not above `maxVersion`; -1 when there is none. */
  highest(api: Api, maxVersion = Number.POSITIVE_INFINITY): number {
    const range = this.ranges.get(api.key)
    if (range === undefined) return -1
    const version = Math.min(range.max, api.maxVersion, maxVersion)
    return version >= range.min && version >= api.minVersion ? version : -1
  }

  /** As `highest`; throws a `ConnectionError` with code `UNSUPPORTED_API` when there is no common version. */
  pick(api: Api, maxVersion?: number): number {
    const version = this.highest(api, maxVersion)
    if (version >= 0) return version
    const range = this.ranges.get(api.key)
    const theirs = range === undefined ? 'does not offer it' : `offers versions ${range.min} to ${range.max}`
    throw new ConnectionError(
      'UNSUPPORTED_API',
      this.peer,
      `no common version of ${api.name}: ${this.peer} ${theirs}, we speak ${api.minVersion} to ${Math.min(api.maxVersion, maxVersion ?? api.maxVersion)}`,
    )
  }

  [Symbol.iterator](): IterableIterator<[number, { readonly min: number; readonly max: number }]> {
    return this.ranges.entries()
  }
}
