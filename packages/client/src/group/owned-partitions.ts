import type { TopicPartition } from '../cluster/by-leader.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { FetchedPartition } from '../consumer/fetcher.ts'
import type { StartOffset } from '../consumer/options.ts'
import type { ReadQueue } from '../consumer/read-queue.ts'
import { KafkaError } from '../errors.ts'
import type { Assignment } from './assignors/assignor.ts'
import type { Commits } from './commits.ts'
import type { CoordinatorLink } from './coordinator-link.ts'
import { fetchOffsets } from './offsets.ts'
import type { GroupSettings, PartitionsListener } from './options.ts'

export interface OwnedPartitionsDeps {
  readonly cluster: Cluster
  readonly settings: GroupSettings
  readonly listeners: {
    readonly onAssigned?: PartitionsListener
    readonly onRevoked?: PartitionsListener
    readonly onLost?: PartitionsListener
  }
  readonly queue: ReadQueue
  readonly commits: Commits
  readonly link: CoordinatorLink
  readonly signal: AbortSignal
  /** Resolves when nobody works on these any more. */
  settle(partitions: readonly FetchedPartition[]): Promise<void>
}

/** The partitions that are a group consumer's own: how they come, and how they go. */
export class OwnedPartitions {
  readonly #deps: OwnedPartitionsDeps
  /** By `partition topic`. */
  readonly #owned = new Map<string, FetchedPartition>()
  /** Those that are being given up: by the reader, or because the consumer is closed meanwhile. */
  readonly #leaving = new Map<FetchedPartition, Promise<void>>()

  constructor(deps: OwnedPartitionsDeps) {
    this.#deps = deps
  }

  all(): FetchedPartition[] {
    return [...this.#owned.values()]
  }

  byTopic(): Assignment {
    const byTopic = Map.groupBy(this.#owned.values(), ({ topic }) => topic)
    return new Map([...byTopic].map(([topic, list]) => [topic, list.map(({ partition }) => partition)]))
  }

  /** Throws NOT_ASSIGNED. */
  get(place: TopicPartition): FetchedPartition {
    const partition = this.#owned.get(keyOf(place))
    if (partition === undefined) {
      throw new KafkaError('NOT_ASSIGNED', `partition ${place.topic}-${place.partition} is not this consumer's`)
    }
    return partition
  }

  /** What is not in the assignment is given up; true: there was something. */
  async giveUpOthers(assignment: Assignment): Promise<boolean> {
    const gone = this.all().filter(({ topic, partition }) => !assignment.get(topic)?.includes(partition))
    await this.giveUp(gone)
    return gone.length > 0
  }

  /**
   * Of the assignment, what is new is read from its committed offset on, unless it `isOver` by the time that is known. False:
   * there are topics that do not exist.
   */
  async take(assignment: Assignment, isOver: () => boolean): Promise<boolean> {
    const { settings, link, signal, listeners } = this.#deps
    const wanted = [...assignment]
      .flatMap(([topic, partitions]) => partitions.map((partition) => ({ topic, partition })))
      .filter((place) => !this.#owned.has(keyOf(place)))
    const existing = await this.#existing(new Set(wanted.map(({ topic }) => topic)))
    const added = wanted.filter(({ topic }) => existing.has(topic))
    const isWhole = added.length === wanted.length
    if (added.length === 0) return isWhole
    const found = await link.insist(() => fetchOffsets(link, settings.group, added), signal)
    const offsets = new Map(found.map((offset) => [keyOf(offset), offset.offset]))
    const starts = added.map((place) => this.#startOf(place, offsets.get(keyOf(place))))
    signal.throwIfAborted()
    if (isOver()) return true
    added.forEach((place, i) => {
      this.#own(this.#deps.queue.add(place.topic, place.partition, starts[i], Number.POSITIVE_INFINITY))
    })
    await tell(listeners.onAssigned, added)
    return isWhole
  }

  /** Who has shared them out may not have known yet that a topic was deleted. */
  async #existing(topics: Iterable<string>): Promise<ReadonlySet<string>> {
    const { cluster, signal } = this.#deps
    const existing = new Set<string>()
    for (const topic of topics) {
      try {
        await cluster.metadata.topic(topic, { signal })
        existing.add(topic)
      } catch (error) {
        if (!(error instanceof KafkaError) || error.code !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error
      }
    }
    return existing
  }

  #startOf({ topic, partition }: TopicPartition, committed: number | undefined): StartOffset {
    const { reset, group } = this.#deps.settings
    if (committed === undefined && reset === 'none') {
      throw new KafkaError('NO_OFFSET', `group ${group} has no offset of partition ${topic}-${partition}`)
    }
    return committed ?? (reset as 'earliest' | 'latest')
  }

  #own(partition: FetchedPartition): void {
    this.#owned.set(keyOf(partition), partition)
  }

  seek(place: TopicPartition, offset: StartOffset): void {
    const { queue, commits } = this.#deps
    const before = this.get(place)
    commits.forget(before)
    const partition = queue.seek(before, offset)
    this.#own(partition)
    if (typeof offset === 'number') commits.moved(partition, offset)
  }

  /** After the last commits that count for them. Those that are being given up already are waited for. */
  async giveUp(partitions: readonly FetchedPartition[]): Promise<void> {
    const others = partitions.flatMap((partition) => this.#leaving.get(partition) ?? [])
    const mine = partitions.filter((partition) => !this.#leaving.has(partition))
    const done = mine.length === 0 ? Promise.resolve() : this.#giveUp(mine)
    for (const partition of mine) this.#leaving.set(partition, done)
    try {
      await done
    } finally {
      for (const partition of mine) this.#leaving.delete(partition)
    }
    // What goes wrong there is told there.
    await Promise.allSettled(others)
  }

  async #giveUp(partitions: readonly FetchedPartition[]): Promise<void> {
    const { commits, listeners, settle } = this.#deps
    try {
      await settle(partitions)
      await commits.commitBefore(partitions)
      // Those that the reader has asked for and not waited for, too; and then those of the listener.
      await commits.drain()
      await tell(listeners.onRevoked, partitions)
      await commits.drain()
    } finally {
      this.#release(partitions)
    }
  }

  /** They may be others' already. */
  async lose(): Promise<void> {
    const { onLost, onRevoked } = this.#deps.listeners
    const partitions = this.all().filter((partition) => !this.#leaving.has(partition))
    this.#release(partitions)
    await tell(onLost ?? onRevoked, partitions)
  }

  #release(partitions: readonly FetchedPartition[]): void {
    const { queue, commits } = this.#deps
    for (const partition of partitions) {
      // The listener may have sought: then another stands for the same place.
      const now = this.#owned.get(keyOf(partition)) ?? partition
      this.#owned.delete(keyOf(partition))
      queue.remove(now)
      commits.forget(now)
    }
  }
}

async function tell(listener: PartitionsListener | undefined, partitions: readonly TopicPartition[]): Promise<void> {
  if (listener === undefined || partitions.length === 0) return
  await listener(partitions.map(({ topic, partition }) => ({ topic, partition })))
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${partition} ${topic}`
}
