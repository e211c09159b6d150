import { type ConsumedRecord, type RecordBatch, type RecordReader, RecordsError } from '@ottla/protocol/records'
import { KafkaError } from '../errors.ts'

/** Keys and values are what the consumer's deserializers make; without one, bytes. */
export interface ConsumerRecord<K = Buffer, V = Buffer> extends Omit<ConsumedRecord, 'key' | 'value'> {
  readonly topic: string
  readonly partition: number
  readonly key: K | null
  readonly value: V | null
}

/**
 * A record batch of one partition, as the broker stored it. Keys and values are views of the fetched bytes: they keep
 * the whole response in memory for as long as one of them is held.
 */
export class ConsumerBatch implements Iterable<ConsumedRecord> {
  readonly topic: string
  readonly partition: number
  private readonly batch: RecordBatch
  /** Records before it were not asked for: a fetch begins at the batch that holds its offset. */
  private readonly fromOffset: number
  private readonly untilOffset: number

  constructor(topic: string, partition: number, batch: RecordBatch, fromOffset: number, untilOffset: number) {
    this.topic = topic
    this.partition = partition
    this.batch = batch
    this.fromOffset = fromOffset
    this.untilOffset = untilOffset
  }

  /** Its records from this offset on. */
  from(offset: number): ConsumerBatch {
    return new ConsumerBatch(this.topic, this.partition, this.batch, offset, this.untilOffset)
  }

  /** Of the first record that may be in it. */
  get baseOffset(): number {
    return Math.max(this.fromOffset, this.batch.baseOffset)
  }

  /** Of the last record that may be in it; compaction leaves gaps. */
  get lastOffset(): number {
    return Math.min(this.untilOffset - 1, this.batch.lastOffset)
  }

  /** Bytes as stored, compressed or not. */
  get sizeInBytes(): number {
    return this.batch.end - this.batch.at
  }

  get leaderEpoch(): number {
    return this.batch.partitionLeaderEpoch
  }

  /** 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
  get codec(): number {
    return this.batch.codec
  }

  get isTransactional(): boolean {
    return this.batch.isTransactional
  }

  /** Its records have the time of the append, and not what the producer said. */
  get isLogAppendTime(): boolean {
    return this.batch.isLogAppendTime
  }

  /** -1 when the producer was neither idempotent nor transactional. */
  get producerId(): number {
    return this.batch.producerId
  }

  get producerEpoch(): number {
    return this.batch.producerEpoch
  }

  /** Throws `KafkaError` with code `CORRUPT_BATCH` when it cannot be read. */
  forEach(callback: (record: ConsumedRecord) => void): void {
    const { untilOffset } = this
    try {
      this.batch.forEach((record) => {
        if (record.offset < untilOffset) callback(record)
      }, this.fromOffset)
    } catch (error) {
      throw this.explain(error)
    }
  }

  *[Symbol.iterator](): Generator<ConsumedRecord, void, undefined> {
    const records = this.reader()
    while (records.next()) yield records.at.record()
  }

  /** @internal Its records one by one. */
  reader(): BatchReader {
    const { batch, fromOffset, untilOffset } = this
    try {
      return new BatchReader(this, batch.reader(), fromOffset, untilOffset)
    } catch (error) {
      throw this.explain(error)
    }
  }

  /** @internal */
  explain(error: unknown): unknown {
    if (!(error instanceof RecordsError)) return error
    return corrupt(this.topic, this.partition, error)
  }
}

/** Stands at one record after the other. */
export class BatchReader {
  /** Where it stands, once `next` has said that there is a record. */
  readonly at: RecordReader
  private readonly batch: ConsumerBatch
  private readonly fromOffset: number
  private readonly untilOffset: number

  constructor(batch: ConsumerBatch, at: RecordReader, fromOffset: number, untilOffset: number) {
    this.batch = batch
    this.at = at
    this.fromOffset = fromOffset
    this.untilOffset = untilOffset
  }

  /** False after the last. Throws `KafkaError` with code `CORRUPT_BATCH`. */
  next(): boolean {
    const { at } = this
    try {
      while (at.next()) {
        if (at.offset >= this.fromOffset) return at.offset < this.untilOffset
      }
      return false
    } catch (error) {
      throw this.batch.explain(error)
    }
  }
}

export function corrupt(topic: string, partition: number, error: RecordsError): KafkaError {
  return new KafkaError('CORRUPT_BATCH', `partition ${topic}-${partition}: ${error.message}`, { cause: error })
}
