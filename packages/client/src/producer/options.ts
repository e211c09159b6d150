import { Codec, type CodecName, codecByName } from '@ottla/protocol/records'
import { ConfigError } from '../errors.ts'

/** Chooses the partition of a record; a number outside 0 … `partitionCount`-1 fails the record. */
export type Partitioner = (topic: string, key: Uint8Array | null, partitionCount: number) => number

export interface ProducerOptions {
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

export interface ProducerSettings {
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
/** The broker remembers the last five batches of a producer and partition. */
export const IDEMPOTENT_IN_FLIGHT_MAX = 5

export function producerSettingsOf(options: ProducerOptions, requestTimeoutMs: number): ProducerSettings {
  const acks = options.acks === undefined || options.acks === 'all' ? -1 : options.acks
  if (acks !== 0 && acks !== 1 && acks !== -1) throw new ConfigError(`acks is 0, 1 or 'all', not ${acks}`)
  const idempotent = options.idempotent ?? acks === -1
  if (idempotent && acks !== -1) throw new ConfigError("an idempotent producer needs acks 'all'")
  const maxInFlight = options.maxInFlight ?? IDEMPOTENT_IN_FLIGHT_MAX
  if (!(maxInFlight >= 1)) throw new ConfigError('maxInFlight is at least 1')
  if (idempotent && maxInFlight > IDEMPOTENT_IN_FLIGHT_MAX) {
    throw new ConfigError(`an idempotent producer has at most ${IDEMPOTENT_IN_FLIGHT_MAX} requests in flight`)
  }
  const compression = options.compression ?? 'none'
  const codec = codecByName(compression)
  if (codec === undefined) throw new ConfigError(`compression ${JSON.stringify(compression)} is not known`)
  return {
    acks,
    idempotent,
    codec,
    compressionLevel: codec === Codec.NONE ? undefined : options.compressionLevel,
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
