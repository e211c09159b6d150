import { type BrokerConfig, checkEntry } from './broker-config.ts'
import { type TopicKey, type TopicValue, topicProperties, topicProperty } from './catalogue.ts'
import { ConfigError } from './error.ts'
import { meant } from './unknown.ts'

export type CompressionType = TopicValue<'compression.type'>
export type TimestampType = TopicValue<'message.timestamp.type'>

/**
 * All that a topic's partitions need to know, resolved from the topic's own settings and the broker's. Sizes are in
 * bytes and times in ms; "never" and "unlimited" (Kafka's -1 and `Long.MAX_VALUE`) are `Infinity`.
 */
export interface TopicConfig {
  readonly segmentBytes: number
  readonly segmentMs: number
  readonly segmentJitterMs: number
  readonly segmentIndexBytes: number
  readonly indexIntervalBytes: number
  readonly retentionMs: number
  readonly retentionBytes: number
  readonly cleanupPolicy: { readonly delete: boolean; readonly compact: boolean }
  readonly minCleanableDirtyRatio: number
  readonly minCompactionLagMs: number
  readonly maxCompactionLagMs: number
  readonly deleteRetentionMs: number
  readonly fileDeleteDelayMs: number
  readonly maxMessageBytes: number
  readonly maxDecompressedMessageBytes: number
  readonly compressionType: CompressionType
  readonly compressionGzipLevel: number
  readonly compressionLz4Level: number
  readonly compressionZstdLevel: number
  readonly messageTimestampType: TimestampType
  readonly messageTimestampBeforeMaxMs: number
  readonly messageTimestampAfterMaxMs: number
  readonly minInsyncReplicas: number
  readonly uncleanLeaderElectionEnable: boolean
  readonly flushMessages: number
  readonly flushMs: number
  readonly preallocate: boolean
}

/**
 * @param overrides what the topic sets itself, by Kafka's names, as text
 * @throws ConfigError for a name that is unknown or a value that is not allowed
 */
export function resolveTopicConfig(overrides: ReadonlyMap<string, string>, broker: BrokerConfig): TopicConfig {
  const own = new Map<string, unknown>()
  for (const [name, text] of overrides) own.set(name, parseTopicEntry(name, text))
  const config = resolve(own, broker)
  const { minCompactionLagMs, maxCompactionLagMs } = config
  if (minCompactionLagMs > maxCompactionLagMs) {
    throw new ConfigError(
      'min.compaction.lag.ms',
      `min.compaction.lag.ms=${minCompactionLagMs} is not allowed: it must not exceed max.compaction.lag.ms=${maxCompactionLagMs}`,
    )
  }
  return config
}

/**
 * What holds for a topic whatever it was given once: entries that this release does not know or allow are as if they
 * were not there, and a lag that a later change of the broker's default contradicts holds up to that default. A stored
 * entry must never keep a broker from starting.
 */
export function effectiveTopicConfig(overrides: ReadonlyMap<string, string>, broker: BrokerConfig): TopicConfig {
  const own = new Map<string, unknown>()
  for (const [name, text] of overrides) {
    try {
      own.set(name, parseTopicEntry(name, text))
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
    }
  }
  const config = resolve(own, broker)
  const { minCompactionLagMs, maxCompactionLagMs } = config
  return { ...config, minCompactionLagMs: Math.min(minCompactionLagMs, maxCompactionLagMs) }
}

function resolve(own: ReadonlyMap<string, unknown>, broker: BrokerConfig): TopicConfig {
  const get = <K extends TopicKey>(name: K): TopicValue<K> =>
    own.has(name) ? (own.get(name) as TopicValue<K>) : broker.topicDefault(name)

  const policy = get('cleanup.policy')
  return {
    segmentBytes: get('internal.segment.bytes') ?? get('segment.bytes'),
    segmentMs: get('segment.ms'),
    segmentJitterMs: get('segment.jitter.ms'),
    segmentIndexBytes: get('segment.index.bytes'),
    indexIntervalBytes: get('index.interval.bytes'),
    retentionMs: negativeIsNever(get('retention.ms')),
    retentionBytes: negativeIsNever(get('retention.bytes')),
    cleanupPolicy: { delete: policy.includes('delete'), compact: policy.includes('compact') },
    minCleanableDirtyRatio: get('min.cleanable.dirty.ratio'),
    minCompactionLagMs: get('min.compaction.lag.ms'),
    maxCompactionLagMs: get('max.compaction.lag.ms'),
    deleteRetentionMs: get('delete.retention.ms'),
    fileDeleteDelayMs: get('file.delete.delay.ms'),
    maxMessageBytes: get('max.message.bytes'),
    maxDecompressedMessageBytes: get('max.decompressed.message.bytes'),
    compressionType: get('compression.type'),
    compressionGzipLevel: get('compression.gzip.level'),
    compressionLz4Level: get('compression.lz4.level'),
    compressionZstdLevel: get('compression.zstd.level'),
    messageTimestampType: get('message.timestamp.type'),
    messageTimestampBeforeMaxMs: timestampLimit('before'),
    messageTimestampAfterMaxMs: timestampLimit('after'),
    minInsyncReplicas: get('min.insync.replicas'),
    uncleanLeaderElectionEnable: get('unclean.leader.election.enable'),
    flushMessages: get('flush.messages'),
    flushMs: get('flush.ms'),
    preallocate: get('preallocate'),
  }

  /** The topic goes before the broker and, at each of them, the newer name before the older one (KIP-937). */
  function timestampLimit(side: 'before' | 'after'): number {
    const newer = `message.timestamp.${side}.max.ms` as const
    const older = 'message.timestamp.difference.max.ms'
    if (own.has(newer)) return get(newer)
    if (own.has(older)) return get(older)
    if (!broker.isSet(`log.${newer}`) && broker.isSet(`log.${older}`)) return broker.get(`log.${older}`)
    return get(newer)
  }
}

const negativeIsNever = (value: number) => (value < 0 ? Number.POSITIVE_INFINITY : value)

/** @throws ConfigError for a name that is unknown or a value that is not allowed */
export function parseTopicEntry(name: string, text: string): unknown {
  const property = topicProperty(name)
  if (property === undefined) {
    throw new ConfigError(name, `${name} is not a topic config${meant(name, topicProperties)}`)
  }
  return checkEntry(name, property, text, '')
}
