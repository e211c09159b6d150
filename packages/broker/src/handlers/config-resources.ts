import { ErrorCode } from '@ottla/protocol'
import type { AlterResult, ConfigChange } from '../config/index.ts'
import { alterBrokerConfig, alterTopicConfig, replaceBrokerConfig, replaceTopicConfig } from '../config/index.ts'
import type { LiveConfig } from '../config/live-config.ts'
import { DONE, type ItemOutcome, refusal } from '../topics/outcome.ts'
import type { Topics } from '../topics/topics.ts'

/** Kafka's numbers for what has a configuration (`ConfigResource.Type`). */
export const ResourceType = { topic: 2, broker: 4, brokerLogger: 8, clientMetrics: 16, group: 32 } as const

export interface ConfigStore {
  /** Makes the level's entries durable, then effective. */
  setBrokerConfigs(level: 'broker' | 'cluster', entries: ReadonlyMap<string, string>): Promise<ItemOutcome>
}

export interface ConfigResourceDeps {
  readonly topics: Topics
  readonly config: LiveConfig
  readonly store: ConfigStore
  readonly nodeId: number
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
  if (topic === undefined) return refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `there is no topic ${name}`)
  const result =
    alteration.type === 'change'
      ? alterTopicConfig(topic.configs, alteration.changes, config.current)
      : replaceTopicConfig(alteration.entries, config.current)
  return store(result, validateOnly, (entries) => topics.setConfigs(name, entries))
}

async function alterBroker(
  name: string,
  alteration: Alteration,
  validateOnly: boolean,
  deps: ConfigResourceDeps,
): Promise<ItemOutcome> {
  const level = brokerLevel(name, deps.nodeId)
  if (level === null) return refusal(ErrorCode.INVALID_REQUEST, `this broker is ${deps.nodeId}, not ${name}`)
  const result =
    alteration.type === 'change'
      ? alterBrokerConfig(deps.config.current, level, alteration.changes)
      : replaceBrokerConfig(deps.config.current, level, alteration.entries)
  return store(result, validateOnly, (entries) => deps.store.setBrokerConfigs(level, entries))
}

function store(
  result: AlterResult,
  validateOnly: boolean,
  write: (entries: ReadonlyMap<string, string>) => Promise<ItemOutcome>,
): Promise<ItemOutcome> {
  if (!result.ok) return Promise.resolve(refusal(result.errorCode, result.message))
  return validateOnly ? Promise.resolve(DONE) : write(result.entries)
}
