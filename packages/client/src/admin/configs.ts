import type { KafkaError } from '../errors.ts'

/** What may have a configuration, with the protocol's number. */
export const resourceTypes = { topic: 2, broker: 4, 'broker-logger': 8, 'client-metrics': 16, group: 32 } as const

export type ResourceType = keyof typeof resourceTypes

export interface ConfigResource {
  readonly type: ResourceType
  /** A broker's is its id; empty for the defaults of all brokers. */
  readonly name: string
}

/** Where a value comes from, from the most special to the default. */
export type ConfigSource =
  | 'topic'
  | 'dynamic-broker'
  | 'dynamic-default-broker'
  | 'static-broker'
  | 'default'
  | 'broker-logger'
  | 'client-metrics'
  | 'group'
  | 'unknown'

const sources: readonly ConfigSource[] = [
  'unknown',
  'topic',
  'dynamic-broker',
  'dynamic-default-broker',
  'static-broker',
  'default',
  'broker-logger',
  'client-metrics',
  'group',
]

export function configSource(code: number): ConfigSource {
  return sources[code] ?? 'unknown'
}

export interface ConfigEntry {
  readonly name: string
  /** Null if it is sensitive or unset. */
  readonly value: string | null
  readonly source: ConfigSource
  readonly isReadOnly: boolean
  readonly isSensitive: boolean
  readonly documentation: string | null
  /** All places that set the value, the one in force first. */
  readonly synonyms: readonly { readonly name: string; readonly value: string | null; readonly source: ConfigSource }[]
}

export interface ConfigDescription extends ConfigResource {
  /** Sorted by name; empty with an error. */
  readonly entries: readonly ConfigEntry[]
  readonly error: KafkaError | null
}

/** One change of one value; `delete` goes back to the default, the last two are for lists. */
export interface ConfigChange {
  readonly name: string
  readonly op: 'set' | 'delete' | 'append' | 'subtract'
  /** None for `delete`. */
  readonly value?: string
}

export const configOps = { set: 0, delete: 1, append: 2, subtract: 3 } as const

export interface ConfigChanges extends ConfigResource {
  readonly changes: readonly ConfigChange[]
}

export interface ConfigResult extends ConfigResource {
  readonly error: KafkaError | null
}
