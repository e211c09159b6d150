import { ErrorCode } from '@ottla/protocol'
import type { AlterResult, ConfigChange } from '../config/index.ts'
import {
  alterBrokerConfig,
  alterGroupConfig,
  alterTopicConfig,
  replaceBrokerConfig,
  replaceGroupConfig,
  replaceTopicConfig,
} from '../config/index.ts'
import type { LiveConfig } from '../config/live-config.ts'
import type { TurnBudget } from '../server/turn-budget.ts'
import { DONE, type ItemOutcome, refusal } from '../topics/outcome.ts'
import { topicNameProblem } from '../topics/topic-names.ts'
import type { ConfigUpdate, Topics } from '../topics/topics.ts'
import { repeated } from './repeated.ts'

/** Kafka's numbers for what has a configuration (`ConfigResource.Type`). */
export const ResourceType = { topic: 2, broker: 4, brokerLogger: 8, clientMetrics: 16, group: 32 } as const

export interface ConfigStore {
  /** Makes what `update` turns the level's entries into durable, then effective; one such change after the other. */
  setBrokerConfigs(level: 'broker' | 'cluster', update: ConfigUpdate): Promise<ItemOutcome>
  /** By group id; a group need not be there to have settings. */
  groupConfigs(): ReadonlyMap<string, ReadonlyMap<string, string>>
  setGroupConfigs(groupId: string, update: ConfigUpdate): Promise<ItemOutcome>
}

export interface ConfigResourceDeps {
  readonly topics: Topics
  readonly config: LiveConfig
  readonly store: ConfigStore
  readonly nodeId: number
  readonly turns: TurnBudget
}

/** What to do with one resource's settings. */
export type Alteration =
  | { readonly type: 'change'; readonly changes: readonly ConfigChange[] }
  | { readonly type: 'replace'; readonly entries: readonly (readonly [name: string, value: string | null])[] }

/** Which level a broker resource's name means: empty for all brokers, this broker's id for it; else `null`. */
export function brokerLevel(name: string, nodeId: number): 'broker' | 'cluster' | null {
  if (name === '') return 'cluster'
  return name === String(nodeId) ? 'broker' : null
}

/** Alters one resource, all of it or nothing. */
export async function alterResource(
  type: number,
  name: string,
  alteration: Alteration,
  validateOnly: boolean,
  deps: ConfigResourceDeps,
): Promise<ItemOutcome> {
  switch (type) {
    case ResourceType.topic:
      return alterTopic(name, alteration, validateOnly, deps)
    case ResourceType.broker:
      return alterBroker(name, alteration, validateOnly, deps)
    case ResourceType.group:
      return alterGroup(name, alteration, validateOnly, deps)
    default:
      return refusal(ErrorCode.INVALID_REQUEST, `resources of type ${type} have no configuration here`)
  }
}

async function alterTopic(
  name: string,
  alteration: Alteration,
  validateOnly: boolean,
  { topics, config }: ConfigResourceDeps,
): Promise<ItemOutcome> {
  const topic = topics.get(name)
  if (name === '') return refusal(ErrorCode.INVALID_REQUEST, 'there are no settings of all topics: name one')
  const illegal = topicNameProblem(name)
  if (illegal !== null) return refusal(ErrorCode.INVALID_TOPIC_EXCEPTION, illegal)
  if (topic === undefined) return refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `there is no topic ${name}`)
  const alter: ConfigUpdate = (current) =>
    alteration.type === 'change'
      ? alterTopicConfig(current, alteration.changes, config.current)
      : replaceTopicConfig(alteration.entries, config.current)
  if (!validateOnly) return topics.setConfigs(name, alter)
  return outcomeOf(alter(topic.configs))
}

async function alterBroker(
  name: string,
  alteration: Alteration,
  validateOnly: boolean,
  deps: ConfigResourceDeps,
): Promise<ItemOutcome> {
  const level = brokerLevel(name, deps.nodeId)
  if (level === null) return refusal(ErrorCode.INVALID_REQUEST, `this broker is ${deps.nodeId}, not ${name}`)
  const alter: ConfigUpdate = (current) => {
    return alteration.type === 'change'
      ? alterBrokerConfig(deps.config.current, level, alteration.changes, current)
      : replaceBrokerConfig(deps.config.current, level, alteration.entries)
  }
  if (!validateOnly) return deps.store.setBrokerConfigs(level, alter)
  return outcomeOf(alter(deps.config.current.dynamic[level]))
}

async function alterGroup(
  groupId: string,
  alteration: Alteration,
  validateOnly: boolean,
  { config, store }: ConfigResourceDeps,
): Promise<ItemOutcome> {
  if (groupId === '') return refusal(ErrorCode.INVALID_REQUEST, NO_GROUP)
  const alter: ConfigUpdate = (current) =>
    alteration.type === 'change'
      ? alterGroupConfig(current, alteration.changes, config.current)
      : replaceGroupConfig(alteration.entries, config.current)
  if (!validateOnly) return store.setGroupConfigs(groupId, alter)
  return outcomeOf(alter(store.groupConfigs().get(groupId) ?? NO_CONFIGS))
}

function outcomeOf(result: AlterResult): ItemOutcome {
  return result.ok ? DONE : refusal(result.errorCode, result.message)
}

/** Positions of those that name the same resource as another one: Kafka refuses each of them (`ConfigAdminManager`). */
export function repeatedResources(
  resources: readonly { readonly resourceType: number; readonly resourceName: string }[],
): ReadonlySet<number> {
  return repeated(resources, ({ resourceType, resourceName }) => `${resourceType}:${resourceName}`)
}

export const NO_GROUP = 'there are no settings of all groups: name one'
export const NO_CONFIGS: ReadonlyMap<string, string> = new Map()
export const NAMED_TWICE = refusal(ErrorCode.INVALID_REQUEST, 'the resource is named twice')
