import type { TopicPartition } from '../cluster/by-leader.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Position } from '../consumer/consumer.ts'
import type { FetchedPartition } from '../consumer/fetcher.ts'
import type { StartOffset } from '../consumer/options.ts'
import { ReadQueue } from '../consumer/read-queue.ts'
import type { ConsumerBatch, ConsumerRecord } from '../consumer/record.ts'
import { ClosedError, KafkaError } from '../errors.ts'
import type { GroupMetadata } from '../group-metadata.ts'
import type { Assignment } from './assignors/assignor.ts'
import { Commits } from './commits.ts'
import { CoordinatorLink } from './coordinator-link.ts'
import { Membership } from './membership.ts'
import { fetchOffsets, type GroupOffset } from './offsets.ts'
import { type GroupConsumerOptions, type GroupSettings, groupSettingsOf, type PartitionsListener } from './options.ts'

/** What the reader has in its hands: it has been delivered, and counts as processed once the next is asked for. */
interface InHand {
  readonly partition: FetchedPartition
  /** Of the next record behind it. */
  readonly next: number
}

/**
 * Reads topics as a member of a group, which shares their partitions among its members.
 *
 * ```ts
 * for await (const record of kafka.consumer({ group: 'billing', topics: ['orders'] })) { … }
 * ```
 * A record is *delivered* when the loop gets it, and *processed* when the loop asks for the next one. Automatic commits take what
 * is processed: whatever ends the loop in the midst of a record, that record comes again (at least once). `commit()` takes
 * what is delivered, the record in hand included: who calls it says that it is done.
 *
 * The group rebalances while a record is asked for, never while one is worked on; who works on one for longer than
 * `maxPollIntervalMs` is out.
 */
export class GroupConsumer implements AsyncIterable<ConsumerRecord>, AsyncDisposable {
  readonly #cluster: Cluster
  readonly #settings: GroupSettings
  readonly #options: GroupConsumerOptions
  readonly #queue: ReadQueue
  readonly #link: CoordinatorLink
  readonly #membership: Membership
  readonly #commits: Commits
  readonly #onClosed: () => void
  readonly #ending = new AbortController()
  /** By `partition topic`. */
  readonly #owned = new Map<string, FetchedPartition>()
  #inHand: InHand | null = null
  #isReading = false
  /** Monotonic ms of when the reader was given what it has in hand. */
  #givenMs = 0
  #wakeReader: (() => void) | null = null
  #closing: Promise<void> | null = null

  /** @internal Use `kafka.consumer()`. */
  constructor(options: GroupConsumerOptions, cluster: Cluster, onClosed: () => void) {
    this.#cluster = cluster
    this.#options = options
    this.#settings = groupSettingsOf(options)
    this.#onClosed = onClosed
    this.#queue = new ReadQueue(cluster, this.#settings, () => this.#wake())
    this.#link = new CoordinatorLink(cluster, this.#settings.group)
    this.#membership = new Membership(cluster, this.#settings, this.#link, {
      onChange: () => this.#wake(),
      onHeartbeat: () => this.#onHeartbeat(),
    })
    this.#commits = new Commits(cluster, this.#settings, this.#link, {
      who: () => this.groupMetadata(),
      onFailure: (error) => this.#membership.onFailure(error),
    })
  }

  // ---- reading

  /** Stored batches with data. Throws `KafkaError` when it cannot go on. One loop at a time reads from a consumer. */
  async *batches(): AsyncGenerator<ConsumerBatch, void, undefined> {
    try {
      for (;;) {
        const batch = await this.#next()
        if (batch === null) return
        this.#deliver(batch.partition, batch.batch.lastOffset + 1)
        yield batch.batch
        this.#processed()
      }
    } finally {
      await this.close()
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ConsumerRecord, void, undefined> {
    try {
      for (;;) {
        const taken = await this.#next()
        if (taken === null) return
        const { partition, batch } = taken
        const { topic, partition: number } = batch
        let isWhole = true
        for (const r of batch) {
          // Between two records the group may have gone on, and the partition with it; or the reader reads on elsewhere.
          if (partition.removed || (this.#mustLookUp && !(await this.#lookUp(partition)))) {
            isWhole = false
            break
          }
          this.#deliver(partition, r.offset + 1)
          const { offset, timestamp, key, value, headers } = r
          yield { topic, partition: number, offset, timestamp, key, value, headers }
          this.#processed()
        }
        // What compaction has taken from its end counts as read.
        if (isWhole && !partition.removed) this.#commits.processed(partition, batch.lastOffset + 1)
      }
    } finally {
      await this.close()
    }
  }

  #deliver(partition: FetchedPartition, next: number): void {
    this.#inHand = { partition, next }
    this.#givenMs = this.#cluster.deps.clock.monotonicMs()
    this.#commits.delivered(partition, next)
  }

  #processed(): void {
    const inHand = this.#inHand
    this.#inHand = null
    if (inHand !== null && !inHand.partition.removed) this.#commits.processed(inHand.partition, inHand.next)
  }

  /** Something has happened besides records. */
  get #mustLookUp(): boolean {
    return this.#membership.state !== 'member' || this.#ending.signal.aborted || this.#commits.isDue
  }

  /** False: the partition is no longer to be read. */
  async #lookUp(partition: FetchedPartition): Promise<boolean> {
    if (this.#ending.signal.aborted) return false
    await this.#beMember()
    if (this.#commits.isDue) this.#commits.commitProcessed()
    return !partition.removed
  }

  async #next() {
    if (this.#isReading) throw new KafkaError('INVALID_STATE', 'somebody reads from this consumer already')
    this.#isReading = true
    try {
      for (;;) {
        if (this.#ending.signal.aborted) return null
        await this.#beMember()
        if (this.#commits.isDue) this.#commits.commitProcessed()
        const taken = this.#queue.take()
        if (taken !== null) return taken
        if (this.#queue.error !== null) throw this.#queue.error
        await new Promise<void>((resolve) => {
          this.#wakeReader = resolve
        })
      }
    } catch (error) {
      if (this.#ending.signal.aborted) return null
      throw error
    } finally {
      this.#isReading = false
    }
  }

  #wake(): void {
    const resolve = this.#wakeReader
    this.#wakeReader = null
    resolve?.()
  }

  #onHeartbeat(): void {
    if (this.#isReading && this.#commits.isDue) this.#commits.commitProcessed()
    const workedMs = this.#cluster.deps.clock.monotonicMs() - this.#givenMs
    if (this.#inHand === null || workedMs < this.#settings.maxPollIntervalMs) return
    this.#membership.putOut(`a record has been worked on for longer than maxPollIntervalMs: ${Math.round(workedMs)} ms`)
    void this.#membership.leave('a record took too long')
  }

  // ---- the group

  async #beMember(): Promise<void> {
    while (this.#membership.state !== 'member') {
      if (this.#membership.state === 'out') await this.#lose()
      else if (!this.#settings.cooperative) await this.#giveUp([...this.#owned.values()])
      if (this.#ending.signal.aborted) return
      if (this.#membership.fenced !== null) throw this.#membership.fenced
      this.#queue.start()
      const assignment = await this.#membership.join(this.#ownedByTopic(), this.#ending.signal)
      await this.#take(assignment)
    }
  }

  #ownedByTopic(): Assignment {
    const byTopic = Map.groupBy(this.#owned.values(), ({ topic }) => topic)
    return new Map([...byTopic].map(([topic, list]) => [topic, list.map(({ partition }) => partition)]))
  }

  /** What is not in the assignment is given up, and joined for again; what is new is read from its committed offset on. */
  async #take(assignment: Assignment): Promise<void> {
    const wanted = new Map<string, TopicPartition>()
    for (const [topic, partitions] of assignment) {
      for (const partition of partitions) wanted.set(keyOf({ topic, partition }), { topic, partition })
    }
    const gone = [...this.#owned.values()].filter((partition) => !wanted.has(keyOf(partition)))
    if (gone.length > 0) {
      await this.#giveUp(gone)
      this.#membership.rejoin()
    }
    const added = [...wanted.values()].filter((partition) => !this.#owned.has(keyOf(partition)))
    // Only the leader of the group has asked where they are.
    for (const topic of new Set(added.map(({ topic }) => topic))) await this.#cluster.metadata.topic(topic)
    const { group } = this.#settings
    const attempt = () => fetchOffsets(this.#link, group, added)
    const found = added.length === 0 ? [] : await this.#link.insist(attempt, this.#ending.signal)
    const offsets = new Map(found.map((offset) => [keyOf(offset), offset.offset]))
    for (const place of added) this.#begin(place, offsets.get(keyOf(place)))
    this.#commits.schedule()
    await this.#tell(this.#options.onAssigned, added)
  }

  #begin(place: TopicPartition, committed: number | undefined): void {
    const { topic, partition } = place
    const { reset, group } = this.#settings
    if (committed === undefined && reset === 'none') {
      throw new KafkaError('NO_OFFSET', `group ${group} has no offset of partition ${topic}-${partition}`)
    }
    const start: StartOffset = committed ?? (reset as 'earliest' | 'latest')
    this.#owned.set(keyOf(place), this.#queue.add(topic, partition, start, Number.POSITIVE_INFINITY))
  }

  async #giveUp(partitions: readonly FetchedPartition[]): Promise<void> {
    if (partitions.length === 0) return
    if (this.#settings.autoCommit) await this.#commits.commitBefore(partitions)
    await this.#tell(this.#options.onRevoked, partitions)
    this.#release(partitions)
  }

  async #lose(): Promise<void> {
    const partitions = [...this.#owned.values()]
    if (partitions.length === 0) return
    this.#release(partitions)
    await this.#tell(this.#options.onLost ?? this.#options.onRevoked, partitions)
  }

  #release(partitions: readonly FetchedPartition[]): void {
    for (const partition of partitions) {
      this.#owned.delete(keyOf(partition))
      this.#queue.remove(partition)
      this.#commits.forget(partition)
    }
  }

  async #tell(listener: PartitionsListener | undefined, partitions: readonly TopicPartition[]): Promise<void> {
    if (listener === undefined || partitions.length === 0) return
    await listener(partitions.map(({ topic, partition }) => ({ topic, partition })))
  }

  /** Whose commits these are; for transactions. */
  groupMetadata(): GroupMetadata {
    const { group: groupId, instanceId: groupInstanceId } = this.#settings
    const { generation: generationId, memberId } = this.#membership
    return { groupId, generationId, memberId, groupInstanceId }
  }

  /** What is this consumer's own at the moment. */
  assignment(): TopicPartition[] {
    return [...this.#owned.values()].map(({ topic, partition }) => ({ topic, partition }))
  }

  // ---- offsets

  /** Where the reader stands in each partition: behind what has been delivered. */
  positions(): Position[] {
    return [...this.#owned.values()].map((p) => {
      const offset = this.#commits.positionOf(p) ?? this.#queue.position(p)
      const lag = offset === null || p.highWatermark < 0 ? null : Math.max(0, p.highWatermark - offset)
      return { topic: p.topic, partition: p.partition, offset, lag }
    })
  }

  /**
   * Commits what has been delivered, the record in hand included; or these offsets. Resolves when the broker has them for good.
   * Rejects with `REBALANCE_IN_PROGRESS`, `ILLEGAL_GENERATION` or `UNKNOWN_MEMBER_ID` when the group has gone on without this
   * consumer: then whoever has the partition now reads from what was committed before.
   */
  commit(offsets?: readonly GroupOffset[]): Promise<void> {
    return this.#commits.commit(offsets)
  }

  /**
   * As `commit`, without waiting, and without a second attempt: the next commit says more. `done` is told of each in their
   * order, with what was committed.
   */
  commitAsync(done?: (error: KafkaError | null, offsets: readonly GroupOffset[]) => void): void {
    this.#commits.commitAsync(done)
  }

  /** What the group has committed, of these partitions. */
  committed(partitions: readonly TopicPartition[] = this.assignment()): Promise<GroupOffset[]> {
    return this.#link.insist(() => fetchOffsets(this.#link, this.#settings.group, partitions))
  }

  /** Reads on from there, in a partition that is this consumer's own. */
  seek(place: TopicPartition, offset: StartOffset): void {
    const partition = this.#mine(place)
    this.#commits.forget(partition)
    this.#queue.seek(partition, offset)
    this.#owned.set(keyOf(place), this.#queue.partitions.at(-1)!)
  }

  /** Nothing is read of these until `resume`; they stay this consumer's own. */
  pause(places: readonly TopicPartition[]): void {
    for (const place of places) this.#queue.pause(this.#mine(place), true)
  }

  resume(places: readonly TopicPartition[]): void {
    for (const place of places) this.#queue.pause(this.#mine(place), false)
  }

  #mine(place: TopicPartition): FetchedPartition {
    const partition = this.#owned.get(keyOf(place))
    if (partition === undefined) {
      throw new KafkaError('NOT_ASSIGNED', `partition ${place.topic}-${place.partition} is not this consumer's`)
    }
    return partition
  }

  // ---- the end

  /** Commits what is processed, leaves the group, and ends the loop. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#ending.abort(new ClosedError('the consumer is closed'))
    this.#wake()
    const partitions = [...this.#owned.values()]
    const isMember = this.#membership.state === 'member' || this.#membership.state === 'must-rejoin'
    try {
      if (isMember && this.#settings.autoCommit) await this.#commits.commitBefore(partitions)
      await this.#tell(isMember ? this.#options.onRevoked : undefined, partitions)
    } finally {
      this.#release(partitions)
      this.#queue.close()
      await this.#membership.leave('the consumer was closed')
      this.#membership.close()
      this.#onClosed()
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${partition} ${topic}`
}
