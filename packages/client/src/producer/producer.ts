import { batch as batchHeader, recordBytesMax } from '@ottla/protocol/records'
import type { Cluster } from '../cluster/cluster.ts'
import type { TopicInfo } from '../cluster/metadata.ts'
import { sleep } from '../cluster/retry.ts'
import { ClosedError, ConfigError, KafkaError, SerializationError, UnknownTopicError } from '../errors.ts'
import type { SerdeContext, Serializer } from '../serde.ts'
import { type Delivery, ProducerBatch, type RecordMetadata } from './batch.ts'
import type { ProducerSettings } from './options.ts'
import { PartitionQueue } from './partition-queue.ts'
import { partitionOfKey, StickySpread } from './partitioner.ts'
import {
  bytesOf,
  type Content,
  headersOf,
  isContent,
  lengthOf,
  notContent,
  ownCopyOf,
  type ProducerRecord,
  problemOf,
  type RecordRest,
  type SerializedRecord,
} from './record.ts'
import { Sender } from './sender.ts'
import type { TransactionGate } from './transaction/gate.ts'

/** Records that wait because their topic is not known yet, or because the buffer is full; then they fail. */
const WAITING_RECORDS_MAX = 1_000_000
export const CLOSE_TIMEOUT_MS = 30_000
const BATCH_INITIAL_BYTES = 1024

interface Waiting {
  readonly record: SerializedRecord
  readonly delivery: Delivery | null
}

interface Topic {
  readonly name: string
  readonly ofKeys: SerdeContext
  readonly ofValues: SerdeContext
  info: TopicInfo | null
  readonly queues: PartitionQueue[]
  readonly spread: StickySpread
  /** In the order of their sends, while the topic is not known. */
  readonly waiting: Waiting[]
}

/**
 * Writes records: gathers them by partition, sends batches to the partitions' leaders, and tells what became of each.
 *
 * ```ts
 * const producer = kafka.producer()
 * const { offset } = await producer.send('orders', { key: 'k', value: 'v' })
 * ```
 * Sends that are not awaited one by one travel together; that is the fast way.
 */
export class Producer<K = Content, V = Content> implements AsyncDisposable {
  private readonly cluster: Cluster
  private readonly settings: ProducerSettings
  private readonly sender: Sender
  private readonly gate: TransactionGate | null
  private readonly topics = new Map<string, Topic>()
  /** Sends that found the buffer full, oldest first. */
  private readonly overflow: (Waiting & { readonly topic: string })[] = []
  private overflowAt = 0
  private bufferedBytes = 0
  private waitingCount = 0
  /** Of those that wait for their topic, as far as their lengths tell. */
  private waitingBytes = 0
  private readonly whenNothingWaits: (() => void)[] = []
  private readonly whenRoom: (() => void)[] = []
  /** Batches without an outcome. */
  private readonly unsettled = new Set<ProducerBatch>()
  private state: 'open' | 'closing' | 'closed' = 'open'
  private closing: Promise<void> | null = null
  private readonly unsubscribe: () => void
  private readonly onClosed: () => void

  /** @internal Use `kafka.producer()`. `gate` is that of the transactional producer whose records these are. */
  constructor(settings: ProducerSettings, cluster: Cluster, onClosed: () => void, gate: TransactionGate | null = null) {
    this.onClosed = onClosed
    this.cluster = cluster
    this.settings = settings
    this.gate = gate
    this.sender = new Sender(cluster, settings, (batch) => this.onSettled(batch), gate)
    this.unsubscribe = cluster.metadata.onUpdate(() => {
      for (const topic of this.topics.values()) {
        const info = topic.info === null ? undefined : this.cluster.metadata.peek(topic.name)
        if (info !== undefined && info !== topic.info) this.learn(topic, info)
      }
    })
  }

  /**
   * Resolves when the record is written as `acks` says. Rejects with a `KafkaError`: what the broker refused, TIMEOUT
   * after `deliveryTimeoutMs`, UNKNOWN_TOPIC_OR_PARTITION, BUFFER_FULL, CLOSED, SERIALIZATION, CONFIG for what is no record.
   */
  send(topic: string, record: ProducerRecord<K, V>): Promise<RecordMetadata> {
    return new Promise((resolve, reject) => {
      this.produce(topic, record, (error, metadata) => {
        if (error === null) resolve(metadata as RecordMetadata)
        else reject(error)
      })
    })
  }

  /** As `send` for many records of one topic, with one promise. Rejects with the first error. */
  sendAll(topic: string, records: readonly ProducerRecord<K, V>[]): Promise<RecordMetadata[]> {
    if (!Array.isArray(records)) return Promise.reject(new ConfigError('sendAll takes a list of records'))
    return new Promise((resolve, reject) => {
      const results = new Array<RecordMetadata>(records.length)
      let open = records.length
      if (open === 0) resolve(results)
      records.forEach((record, i) => {
        this.produce(topic, record, (error, metadata) => {
          if (error !== null) return reject(error)
          results[i] = metadata as RecordMetadata
          if (--open === 0) resolve(results)
        })
      })
    })
  }

  /**
   * As `send`, without a promise: `delivery`, if given, is called exactly once. Returns `false` when the buffer is full:
   * the record is taken all the same, and whoever sends more than a few should `await ready()` first.
   */
  produce(topicName: string, record: ProducerRecord<K, V>, delivery: Delivery | null = null): boolean {
    if (this.state !== 'open') {
      delivery?.(new ClosedError('the producer is closed'), null)
      return true
    }
    const refusal = this.gate === null ? null : this.gate.refusal()
    if (refusal !== null) {
      delivery?.(refusal, null)
      return true
    }
    const problem = problemOf(topicName, record)
    if (problem !== null) {
      this.refuse(delivery, new ConfigError(problem))
      return true
    }
    let topic = this.topics.get(topicName)
    if (topic === undefined) topic = this.enter(topicName)
    let key: Content
    let value: Content
    try {
      key = serialized(record.key, this.settings.key, topic.ofKeys)
      value = serialized(record.value, this.settings.value, topic.ofValues)
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error
      this.refuse(delivery, error)
      return true
    }
    if (this.bufferedBytes >= this.settings.bufferBytes || this.overflow.length > this.overflowAt) {
      this.overflowed(topicName, ownCopyOf(key, value, record), delivery)
      return false
    }
    if (topic.info === null) {
      if (this.admitWaiting(delivery)) this.holdBack(topic, { record: ownCopyOf(key, value, record), delivery })
      return !this.isCrowded()
    }
    this.append(topic, topic.info, key, value, record, delivery)
    return this.bufferedBytes < this.settings.bufferBytes
  }

  /** Resolves when the buffer has room. */
  async ready(): Promise<void> {
    while (this.state === 'open' && (this.isFull() || this.isCrowded())) {
      await new Promise<void>((resolve) => this.whenRoom.push(resolve))
    }
  }

  /** Resolves when every record sent before has its outcome, whatever it is; nothing lingers meanwhile. */
  async flush(): Promise<void> {
    this.sender.beginFlush()
    try {
      if (this.waitingCount > 0) await new Promise<void>((resolve) => this.whenNothingWaits.push(resolve))
      await Promise.all([...this.unsettled].map((batch) => new Promise<void>((resolve) => batch.onSettled(resolve))))
    } finally {
      this.sender.endFlush()
    }
  }

  /** @internal Fails what is not under way. */
  discard(error: KafkaError): void {
    const overflow = this.overflow.splice(0).slice(this.overflowAt)
    this.overflowAt = 0
    for (const { delivery } of overflow) delivery?.(error, null)
    this.released(overflow.length)
    for (const topic of this.topics.values()) this.failWaiting(topic, error)
    this.sender.discard(error)
  }

  /** @internal Partitions that had to wait may take records. */
  proceed(): void {
    this.sender.wakeIfActive()
  }

  /**
   * Takes no more records, sends what is there, and ends. What has no outcome within `timeoutMs` (default 30 000) fails
   * with CLOSED. Idempotent.
   */
  close(options: { timeoutMs?: number } = {}): Promise<void> {
    this.closing ??= this.closeNow(options.timeoutMs ?? CLOSE_TIMEOUT_MS)
    return this.closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private async closeNow(timeoutMs: number): Promise<void> {
    this.state = 'closing'
    const enough = new AbortController()
    const flushed = this.flush().then(() => enough.abort())
    await Promise.race([flushed, sleep(this.cluster.deps.timers, timeoutMs, enough.signal).catch(() => {})])
    this.state = 'closed'
    this.unsubscribe()
    const error = new ClosedError('the producer was closed before the record was written')
    for (const { delivery } of this.overflow.splice(0).slice(this.overflowAt)) delivery?.(error, null)
    for (const topic of this.topics.values()) this.failWaiting(topic, error)
    this.sender.close(error)
    for (const batch of this.unsettled) batch.fail(error)
    this.unsettled.clear()
    for (const resolve of this.whenRoom.splice(0)) resolve()
    this.onClosed()
  }

  private isFull(): boolean {
    return this.bufferedBytes >= this.settings.bufferBytes || this.overflow.length > this.overflowAt
  }

  /** So much waits for topics that are not known yet that no more should come. */
  private isCrowded(): boolean {
    return this.waitingCount >= WAITING_RECORDS_MAX / 2 || this.waitingBytes >= this.settings.bufferBytes
  }

  // ----------------------------------------------------------------------------------------------------- appending

  private append(
    topic: Topic,
    info: TopicInfo,
    keyContent: Content,
    valueContent: Content,
    record: RecordRest,
    delivery: Delivery | null,
  ): void {
    const key = bytesOf(keyContent)
    const value = bytesOf(valueContent)
    const headers = record.headers === undefined || record.headers === null ? null : headersOf(record.headers)
    const bytes = recordBytesMax(key, value, headers)
    if (bytes > this.settings.maxRequestBytes) {
      const what = `a record of ${bytes} bytes for ${topic.name} is larger than maxRequestBytes ${this.settings.maxRequestBytes}`
      this.refuse(delivery, new KafkaError('RECORD_TOO_LARGE', what))
      return
    }
    let partition: number
    try {
      partition = this.partitionOf(topic, info, record, key, bytes)
    } catch (error) {
      this.refuse(delivery, new ConfigError(`the partitioner failed for a record of ${topic.name}: ${error}`))
      return
    }
    if (!Number.isInteger(partition)) {
      this.refuse(delivery, new ConfigError(`partition ${partition} for a record of ${topic.name} is no whole number`))
      return
    }
    const queue = topic.queues[partition]
    if (queue === undefined) {
      this.refuse(delivery, new UnknownTopicError(topic.name, partition))
      return
    }
    const timestamp = record.timestamp ?? this.cluster.deps.clock.nowMs()
    if (!Number.isSafeInteger(timestamp)) {
      this.refuse(delivery, new ConfigError(`timestamp ${timestamp} is no whole number of ms`))
      return
    }
    const { batchBytes } = this.settings
    let batch = queue.open
    if (batch !== null && batch.sizeInBytes + bytes > batchBytes && batch.recordCount > 0) {
      batch.sealed = true
      batch = null
    }
    const isNew = batch === null
    if (batch === null) {
      const initialBytes = Math.max(BATCH_INITIAL_BYTES, bytes + batchHeader.HEADER_BYTES, queue.batchBytesHint)
      batch = new ProducerBatch(topic.name, partition, this.cluster.deps.clock.monotonicMs(), initialBytes)
      queue.batches.push(batch)
      this.unsettled.add(batch)
    }
    batch.append(key, value, headers, timestamp, delivery)
    batch.accountedBytes += bytes
    this.bufferedBytes += bytes
    if (batch.sizeInBytes >= batchBytes) batch.sealed = true
    if (isNew || batch.sealed) this.sender.activate(queue)
  }

  private partitionOf(
    topic: Topic,
    info: TopicInfo,
    record: RecordRest,
    key: Uint8Array | null,
    bytes: number,
  ): number {
    if (record.partition !== undefined) return record.partition
    const count = info.partitions.length
    if (this.settings.partitioner !== null) return this.settings.partitioner(topic.name, key, count)
    if (key !== null) return partitionOfKey(key, count)
    return topic.spread.next(count, bytes, (partition) => info.partitions[partition].leaderId >= 0)
  }

  // ------------------------------------------------------------------------------------------------------- waiting

  private enter(name: string): Topic {
    const { random } = this.cluster.deps
    const topic: Topic = {
      name,
      ofKeys: { topic: name, part: 'key' },
      ofValues: { topic: name, part: 'value' },
      info: null,
      queues: [],
      spread: new StickySpread(this.settings.batchBytes, random),
      waiting: [],
    }
    this.topics.set(name, topic)
    this.cluster.metadata.topic(name, { autoCreate: this.settings.autoCreateTopics }).then(
      (info) => {
        this.learn(topic, info)
      },
      (error: unknown) => {
        if (!(error instanceof KafkaError)) throw error
        // The next send asks again.
        this.topics.delete(name)
        this.failWaiting(topic, error)
      },
    )
    return topic
  }

  private learn(topic: Topic, info: TopicInfo): void {
    topic.info = info
    while (topic.queues.length < info.partitions.length) {
      topic.queues.push(new PartitionQueue(topic.name, topic.queues.length))
    }
    if (topic.waiting.length === 0) return
    const waiting = this.takeHeldBack(topic)
    for (const { record, delivery } of waiting) this.appendWaiting(topic, info, record, delivery)
    this.released(waiting.length)
  }

  private appendWaiting(topic: Topic, info: TopicInfo, record: SerializedRecord, delivery: Delivery | null): void {
    this.append(topic, info, record.key, record.value, record.rest, delivery)
  }

  private admitWaiting(delivery: Delivery | null): boolean {
    if (this.waitingCount >= WAITING_RECORDS_MAX) {
      this.refuse(delivery, new KafkaError('BUFFER_FULL', 'too many records wait to be sent', { retriable: true }))
      return false
    }
    this.waitingCount += 1
    return true
  }

  private overflowed(topic: string, record: SerializedRecord, delivery: Delivery | null): void {
    if (this.settings.whenFull === 'fail') {
      const what = `the producer's buffer of ${this.settings.bufferBytes} bytes is full`
      this.refuse(delivery, new KafkaError('BUFFER_FULL', what, { retriable: true }))
    } else if (this.admitWaiting(delivery)) {
      this.overflow.push({ topic, record, delivery })
    }
  }

  private holdBack(topic: Topic, waiting: Waiting): void {
    topic.waiting.push(waiting)
    this.waitingBytes += lengthOf(waiting.record)
  }

  private takeHeldBack(topic: Topic): Waiting[] {
    const waiting = topic.waiting.splice(0)
    for (const { record } of waiting) this.waitingBytes -= lengthOf(record)
    return waiting
  }

  private failWaiting(topic: Topic, error: KafkaError): void {
    const waiting = this.takeHeldBack(topic)
    for (const { delivery } of waiting) this.refuse(delivery, error)
    this.released(waiting.length)
  }

  /** Fails a record that is in no batch; its transaction, if there is one, cannot be whole without it. */
  private refuse(delivery: Delivery | null, error: KafkaError): void {
    this.gate?.onRecordFailed(error, false)
    delivery?.(error, null)
  }

  private released(count: number): void {
    this.waitingCount -= count
    if (this.waitingCount === 0) for (const resolve of this.whenNothingWaits.splice(0)) resolve()
    if (!this.isFull() && !this.isCrowded()) for (const resolve of this.whenRoom.splice(0)) resolve()
  }

  private onSettled(batch: ProducerBatch): void {
    this.unsettled.delete(batch)
    this.bufferedBytes -= batch.accountedBytes
    this.admitOverflow()
    if (!this.isFull()) for (const resolve of this.whenRoom.splice(0)) resolve()
  }

  /** Lets those that found the buffer full go on, in their order. */
  private admitOverflow(): void {
    let count = 0
    while (this.overflowAt < this.overflow.length && this.bufferedBytes < this.settings.bufferBytes) {
      const { topic: name, record, delivery } = this.overflow[this.overflowAt++]
      const topic = this.topics.get(name) ?? this.enter(name)
      if (topic.info === null) {
        this.holdBack(topic, { record, delivery })
      } else {
        this.appendWaiting(topic, topic.info, record, delivery)
        count += 1
      }
    }
    if (this.overflowAt === this.overflow.length) {
      this.overflow.length = 0
      this.overflowAt = 0
    }
    if (count > 0) this.released(count)
  }
}

/** Throws `KafkaError`. */
function serialized(data: unknown, serializer: Serializer<unknown> | null, context: SerdeContext): Content {
  if (data === undefined || data === null) return null
  let content: unknown = data
  if (serializer !== null) {
    try {
      content = serializer.serialize(data, context)
    } catch (error) {
      throw new SerializationError(context.topic, context.part, error)
    }
  }
  if (!isContent(content)) throw new ConfigError(notContent(context.topic))
  return content ?? null
}
