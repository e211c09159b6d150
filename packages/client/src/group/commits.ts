import { ErrorCode } from '@ottla/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import type { FetchedPartition } from '../consumer/fetcher.ts'
import { BrokerError, KafkaError } from '../errors.ts'
import type { GroupMetadata } from '../group-metadata.ts'
import type { CoordinatorLink } from './coordinator-link.ts'
import { commitOffsets, type GroupOffset } from './offsets.ts'
import type { GroupSettings } from './options.ts'

export interface CommitsDeps {
  who(): GroupMetadata
  /** What the coordinator said may end the membership. */
  onFailure(error: unknown): void
}

/** How far the reader is in one partition. */
interface Progress {
  delivered: number
  processed: number | null
  /** What the group is known to have. */
  committed: number | null
}

/**
 * What a group consumer commits, and when. Commits leave one after the other, in the order in which they were asked for, so that
 * no older one comes behind a newer one.
 */
export class Commits {
  readonly #cluster: Cluster
  readonly #settings: GroupSettings
  readonly #link: CoordinatorLink
  readonly #deps: CommitsDeps
  readonly #progress = new Map<FetchedPartition, Progress>()
  #last: Promise<unknown> = Promise.resolve()
  /** Monotonic ms. */
  #dueMs = Number.POSITIVE_INFINITY

  constructor(cluster: Cluster, settings: GroupSettings, link: CoordinatorLink, deps: CommitsDeps) {
    this.#cluster = cluster
    this.#settings = settings
    this.#link = link
    this.#deps = deps
  }

  delivered(partition: FetchedPartition, next: number): void {
    const progress = this.#progress.get(partition)
    if (progress === undefined) this.#progress.set(partition, { delivered: next, processed: null, committed: null })
    else progress.delivered = next
  }

  processed(partition: FetchedPartition, next: number): void {
    this.delivered(partition, next)
    this.#progress.get(partition)!.processed = next
  }

  forget(partition: FetchedPartition): void {
    this.#progress.delete(partition)
  }

  /** Null: nothing has been delivered of it. */
  positionOf(partition: FetchedPartition): number | null {
    return this.#progress.get(partition)?.delivered ?? null
  }

  // ---- automatic

  schedule(): void {
    const { autoCommit, autoCommitIntervalMs } = this.#settings
    if (autoCommit) this.#dueMs = this.#cluster.deps.clock.monotonicMs() + autoCommitIntervalMs
  }

  get isDue(): boolean {
    return this.#dueMs <= this.#cluster.deps.clock.monotonicMs()
  }

  /** What fails is in the next one. */
  commitProcessed(): void {
    this.schedule()
    const offsets = this.#processedOf([...this.#progress.keys()])
    if (offsets.length === 0) return
    this.#send(offsets, false).catch((error: unknown) => {
      if (!(error instanceof KafkaError)) throw error
      this.#cluster.deps.logger.warn('an automatic commit failed', {
        group: this.#settings.group,
        error: error.message,
      })
    })
  }

  /** Before these partitions are given up. What cannot be committed comes again at their next owner. */
  async commitBefore(partitions: readonly FetchedPartition[]): Promise<void> {
    const offsets = this.#processedOf(partitions)
    if (offsets.length === 0) return
    try {
      await this.#send(offsets, true)
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error
      this.#cluster.deps.logger.warn('the last commit failed', { group: this.#settings.group, error: error.message })
    }
  }

  /** What the group does not have yet. */
  #processedOf(partitions: readonly FetchedPartition[]): GroupOffset[] {
    const offsets: GroupOffset[] = []
    for (const partition of partitions) {
      const progress = this.#progress.get(partition)
      if (progress === undefined || progress.processed === null) continue
      // It may have more: what was delivered was committed, and its reader has not come back since.
      if (progress.committed !== null && progress.processed <= progress.committed) continue
      offsets.push({ topic: partition.topic, partition: partition.partition, offset: progress.processed })
    }
    return offsets
  }

  // ---- asked for

  async commit(offsets: readonly GroupOffset[] = this.#delivered()): Promise<void> {
    if (offsets.length > 0) await this.#send(offsets, true)
  }

  commitAsync(done?: (error: KafkaError | null, offsets: readonly GroupOffset[]) => void): void {
    const offsets = this.#delivered()
    const sent = offsets.length === 0 ? Promise.resolve() : this.#send(offsets, false)
    sent.then(
      () => done?.(null, offsets),
      (error: unknown) => {
        if (!(error instanceof KafkaError)) throw error
        if (done !== undefined) done(error, offsets)
        else this.#cluster.deps.logger.warn('a commit failed', { group: this.#settings.group, error: error.message })
      },
    )
  }

  #delivered(): GroupOffset[] {
    return [...this.#progress].map(([{ topic, partition }, { delivered: offset }]) => ({ topic, partition, offset }))
  }

  #send(offsets: readonly GroupOffset[], insists: boolean): Promise<void> {
    // Who asks is who commits: in a later generation the partitions may be others'.
    const who = this.#deps.who()
    if (who.memberId === '') return Promise.reject(new BrokerError(ErrorCode.UNKNOWN_MEMBER_ID, `group ${who.groupId}`))
    const attempt = () => commitOffsets(this.#link, who, offsets)
    const sent = this.#last.then(() => (insists ? this.#link.insist(attempt) : attempt()))
    this.#last = sent.catch(() => undefined)
    return sent.then(
      () => this.#committed(offsets),
      (error: unknown) => {
        const now = this.#deps.who()
        // Of a generation that is over it says nothing about this one.
        if (now.memberId === who.memberId && now.generationId === who.generationId) this.#deps.onFailure(error)
        throw error
      },
    )
  }

  #committed(offsets: readonly GroupOffset[]): void {
    for (const [{ topic, partition }, progress] of this.#progress) {
      const found = offsets.find((offset) => offset.topic === topic && offset.partition === partition)
      if (found !== undefined) progress.committed = found.offset
    }
  }
}
