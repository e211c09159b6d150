import {
  aDeserializer,
  aFunction,
  checkOptions,
  either,
  milliseconds,
  type OptionRule,
  oneOf,
  whole,
  yesOrNo,
} from '../check-options.ts'
import type { OffsetSpec } from '../cluster/offsets.ts'
import { ConfigError } from '../errors.ts'
import type { Deserializer } from '../serde.ts'
import type { OnBadRecord } from './decoder.ts'

/** Where reading begins: an offset, an end, or the first record at or after a time (the end, if there is none). */
export type StartOffset = number | OffsetSpec

export interface Assignment {
  readonly topic: string
  /**
   * If left out, all partitions of the topic that no other assignment names; without `until` also those that are added
   * while it is read, from their first record on. They are noticed within `metadataMaxAgeMs`.
   */
  readonly partition?: number
  /** Default earliest. */
  readonly from?: StartOffset
  /** Reading ends before this offset. Default: never. */
  readonly until?: number
}

export interface ConsumerOptions<K = Buffer, V = Buffer> {
  /** Makes keys of bytes, such as `serde.string`. Default: they stay bytes. `key.deserializer`. */
  readonly key?: Deserializer<K>
  /** Makes values of bytes, such as `serde.json<Order>()`. Default: they stay bytes. `value.deserializer`. */
  readonly value?: Deserializer<V>
  /** What becomes of a record that a deserializer would not take. Default fail. */
  readonly onBadRecord?: OnBadRecord
  /** What to read, without a group. */
  readonly assign: readonly Assignment[]
  /** The broker waits until it has so many bytes. Default 1. `fetch.min.bytes`. */
  readonly fetchMinBytes?: number
  /** Or for so long, in ms. Default 500. `fetch.max.wait.ms`. */
  readonly fetchMaxWaitMs?: number
  /** Of one response, in bytes; a single larger batch is delivered all the same. Default 52 428 800. `fetch.max.bytes`. */
  readonly fetchMaxBytes?: number
  /** Of one partition in a response, in bytes. Default 1 048 576. `max.partition.fetch.bytes`. */
  readonly partitionMaxBytes?: number
  /** Bytes fetched ahead of the reader, over all partitions, as a soft bound. Default 67 108 864. */
  readonly bufferBytes?: number
  /** Compare the checksum of each batch. Default true. `check.crcs`. */
  readonly checkCrcs?: boolean
  /** What to do when the offset wanted is not in the log. Default none: reading fails. `auto.offset.reset`. */
  readonly reset?: 'earliest' | 'latest' | 'none'
  /**
   * With `read_committed` records of transactions are read once they are committed, and never those of aborted ones; reading
   * waits at the first open transaction. Default read_uncommitted. `isolation.level`.
   */
  readonly isolation?: 'read_uncommitted' | 'read_committed'
}

export interface ConsumerSettings {
  readonly fetchMinBytes: number
  readonly fetchMaxWaitMs: number
  readonly fetchMaxBytes: number
  readonly partitionMaxBytes: number
  readonly bufferBytes: number
  readonly checkCrcs: boolean
  readonly reset: 'earliest' | 'latest' | 'none'
  readonly readCommitted: boolean
}

/** Of what any consumer has. */
export const readingRules = {
  key: aDeserializer,
  value: aDeserializer,
  onBadRecord: either(oneOf('fail', 'skip'), aFunction),
  fetchMinBytes: whole(0),
  fetchMaxWaitMs: milliseconds(0),
  fetchMaxBytes: whole(1),
  partitionMaxBytes: whole(1),
  bufferBytes: either(whole(1), oneOf(Number.POSITIVE_INFINITY)),
  checkCrcs: yesOrNo,
  isolation: oneOf('read_uncommitted', 'read_committed'),
}

const rules: Readonly<Record<keyof ConsumerOptions, OptionRule>> = {
  assign: {
    allowed: "a list of partitions, such as [{ topic: 'orders' }]",
    accepts: (value) => Array.isArray(value) && value.every((one) => typeof one?.topic === 'string'),
  },
  reset: oneOf('earliest', 'latest', 'none'),
  ...readingRules,
}

/** Throws `ConfigError`. */
export function checkConsumerOptions<K, V>(options: ConsumerOptions<K, V>): void {
  checkOptions('a consumer', options, rules)
  if (options.assign === undefined) throw new ConfigError('a consumer needs group, or assign')
}

export function consumerSettingsOf<K, V>(options: Omit<ConsumerOptions<K, V>, 'assign'>): ConsumerSettings {
  return {
    fetchMinBytes: options.fetchMinBytes ?? 1,
    fetchMaxWaitMs: options.fetchMaxWaitMs ?? 500,
    fetchMaxBytes: options.fetchMaxBytes ?? 52_428_800,
    partitionMaxBytes: options.partitionMaxBytes ?? 1_048_576,
    bufferBytes: options.bufferBytes ?? 67_108_864,
    checkCrcs: options.checkCrcs ?? true,
    reset: options.reset ?? 'none',
    readCommitted: options.isolation === 'read_committed',
  }
}
