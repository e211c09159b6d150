import { type BatchOptions, RecordBatchBuilder, type RecordHeader, setProducer } from '@ottla/protocol/records'
import type { KafkaError } from '../errors.ts'

/** Where a record has gone. */
export interface RecordMetadata {
  readonly topic: string
  readonly partition: number
  /** -1 with acks 0, and when the broker had the record already but no longer knows where. */
  readonly offset: number
  /** Ms since the epoch: the record's own, or the broker's where the topic uses LogAppendTime. */
  readonly timestamp: number
}

/** Called exactly once: with an error, or with where the record has gone. */
export type Delivery = (error: KafkaError | null, metadata: RecordMetadata | null) => void

let nextOrder = 0

/** Records of one partition that travel together. Only those whose sender wants to know cost an entry each. */
export class ProducerBatch {
  readonly topic: string
  readonly partition: number
  /** Batches of a partition are sent in this order. */
  readonly order: number = nextOrder++
  /** Monotonic ms. */
  readonly createdMs: number
  /** Monotonic ms before which it is not sent again. */
  retryAtMs = 0
  attempts = 0
  /** Why it is sent again. */
  lastError: KafkaError | null = null
  /** No more records: full, lingered long enough, or flushed. */
  sealed = false
  recordCount = 0
  /** What it counts in the producer's buffer, in bytes. */
  accountedBytes = 0
  /** The finished batch; null while records are added. */
  bytes: Buffer | null = null
  /** Of the first record; -1 while none is given. */
  baseSequence = -1
  private settled = false
  private readonly builder: RecordBatchBuilder
  private readonly indexes: number[] = []
  private readonly timestamps: number[] = []
  private readonly deliveries: Delivery[] = []
  private readonly listeners: (() => void)[] = []

  constructor(topic: string, partition: number, createdMs: number, initialBytes: number) {
    this.topic = topic
    this.partition = partition
    this.createdMs = createdMs
    this.builder = new RecordBatchBuilder(initialBytes)
  }

  /** Bytes it has on the wire, uncompressed while records are added. */
  get sizeInBytes(): number {
    return this.bytes === null ? this.builder.sizeInBytes : this.bytes.length
  }

  append(
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly RecordHeader[] | null,
    timestamp: number,
    delivery: Delivery | null,
  ): void {
    this.builder.append(key, value, headers, timestamp)
    if (delivery !== null) {
      this.indexes.push(this.recordCount)
      this.timestamps.push(timestamp)
      this.deliveries.push(delivery)
    }
    this.recordCount += 1
  }

  finish(options: BatchOptions): void {
    this.sealed = true
    this.baseSequence = options.baseSequence ?? -1
    this.bytes = this.builder.build(options)
  }

  /** Puts the finished batch at another place of its producer's sequence. */
  renumber(producerId: number, producerEpoch: number, baseSequence: number): void {
    this.baseSequence = baseSequence
    setProducer(this.bytes as Buffer, 0, producerId, producerEpoch, baseSequence)
  }

  /** Called when the outcome is known. */
  onSettled(listener: () => void): void {
    if (this.settled) listener()
    else this.listeners.push(listener)
  }

  /** `baseOffset` -1 if not known; `logAppendTimeMs` -1 where the records' own times stand. */
  succeed(baseOffset: number, logAppendTimeMs: number): void {
    if (!this.settle()) return
    const { topic, partition, deliveries, indexes, timestamps } = this
    for (let i = 0; i < deliveries.length; i++) {
      deliveries[i](null, {
        topic,
        partition,
        offset: baseOffset < 0 ? -1 : baseOffset + indexes[i],
        timestamp: logAppendTimeMs < 0 ? timestamps[i] : logAppendTimeMs,
      })
    }
    for (const listener of this.listeners) listener()
  }

  fail(error: KafkaError): void {
    if (!this.settle()) return
    for (const delivery of this.deliveries) delivery(error, null)
    for (const listener of this.listeners) listener()
  }

  private settle(): boolean {
    if (this.settled) return false
    this.settled = true
    return true
  }
}
