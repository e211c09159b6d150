import { type CodecName, codecByName } from '@ottla/protocol/records'
import { nearestName } from '@ottla/runtime'
import type { ConsumerOptions } from './consumer/options.ts'
import { ConfigError } from './errors.ts'
import { type AssignorName, assignors } from './group/assignors/index.ts'
import type { GroupConsumerOptions } from './group/options.ts'
import type { KafkaOptions } from './options.ts'
import type { ProducerOptions, TransactionalProducerOptions } from './producer/options.ts'
import { partitionOfKey } from './producer/partitioner.ts'
import { isAboutSecurity, type ReadText, securityFrom } from './security-properties.ts'

/**
 * Client properties by Apache Kafka's names and librdkafka's, turned into options. A property that has no meaning here
 * is ignored if nothing depends on it, and refused by name if silence would be unsafe, as for security.
 */
type Properties = ReadonlyMap<string, string>

interface Rule {
  readonly names: readonly string[]
  readonly option: string
  parse(text: string, name: string): unknown
}

const text = (value: string) => value

function integer(min: number) {
  return (value: string, name: string): number => {
    const number = Number(value)
    if (value.trim() === '' || !Number.isSafeInteger(number) || number < min) {
      throw new ConfigError(`${name} is a whole number of at least ${min}, not ${JSON.stringify(value)}`)
    }
    return number
  }
}

function boolean(value: string, name: string): boolean {
  if (/^(true|1|yes)$/i.test(value)) return true
  if (/^(false|0|no)$/i.test(value)) return false
  throw new ConfigError(`${name} is true or false, not ${JSON.stringify(value)}`)
}

/** librdkafka's lingers have fractions. */
function milliseconds(value: string, name: string): number {
  const number = Number(value)
  if (value.trim() === '' || !(number >= 0))
    throw new ConfigError(`${name} is a number of ms, not ${JSON.stringify(value)}`)
  return number
}

function codec(value: string, name: string): CodecName {
  const lower = value.toLowerCase()
  const known = lower === 'uncompressed' ? 'none' : lower
  if (codecByName(known) === undefined)
    throw new ConfigError(`${name}: the codec ${JSON.stringify(value)} is not known`)
  return known as CodecName
}

function acks(value: string, name: string): 0 | 1 | 'all' {
  if (value === 'all' || value === '-1') return 'all'
  if (value === '0' || value === '1') return Number(value) as 0 | 1
  throw new ConfigError(`${name} is 0, 1, all or -1, not ${JSON.stringify(value)}`)
}

function partitioner(value: string, name: string): ProducerOptions['partitioner'] {
  if (['murmur2_random', 'murmur2', 'org.apache.kafka.clients.producer.internals.DefaultPartitioner'].includes(value)) {
    return undefined
  }
  if (value === 'random') {
    let turn = 0
    return (_topic, _key, count) => turn++ % count
  }
  if (value.endsWith('RoundRobinPartitioner')) {
    const turns = new Map<string, number>()
    return (topic, _key, count) => {
      const turn = turns.get(topic) ?? 0
      turns.set(topic, turn + 1)
      return turn % count
    }
  }
  if (value === 'murmur2_only') return (_topic, key, count) => (key === null ? 0 : partitionOfKey(key, count))
  throw new ConfigError(`${name}: the partitioner ${JSON.stringify(value)} is not known; murmur2_random and random are`)
}

function reset(value: string, name: string): ConsumerOptions['reset'] {
  if (['earliest', 'beginning', 'smallest'].includes(value)) return 'earliest'
  if (['latest', 'end', 'largest'].includes(value)) return 'latest'
  if (['none', 'error'].includes(value)) return 'none'
  throw new ConfigError(`${name} is earliest, latest or none, not ${JSON.stringify(value)}`)
}

/** In upper or lower case, as Kafka takes them. */
function word<Word extends string>(...words: readonly Word[]) {
  return (value: string, name: string): Word => {
    const known = words.find((one) => one === value.toLowerCase())
    if (known === undefined) throw new ConfigError(`${name} is ${words.join(' or ')}, not ${JSON.stringify(value)}`)
    return known
  }
}

const strategyClasses: Readonly<Record<string, AssignorName>> = {
  RangeAssignor: 'range',
  RoundRobinAssignor: 'roundrobin',
  StickyAssignor: 'sticky',
  CooperativeStickyAssignor: 'cooperative-sticky',
}

/** Java's classes or librdkafka's names, the preferred one first. */
function strategies(value: string, name: string): AssignorName[] {
  return value.split(',').map((part) => {
    const wanted = part.trim()
    const known = strategyClasses[wanted.replace('org.apache.kafka.clients.consumer.', '')] ?? wanted
    if (Object.hasOwn(assignors, known)) return known as AssignorName
    const names = Object.keys(assignors).join(', ')
    throw new ConfigError(`${name}: the strategy ${JSON.stringify(wanted)} is not known; ${names} are`)
  })
}

const clientRules: readonly Rule[] = [
  { names: ['bootstrap.servers', 'metadata.broker.list'], option: 'bootstrap', parse: text },
  { names: ['client.id'], option: 'clientId', parse: text },
  {
    names: ['socket.connection.setup.timeout.ms', 'socket.connection.setup.timeout.max.ms'],
    option: 'connectTimeoutMs',
    parse: integer(1),
  },
  { names: ['request.timeout.ms', 'socket.timeout.ms'], option: 'requestTimeoutMs', parse: integer(1) },
  { names: ['default.api.timeout.ms'], option: 'apiTimeoutMs', parse: integer(1) },
  { names: ['retry.backoff.ms'], option: 'retryBackOffMs', parse: integer(0) },
  { names: ['retry.backoff.max.ms'], option: 'retryBackOffMaxMs', parse: integer(0) },
  {
    names: ['metadata.max.age.ms', 'topic.metadata.refresh.interval.ms'],
    option: 'metadataMaxAgeMs',
    parse: integer(0),
  },
  { names: ['receive.message.max.bytes'], option: 'maxResponseBytes', parse: integer(1000) },
]

const producerRules: readonly Rule[] = [
  { names: ['acks', 'request.required.acks'], option: 'acks', parse: acks },
  { names: ['enable.idempotence'], option: 'idempotent', parse: boolean },
  { names: ['compression.type', 'compression.codec'], option: 'compression', parse: codec },
  {
    names: ['compression.level', 'compression.gzip.level', 'compression.lz4.level', 'compression.zstd.level'],
    option: 'compressionLevel',
    parse: integer(-131072),
  },
  { names: ['linger.ms', 'queue.buffering.max.ms'], option: 'lingerMs', parse: milliseconds },
  // 0 makes each record a batch of its own, as any size does that the first one fills.
  { names: ['batch.size'], option: 'batchBytes', parse: (value, name) => Math.max(1, integer(0)(value, name)) },
  { names: ['max.request.size', 'message.max.bytes'], option: 'maxRequestBytes', parse: integer(1) },
  { names: ['buffer.memory'], option: 'bufferBytes', parse: integer(1) },
  {
    names: ['max.in.flight.requests.per.connection', 'max.in.flight'],
    option: 'maxInFlight',
    parse: integer(1),
  },
  { names: ['retries', 'message.send.max.retries'], option: 'retries', parse: integer(0) },
  { names: ['delivery.timeout.ms', 'message.timeout.ms'], option: 'deliveryTimeoutMs', parse: integer(1) },
  { names: ['partitioner', 'partitioner.class'], option: 'partitioner', parse: partitioner },
]

const transactionRules: readonly Rule[] = [
  { names: ['transactional.id'], option: 'transactionalId', parse: text },
  { names: ['transaction.timeout.ms'], option: 'transactionTimeoutMs', parse: integer(1) },
]

const consumerRules: readonly Rule[] = [
  { names: ['fetch.min.bytes'], option: 'fetchMinBytes', parse: integer(0) },
  { names: ['fetch.max.wait.ms', 'fetch.wait.max.ms'], option: 'fetchMaxWaitMs', parse: integer(0) },
  { names: ['fetch.max.bytes'], option: 'fetchMaxBytes', parse: integer(1) },
  {
    names: ['max.partition.fetch.bytes', 'fetch.message.max.bytes'],
    option: 'partitionMaxBytes',
    parse: integer(1),
  },
  { names: ['check.crcs'], option: 'checkCrcs', parse: boolean },
  { names: ['auto.offset.reset'], option: 'reset', parse: reset },
  { names: ['isolation.level'], option: 'isolation', parse: word('read_uncommitted', 'read_committed') },
]

const groupRules: readonly Rule[] = [
  { names: ['group.id'], option: 'group', parse: text },
  { names: ['group.instance.id'], option: 'instanceId', parse: text },
  { names: ['group.protocol'], option: 'groupProtocol', parse: word('classic', 'consumer') },
  { names: ['group.remote.assignor'], option: 'groupRemoteAssignor', parse: text },
  { names: ['client.rack'], option: 'rackId', parse: text },
  { names: ['enable.auto.commit'], option: 'autoCommit', parse: boolean },
  { names: ['auto.commit.interval.ms'], option: 'autoCommitIntervalMs', parse: integer(1) },
  { names: ['session.timeout.ms'], option: 'sessionTimeoutMs', parse: integer(1) },
  { names: ['heartbeat.interval.ms'], option: 'heartbeatIntervalMs', parse: integer(1) },
  { names: ['max.poll.interval.ms'], option: 'maxPollIntervalMs', parse: integer(1) },
  { names: ['partition.assignment.strategy'], option: 'assignors', parse: strategies },
]

/** What has its meaning in the Java client or librdkafka only: threads, metrics, classes, socket buffers. */
const meaningless =
  /^(key|value)\.(de)?serializer$|^(metrics?|metric\.reporters|interceptor\.classes|statistics|log|debug|enable\.metrics)(\.|$)|buffer\.(bytes|kbytes|messages)$|^(receive|send)\.buffer|^socket\.(nagle|keepalive|send|receive)|^client\.dns\.lookup|^broker\.address|^api\.version\.|^allow\.auto|^connections\.max\.idle|^reconnect\.backoff|^max\.block|^queued\.|^metadata\.recovery|^enable\.partition\.eof$/

/** The same, where no pattern is worth its while: librdkafka's first, then the Java client's. */
const meaninglessNames: ReadonlySet<string> = new Set([
  ...[
    'batch.num.messages',
    'queue.buffering.max.messages',
    'queue.buffering.max.kbytes',
    'message.copy.max.bytes',
    'socket.max.fails',
    'socket.blocking.max.ms',
  ],
  ...['topic.metadata.refresh.sparse', 'topic.metadata.refresh.fast.interval.ms', 'topic.metadata.propagation.max.ms'],
  ...['topic.blacklist', 'queue.buffering.backpressure.threshold', 'queuing.strategy'],
  ...['sticky.partitioning.linger.ms', 'fetch.error.backoff.ms', 'fetch.queue.backoff.ms', 'offset.store.method'],
  ...[
    'offset.store.path',
    'offset.store.sync.interval.ms',
    'consume.callback.max.messages',
    'coordinator.query.interval.ms',
  ],
  ...['internal.termination.signal', 'broker.version.fallback', 'log_level', 'delivery.report.only.error'],
  ...[
    'enable.gapless.guarantee',
    'enable.random.seed',
    'enable.fatal.errors',
    'builtin.features',
    'plugin.library.paths',
  ],
  ...['produce.offset.report', 'metadata.max.idle.ms'],
  // A loop is given one record after the other.
  ...['group.protocol.type', 'max.poll.records'],
  ...['partitioner.adaptive.partitioning.enable', 'partitioner.availability.timeout.ms', 'exclude.internal.topics'],
  ...['auto.include.jmx.reporter', 'metadata.cluster.check.enable'],
])

/** Throws `ConfigError` for a value that cannot be and for an unknown name. `readText` reads the files that properties name. */
export function kafkaOptionsFrom(properties: Properties, readText: ReadText = readNothing): Partial<KafkaOptions> {
  for (const [name, value] of properties) check(name, value)
  return { ...apply(clientRules, properties), ...securityFrom(properties, readText) }
}

function readNothing(path: string): never {
  throw new ConfigError(`${path} is a file, which nobody reads here: give its text`)
}

/** Throws `ConfigError` for `transactional.id` too: `transactionalProducerOptionsFrom` reads it. */
export function producerOptionsFrom(properties: Properties): ProducerOptions {
  if (properties.has('transactional.id')) {
    throw new ConfigError('transactional.id makes no sense here: nothing is written in transactions')
  }
  return apply(producerRules, properties)
}

/** Throws `ConfigError` without `transactional.id`. */
export function transactionalProducerOptionsFrom(properties: Properties): TransactionalProducerOptions {
  const options = apply([...producerRules, ...transactionRules], properties)
  if (options.transactionalId === undefined) throw new ConfigError('transactional.id is missing')
  return options as unknown as TransactionalProducerOptions
}

export function consumerOptionsFrom(properties: Properties): Omit<ConsumerOptions, 'assign'> {
  return apply(consumerRules, properties)
}

/** Of a group's member; what it reads is not among them. `group.id` may be missing. */
export function groupConsumerOptionsFrom(
  properties: Properties,
): Partial<Omit<GroupConsumerOptions, 'topics' | 'pattern'>> {
  const { reset, ...options } = apply([...consumerRules, ...groupRules], properties)
  return reset === undefined ? options : { ...options, from: reset as GroupConsumerOptions['from'] }
}

const rules = [...clientRules, ...producerRules, ...transactionRules, ...consumerRules, ...groupRules]

function check(name: string, value: string): void {
  if (isAboutSecurity(name)) return
  // Else offsets would be committed that the program has not stored.
  if (name === 'enable.auto.offset.store') {
    if (boolean(value, name)) return
    throw new ConfigError(`${name} false is not supported: commit by hand, with enable.auto.commit false`)
  }
  if (meaningless.test(name) || meaninglessNames.has(name) || rules.some((rule) => rule.names.includes(name))) return
  const near = nearestName(
    name,
    rules.flatMap(({ names }) => names),
  )
  throw new ConfigError(
    `there is no client property ${JSON.stringify(name)}${near === null ? '' : `; did you mean ${near}?`}`,
  )
}

function apply(some: readonly Rule[], properties: Properties): Record<string, unknown> {
  const options: Record<string, unknown> = {}
  for (const [name, value] of properties) {
    const rule = some.find((r) => r.names.includes(name))
    if (rule !== undefined) options[rule.option] = rule.parse(value, name)
  }
  return options
}
