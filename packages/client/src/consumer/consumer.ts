import { type RecordBatch, RecordsError, readBatches } from '@ottla/protocol/records'
import type { Cluster } from '../cluster/cluster.ts'
import type { TopicInfo } from '../cluster/metadata.ts'
import { KafkaError, UnknownTopicError } from '../errors.ts'
import { type Chunk, type FetchedPartition, Fetcher } from './fetcher.ts'
import { type ConsumerOptions, type ConsumerSettings, consumerSettingsOf, type StartOffset } from './options.ts'
import { ConsumerBatch, type ConsumerRecord, corrupt } from './record.ts'

export interface Position {
  readonly topic: string
  readonly partition: number
  /** Of the next record the reader gets; null while it is not known. */
  readonly offset: number | null
  /** Records up to the end of the log as the broker last said; null before. */
  readonly lag: number | null
}

/** A chunk with the batches it holds, read one by one. */
interface Open {
  readonly chunk: Chunk
  readonly batches: Iterator<RecordBatch>
}

/**
 * Reads partitions without a group.
 *
 * ```ts
 * for await (const record of kafka.consumer({ assign: [{ topic: 'orders', from: 'earliest' }] })) { … }
 * ```
 * The loop is the backpressure: fetching stops when the reader is `bufferBytes` behind. It ends when every partition has
 * reached its `until`, and leaving it closes the consumer. `batches()` is the same, faster, by stored batch.
 */
export class Consumer implements AsyncIterable<ConsumerRecord>, AsyncDisposable {
  private readonly cluster: Cluster
  private readonly settings: ConsumerSettings
  private readonly options: ConsumerOptions
  /** The fetcher looks at it in each round, so that what is added is fetched. */
  private readonly partitions: FetchedPartition[] = []
  /** Offsets the reader has reached, by `topic/partition`. */
  private readonly reached = new Map<FetchedPartition, number>()
  private fetcher: Fetcher | null = null
  private starting: Promise<void> | null = null
  private readonly chunks: Chunk[] = []
  private open: Open | null = null
  private error: KafkaError | null = null
  private closed = false
  private wakeReader: (() => void) | null = null
  private readonly onClosed: () => void
  private unsubscribe: (() => void) | null = null

  /** @internal Use `kafka.consumer()`. */
  constructor(options: ConsumerOptions, cluster: Cluster, onClosed: () => void) {
    this.onClosed = onClosed
    this.options = options
    this.cluster = cluster
    this.settings = consumerSettingsOf(options)
  }

  /** Where the reader stands in each partition. */
  positions(): Position[] {
    return this.partitions.map((p) => {
      const offset = this.reached.get(p) ?? p.fetchOffset
      const lag = offset === null || p.highWatermark < 0 ? null : Math.max(0, p.highWatermark - offset)
      return { topic: p.topic, partition: p.partition, offset, lag }
    })
  }

  /** Stored batches with data, of all partitions, each partition in its order. Throws `KafkaError` when it cannot go on. */
  async *batches(): AsyncGenerator<ConsumerBatch, void, undefined> {
    try {
      for (;;) {
        const batch = this.take() ?? (await this.wait())
        if (batch === null) return
        yield batch
      }
    } finally {
      await this.close()
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ConsumerRecord, void, undefined> {
    for await (const batch of this.batches()) {
      const { topic, partition } = batch
      for (const r of batch) {
        yield {
          topic,
          partition,
          offset: r.offset,
          timestamp: r.timestamp,
          key: r.key,
          value: r.value,
          headers: r.headers,
        }
      }
    }
  }

  /** Ends the loops. Idempotent. */
  async close(): Promise<void> {
    this.closed = true
    this.onClosed()
    this.unsubscribe?.()
    this.fetcher?.close()
    this.chunks.length = 0
    this.open = null
    this.wake()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The next batch, or null at the end of all partitions and after `close`. */
  private async wait(): Promise<ConsumerBatch | null> {
    for (;;) {
      if (this.closed) return null
      this.starting ??= this.start()
      await this.starting
      const batch = this.take()
      if (batch !== null) return batch
      if (this.error !== null) throw this.error
      if (this.closed || this.partitions.every((p) => p.fetchOffset !== null && p.fetchOffset >= p.until)) return null
      await new Promise<void>((resolve) => {
        this.wakeReader = resolve
      })
    }
  }

  private wake(): void {
    const resolve = this.wakeReader
    this.wakeReader = null
    resolve?.()
  }

  private async start(): Promise<void> {
    const { assign } = this.options
    for (const { topic, partition, from = 'earliest', until = Number.POSITIVE_INFINITY } of assign) {
      const info = await this.cluster.metadata.topic(topic)
      if (partition !== undefined) {
        if (info.partitions[partition] === undefined) throw new UnknownTopicError(topic, partition)
        this.partitions.push(newPartition(topic, partition, from, until))
      } else {
        for (const p of this.unnamed(topic, info)) this.partitions.push(newPartition(topic, p, from, until))
      }
    }
    if (this.closed) return
    this.fetcher = new Fetcher(this.cluster, this.settings, this.partitions, {
      onChunk: (chunk) => this.onChunk(chunk),
      onError: (error) => {
        this.error = error
        this.wake()
      },
      onProgress: () => this.wake(),
    })
    const growing = assign.filter((a) => a.partition === undefined && a.until === undefined).map((a) => a.topic)
    if (growing.length > 0) this.unsubscribe = this.cluster.metadata.onUpdate(() => this.addPartitions(growing))
  }

  /** Partitions of a topic that no assignment names. */
  private unnamed(topic: string, { partitions }: TopicInfo): number[] {
    const named = new Set(this.options.assign.filter((a) => a.topic === topic).map((a) => a.partition))
    return partitions.map((p) => p.partition).filter((p) => !named.has(p))
  }

  /** Records of a partition that is new were all written since reading began: it is read from its first one on. */
  private addPartitions(topics: readonly string[]): void {
    for (const topic of topics) {
      const info = this.cluster.metadata.peek(topic)
      if (info === undefined) continue
      const known = new Set(this.partitions.filter((p) => p.topic === topic).map((p) => p.partition))
      for (const partition of this.unnamed(topic, info)) {
        if (known.has(partition)) continue
        this.partitions.push(newPartition(topic, partition, 'earliest', Number.POSITIVE_INFINITY))
      }
    }
  }

  /** Moves the partition on behind the chunk's last whole batch, so that the next fetch can begin while this is read. */
  private onChunk(chunk: Chunk): void {
    let next = chunk.fromOffset
    try {
      for (const batch of readBatches(chunk.buffer, { checkCrc: this.settings.checkCrcs })) next = batch.lastOffset + 1
    } catch (error) {
      if (!(error instanceof RecordsError)) throw error
      // What comes before the bad batch is delivered first.
      if (next === chunk.fromOffset) {
        this.fail(corrupt(chunk.partition.topic, chunk.partition.partition, error))
        return
      }
    }
    if (next === chunk.fromOffset) {
      const { topic, partition } = chunk.partition
      const what = `partition ${topic}-${partition}: the batch at offset ${next} is larger than partitionMaxBytes`
      this.fail(new KafkaError('RECORD_TOO_LARGE', what))
      return
    }
    chunk.partition.fetchOffset = next
    this.chunks.push(chunk)
    this.wake()
  }

  private fail(error: KafkaError): void {
    this.error ??= error
    this.fetcher?.close()
    this.wake()
  }

  /** The next batch of what has been fetched, if there is one. */
  private take(): ConsumerBatch | null {
    for (;;) {
      if (this.open === null) {
        const chunk = this.chunks.shift()
        if (chunk === undefined) return null
        // Checked when it came.
        this.open = { chunk, batches: readBatches(chunk.buffer, { checkCrc: false }) }
      }
      const { chunk, batches } = this.open
      const { partition } = chunk
      const from = this.reached.get(partition) ?? chunk.fromOffset
      const next = this.nextBatch(batches)
      if (next === null || next.baseOffset >= partition.until) {
        this.open = null
        this.fetcher?.release(partition, chunk.buffer.length)
        continue
      }
      this.reached.set(partition, Math.min(partition.until, next.lastOffset + 1))
      // Markers of transactions are for the client alone; their offsets count.
      if (next.isControl || next.lastOffset < from || next.recordCount === 0) continue
      return new ConsumerBatch(partition.topic, partition.partition, next, from, partition.until)
    }
  }

  /** Null at the chunk's end, which is also a batch that was found corrupt: the next fetch begins with it and fails. */
  private nextBatch(batches: Iterator<RecordBatch>): RecordBatch | null {
    try {
      const next = batches.next()
      return next.done ? null : next.value
    } catch (error) {
      if (error instanceof RecordsError) return null
      throw error
    }
  }
}

function newPartition(topic: string, partition: number, start: StartOffset, until: number): FetchedPartition {
  return {
    topic,
    partition,
    fetchOffset: null,
    start,
    until,
    bufferedBytes: 0,
    inFlight: false,
    highWatermark: -1,
    failures: 0,
    notBeforeMs: 0,
    leaderlessMs: null,
  }
}
