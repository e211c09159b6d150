import { ErrorCode, isRetriable, type MessageOf, type MetadataResponse, ZERO_UUID } from '@ottla/protocol'
import { metadataApi } from '../apis.ts'
import type { ClientDeps } from '../deps.ts'
import { BrokerError, KafkaError, UnknownTopicError } from '../errors.ts'
import type { Settings } from '../options.ts'
import type { Broker, ConnectionPool } from './connection-pool.ts'
import { retry, sleep } from './retry.ts'

export interface PartitionInfo {
  readonly partition: number
  /** -1 while there is none. */
  readonly leaderId: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  readonly offlineReplicas: readonly number[]
}

export interface TopicInfo {
  readonly name: string
  /** Null when the cluster gives none (before Apache Kafka 2.8). */
  readonly topicId: string | null
  readonly isInternal: boolean
  /** By partition number, without gaps. */
  readonly partitions: readonly PartitionInfo[]
}

type Response = MessageOf<typeof MetadataResponse>

/** No two background refreshes begin closer together, in ms. */
const REFRESH_INTERVAL_MS = 100

/**
 * What the client knows of the cluster. Topics that somebody uses are tracked: they are asked for together, again when
 * a leader turns out to have moved, and when the knowledge has become old.
 */
export class Metadata {
  clusterId: string | null = null
  controllerId = -1
  private readonly pool: ConnectionPool
  private readonly settings: Settings
  private readonly deps: ClientDeps
  private readonly topics = new Map<string, TopicInfo>()
  /** Known topics whose next use asks again; their leader epochs still count. */
  private readonly doubted = new Set<string>()
  private readonly tracked = new Set<string>()
  private readonly listeners = new Set<() => void>()
  private refreshing: Promise<void> | null = null
  private refreshedMs = Number.NEGATIVE_INFINITY
  /** How many want to know of every topic there is. */
  private watchers = 0
  /** All topics have been asked for since somebody watches. */
  private hasAll = false
  private closed = false

  constructor(pool: ConnectionPool, settings: Settings, deps: ClientDeps) {
    this.pool = pool
    this.settings = settings
    this.deps = deps
  }

  /** Called after every change of what is known. Returns the function that ends it. */
  onUpdate(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** What is known of a topic now, without asking. */
  peek(topic: string): TopicInfo | undefined {
    this.refreshIfOld()
    return this.topics.get(topic)
  }

  refreshIfOld(): void {
    if (this.deps.clock.monotonicMs() - this.refreshedMs > this.settings.metadataMaxAgeMs) this.refresh()
  }

  /** From now on every refresh asks for all topics there are. Returns the function that ends it. */
  watchAll(): () => void {
    let isOver = false
    this.watchers += 1
    return () => {
      if (isOver) return
      isOver = true
      this.watchers -= 1
      if (this.watchers === 0) this.hasAll = false
    }
  }

  /** While somebody watches: `all` is indeed all. */
  get knowsAll(): boolean {
    return this.hasAll
  }

  /** What is known of every topic now. */
  all(): Iterable<TopicInfo> {
    return this.topics.values()
  }

  /** The names of topics by their ids, asked for if unknown; those that do not exist are left out. */
  async namesOf(topicIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    let names = this.knownNames()
    const unknown = topicIds.filter((id) => !names.has(id))
    if (unknown.length > 0) {
      await this.fetchTopics(unknown.map((topicId) => ({ topicId, name: null })))
      names = this.knownNames()
    }
    return new Map(topicIds.flatMap((id) => (names.has(id) ? [[id, names.get(id) as string]] : [])))
  }

  private knownNames(): Map<string, string> {
    const names = new Map<string, string>()
    for (const { name, topicId } of this.topics.values()) if (topicId !== null) names.set(topicId, name)
    return names
  }

  /**
   * A topic with its partitions, asked for if unknown. Rejects with `UnknownTopicError` when the cluster does not have
   * it after some retries, and with what kept the cluster from answering otherwise.
   */
  async topic(name: string, options: { autoCreate?: boolean; signal?: AbortSignal } = {}): Promise<TopicInfo> {
    this.tracked.add(name)
    const known = this.topics.get(name)
    if (known !== undefined && !this.doubted.has(name)) return known
    if (!this.pool.reached) {
      // No broker within `bootstrapTimeoutMs` is the end of it.
      await this.fetch([name], options.autoCreate ?? false)
      const info = this.topics.get(name)
      if (info !== undefined) return info
    }
    return retry(
      this.deps,
      { timeoutMs: this.settings.apiTimeoutMs, backOff: this.settings.backOff, signal: options.signal },
      async (tried) => {
        const response = await this.fetch([name], options.autoCreate ?? false)
        const info = this.topics.get(name)
        if (info !== undefined && !this.doubted.has(name)) return info
        const errorCode = response.topics.find((t) => t.name === name)?.errorCode ?? 0
        if (errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) {
          if (tried >= this.settings.unknownTopicRetries) throw new UnknownTopicError(name)
        }
        throw new BrokerError(errorCode || ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `topic ${name}`)
      },
    )
  }

  /** All topics, or those named that exist; remembers what it learns. */
  fetch(topics: readonly string[] | null, autoCreate = false): Promise<Response> {
    return this.fetchTopics(topics === null ? null : topics.map((name) => ({ name })), autoCreate)
  }

  private fetchTopics(
    topics: readonly { readonly topicId?: string; readonly name: string | null }[] | null,
    autoCreate = false,
  ): Promise<Response> {
    return this.retrying(async () => {
      const connection = await this.pool.any()
      const version = connection.versions.pick(metadataApi)
      const response = await connection.call(
        metadataApi,
        {
          // Version 0 says "all" with an empty list.
          topics: topics === null ? (version === 0 ? [] : null) : [...topics],
          allowAutoTopicCreation: version < 4 ? true : autoCreate,
        },
        { version },
      )
      if (response.errorCode !== 0) throw new BrokerError(response.errorCode, 'metadata of the cluster')
      this.take(response, topics === null)
      return response
    })
  }

  /**
   * Repeats an operation of any broker: for `apiTimeoutMs`, or for `bootstrapTimeoutMs` as long as no broker was ever
   * reached.
   */
  retrying<T>(attempt: (tried: number) => Promise<T>): Promise<T> {
    const { apiTimeoutMs, bootstrapTimeoutMs, backOff } = this.settings
    const timeoutMs = () => (this.pool.reached ? apiTimeoutMs : bootstrapTimeoutMs)
    return retry(this.deps, { timeoutMs, backOff }, attempt)
  }

  /** Asks for the tracked topics again, soon, in the background; many calls make one request. */
  refresh(): void {
    if (this.refreshing !== null || this.closed) return
    this.refreshing = this.refreshNow().finally(() => {
      this.refreshing = null
    })
  }

  /** What is known of a topic may be wrong: its next use asks again. */
  doubt(topic: string): void {
    this.doubted.add(topic)
  }

  close(): void {
    this.closed = true
    this.listeners.clear()
  }

  private async refreshNow(): Promise<void> {
    const waitMs = this.refreshedMs + REFRESH_INTERVAL_MS - this.deps.clock.monotonicMs()
    if (waitMs > 0) await sleep(this.deps.timers, waitMs)
    if (this.closed) return
    try {
      await this.fetch(this.watchers > 0 ? null : [...this.tracked])
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error
      if (!this.closed) this.deps.logger.warn('metadata could not be refreshed', { error: error.message })
      this.refreshedMs = this.deps.clock.monotonicMs()
    }
  }

  private take(response: Response, isAll: boolean): void {
    this.refreshedMs = this.deps.clock.monotonicMs()
    const brokers: Broker[] = response.brokers.map((b) => ({ id: b.nodeId, host: b.host, port: b.port, rack: b.rack }))
    if (brokers.length > 0) this.pool.setBrokers(brokers)
    this.clusterId = response.clusterId
    this.controllerId = response.controllerId
    if (isAll) {
      this.hasAll = this.watchers > 0
      const named = new Set(response.topics.map((topic) => topic.name))
      for (const name of this.topics.keys()) if (!named.has(name)) this.topics.delete(name)
    }
    for (const topic of response.topics) {
      if (topic.name === null) continue
      if (topic.errorCode === 0) {
        const info = topicInfo(topic)
        if (info === null) continue
        this.topics.set(topic.name, mergeLeaders(this.topics.get(topic.name), info))
        this.doubted.delete(topic.name)
      } else if (!isRetriable(topic.errorCode) || topic.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) {
        this.topics.delete(topic.name)
      }
    }
    for (const listener of this.listeners) listener()
  }
}

/** Null while the partitions do not form a whole: some brokers answer before they know all of a new topic. */
function topicInfo(topic: Response['topics'][number]): TopicInfo | null {
  const count = topic.partitions.length
  if (count === 0) return null
  const partitions = new Array<PartitionInfo | undefined>(count).fill(undefined)
  for (const p of topic.partitions) {
    if (p.partitionIndex < 0 || p.partitionIndex >= count) return null
    partitions[p.partitionIndex] = {
      partition: p.partitionIndex,
      leaderId: p.errorCode === ErrorCode.LEADER_NOT_AVAILABLE ? -1 : p.leaderId,
      leaderEpoch: p.leaderEpoch,
      replicas: p.replicaNodes,
      isr: p.isrNodes,
      offlineReplicas: p.offlineReplicas,
    }
  }
  if (partitions.includes(undefined)) return null
  return {
    name: topic.name as string,
    topicId: topic.topicId === ZERO_UUID ? null : topic.topicId,
    isInternal: topic.isInternal,
    partitions: partitions as PartitionInfo[],
  }
}

/** An answer from a broker that lags behind must not take back a newer leader epoch (KIP-320). */
function mergeLeaders(before: TopicInfo | undefined, now: TopicInfo): TopicInfo {
  if (before === undefined || before.topicId !== now.topicId) return now
  const partitions = now.partitions.map((p) => {
    const known = before.partitions[p.partition]
    return known !== undefined && p.leaderEpoch >= 0 && known.leaderEpoch > p.leaderEpoch ? known : p
  })
  return { ...now, partitions }
}
