import type { Clock, Random } from '@ottla/runtime'

/**
 * Fetch sessions (KIP-227): the broker remembers which partitions a consumer fetches and what it last told about each,
 * so that a request names only what changed and a response only what is new.
 */

/** What the client wants of one partition, and what it was last told. */
export interface SessionPartition {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  fetchOffset: number
  maxBytes: number
  currentLeaderEpoch: number
  lastFetchedEpoch: number
  /** -1 until told. */
  toldHighWatermark: number
  toldLogStartOffset: number
}

export interface FetchSession {
  readonly id: number
  readonly usesTopicIds: boolean
  readonly createdMs: number
  /** What the next request must carry; counts from 1 and wraps to 1. */
  epoch: number
  lastUsedMs: number
  /** In fetch order: those that delivered data move to the end, so that none starves. */
  readonly partitions: Map<string, SessionPartition>
}

export function partitionKey(topic: string, partition: number): string {
  return `${partition}:${topic}`
}

export const FINAL_EPOCH = -1
export const INITIAL_EPOCH = 0

export function nextEpoch(epoch: number): number {
  return epoch >= 0x7fff_ffff ? 1 : epoch + 1
}

/** A session unused for this long may be displaced by a new one (`FetchSession.scala`: two minutes). */
const EVICTION_MS = 120_000

/** All sessions of a broker; at most `slots` (`max.incremental.fetch.session.cache.slots`). */
export class FetchSessionCache {
  private readonly slots: number
  private readonly clock: Clock
  private readonly random: Random
  /** Least recently used first. */
  private readonly sessions = new Map<number, FetchSession>()

  constructor(slots: number, clock: Clock, random: Random) {
    this.slots = slots
    this.clock = clock
    this.random = random
  }

  get size(): number {
    return this.sessions.size
  }

  get(id: number): FetchSession | undefined {
    return this.sessions.get(id)
  }

  touch(session: FetchSession): void {
    session.lastUsedMs = this.clock.monotonicMs()
    this.sessions.delete(session.id)
    this.sessions.set(session.id, session)
  }

  remove(id: number): void {
    this.sessions.delete(id)
  }

  /** `null` when every slot is taken by a session in use: the client then sends full requests, which is always legal. */
  create(partitions: Map<string, SessionPartition>, usesTopicIds: boolean): FetchSession | null {
    const now = this.clock.monotonicMs()
    if (this.sessions.size >= this.slots && !this.evict(now)) return null
    let id: number
    do id = 1 + this.random.below(0x7fff_fffe)
    while (this.sessions.has(id))
    const session = { id, usesTopicIds, createdMs: now, epoch: 1, lastUsedMs: now, partitions }
    this.sessions.set(id, session)
    return session
  }

  private evict(now: number): boolean {
    for (const session of this.sessions.values()) {
      if (now - session.lastUsedMs < EVICTION_MS) return false
      this.sessions.delete(session.id)
      return true
    }
    return false
  }
}
