import type { Cluster } from '../cluster/cluster.ts'
import type { TopicInfo } from '../cluster/metadata.ts'
import { UnknownTopicError } from '../errors.ts'
import { RecordDecoder } from './decoder.ts'
import { type ConsumerOptions, checkConsumerOptions, consumerSettingsOf } from './options.ts'
import { ReadQueue } from './read-queue.ts'
import type { ConsumerBatch, ConsumerRecord } from './record.ts'
import { type IteratedSource, RecordIterator } from './record-iterator.ts'
import { RecordWalk } from './record-walk.ts'

export interface Position {
  readonly topic: string
  readonly partition: number
  /** Of the next record the reader gets; null while it is not known. */
  readonly offset: number | null
  /** Records up to the end of the log as the broker last said; null before. */
  readonly lag: number | null
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
export class Consumer<K = Buffer, V = Buffer> implements AsyncIterable<ConsumerRecord<K, V>>, AsyncDisposable {
  private readonly cluster: Cluster
  private readonly options: ConsumerOptions<K, V>
  private readonly decoder: RecordDecoder<K, V>
  private readonly queue: ReadQueue
  private starting: Promise<void> | null = null
  private closed = false
  private wakeReader: (() => void) | null = null
  private readonly onClosed: () => void
  private unsubscribe: (() => void) | null = null

  /** @internal Use `kafka.consumer()`. */
  constructor(options: ConsumerOptions<K, V>, cluster: Cluster, onClosed: () => void) {
    checkConsumerOptions(options)
    this.onClosed = onClosed
    this.options = options
    this.cluster = cluster
    this.decoder = new RecordDecoder(options, cluster.deps.logger)
    this.queue = new ReadQueue(cluster, consumerSettingsOf(options), () => this.wake())
  }

  /** Where the reader stands in each partition. */
  positions(): Position[] {
    return this.queue.partitions.map((p) => {
      const offset = this.queue.position(p)
      const lag = offset === null || p.highWatermark < 0 ? null : Math.max(0, p.highWatermark - offset)
      return { topic: p.topic, partition: p.partition, offset, lag }
    })
  }

  /** Stored batches with data, of all partitions, each partition in its order. Throws `KafkaError` when it cannot go on. */
  async *batches(): AsyncGenerator<ConsumerBatch, void, undefined> {
    try {
      for (;;) {
        const batch = await this.next()
        if (batch === null) return
        yield batch
      }
    } finally {
      await this.close()
    }
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<ConsumerRecord<K, V>, void, undefined> {
    return new RecordIterator(this.records())
  }

  private records(): IteratedSource<ConsumerRecord<K, V>> {
    const walk = new RecordWalk(this.decoder)
    return {
      now: () => (this.closed ? null : walk.next()),
      later: async () => {
        for (;;) {
          await walk.settle()
          if (walk.batch === null) {
            const batch = await this.next()
            if (batch === null) return null
            walk.open(batch)
          }
          if (this.closed) return null
          const record = walk.next()
          if (record !== null) return record
        }
      },
      close: () => this.close(),
    }
  }

  /** Ends the loops. Idempotent. */
  async close(): Promise<void> {
    this.closed = true
    this.onClosed()
    this.unsubscribe?.()
    this.queue.close()
    this.wake()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private async next(): Promise<ConsumerBatch | null> {
    const turn = this.queue.turn()
    if (turn !== null) await turn
    return this.queue.take()?.batch ?? this.wait()
  }

  /** The next batch, or null at the end of all partitions and after `close`. */
  private async wait(): Promise<ConsumerBatch | null> {
    for (;;) {
      if (this.closed) return null
      this.starting ??= this.start()
      await this.starting
      const taken = this.queue.take()
      if (taken !== null) return taken.batch
      if (this.queue.error !== null) throw this.queue.error
      if (this.closed || this.queue.isAtEnd) return null
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
        this.queue.add(topic, partition, from, until)
      } else {
        for (const p of this.unnamed(topic, info)) this.queue.add(topic, p, from, until)
      }
    }
    if (this.closed) return
    this.queue.start()
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
      const known = new Set(this.queue.partitions.filter((p) => p.topic === topic).map((p) => p.partition))
      for (const partition of this.unnamed(topic, info)) {
        if (known.has(partition)) continue
        this.queue.add(topic, partition, 'earliest', Number.POSITIVE_INFINITY)
      }
    }
  }
}
