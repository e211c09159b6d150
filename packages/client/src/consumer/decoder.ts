import type { ConsumedRecord, RecordReader } from '@ottla/protocol/records'
import type { Logger } from '@ottla/runtime'
import { DeserializationError } from '../errors.ts'
import type { Deserializer, SerdeContext } from '../serde.ts'
import type { ConsumerRecord } from './record.ts'

/** A record with a key or value that its deserializer would not take. */
export interface BadRecord extends ConsumerRecord {
  readonly error: DeserializationError
}

/**
 * What becomes of a bad record: `fail` ends the loop with its error, `skip` goes on behind it, with a line in the log. A function is
 * given the record; when what it returns has resolved, the record counts as processed, and what it throws ends the loop.
 */
export type OnBadRecord = 'fail' | 'skip' | ((bad: BadRecord) => void | Promise<void>)

export interface DecoderOptions<K, V> {
  readonly key?: Deserializer<K>
  readonly value?: Deserializer<V>
  readonly onBadRecord?: OnBadRecord
}

/** Makes a program's records of those that came. */
export class RecordDecoder<K, V> {
  readonly #key: Deserializer<K>
  readonly #value: Deserializer<V>
  readonly #onBadRecord: OnBadRecord
  readonly #logger: Logger
  /** Of the topic that was decoded last. */
  #ofKeys: SerdeContext = { topic: '', part: 'key' }
  #ofValues: SerdeContext = { topic: '', part: 'value' }

  /** Without a deserializer, bytes stay what they are. */
  constructor({ key, value, onBadRecord }: DecoderOptions<K, V>, logger: Logger) {
    this.#key = key ?? (asTheyAre as Deserializer<unknown> as Deserializer<K>)
    this.#value = value ?? (asTheyAre as Deserializer<unknown> as Deserializer<V>)
    this.#onBadRecord = onBadRecord ?? 'fail'
    this.#logger = logger
  }

  /** Throws `DeserializationError`. */
  decode(topic: string, partition: number, record: ConsumedRecord): ConsumerRecord<K, V> {
    const { offset, timestamp, key, value, headers } = record
    return this.#make(topic, partition, offset, timestamp, key, value, headers)
  }

  /** The record where a reader stands. Throws `DeserializationError`. */
  decodeAt(topic: string, partition: number, at: RecordReader): ConsumerRecord<K, V> {
    return this.#make(topic, partition, at.offset, at.timestamp, at.key(), at.value(), at.headers())
  }

  #make(
    topic: string,
    partition: number,
    offset: number,
    timestamp: number,
    keyBytes: Buffer | null,
    valueBytes: Buffer | null,
    headers: ConsumedRecord['headers'],
  ): ConsumerRecord<K, V> {
    if (this.#ofKeys.topic !== topic) {
      this.#ofKeys = { topic, part: 'key' }
      this.#ofValues = { topic, part: 'value' }
    }
    let part: 'key' | 'value' = 'key'
    try {
      const key = keyBytes === null ? null : this.#key.deserialize(keyBytes, this.#ofKeys)
      part = 'value'
      const value = valueBytes === null ? null : this.#value.deserialize(valueBytes, this.#ofValues)
      return { topic, partition, offset, timestamp, key, value, headers }
    } catch (error) {
      throw new DeserializationError({ topic, partition, offset }, part, error)
    }
  }

  /** Resolves when a record for which `decode` has thrown `error` is dealt with; throws what the loop ends with. */
  async settle(error: unknown, record: ConsumedRecord): Promise<void> {
    const onBadRecord = this.#onBadRecord
    if (!(error instanceof DeserializationError) || onBadRecord === 'fail') throw error
    const { topic, partition } = error
    if (onBadRecord !== 'skip') {
      const { offset, timestamp, key, value, headers } = record
      await onBadRecord({ topic, partition, offset, timestamp, key, value, headers, error })
      return
    }
    this.#logger.warn('a record is skipped', { topic, partition, offset: error.offset, error: error.message })
  }
}

const asTheyAre: Deserializer<Buffer> = { deserialize: (bytes) => bytes }
