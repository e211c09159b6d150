import type { TopicPartition } from '../cluster/by-leader.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { Deadline } from '../cluster/deadline.ts'
import type { Position } from '../consumer/consumer.ts'
import { RecordDecoder } from '../consumer/decoder.ts'
import type { FetchedPartition } from '../consumer/fetcher.ts'
import type { StartOffset } from '../consumer/options.ts'
import { ReadQueue } from '../consumer/read-queue.ts'
import type { ConsumerBatch, ConsumerRecord } from '../consumer/record.ts'
import { type IteratedSource, RecordIterator } from '../consumer/record-iterator.ts'
import { RecordWalk } from '../consumer/record-walk.ts'
import type { ClientDeps } from '../deps.ts'
import { ClosedError, KafkaError } from '../errors.ts'
import type { GroupMetadata } from '../group-metadata.ts'
import { type CommitCallback, Commits, type Progress } from './commits.ts'
import { CoordinatorLink } from './coordinator-link.ts'
import { checkRunOptions, HandlerCalls, type HandlerWork, type RunOptions } from './handler-run.ts'
import { KeyWork } from './key-work.ts'
import { type Membership, membershipOf } from './membership/membership.ts'
import { fetchOffsets, type GroupOffset } from './offsets.ts'
import { type GroupConsumerOptions, type GroupSettings, groupSettingsOf, subscriptionOf } from './options.ts'
import { OwnedPartitions } from './owned-partitions.ts'
import { PartitionWork } from './partition-work.ts'
import { PollWatch } from './poll-watch.ts'

/** Unless told. */
const CLOSE_TIMEOUT_MS = 30_000

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
export class GroupConsumer<K = Buffer, V = Buffer> implements AsyncIterable<ConsumerRecord<K, V>>, AsyncDisposable {
  readonly #deps: ClientDeps
  readonly #settings: GroupSettings
  readonly #decoder: RecordDecoder<K, V>
  readonly #queue: ReadQueue
  readonly #link: CoordinatorLink
  readonly #membership: Membership
  readonly #commits: Commits
  readonly #owned: OwnedPartitions
  readonly #pollWatch: PollWatch
  readonly #onClosed: () => void
  readonly #ending = new AbortController()
  /** As its signal says, for those who ask for each record. */
  #isEnding = false
  /** What has been delivered, and counts as processed once the next is asked for. */
  #inHand: FetchedPartition | null = null
  #inHandProgress: Progress | null = null
  /** Of the next record behind it. */
  #inHandNext = 0
  /** Records and batches delivered. */
  #deliveries = 0
  #isReading = false
  /** Something has happened besides records. */
  #mustLookUp = true
  /** What a callback has thrown: the loop ends with it. */
  #thrown: { readonly error: unknown } | null = null
  #wakeReader: (() => void) | null = null
  #closing: Promise<void> | null = null
  /** Those of `run`. */
  #calls: HandlerCalls | null = null

  /** @internal Use `kafka.consumer()`. */
  constructor(options: GroupConsumerOptions<K, V>, cluster: Cluster, onClosed: () => void) {
    const settings = groupSettingsOf(options)
    const call = () => this.#call()
    this.#deps = cluster.deps
    this.#settings = settings
    this.#decoder = new RecordDecoder(options, cluster.deps.logger)
    this.#onClosed = onClosed
    this.#queue = new ReadQueue(cluster, settings, () => this.#wake())
    this.#link = new CoordinatorLink(cluster, settings.group)
    this.#membership = membershipOf(cluster, settings, this.#link, call)
    this.#commits = new Commits(cluster, settings, this.#link, this.#membership, {
      onDue: call,
      onThrown: (error) => {
        this.#thrown ??= { error }
        this.#call()
      },
    })
    this.#owned = new OwnedPartitions({
      cluster,
      settings,
      listeners: options,
      queue: this.#queue,
      commits: this.#commits,
      link: this.#link,
      signal: this.#ending.signal,
      settle: async (partitions) => this.#calls?.settle(partitions),
    })
    this.#pollWatch = new PollWatch(
      cluster.deps,
      settings.maxPollIntervalMs,
      () => (this.#calls === null ? this.#numberInHand() : this.#calls.oldest),
      (workedMs) => this.#onOverdue(workedMs),
    )
  }

  // ---- reading

  /** Stored batches with data. Throws `KafkaError` when it cannot go on. One loop at a time reads from a consumer. */
  async *batches(): AsyncGenerator<ConsumerBatch, void, undefined> {
    try {
      for (;;) {
        const taken = await this.#next()
        if (taken === null) return
        const { partition, batch } = taken
        this.#deliver(partition, this.#commits.progressOf(partition), batch.lastOffset + 1)
        yield batch
        this.#processed()
      }
    } finally {
      await this.close()
    }
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<ConsumerRecord<K, V>, void, undefined> {
    return new RecordIterator(this.#records())
  }

  #records(): IteratedSource<ConsumerRecord<K, V>> {
    const walk = new RecordWalk(this.#decoder)
    let partition: FetchedPartition
    let progress: Progress
    /** Of the record that comes next. */
    let next = 0
    const now = (): ConsumerRecord<K, V> | null => {
      // One that has failed is in hand until it is settled.
      if (walk.hasFailed) return null
      this.#processed()
      const { batch } = walk
      if (batch === null || this.#mustLookUp) return null
      // Between two records the group may have gone on, and the partition with it; or the reader reads on elsewhere.
      if (partition.removed || partition.paused || this.#isEnding) {
        if (partition.paused && !partition.removed) this.#queue.giveBack(partition, batch, next)
        walk.drop()
        return null
      }
      const record = walk.next()
      const offset = record === null ? walk.failedOffset : record.offset
      if (offset !== null) {
        next = offset + 1
        this.#deliver(partition, progress, next)
      } else if (walk.batch === null) {
        // What compaction has taken from its end counts as read.
        progress.delivered = batch.lastOffset + 1
        progress.processed = progress.delivered
      }
      return record
    }
    const later = async (): Promise<ConsumerRecord<K, V> | null> => {
      for (;;) {
        if (walk.hasFailed) {
          await walk.settle()
          this.#processed()
        }
        if (walk.batch !== null && this.#mustLookUp) await this.#lookUp()
        if (walk.batch === null) {
          const taken = await this.#next()
          if (taken === null) return null
          partition = taken.partition
          progress = this.#commits.progressOf(partition)
          next = taken.batch.baseOffset
          walk.open(taken.batch)
        }
        const record = now()
        if (record !== null) return record
      }
    }
    return { now, later, close: () => this.close() }
  }

  /**
   * Calls a handler for what is read, several at a time if told. What is finished counts as processed: of a partition, all
   * records before the first that is not. Resolves after `close`; rejects with what a handler has thrown, after the others have
   * ended and what is finished is committed. The group rebalances between two calls for a partition that is given up.
   *
   * ```ts
   * await consumer.run({ eachRecord: async (record) => { … }, concurrency: 20, order: 'key' })
   * ```
   * `commit()` in a handler takes what is finished, without the record it is called for. Of a partition that is paused, records that
   * wait for their key's turn are handled all the same.
   */
  async run(options: RunOptions<K, V>): Promise<void> {
    checkRunOptions(options)
    this.#beginReading()
    const calls = new HandlerCalls((error) => {
      this.#thrown ??= { error }
      this.#call()
    })
    this.#calls = calls
    const deps = {
      queue: this.#queue,
      decoder: this.#decoder,
      calls,
      progressOf: (partition: FetchedPartition) => this.#commits.progressOf(partition),
      onRoom: () => this.#wake(),
    }
    const work = options.order === 'key' ? new KeyWork(options, deps) : new PartitionWork(options, deps)
    this.#ending.signal.addEventListener('abort', () => calls.end(), { once: true })
    try {
      await this.#feed(work)
    } finally {
      await this.close()
    }
    // Of a handler that was still at work.
    if (this.#thrown !== null) throw this.#thrown.error
  }

  async #feed(work: HandlerWork): Promise<void> {
    try {
      while (!this.#ending.signal.aborted) {
        this.#pollWatch.start()
        const turn = this.#queue.turn()
        if (turn !== null) await turn
        if (this.#mustLookUp) await this.#lookUp()
        const taken = work.hasRoom ? this.#queue.take() : null
        if (taken !== null) work.begin(taken.partition, taken.batch)
        else if (this.#queue.error !== null) throw this.#queue.error
        else await this.#news()
      }
    } catch (error) {
      if (!this.#ending.signal.aborted) throw error
    }
  }

  #beginReading(): void {
    if (this.#isReading) throw new KafkaError('INVALID_STATE', 'somebody reads from this consumer already')
    this.#isReading = true
  }

  #numberInHand(): number | null {
    return this.#inHand === null ? null : this.#deliveries
  }

  #deliver(partition: FetchedPartition, progress: Progress, next: number): void {
    this.#inHand = partition
    this.#inHandProgress = progress
    this.#inHandNext = next
    this.#deliveries += 1
    progress.delivered = next
  }

  #processed(): void {
    if (this.#inHand?.removed === false) this.#inHandProgress!.processed = this.#inHandNext
    this.#inHand = null
  }

  /** What has to be done before the next record. */
  async #lookUp(): Promise<void> {
    this.#mustLookUp = false
    if (this.#thrown !== null) throw this.#thrown.error
    await this.#beMember()
    this.#commits.commitIfDue()
  }

  async #next() {
    this.#beginReading()
    try {
      for (;;) {
        if (this.#ending.signal.aborted) return null
        this.#pollWatch.start()
        const turn = this.#queue.turn()
        if (turn !== null) await turn
        if (this.#mustLookUp) await this.#lookUp()
        const taken = this.#queue.take()
        if (taken !== null) return taken
        if (this.#queue.error !== null) throw this.#queue.error
        await this.#news()
      }
    } catch (error) {
      if (this.#ending.signal.aborted) return null
      throw error
    } finally {
      this.#isReading = false
    }
  }

  /** Resolves when something has happened; not for what has happened before. */
  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeReader = resolve
      // While nobody waited.
      if (this.#mustLookUp) this.#wake()
    })
  }

  #call(): void {
    this.#mustLookUp = true
    this.#wake()
  }

  #wake(): void {
    const resolve = this.#wakeReader
    this.#wakeReader = null
    resolve?.()
  }

  #onOverdue(workedMs: number): void {
    const what = `a record has been worked on for longer than maxPollIntervalMs: ${Math.round(workedMs)} ms`
    this.#membership.overdue(what)
  }

  // ---- the group

  /** Follows what the group says until there is nothing to do but to read. */
  async #beMember(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      const { state } = this.#membership
      switch (state.name) {
        case 'member':
        case 'left':
          return
        case 'out':
          await this.#owned.lose()
          this.#queue.start()
          if (!this.#ending.signal.aborted) this.#membership.join(new Map())
          break
        case 'rebalancing':
          if (!this.#settings.cooperative) await this.#owned.giveUp(this.#owned.all())
          if (!this.#ending.signal.aborted) this.#membership.join(this.#owned.byTopic())
          break
        case 'joining':
          this.#mustLookUp = false
          await this.#news()
          break
        case 'assigned':
          await this.#follow()
          break
        case 'failed':
          await this.#owned.lose()
          throw state.error
      }
    }
  }

  /** First it gives up, and says so: somebody waits for that. */
  async #follow(): Promise<void> {
    const { assignment, isIncomplete } = await this.#membership.assignment(this.#owned.byTopic())
    if (await this.#owned.giveUpOthers(assignment)) this.#membership.held(this.#owned.byTopic(), 'coming')
    const isWhole = await this.#owned.take(assignment, () => this.#membership.state.name !== 'assigned')
    this.#commits.schedule()
    this.#membership.held(this.#owned.byTopic(), isIncomplete || !isWhole ? 'unknown' : 'none')
  }

  /** Reads other topics from now on; those it reads no more are given up. Throws `ConfigError`. */
  subscribe(subscription: { readonly topics: readonly string[] } | { readonly pattern: string }): void {
    this.#membership.subscribe(subscriptionOf(subscription, this.#settings.groupProtocol))
  }

  /** Whose commits these are; for transactions. Throws CLOSED from `close` on: who has left would fence nobody. */
  groupMetadata(): GroupMetadata {
    if (this.#ending.signal.aborted) throw this.#ending.signal.reason
    return this.#membership.who()
  }

  /** What is this consumer's own at the moment. */
  assignment(): TopicPartition[] {
    return this.#owned.all().map(({ topic, partition }) => ({ topic, partition }))
  }

  // ---- offsets

  /** Where the reader stands in each partition: behind what has been delivered. */
  positions(): Position[] {
    return this.#owned.all().map((p) => {
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
   * order, with what was committed; what it throws ends the loop.
   */
  commitAsync(done?: CommitCallback): void {
    this.#commits.commitAsync(done)
  }

  /** What the group has committed, of these partitions. */
  committed(partitions: readonly TopicPartition[] = this.assignment()): Promise<GroupOffset[]> {
    return this.#link.insist(() => fetchOffsets(this.#link, this.#settings.group, partitions))
  }

  /** Reads on from there, in a partition that is this consumer's own. An offset is its position at once, and committed as such. */
  seek(place: TopicPartition, offset: StartOffset): void {
    this.#owned.seek(place, offset)
    this.#call()
  }

  /** Nothing is read of these until `resume`, not even what is left of a batch; they stay this consumer's own. */
  pause(places: readonly TopicPartition[]): void {
    for (const place of places) this.#queue.pause(this.#owned.get(place), true)
  }

  resume(places: readonly TopicPartition[]): void {
    for (const place of places) this.#queue.pause(this.#owned.get(place), false)
  }

  // ---- the end

  /**
   * Commits what is processed, waits for commits under way, leaves the group, and ends the loop. Idempotent. What takes longer than
   * `timeoutMs` (default 30 000) is not waited for: the group then notices its silence.
   */
  close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.timeoutMs ?? CLOSE_TIMEOUT_MS)
    return this.#closing
  }

  async #close(timeoutMs: number): Promise<void> {
    this.#isEnding = true
    this.#ending.abort(new ClosedError('the consumer is closed'))
    this.#pollWatch.stop()
    this.#call()
    const time = new Deadline(this.#deps.timers, timeoutMs)
    try {
      await time.wait(this.#giveUpAll())
    } finally {
      this.#queue.close()
      this.#commits.close()
      await time.wait(this.#membership.leave('the consumer was closed'))
      time.end()
      this.#membership.close()
      this.#link.close()
      this.#onClosed()
    }
    if (!time.isOver) return
    this.#deps.logger.warn('the consumer was closed before its group was asked', { group: this.#settings.group })
  }

  async #giveUpAll(): Promise<void> {
    const { name } = this.#membership.state
    if (name === 'member' || name === 'assigned' || name === 'rebalancing') {
      await this.#owned.giveUp(this.#owned.all())
    } else {
      await this.#commits.drain()
      await this.#owned.lose()
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
