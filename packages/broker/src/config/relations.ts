import type { BrokerConfig } from './broker-config.ts'
import type { BrokerKey } from './catalogue.ts'
import { ConfigError } from './error.ts'

type NumericKey = {
  [K in BrokerKey]: ReturnType<typeof read<K>> extends number | null ? K : never
}[BrokerKey]

const read = <K extends BrokerKey>(config: BrokerConfig, name: K) => config.get(name)

/** Pairs of which the first must not exceed the second (`KafkaConfig.validateValues` in Apache Kafka). */
const ordered: readonly (readonly [NumericKey, NumericKey])[] = [
  ['replica.fetch.wait.max.ms', 'replica.socket.timeout.ms'],
  ['replica.fetch.wait.max.ms', 'replica.lag.time.max.ms'],
  ['group.min.session.timeout.ms', 'group.max.session.timeout.ms'],
  ['group.consumer.min.session.timeout.ms', 'group.consumer.session.timeout.ms'],
  ['group.consumer.session.timeout.ms', 'group.consumer.max.session.timeout.ms'],
  ['group.consumer.min.heartbeat.interval.ms', 'group.consumer.heartbeat.interval.ms'],
  ['group.consumer.heartbeat.interval.ms', 'group.consumer.max.heartbeat.interval.ms'],
  ['log.cleaner.min.compaction.lag.ms', 'log.cleaner.max.compaction.lag.ms'],
]

/** Of the consumer protocol. */
const assignors: readonly string[] = ['uniform', 'range']

/** -1 is "never" and 0 would delete everything at once. */
const neverOrPositive: readonly NumericKey[] = ['log.retention.ms', 'log.retention.minutes', 'log.retention.hours']

/**
 * Checks values beside each other.
 * @throws ConfigError naming both keys
 */
export function checkRelations(config: BrokerConfig): void {
  for (const [small, large] of ordered) {
    const least = config.get(small)
    const most = config.get(large)
    if (least !== null && most !== null && least > most) {
      throw new ConfigError(small, `${small}=${least} is not allowed: it must not exceed ${large}=${most}`)
    }
  }
  for (const name of neverOrPositive) {
    const value = config.get(name)
    if (value !== null && (value === 0 || value < -1)) {
      throw new ConfigError(name, `${name}=${value} is not allowed: it must be -1 (never) or at least 1`)
    }
  }
  const roles = config.get('process.roles')
  if (roles.length > 0 && !roles.includes('broker')) {
    throw new ConfigError('process.roles', 'process.roles=controller is not allowed: this program is always a broker')
  }
  const unknown = config.get('group.consumer.assignors').find((name) => !assignors.includes(name))
  if (unknown !== undefined) {
    throw new ConfigError(
      'group.consumer.assignors',
      `group.consumer.assignors=${unknown} is not allowed: there are ${assignors.join(' and ')}, and no classes can be loaded`,
    )
  }
  checkLog(config)
  checkNetwork(config)
}

function checkLog(config: BrokerConfig): void {
  const rollMs = config.get('log.roll.ms')
  if (rollMs !== null && rollMs < 1) {
    throw new ConfigError('log.roll.ms', `log.roll.ms=${rollMs} is not allowed: it must be at least 1`)
  }
  const jitterMs = config.get('log.roll.jitter.ms')
  if (jitterMs !== null && jitterMs < 0) {
    throw new ConfigError('log.roll.jitter.ms', `log.roll.jitter.ms=${jitterMs} is not allowed: it must be at least 0`)
  }
  const dirs = config.get('log.dirs') ?? config.get('log.dir')
  if (dirs.length === 0) throw new ConfigError('log.dirs', 'log.dirs is not allowed to be empty: name a folder')
  const dedupeBytes = config.get('log.cleaner.dedupe.buffer.size')
  if (dedupeBytes < 1024 * 1024) {
    throw new ConfigError(
      'log.cleaner.dedupe.buffer.size',
      `log.cleaner.dedupe.buffer.size=${dedupeBytes} is not allowed: it must be at least 1048576`,
    )
  }
}

function checkNetwork(config: BrokerConfig): void {
  const queuedBytes = config.get('queued.max.request.bytes')
  const requestBytes = config.get('socket.request.max.bytes')
  if (config.isSet('queued.max.request.bytes') && queuedBytes > 0 && queuedBytes < requestBytes) {
    throw new ConfigError(
      'queued.max.request.bytes',
      `queued.max.request.bytes=${queuedBytes} is not allowed: it must hold one request of socket.request.max.bytes=${requestBytes}`,
    )
  }
  const overrides = config.connectionsPerIpOverrides
  if (config.get('max.connections.per.ip') === 0 && overrides.size === 0) {
    throw new ConfigError(
      'max.connections.per.ip',
      'max.connections.per.ip=0 is not allowed without max.connections.per.ip.overrides: nobody could connect',
    )
  }
}
