import type { BrokerConfig } from './broker-config.ts'
import type { BrokerKey } from './catalogue.ts'
import { ConfigError } from './error.ts'
import { groupProperties } from './properties/group.ts'
import type { Property } from './property.ts'
import { parseValue } from './value.ts'

export type GroupKey = keyof typeof groupProperties
type IntKey = Extract<BrokerKey, `group.consumer.${string}.ms`>

interface Inherited {
  /** What holds for groups that set nothing. */
  readonly default: IntKey
  /** What a group may set lies between these. */
  readonly min: IntKey
  readonly max: IntKey
}

/** The broker's keys behind each property of a group. */
export const groupSynonyms: { readonly [K in GroupKey]: Inherited } = {
  'consumer.session.timeout.ms': {
    default: 'group.consumer.session.timeout.ms',
    min: 'group.consumer.min.session.timeout.ms',
    max: 'group.consumer.max.session.timeout.ms',
  },
  'consumer.heartbeat.interval.ms': {
    default: 'group.consumer.heartbeat.interval.ms',
    min: 'group.consumer.min.heartbeat.interval.ms',
    max: 'group.consumer.max.heartbeat.interval.ms',
  },
}

export function groupProperty(name: string): Property | undefined {
  return Object.hasOwn(groupProperties, name) ? groupProperties[name as GroupKey] : undefined
}

/** What holds for a group. The broker's bounds may have been drawn closer since it was set. */
export function groupSetting(
  overrides: ReadonlyMap<string, string> | undefined,
  name: GroupKey,
  broker: BrokerConfig,
): number {
  const keys = groupSynonyms[name]
  const text = overrides?.get(name)
  const parsed = text === undefined ? undefined : parseValue(groupProperties[name], text)
  if (parsed?.ok !== true) return broker.get(keys.default) as number
  return Math.min(Math.max(parsed.value as number, broker.get(keys.min) as number), broker.get(keys.max) as number)
}

/** Throws `ConfigError` for what a group may not set. */
export function checkGroupConfig(overrides: ReadonlyMap<string, string>, broker: BrokerConfig): void {
  for (const [name, text] of overrides) {
    const property = groupProperty(name)
    // Left behind by another release.
    if (property === undefined) continue
    const parsed = parseValue(property, text)
    if (!parsed.ok) throw new ConfigError(name, `${name} must be ${parsed.allowed}, not ${JSON.stringify(text)}`)
    const keys = groupSynonyms[name as GroupKey]
    const [min, max] = [broker.get(keys.min) as number, broker.get(keys.max) as number]
    const value = parsed.value as number
    if (value < min) throw new ConfigError(name, `${name}=${value} is below ${keys.min}=${min}`)
    if (value > max) throw new ConfigError(name, `${name}=${value} is above ${keys.max}=${max}`)
  }
  const session = groupSetting(overrides, 'consumer.session.timeout.ms', broker)
  const heartbeat = groupSetting(overrides, 'consumer.heartbeat.interval.ms', broker)
  if (session <= heartbeat) {
    const name = 'consumer.session.timeout.ms'
    throw new ConfigError(name, `${name}=${session} must be above consumer.heartbeat.interval.ms=${heartbeat}`)
  }
}
