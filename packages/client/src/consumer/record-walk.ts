import type { ConsumedRecord } from '@ottla/protocol/records'
import type { RecordDecoder } from './decoder.ts'
import type { BatchReader, ConsumerBatch, ConsumerRecord } from './record.ts'

/** Goes from record to record of the batches that it is given, and decodes them. */
export class RecordWalk<K, V> {
  readonly #decoder: RecordDecoder<K, V>
  #reader: BatchReader | null = null
  #failure: { readonly error: unknown; readonly record: ConsumedRecord | null } | null = null
  /** Null: another one is needed. */
  batch: ConsumerBatch | null = null

  constructor(decoder: RecordDecoder<K, V>) {
    this.#decoder = decoder
  }

  /** It cannot go on before `settle`. */
  get hasFailed(): boolean {
    return this.#failure !== null
  }

  /** Of the record that failed, if it was one record. */
  get failedOffset(): number | null {
    return this.#failure?.record?.offset ?? null
  }

  /** Throws `KafkaError` with code `CORRUPT_BATCH`. */
  open(batch: ConsumerBatch): void {
    this.#reader = batch.reader()
    this.batch = batch
  }

  drop(): void {
    this.#reader = null
    this.batch = null
  }

  /** Null: the batch is at its end, which drops it, or something has failed. */
  next(): ConsumerRecord<K, V> | null {
    const { batch } = this
    const reader = this.#reader
    if (batch === null || reader === null || this.#failure !== null) return null
    let isThere = false
    try {
      isThere = reader.next()
      if (isThere) return this.#decoder.decodeAt(batch.topic, batch.partition, reader.at)
      this.drop()
    } catch (error) {
      this.#failure = { error, record: isThere ? reader.at.record() : null }
    }
    return null
  }

  /** Deals with what has failed; throws what the loop ends with. */
  async settle(): Promise<void> {
    const failure = this.#failure
    if (failure === null) return
    if (failure.record === null) throw failure.error
    await this.#decoder.settle(failure.error, failure.record)
    this.#failure = null
  }
}
