import { ErrorCode } from '@ottla/protocol'
import type { TimerHandle } from '@ottla/runtime'
import type { Cluster } from '../cluster/cluster.ts'
import type { FetchedPartition } from '../consumer/fetcher.ts'
import { BrokerError, KafkaError } from '../errors.ts'
import type { GroupMetadata } from '../group-metadata.ts'
import type { CoordinatorLink } from './coordinator-link.ts'
import { commitOffsets, type GroupOffset } from './offsets.ts'
import type { GroupSettings } from './options.ts'

/** The membership in whose name is committed. */
export interface CommittingMember {
  who(): GroupMetadata
  /** While it is the same, whoever asks for a commit is still the one whose partitions these are. */
  readonly term: number
  /** What the coordinator said may end the membership. */
  onCommitRefused(error: KafkaError): void
  /** Resolves when `who` is what the coordinator says by now. */
  renewed(): Promise<void>
}

export interface CommitsEvents {
  /** An automatic commit is due: the reader says when. */
  onDue(): void
  /** A callback of `commitAsync` has thrown. */
  onThrown(error: unknown): void
}

/** How far the reader is in one partition: offsets of the next record. */
export interface Progress {
  /** Null: nothing has been delivered. */
  delivered: number | null
  processed: number | null
  /** What the group is known to have. */
  committed: number | null
}

export type CommitCallback = (error: KafkaError | null, offsets: readonly GroupOffset[]) => void

/** Commits that wait for those before them; one more fails with BUFFER_FULL. */
const WAITING_COMMITS_MAX = 10_000
/** A member's epoch changes while a commit is on its way, but hardly so often. */
const RENEWALS_MAX = 10

/**
 * What a group consumer commits, and when. Commits leave one after the other, in the order in which they were asked for, so that
 * no older one comes behind a newer one.
 */
export class Commits {
  readonly #cluster: Cluster
  readonly #settings: GroupSettings
  readonly #link: CoordinatorLink
  readonly #member: CommittingMember
  readonly #events: CommitsEvents
  readonly #progress = new Map<FetchedPartition, Progress>()
  #last: Promise<unknown> = Promise.resolve()
  readonly #waiting = new Set<Promise<void>>()
  #timer: TimerHandle | undefined
  #isDue = false
  #isClosed = false

  constructor(
    cluster: Cluster,
    settings: GroupSettings,
    link: CoordinatorLink,
    member: CommittingMember,
    events: CommitsEvents,
  ) {
    this.#cluster = cluster
    this.#settings = settings
    this.#link = link
    this.#member = member
    this.#events = events
  }

  /** To be kept up to date by the reader. */
  progressOf(partition: FetchedPartition): Progress {
    let progress = this.#progress.get(partition)
    if (progress === undefined) {
      progress = { delivered: null, processed: null, committed: null }
      this.#progress.set(partition, progress)
    }
    return progress
  }

  /** The reader goes on there; that is what is committed next, even if the group has a later offset. */
  moved(partition: FetchedPartition, offset: number): void {
    this.#progress.set(partition, { delivered: offset, processed: offset, committed: null })
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
    if (!autoCommit || this.#isClosed) return
    const { timers } = this.#cluster.deps
    this.#isDue = false
    timers.clearTimer(this.#timer)
    this.#timer = timers.setTimer(() => {
      this.#isDue = true
      this.#events.onDue()
    }, autoCommitIntervalMs)
  }

  /** What fails is in the next one. */
  commitIfDue(): void {
    if (!this.#isDue) return
    this.schedule()
    const offsets = this.#processedOf([...this.#progress.keys()])
    if (offsets.length === 0) return
    this.#send(offsets, false).catch((error: unknown) => {
      if (!(error instanceof KafkaError)) throw error
      this.#warn('an automatic commit failed', error)
    })
  }

  /** Before these partitions are given up. What cannot be committed comes again at their next owner. */
  async commitBefore(partitions: readonly FetchedPartition[]): Promise<void> {
    const offsets = this.#settings.autoCommit ? this.#processedOf(partitions) : []
    if (offsets.length === 0) return
    try {
      await this.#send(offsets, true, true)
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error
      this.#warn('the last commit failed', error)
    }
  }

  /** Resolves when every commit that was asked for has its answer, and its callback knows. */
  async drain(): Promise<void> {
    await Promise.all(this.#waiting)
  }

  close(): void {
    this.#isClosed = true
    this.#cluster.deps.timers.clearTimer(this.#timer)
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

  commitAsync(done?: CommitCallback): void {
    const offsets = this.#delivered()
    const sent = offsets.length === 0 ? this.#last.then(() => {}) : this.#send(offsets, false)
    this.#await(
      sent
        .then(
          () => done?.(null, offsets),
          (error: unknown) => {
            if (!(error instanceof KafkaError)) throw error
            if (done !== undefined) done(error, offsets)
            else this.#warn('a commit failed', error)
          },
        )
        .catch((error: unknown) => this.#events.onThrown(error)),
    )
  }

  #delivered(): GroupOffset[] {
    const offsets: GroupOffset[] = []
    for (const [{ topic, partition }, { delivered }] of this.#progress) {
      if (delivered !== null) offsets.push({ topic, partition, offset: delivered })
    }
    return offsets
  }

  /** `mayBeGone`: a topic that does not exist is one that was deleted, and not one that the broker has yet to hear of. */
  #send(offsets: readonly GroupOffset[], insists: boolean, mayBeGone = false): Promise<void> {
    // Who asks is who commits: in a later term the partitions may be others'.
    const who = this.#member.who()
    const { term } = this.#member
    if (who.memberId === '') return Promise.reject(new BrokerError(ErrorCode.UNKNOWN_MEMBER_ID, `group ${who.groupId}`))
    if (this.#waiting.size >= WAITING_COMMITS_MAX) {
      return Promise.reject(new KafkaError('BUFFER_FULL', 'too many commits wait for their turn', { retriable: true }))
    }
    const attempt = () =>
      this.#attempt(who, term, offsets).catch((error: unknown) => {
        throw mayBeGone ? finalIfGone(error) : error
      })
    const sent = this.#last.then(() => (insists ? this.#link.insist(attempt) : attempt()))
    this.#last = sent.catch(() => undefined)
    const settled = sent.then(
      () => this.#committed(offsets),
      (error: unknown) => {
        // Of a term that is over it says nothing about this one.
        if (error instanceof KafkaError && this.#member.term === term) this.#member.onCommitRefused(error)
        throw error
      },
    )
    this.#await(settled.catch(() => undefined))
    return settled
  }

  /** By KIP-848 the epoch may have gone on while the partitions stay: then the commit is of the epoch there is now. */
  async #attempt(who: GroupMetadata, term: number, offsets: readonly GroupOffset[]): Promise<void> {
    for (let renewals = 0; ; renewals++) {
      const isSame = this.#member.term === term
      try {
        await commitOffsets(this.#link, isSame ? this.#member.who() : who, offsets)
        return
      } catch (error) {
        const isStale = error instanceof BrokerError && error.errorCode === ErrorCode.STALE_MEMBER_EPOCH
        if (!isStale || renewals === RENEWALS_MAX || this.#member.term !== term) throw error
        this.#member.onCommitRefused(error)
        await this.#member.renewed()
      }
    }
  }

  #await(settled: Promise<void>): void {
    this.#waiting.add(settled)
    void settled.finally(() => this.#waiting.delete(settled))
  }

  #committed(offsets: readonly GroupOffset[]): void {
    const byPlace = new Map(offsets.map((one) => [`${one.partition} ${one.topic}`, one.offset]))
    for (const [{ topic, partition }, progress] of this.#progress) {
      const offset = byPlace.get(`${partition} ${topic}`)
      if (offset !== undefined) progress.committed = offset
    }
  }

  #warn(what: string, error: KafkaError): void {
    this.#cluster.deps.logger.warn(what, { group: this.#settings.group, error: error.message })
  }
}

function finalIfGone(error: unknown): unknown {
  if (!(error instanceof BrokerError) || error.errorCode !== ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) return error
  return new KafkaError(error.code, error.message, { cause: error })
}
