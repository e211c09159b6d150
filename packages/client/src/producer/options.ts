import { CODEC_NAMES, Codec, type CodecName, codecByName, levelsOf } from '@ottla/protocol/records'
import {
  aFunction,
  aSerializer,
  checkOptions,
  either,
  LARGEST_INT32,
  milliseconds,
  type OptionRule,
  oneOf,
  someText,
  whole,
  yesOrNo,
} from '../check-options.ts'
import { ConfigError } from '../errors.ts'
import type { Serializer } from '../serde.ts'
import type { Content } from './record.ts'

/** Chooses the partition of a record; a number outside 0 … `partitionCount`-1 fails the record. */
export type Partitioner = (topic: string, key: Uint8Array | null, partitionCount: number) => number

export interface ProducerOptions<K = Content, V = Content> {
  /** Makes bytes of keys, such as `serde.string`. Default: keys are text or bytes. `key.serializer`. */
  readonly key?: Serializer<K>
  /** Makes bytes of values, such as `serde.json<Order>()`. Default: values are text or bytes. `value.serializer`. */
  readonly value?: Serializer<V>
  /**
   * When a record counts as written: never asked (0), the leader has it (1), all in-sync replicas have it ('all', -1).
   * Default 'all'. `acks`.
   */
  readonly acks?: 0 | 1 | -1 | 'all'
  /**
   * The broker recognises a batch that is sent again, and keeps the order of batches: nothing is written twice by a
   * retry. Needs acks 'all'. Default: true with acks 'all'. `enable.idempotence`. Without it, order through retries
   * holds with `maxInFlight: 1` only.
   */
  readonly idempotent?: boolean
  /** Default none. `compression.type`. */
  readonly compression?: CodecName
  /** Default: the codec's own. `compression.<codec>.level`. */
  readonly compressionLevel?: number
  /**
   * How long a batch waits for more records, in ms. Left out: up to 5, and not at all while nothing is under way to its
   * broker. Given: always so long, unless the batch is full. `linger.ms`.
   */
  readonly lingerMs?: number
  /** A batch that has so many bytes is sent. Default 131 072. `batch.size`. */
  readonly batchBytes?: number
  /** Of one request, and of one record uncompressed, in bytes. Default 1 048 576. `max.request.size`. */
  readonly maxRequestBytes?: number
  /** Bytes of records that wait or are under way. Default 33 554 432. `buffer.memory`. */
  readonly bufferBytes?: number
  /** What a send does when the buffer is full: wait for room, or fail with BUFFER_FULL. Default wait. */
  readonly whenFull?: 'wait' | 'fail'
  /** Requests under way to one broker, 1 … 5 when idempotent. Default 5. `max.in.flight.requests.per.connection`. */
  readonly maxInFlight?: number
  /** Attempts after the first. Default: as many as fit into `deliveryTimeoutMs`. `retries`. */
  readonly retries?: number
  /** From send to the outcome, in ms; a record that is not written by then fails. Default 120 000. `delivery.timeout.ms`. */
  readonly deliveryTimeoutMs?: number
  /** How long the broker may wait for replicas, in ms. Default: the client's request timeout. */
  readonly ackTimeoutMs?: number
  /** Let the broker create a topic it does not have. Default true. */
  readonly autoCreateTopics?: boolean
  /** Default: murmur2 of the key as the Java producer; without a key, even runs over the partitions. */
  readonly partitioner?: Partitioner
}

export interface TransactionalProducerOptions<K = Content, V = Content>
  extends Omit<ProducerOptions<K, V>, 'acks' | 'idempotent'> {
  readonly acks?: -1 | 'all'
  readonly idempotent?: true
  /**
   * Names the producer through restarts: of all that have the same one, the latest to begin fences the others, whose
   * open transaction is aborted. `transactional.id`.
   */
  readonly transactionalId: string
  /**
   * The broker aborts a transaction that is open for longer, in ms, and fences its producer. Default 60 000; at most
   * the broker's `transaction.max.timeout.ms`. `transaction.timeout.ms`.
   */
  readonly transactionTimeoutMs?: number
}

export interface TransactionSettings {
  readonly transactionalId: string
  readonly transactionTimeoutMs: number
}

export interface ProducerSettings {
  /** Null: they are text or bytes already. */
  readonly key: Serializer<unknown> | null
  readonly value: Serializer<unknown> | null
  readonly acks: 0 | 1 | -1
  readonly idempotent: boolean
  readonly codec: Codec
  readonly compressionLevel: number | undefined
  readonly lingerMs: number
  /** Do not linger while nothing is under way. */
  readonly eager: boolean
  readonly batchBytes: number
  readonly maxRequestBytes: number
  readonly bufferBytes: number
  readonly whenFull: 'wait' | 'fail'
  readonly maxInFlight: number
  readonly retries: number
  readonly deliveryTimeoutMs: number
  readonly ackTimeoutMs: number
  readonly autoCreateTopics: boolean
  readonly partitioner: Partitioner | null
}

const LINGER_MS = 5
const TRANSACTION_TIMEOUT_MS = 60_000
/** The broker remembers the last five batches of a producer and partition. */
export const IDEMPOTENT_IN_FLIGHT_MAX = 5

const rules: Readonly<Record<keyof ProducerOptions, OptionRule>> = {
  key: aSerializer,
  value: aSerializer,
  acks: oneOf(0, 1, 'all', -1),
  idempotent: yesOrNo,
  compression: oneOf(...CODEC_NAMES),
  compressionLevel: whole(-LARGEST_INT32, LARGEST_INT32),
  lingerMs: milliseconds(0),
  batchBytes: whole(1, LARGEST_INT32, 'bytes'),
  maxRequestBytes: whole(1, LARGEST_INT32, 'bytes'),
  bufferBytes: whole(1, undefined, 'bytes'),
  whenFull: oneOf('wait', 'fail'),
  maxInFlight: whole(1),
  retries: either(whole(0), oneOf(Number.POSITIVE_INFINITY)),
  deliveryTimeoutMs: milliseconds(1),
  ackTimeoutMs: whole(0, LARGEST_INT32, 'ms'),
  autoCreateTopics: yesOrNo,
  partitioner: aFunction,
}

/** Throws `ConfigError`, which names the option, its value, and what is allowed. */
export function producerSettingsOf<K, V>(options: ProducerOptions<K, V>, requestTimeoutMs: number): ProducerSettings {
  checkOptions('a producer', options, rules)
  return settingsOf(options, requestTimeoutMs)
}

/** As `producerSettingsOf`, for a producer whose acks and idempotence are no choice. */
export function transactionalSettingsOf<K, V>(
  options: TransactionalProducerOptions<K, V>,
  requestTimeoutMs: number,
): ProducerSettings & TransactionSettings {
  const { acks: _acks, idempotent: _idempotent, ...common } = rules
  checkOptions('a transactional producer', options, {
    ...common,
    // Said as for any other producer, they are no mistake.
    acks: oneOf('all', -1),
    idempotent: oneOf(true),
    transactionalId: someText,
    transactionTimeoutMs: whole(1, LARGEST_INT32, 'ms'),
  })
  const { transactionalId, transactionTimeoutMs = TRANSACTION_TIMEOUT_MS, ...others } = options
  return { ...settingsOf({ ...others, acks: 'all' }, requestTimeoutMs), transactionalId, transactionTimeoutMs }
}

function settingsOf<K, V>(options: ProducerOptions<K, V>, requestTimeoutMs: number): ProducerSettings {
  const acks = options.acks === undefined || options.acks === 'all' ? -1 : options.acks
  const idempotent = options.idempotent ?? acks === -1
  if (idempotent && acks !== -1) throw new ConfigError(`an idempotent producer needs acks 'all', not ${acks}`)
  const maxInFlight = options.maxInFlight ?? IDEMPOTENT_IN_FLIGHT_MAX
  if (idempotent && maxInFlight > IDEMPOTENT_IN_FLIGHT_MAX) {
    const most = `maxInFlight of an idempotent producer is from 1 to ${IDEMPOTENT_IN_FLIGHT_MAX}`
    throw new ConfigError(`${most}, not ${maxInFlight}`)
  }
  const codec = codecByName(options.compression ?? 'none') as Codec
  return {
    // Only what its type allows is given to it.
    key: (options.key as Serializer<unknown> | undefined) ?? null,
    value: (options.value as Serializer<unknown> | undefined) ?? null,
    acks,
    idempotent,
    codec,
    compressionLevel: levelOf(codec, options.compressionLevel),
    lingerMs: options.lingerMs ?? LINGER_MS,
    eager: options.lingerMs === undefined,
    batchBytes: options.batchBytes ?? 131_072,
    maxRequestBytes: options.maxRequestBytes ?? 1_048_576,
    bufferBytes: options.bufferBytes ?? 33_554_432,
    whenFull: options.whenFull ?? 'wait',
    maxInFlight,
    retries: options.retries ?? Number.POSITIVE_INFINITY,
    deliveryTimeoutMs: options.deliveryTimeoutMs ?? 120_000,
    ackTimeoutMs: options.ackTimeoutMs ?? requestTimeoutMs,
    autoCreateTopics: options.autoCreateTopics ?? true,
    partitioner: options.partitioner ?? null,
  }
}

/** Without a codec a level is left over from another choice of codec, and means nothing. */
function levelOf(codec: Codec, level: number | undefined): number | undefined {
  if (level === undefined || codec === Codec.NONE) return undefined
  const levels = levelsOf(codec)
  const name = CODEC_NAMES[codec]
  if (levels === null) throw new ConfigError(`compressionLevel ${level}: ${name} has no levels`)
  // gzip's 0 stores, which Kafka does not offer.
  if (level < levels.min || level > levels.max || (codec === Codec.GZIP && level === 0)) {
    const without = codec === Codec.GZIP ? ' without 0' : ''
    throw new ConfigError(`compressionLevel of ${name} is from ${levels.min} to ${levels.max}${without}, not ${level}`)
  }
  return level
}
