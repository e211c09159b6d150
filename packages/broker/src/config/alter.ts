import { ErrorCode } from '@ottla/protocol'
import type { BrokerConfig } from './broker-config.ts'
import {
  type BrokerKey,
  brokerProperties,
  brokerProperty,
  type TopicKey,
  topicProperties,
  topicProperty,
} from './catalogue.ts'
import { ConfigError } from './error.ts'
import { checkGroupConfig, type GroupKey, groupProperty, groupSetting } from './group-config.ts'
import { groupProperties } from './properties/group.ts'
import type { Property } from './property.ts'
import { resolveTopicConfig } from './topic-config.ts'
import { meant } from './unknown.ts'
import { canonicalText, formatValue } from './value.ts'

/** One change as IncrementalAlterConfigs names it (KIP-339). `append` and `subtract` are for lists. */
export interface ConfigChange {
  readonly name: string
  readonly op: 'set' | 'delete' | 'append' | 'subtract'
  /** Not read for `delete`. */
  readonly value: string | null
}

/** The entries after all changes, or why none of them was made. */
export type AlterResult =
  | { readonly ok: true; readonly entries: ReadonlyMap<string, string> }
  | { readonly ok: false; readonly errorCode: ErrorCode; readonly message: string }

const { INVALID_CONFIG, INVALID_REQUEST } = ErrorCode

const refuse = (errorCode: ErrorCode, message: string): AlterResult => ({ ok: false, errorCode, message })

/**
 * Changes some settings of a topic and leaves the others (IncrementalAlterConfigs).
 * @param current what the topic sets now
 * @returns the topic's new entries in canonical text; INVALID_CONFIG for unknown names and values that are not
 * allowed, INVALID_REQUEST for a missing value and a key that is named twice
 */
export function alterTopicConfig(
  current: ReadonlyMap<string, string>,
  changes: readonly ConfigChange[],
  broker: BrokerConfig,
): AlterResult {
  const result = applyChanges(current, changes, topicProperty, 'topic', (name) => {
    return formatValue(topicProperty(name)!, broker.topicDefault(name as TopicKey))
  })
  return result.ok ? withoutConfigError(() => resolveTopicConfig(result.entries, broker), result) : result
}

/**
 * Sets all settings of a topic anew (CreateTopics and the older AlterConfigs): what is not named goes back to its
 * default.
 */
export function replaceTopicConfig(
  entries: Iterable<readonly [name: string, value: string | null]>,
  broker: BrokerConfig,
): AlterResult {
  const changes = Array.from(entries, ([name, value]): ConfigChange => ({ name, op: 'set', value }))
  return alterTopicConfig(new Map(), changes, broker)
}

/**
 * Changes dynamic settings of the broker: of this one, or the cluster's default for all (KIP-226).
 * @param current what is stored at that level, which may hold more than what is in force
 * @returns the new entries of that level; INVALID_REQUEST also for a key that only a restart can change, and for one
 * that must be set per broker
 */
export function alterBrokerConfig(
  config: BrokerConfig,
  level: 'broker' | 'cluster',
  changes: readonly ConfigChange[],
  current: ReadonlyMap<string, string> = config.dynamic[level],
): AlterResult {
  for (const { name } of changes) {
    const update = brokerProperty(name)?.update ?? 'read-only'
    if (brokerProperty(name) === undefined) continue
    if (update === 'read-only') {
      return refuse(INVALID_REQUEST, `${name} cannot be changed while the broker runs: set it in its file and restart`)
    }
    if (level === 'cluster' && update === 'per-broker') {
      return refuse(INVALID_REQUEST, `${name} cannot be set for the whole cluster: set it for each broker`)
    }
  }
  const result = applyChanges(current, changes, brokerProperty, 'broker', (name) => {
    const property = brokerProperty(name)!
    return formatValue(property, config.get(name as BrokerKey))
  })
  if (!result.ok) return result
  return withoutConfigError(() => config.withDynamic({ ...config.dynamic, [level]: result.entries }), result)
}

/** Sets all dynamic settings of one level anew (the older AlterConfigs). */
export function replaceBrokerConfig(
  config: BrokerConfig,
  level: 'broker' | 'cluster',
  entries: Iterable<readonly [name: string, value: string | null]>,
): AlterResult {
  const bare = config.withDynamic({ ...config.dynamic, [level]: new Map() })
  const changes = Array.from(entries, ([name, value]): ConfigChange => ({ name, op: 'set', value }))
  return alterBrokerConfig(bare, level, changes)
}

/** Changes some settings of a group and leaves the others, as `alterTopicConfig` those of a topic. */
export function alterGroupConfig(
  current: ReadonlyMap<string, string>,
  changes: readonly ConfigChange[],
  broker: BrokerConfig,
): AlterResult {
  const result = applyChanges(current, changes, groupProperty, 'group', (name) => {
    return String(groupSetting(current, name as GroupKey, broker))
  })
  return result.ok ? withoutConfigError(() => checkGroupConfig(result.entries, broker), result) : result
}

/** Sets all settings of a group anew (the older AlterConfigs). */
export function replaceGroupConfig(
  entries: Iterable<readonly [name: string, value: string | null]>,
  broker: BrokerConfig,
): AlterResult {
  const changes = Array.from(entries, ([name, value]): ConfigChange => ({ name, op: 'set', value }))
  return alterGroupConfig(new Map(), changes, broker)
}

const DECLARED = { topic: topicProperties, broker: brokerProperties, group: groupProperties } as const

function applyChanges(
  current: ReadonlyMap<string, string>,
  changes: readonly ConfigChange[],
  find: (name: string) => Property | undefined,
  scope: keyof typeof DECLARED,
  effective: (name: string) => string | null,
): AlterResult {
  const entries = new Map(current)
  const seen = new Set<string>()
  for (const { name, op, value } of changes) {
    if (seen.has(name)) return refuse(INVALID_REQUEST, `${name} is changed twice in one request`)
    seen.add(name)
    const property = find(name)
    if (property === undefined) {
      // A key that an older or newer release left behind can be removed, and one that nobody set is removed already.
      if (op !== 'delete')
        return refuse(INVALID_CONFIG, `${name} is not a ${scope} config${meant(name, DECLARED[scope])}`)
      entries.delete(name)
      continue
    }
    if (op === 'delete') {
      entries.delete(name)
      continue
    }
    if (value === null) return refuse(INVALID_REQUEST, `${name} needs a value; delete it to go back to the default`)
    if (op === 'set') {
      entries.set(name, canonicalText(property, value) ?? '')
      continue
    }
    if (property.type !== 'list') {
      return refuse(INVALID_CONFIG, `${name} is not a list: ${op} is for lists, use set`)
    }
    const items = splitItems(entries.get(name) ?? effective(name) ?? '')
    const named = splitItems(value)
    const changed = op === 'append' ? [...new Set([...items, ...named])] : items.filter((item) => !named.includes(item))
    entries.set(name, changed.join(','))
  }
  return { ok: true, entries }
}

function splitItems(text: string): string[] {
  return text.trim() === '' ? [] : text.split(',').map((item) => item.trim())
}

function withoutConfigError(check: () => unknown, result: AlterResult): AlterResult {
  try {
    check()
    return result
  } catch (error) {
    if (error instanceof ConfigError) return refuse(INVALID_CONFIG, error.message)
    throw error
  }
}
