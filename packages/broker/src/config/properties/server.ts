import { boolean, choice, className, inert, int, list, long, refused, string } from '../property.ts'

/** Identity and topic defaults. Who this broker is, and what a topic gets that says nothing itself. */
// biome-ignore format: a table, two lines a property
export const serverProperties = {
  'node.id': int(1, 'high', { min: 0,
    differs: 'a broker started without any file is node 1 (Kafka 4 demands the key, 3.9 lets ZooKeeper choose)' },
    'Number of this broker in its cluster; it is written into the data folder and must not change afterwards.'),
  'broker.id': int(1, 'high', { differs: 'follows node.id' },
    'Older name of `node.id`; setting either sets both, and two different values are refused.'),
  'broker.rack': string(null, 'medium', {},
    'Name of the rack, zone or machine this broker stands in; told to clients in Metadata.'),
  'process.roles': list([], 'high', { oneOf: ['broker', 'controller'],
    differs: 'one kind of node only, so the key may be left out (Kafka 4 demands it)' },
    'Roles of a KRaft server file. Every list that holds `broker` starts a broker; the controller role adds ' +
    'nothing here.'),
  'auto.create.topics.enable': boolean(true, 'high', {},
    'Whether a Metadata request for an unknown topic creates it.'),
  'delete.topic.enable': boolean(true, 'high', {},
    'Whether DeleteTopics is allowed; when false it answers TOPIC_DELETION_DISABLED.'),
  'num.partitions': int(1, 'medium', { min: 1 },
    'Partitions of a topic that is created without saying how many.'),
  'default.replication.factor': int(1, 'medium', {},
    'Replicas of a topic that is created without saying how many.'),
  'min.insync.replicas': int(1, 'high', { min: 1, update: 'cluster-wide' },
    'In-sync replicas, the leader included, without which a produce with acks=all is refused.'),
  'message.max.bytes': int(1048588, 'high', { min: 0, update: 'cluster-wide' },
    'Largest record batch in bytes, as stored, that a topic accepts.'),
  'compression.type': choice('producer', 'high', { oneOf: ['uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'],
    update: 'cluster-wide' },
    'Codec that stored batches get; `producer` keeps what the producer sent.'),
  'compression.gzip.level': int(-1, 'medium', { min: 1, max: 9, also: -1, update: 'cluster-wide' },
    "Level, 1 to 9, when the broker itself compresses with gzip; -1 is the library's own choice."),
  'compression.lz4.level': int(9, 'medium', { min: 1, max: 17, update: 'cluster-wide' },
    'Level, 1 to 17, when the broker itself compresses with LZ4.'),
  'compression.zstd.level': int(3, 'medium', { min: -131072, max: 22, update: 'cluster-wide' },
    'Level, up to 22, when the broker itself compresses with zstd.'),
  'max.decompressed.message.bytes': int(2147483639, 'medium', { min: 1, max: 2147483639, update: 'cluster-wide',
    only: '4' },
    'Largest size in bytes that one batch may reach when the broker has to decompress it.'),
  'max.request.partition.size.limit': int(2000, 'medium', { min: 1 },
    'Most partitions in one DescribeTopicPartitions answer; the rest is reached with the cursor.'),

  ...refused(
    "Code of one's own cannot be loaded into this broker; check topics before they are created, or remove the key.", {
  'create.topic.policy.class.name': className(null, 'low', {},
    'Class that may refuse the creation of a topic.'),
  'alter.config.policy.class.name': className(null, 'low', {},
    'Class that may refuse a change of a config.'),
  }),

  ...inert('a config policy cannot be loaded', {
  'alter.config.policy.kraft.compatibility.enable': boolean(false, 'low', { only: '3.9' },
    'How the policy class sees incremental changes in KRaft mode.'),
  }),

  ...refused('Values are taken as they are written: put them into the file or the environment of the command itself, and ' +
    'remove the key.', {
  'config.providers': list([], 'low', { update: 'cluster-wide', only: '4' },
    'Names of providers that fetch values from elsewhere in place of the value itself.'),
  }),

  ...inert('one event loop does this work, there is no pool of threads to size', {
  'background.threads': int(10, 'high', { min: 1, update: 'cluster-wide' },
    'Threads for housekeeping tasks.'),
  'num.io.threads': int(8, 'high', { min: 1, update: 'cluster-wide' },
    'Threads that handle requests.'),
  'num.recovery.threads.per.data.dir': int(2, 'high', { min: 1, update: 'cluster-wide' },
    'Threads per data folder for recovery at start and flushing at stop.'),
  }),

  ...inert('an embedded broker registers itself in its own process', {
  'broker.id.generation.enable': boolean(true, 'medium', { only: '3.9' },
    'Whether ZooKeeper hands out broker ids to brokers without one.'),
  'reserved.broker.max.id': int(1000, 'medium', { min: 0, only: '3.9' },
    'Highest id that may be configured by hand while ids are handed out.'),
  'inter.broker.protocol.version': string('3.9-IV0', 'medium', { only: '3.9',
    differs: 'any text is accepted, since nothing depends on it' },
    'Release whose inter-broker protocol is spoken during a rolling upgrade.'),
  'initial.broker.registration.timeout.ms': int(60000, 'medium', {},
    'Time in ms to register with the controllers before giving up.'),
  'server.max.startup.time.ms': long(Infinity, 'medium', { min: 0, internal: true },
    'Time in ms that a start may take before the process gives up.'),
  }),

  ...inert('every API and feature here is either finished and advertised, or absent', {
  'unstable.api.versions.enable': boolean(false, 'high', { internal: true },
    'Whether API versions under development are advertised.'),
  'unstable.feature.versions.enable': boolean(false, 'high', { internal: true },
    'Whether feature levels under development are offered.'),
  }),
}
