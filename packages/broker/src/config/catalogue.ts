import { cleanerProperties } from './properties/cleaner.ts'
import { groupProperties } from './properties/groups.ts'
import { kraftProperties } from './properties/kraft.ts'
import { logProperties } from './properties/log.ts'
import { metricsProperties } from './properties/metrics.ts'
import { networkProperties } from './properties/network.ts'
import { ottlaProperties } from './properties/ottla.ts'
import { replicationProperties } from './properties/replication.ts'
import { saslProperties } from './properties/sasl.ts'
import { securityProperties } from './properties/security.ts'
import { serverProperties } from './properties/server.ts'
import { shareAndStreamsProperties } from './properties/share-streams.ts'
import { tieredProperties } from './properties/tiered.ts'
import { tlsProperties } from './properties/tls.ts'
import { topicProperties } from './properties/topic.ts'
import { transactionProperties } from './properties/transactions.ts'
import { zookeeperProperties } from './properties/zookeeper.ts'
import type { Property, PropertyTable, ValueOf } from './property.ts'

/** Every broker property, of Kafka 3.9 (ZooKeeper and KRaft) and 4.4, and our own `ottla.` ones. */
export const brokerProperties = {
  ...serverProperties,
  ...networkProperties,
  ...logProperties,
  ...cleanerProperties,
  ...transactionProperties,
  ...groupProperties,
  ...shareAndStreamsProperties,
  ...replicationProperties,
  ...metricsProperties,
  ...securityProperties,
  ...tlsProperties,
  ...saslProperties,
  ...kraftProperties,
  ...zookeeperProperties,
  ...tieredProperties,
  ...ottlaProperties,
}

export { topicProperties }

export type BrokerKey = keyof typeof brokerProperties
export type BrokerValue<K extends BrokerKey> = ValueOf<(typeof brokerProperties)[K]>
export type TopicKey = keyof typeof topicProperties
export type TopicValue<K extends TopicKey> = ValueOf<(typeof topicProperties)[K]>

/** The declaration of a broker property, or undefined for a name nobody knows. */
export function brokerProperty(name: string): Property | undefined {
  return Object.hasOwn(brokerProperties, name) ? (brokerProperties as PropertyTable)[name] : undefined
}

/** The declaration of a topic property, or undefined for a name nobody knows. */
export function topicProperty(name: string): Property | undefined {
  return Object.hasOwn(topicProperties, name) ? (topicProperties as PropertyTable)[name] : undefined
}

/** A broker key that supplies a topic property, `factor` times as large in the topic's unit. */
export interface TopicSynonym {
  readonly name: BrokerKey
  /** Default 1. */
  readonly factor?: number
}

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000

/**
 * Where a topic property comes from when the topic itself does not set it: the first of these broker keys that has a
 * value (`ServerTopicConfigSynonyms` in Apache Kafka). Properties that are missing here have their own default only.
 */
export const topicSynonyms: { readonly [K in TopicKey]?: readonly TopicSynonym[] } = {
  'cleanup.policy': [{ name: 'log.cleanup.policy' }],
  'compression.type': [{ name: 'compression.type' }],
  'compression.gzip.level': [{ name: 'compression.gzip.level' }],
  'compression.lz4.level': [{ name: 'compression.lz4.level' }],
  'compression.zstd.level': [{ name: 'compression.zstd.level' }],
  'delete.retention.ms': [{ name: 'log.cleaner.delete.retention.ms' }],
  'file.delete.delay.ms': [{ name: 'log.segment.delete.delay.ms' }],
  'flush.messages': [{ name: 'log.flush.interval.messages' }],
  'flush.ms': [{ name: 'log.flush.interval.ms' }, { name: 'log.flush.scheduler.interval.ms' }],
  'index.interval.bytes': [{ name: 'log.index.interval.bytes' }],
  'local.retention.bytes': [{ name: 'log.local.retention.bytes' }],
  'local.retention.ms': [{ name: 'log.local.retention.ms' }],
  'max.compaction.lag.ms': [{ name: 'log.cleaner.max.compaction.lag.ms' }],
  'max.decompressed.message.bytes': [{ name: 'max.decompressed.message.bytes' }],
  'max.message.bytes': [{ name: 'message.max.bytes' }],
  'message.downconversion.enable': [{ name: 'log.message.downconversion.enable' }],
  'message.format.version': [{ name: 'log.message.format.version' }],
  'message.timestamp.after.max.ms': [{ name: 'log.message.timestamp.after.max.ms' }],
  'message.timestamp.before.max.ms': [{ name: 'log.message.timestamp.before.max.ms' }],
  'message.timestamp.difference.max.ms': [{ name: 'log.message.timestamp.difference.max.ms' }],
  'message.timestamp.type': [{ name: 'log.message.timestamp.type' }],
  'min.cleanable.dirty.ratio': [{ name: 'log.cleaner.min.cleanable.ratio' }],
  'min.compaction.lag.ms': [{ name: 'log.cleaner.min.compaction.lag.ms' }],
  'min.insync.replicas': [{ name: 'min.insync.replicas' }],
  preallocate: [{ name: 'log.preallocate' }],
  'remote.copy.lag.bytes': [{ name: 'log.remote.copy.lag.bytes' }],
  'remote.copy.lag.ms': [{ name: 'log.remote.copy.lag.ms' }],
  'retention.bytes': [{ name: 'log.retention.bytes' }],
  'retention.ms': [
    { name: 'log.retention.ms' },
    { name: 'log.retention.minutes', factor: MINUTE_MS },
    { name: 'log.retention.hours', factor: HOUR_MS },
  ],
  'segment.bytes': [{ name: 'log.segment.bytes' }],
  'segment.index.bytes': [{ name: 'log.index.size.max.bytes' }],
  'segment.jitter.ms': [{ name: 'log.roll.jitter.ms' }, { name: 'log.roll.jitter.hours', factor: HOUR_MS }],
  'segment.ms': [{ name: 'log.roll.ms' }, { name: 'log.roll.hours', factor: HOUR_MS }],
  'unclean.leader.election.enable': [{ name: 'unclean.leader.election.enable' }],
}

/** Broker keys that stand in for one another, the strongest first (KIP-226 `brokerConfigSynonyms`). */
const brokerFamilies: readonly (readonly BrokerKey[])[] = [
  ['log.roll.ms', 'log.roll.hours'],
  ['log.roll.jitter.ms', 'log.roll.jitter.hours'],
  ['log.flush.interval.ms', 'log.flush.scheduler.interval.ms'],
  ['log.retention.ms', 'log.retention.minutes', 'log.retention.hours'],
]

/** A broker key followed by the keys it falls back to. */
export function brokerSynonyms(name: BrokerKey): readonly BrokerKey[] {
  for (const family of brokerFamilies) {
    const at = family.indexOf(name)
    if (at >= 0) return family.slice(at)
  }
  return [name]
}

/** One chapter of the documentation. */
export interface PropertyArea {
  readonly title: string
  readonly about: string
  readonly properties: PropertyTable
}

/** The broker properties by area, in the order of the documentation. */
export const brokerAreas: readonly PropertyArea[] = [
  {
    title: 'Identity and topic defaults',
    about: 'Who this broker is, and what a topic gets that says nothing itself.',
    properties: serverProperties,
  },
  {
    title: 'Connections and requests',
    about: 'Where clients reach the broker, and how much one of them, or all of them, may take.',
    properties: networkProperties,
  },
  {
    title: 'Log',
    about: 'How partitions are kept on disk. Most keys are the default of a topic property.',
    properties: logProperties,
  },
  {
    title: 'Log cleaner',
    about: 'Compaction of topics whose cleanup policy holds `compact`.',
    properties: cleanerProperties,
  },
  {
    title: "Ottla's own keys",
    about: 'Where Kafka has no name for something. They begin with `ottla.`.',
    properties: ottlaProperties,
  },
  {
    title: 'Producers and transactions',
    about: 'Idempotence and exactly-once.',
    properties: transactionProperties,
  },
  {
    title: 'Consumer groups',
    about: 'Membership, assignment and committed offsets.',
    properties: groupProperties,
  },
  {
    title: 'Share groups and streams groups',
    about: 'Queues (KIP-932) and stream assignment by the broker (KIP-1071).',
    properties: shareAndStreamsProperties,
  },
  {
    title: 'Replication and controller',
    about: 'Copies of partitions on several brokers.',
    properties: replicationProperties,
  },
  {
    title: 'Quotas, metrics and telemetry',
    about: 'What is measured and limited per client.',
    properties: metricsProperties,
  },
  {
    title: 'Security',
    about: 'Authorisation, tokens, and what TLS and SASL share.',
    properties: securityProperties,
  },
  { title: 'TLS', about: 'Encrypted listeners.', properties: tlsProperties },
  { title: 'SASL', about: 'Authentication by name and proof.', properties: saslProperties },
  { title: 'KRaft', about: "Keys of Kafka's own controller quorum.", properties: kraftProperties },
  { title: 'ZooKeeper', about: 'Keys of Kafka 3.9 in ZooKeeper mode.', properties: zookeeperProperties },
  {
    title: 'Remote log storage',
    about: 'Old segments in an object store (KIP-405).',
    properties: tieredProperties,
  },
]
