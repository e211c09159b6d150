import { backOffMs, type Connection } from '@ottla/net'
import { ErrorCode, errorInfo, type FetchResponse, type MessageOf } from '@ottla/protocol'
import type { TimerHandle } from '@ottla/runtime'
import { FETCH_TOPIC_IDS, fetchApi, isolationLevelOf } from '../apis.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Purpose } from '../cluster/connection-pool.ts'
import { findOffsets } from '../cluster/offsets.ts'
import { BrokerError, KafkaError, UnknownTopicError } from '../errors.ts'
import type { AbortedTransaction } from './aborted-filter.ts'
import type { ConsumerSettings, StartOffset } from './options.ts'

type Response = MessageOf<typeof FetchResponse>
type PartitionResponse = Response['responses'][number]['partitions'][number]

/** One partition that is read. */
export interface FetchedPartition {
  readonly topic: string
  readonly partition: number
  /** Where the next fetch begins; null until it is found. */
  fetchOffset: number | null
  /** Where to begin, or to begin again. */
  start: StartOffset
  /** Exclusive; `Infinity` for no end. */
  until: number
  /** Bytes fetched and not yet taken by the reader. */
  bufferedBytes: number
  /** Asked for in the request that is under way. */
  inFlight: boolean
  /** The end of the log as the broker last said; -1 before. */
  highWatermark: number
  failures: number
  /** Monotonic ms before which it is not fetched. */
  notBeforeMs: number
  /** Monotonic ms since when it has had no leader; null while it has one. */
  leaderlessMs: number | null
  /** Nothing more is fetched of it for the time being. */
  paused: boolean
  /** A batch of it is being worked on: nothing more of it is taken, while fetching goes on. */
  held: boolean
  /** The reader has given it up: what still comes is not for it. */
  removed: boolean
}

/** What one response brought for one partition. */
export interface Chunk {
  readonly partition: FetchedPartition
  readonly buffer: Buffer
  /** The first offset that was asked for. */
  readonly fromOffset: number
  /** Transactions whose records are to be left out; none when everything is read. */
  readonly aborted: readonly AbortedTransaction[]
}

export interface FetcherEvents {
  onChunk(chunk: Chunk): void
  /** Reading cannot go on. */
  onError(error: KafkaError): void
  /** A partition's position may have reached its end without any bytes. */
  onProgress(): void
}

const NONE_ABORTED: readonly AbortedTransaction[] = []

interface Node {
  busy: boolean
  rotation: number
}

/**
 * Fetches ahead of the reader: one request under way per broker, asking for the partitions it leads whose data the
 * reader is about to use up. Runs until closed; what can heal is tried again with growing waits, and counts as failed
 * when nothing was answered for as long as `apiTimeoutMs`.
 */
export class Fetcher {
  private readonly cluster: Cluster
  private readonly purpose: Purpose
  private readonly settings: ConsumerSettings
  private readonly events: FetcherEvents
  private readonly partitions: readonly FetchedPartition[]
  private readonly nodes = new Map<number, Node>()
  private bufferedBytes = 0
  private finding = false
  private closed = false
  private woken = false
  private timer: TimerHandle | undefined
  /** Monotonic ms of the last answer of any leader. */
  private aliveMs: number
  private readonly unsubscribe: () => void

  constructor(
    cluster: Cluster,
    settings: ConsumerSettings,
    partitions: readonly FetchedPartition[],
    events: FetcherEvents,
  ) {
    this.cluster = cluster
    this.settings = settings
    this.partitions = partitions
    this.events = events
    this.purpose = cluster.pool.own('fetch')
    this.aliveMs = cluster.deps.clock.monotonicMs()
    this.unsubscribe = cluster.metadata.onUpdate(() => this.wake())
    this.wake()
  }

  /** The reader has used up bytes of a chunk. */
  release(partition: FetchedPartition, bytes: number): void {
    partition.bufferedBytes -= bytes
    this.bufferedBytes -= bytes
    if (!partition.inFlight) this.wake()
  }

  close(): void {
    this.closed = true
    this.unsubscribe()
    this.cluster.deps.timers.clearTimer(this.timer)
    this.cluster.pool.release(this.purpose)
  }

  /** There may be something new to fetch. */
  wake(): void {
    if (this.woken || this.closed) return
    this.woken = true
    this.cluster.deps.timers.immediate(() => {
      this.woken = false
      if (!this.closed) this.run()
    })
  }

  private wakeAt(atMs: number): void {
    const { timers, clock } = this.cluster.deps
    timers.clearTimer(this.timer)
    this.timer = timers.setTimer(() => this.wake(), atMs - clock.monotonicMs())
  }

  private run(): void {
    const nowMs = this.cluster.deps.clock.monotonicMs()
    const byLeader = new Map<number, FetchedPartition[]>()
    const unknown: FetchedPartition[] = []
    let retryMs = Number.POSITIVE_INFINITY
    let leaderless = false
    for (const p of this.partitions) {
      if (p.inFlight || p.paused || (p.fetchOffset !== null && p.fetchOffset >= p.until)) continue
      if (p.notBeforeMs > nowMs) {
        retryMs = Math.min(retryMs, p.notBeforeMs)
      } else if (p.fetchOffset === null) {
        unknown.push(p)
      } else if (p.bufferedBytes < this.settings.partitionMaxBytes && this.bufferedBytes < this.settings.bufferBytes) {
        const leaderId = this.cluster.metadata.peek(p.topic)?.partitions[p.partition]?.leaderId ?? -1
        if (leaderId < 0) {
          leaderless = true
          if (this.isLost(p, nowMs)) return
          continue
        }
        p.leaderlessMs = null
        if (byLeader.has(leaderId)) byLeader.get(leaderId)?.push(p)
        else byLeader.set(leaderId, [p])
      }
    }
    if (retryMs !== Number.POSITIVE_INFINITY) this.wakeAt(retryMs)
    if (leaderless) this.cluster.metadata.refresh()
    if (unknown.length > 0) this.find(unknown)
    for (const [leaderId, partitions] of byLeader) {
      let node = this.nodes.get(leaderId)
      if (node === undefined) {
        node = { busy: false, rotation: 0 }
        this.nodes.set(leaderId, node)
      }
      if (!node.busy) this.fetchFrom(leaderId, node, partitions)
    }
  }

  /** True when a partition has had no leader for so long that reading ends: its topic was deleted, perhaps. */
  private isLost(p: FetchedPartition, nowMs: number): boolean {
    const isKnown = this.cluster.metadata.peek(p.topic)?.partitions[p.partition] !== undefined
    const error = isKnown
      ? new BrokerError(ErrorCode.LEADER_NOT_AVAILABLE, `partition ${p.topic}-${p.partition}`)
      : new UnknownTopicError(p.topic)
    if (p.leaderlessMs === null) {
      p.leaderlessMs = nowMs
      const { topic, partition } = p
      this.cluster.deps.logger.warn('a partition has no leader', { topic, partition, error: error.message })
    }
    if (nowMs - p.leaderlessMs < this.cluster.settings.apiTimeoutMs) return false
    this.stop(error)
    return true
  }

  /** Finds where partitions begin. */
  private find(partitions: readonly FetchedPartition[]): void {
    const byNumber = partitions.filter((p) => typeof p.start === 'number')
    for (const p of byNumber) p.fetchOffset = p.start as number
    if (byNumber.length > 0) {
      this.events.onProgress()
      this.wake()
    }
    if (this.finding) return
    const bySpec = partitions.filter((p) => typeof p.start !== 'number')
    if (bySpec.length === 0) return
    this.finding = true
    this.findBySpec(bySpec).then(
      () => {
        this.finding = false
        this.events.onProgress()
        this.wake()
      },
      (error: unknown) => {
        this.finding = false
        if (!(error instanceof KafkaError)) throw error
        this.stop(error)
      },
    )
  }

  private async findBySpec(partitions: readonly FetchedPartition[]): Promise<void> {
    const ask = (some: readonly FetchedPartition[], spec: (p: FetchedPartition) => StartOffset) =>
      findOffsets(
        this.cluster,
        some.map((p) => ({ topic: p.topic, partition: p.partition, spec: spec(p) as Exclude<StartOffset, number> })),
        { readCommitted: this.settings.readCommitted },
      )
    const found = await ask(partitions, (p) => p.start)
    const tooYoung: FetchedPartition[] = []
    partitions.forEach((p, i) => {
      const { value, error } = found[i]
      if (error !== null) throw error
      // No record is that young.
      if (p.removed) return
      if (value.offset < 0) tooYoung.push(p)
      else p.fetchOffset = value.offset
    })
    if (tooYoung.length === 0) return
    const ends = await ask(tooYoung, () => 'latest')
    tooYoung.forEach((p, i) => {
      const { value, error } = ends[i]
      if (error !== null) throw error
      p.fetchOffset = value.offset
    })
  }

  private fetchFrom(leaderId: number, node: Node, partitions: readonly FetchedPartition[]): void {
    const connection = this.cluster.pool.peek(leaderId, this.purpose)
    node.busy = true
    if (connection !== null) {
      this.send(connection, node, partitions)
      return
    }
    this.cluster.pool.get(leaderId, this.purpose).then(
      () => {
        node.busy = false
        this.wake()
      },
      (error: unknown) => {
        node.busy = false
        if (!this.closed) this.onFailure(partitions, error)
      },
    )
  }

  private send(connection: Connection, node: Node, candidates: readonly FetchedPartition[]): void {
    // The broker fills its response in this order until it is full: begin elsewhere each time.
    const from = node.rotation++ % candidates.length
    const asked = [...candidates.slice(from), ...candidates.slice(0, from)]
    const { metadata } = this.cluster
    const byTopic = Map.groupBy(asked, (p) => p.topic)
    const infos = new Map([...byTopic.keys()].map((topic) => [topic, metadata.peek(topic)]))
    const named = [...infos.values()].some((info) => info === undefined || info.topicId === null)
    const { fetchMinBytes, fetchMaxWaitMs, fetchMaxBytes, partitionMaxBytes } = this.settings
    for (const p of asked) p.inFlight = true
    connection.send(
      fetchApi,
      {
        maxWaitMs: fetchMaxWaitMs,
        minBytes: fetchMinBytes,
        maxBytes: fetchMaxBytes,
        sessionEpoch: -1,
        isolationLevel: isolationLevelOf(this.settings.readCommitted),
        topics: [...byTopic].map(([topic, partitions]) => ({
          topic,
          topicId: infos.get(topic)?.topicId ?? undefined,
          partitions: partitions.map((p) => ({
            partition: p.partition,
            currentLeaderEpoch: infos.get(topic)?.partitions[p.partition]?.leaderEpoch ?? -1,
            fetchOffset: p.fetchOffset as number,
            partitionMaxBytes,
          })),
        })),
      },
      (error, response) => {
        node.busy = false
        for (const p of asked) p.inFlight = false
        if (this.closed) return
        if (error !== null) this.onFailure(asked, error)
        else this.onResponse(asked, response as Response, infos)
        this.wake()
      },
      {
        version: connection.versions.highest(fetchApi, named ? FETCH_TOPIC_IDS - 1 : undefined),
        timeoutMs: fetchMaxWaitMs + this.cluster.settings.requestTimeoutMs,
      },
    )
  }

  private onResponse(
    asked: readonly FetchedPartition[],
    response: Response,
    infos: ReadonlyMap<string, { topicId: string | null } | undefined>,
  ): void {
    this.aliveMs = this.cluster.deps.clock.monotonicMs()
    if (response.errorCode !== 0) {
      this.onFailure(asked, new BrokerError(response.errorCode, 'fetch'))
      return
    }
    // The broker answers in the order of the request; looking there first spares the search.
    const ordered = [...Map.groupBy(asked, (p) => p.topic).values()].flat()
    let guess = 0
    for (const topic of response.responses) {
      for (const answer of topic.partitions) {
        const fits = (p: FetchedPartition | undefined) =>
          p !== undefined &&
          p.partition === answer.partitionIndex &&
          (p.topic === topic.topic || (topic.topic === '' && infos.get(p.topic)?.topicId === topic.topicId))
        const found = fits(ordered[guess]) ? ordered[guess] : ordered.find(fits)
        if (found === undefined) continue
        guess += 1
        this.onAnswer(found, answer)
      }
    }
  }

  private onAnswer(p: FetchedPartition, answer: PartitionResponse): void {
    if (p.removed) return
    if (answer.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
      this.onOutOfRange(p)
      return
    }
    if (answer.errorCode !== 0) {
      this.onFailure([p], new BrokerError(answer.errorCode, `partition ${p.topic}-${p.partition}`))
      return
    }
    p.failures = 0
    p.highWatermark = this.settings.readCommitted ? answer.lastStableOffset : answer.highWatermark
    const { records } = answer
    if (records === null || records.length === 0) return
    const aborted = this.settings.readCommitted ? (answer.abortedTransactions ?? NONE_ABORTED) : NONE_ABORTED
    const chunk = { partition: p, buffer: records, fromOffset: p.fetchOffset as number, aborted }
    p.bufferedBytes += records.length
    this.bufferedBytes += records.length
    // The reader moves `fetchOffset` on, before the next fetch of this partition can begin.
    this.events.onChunk(chunk)
  }

  private onOutOfRange(p: FetchedPartition): void {
    if (this.settings.reset === 'none') {
      const what = `partition ${p.topic}-${p.partition} has no offset ${p.fetchOffset}`
      this.stop(new KafkaError('OFFSET_OUT_OF_RANGE', what))
      return
    }
    this.cluster.deps.logger.warn('the offset is not in the log: reading is reset', {
      topic: p.topic,
      partition: p.partition,
      offset: p.fetchOffset,
      to: this.settings.reset,
    })
    p.start = this.settings.reset
    p.fetchOffset = null
  }

  private onFailure(partitions: readonly FetchedPartition[], error: unknown): void {
    if (!(error instanceof KafkaError)) throw error
    if (this.closed) return
    const { clock, random } = this.cluster.deps
    const nowMs = clock.monotonicMs()
    if (!error.retriable || nowMs - this.aliveMs >= this.cluster.settings.apiTimeoutMs) {
      const gone = error.code === 'UNKNOWN_TOPIC_OR_PARTITION'
      this.stop(gone ? new UnknownTopicError(partitions[0].topic, partitions[0].partition) : error)
      return
    }
    const { topic, partition } = partitions[0]
    this.cluster.deps.logger.warn('records are asked for again', { topic, partition, error: error.message })
    if (!(error instanceof BrokerError) || errorInfo(error.errorCode)?.refreshMetadata) this.cluster.metadata.refresh()
    for (const p of partitions) p.notBeforeMs = nowMs + backOffMs(p.failures++, random, this.cluster.settings.backOff)
    this.wake()
  }

  private stop(error: KafkaError): void {
    this.close()
    this.events.onError(error)
  }
}
