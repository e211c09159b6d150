import type { Connection } from '@ottla/net'
import { alterConfigsApi, describeConfigsApi } from '../apis.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { KafkaError } from '../errors.ts'
import { byName, resultError } from './results.ts'
import { toBroker } from './routing.ts'

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

export async function describeConfigs(
  cluster: Cluster,
  resources: readonly ConfigResource[],
  options: { names?: readonly string[]; synonyms?: boolean; documentation?: boolean },
): Promise<ConfigDescription[]> {
  return perResource(cluster, resources, async (connection, some) => {
    const response = await connection.call(describeConfigsApi, {
      resources: some.map((r) => ({
        resourceType: resourceTypes[r.type],
        resourceName: r.name,
        configurationKeys: options.names ?? null,
      })),
      includeSynonyms: options.synonyms ?? false,
      includeDocumentation: options.documentation ?? false,
    })
    return some.map(({ type, name }): ConfigDescription => {
      const result = findResource(response.results, type, name)
      return {
        type,
        name,
        error: resultError(resourceName(type, name), result),
        entries: (result?.configs ?? [])
          .map((c) => ({
            name: c.name,
            value: c.value,
            source: c.isDefault ? ('default' as const) : configSource(c.configSource),
            isReadOnly: c.readOnly,
            isSensitive: c.isSensitive,
            documentation: c.documentation || null,
            synonyms: c.synonyms.map((s) => ({ name: s.name, value: s.value, source: configSource(s.source) })),
          }))
          .sort(byName((entry) => entry.name)),
      }
    })
  })
}

/** Changes single values and leaves the others alone (IncrementalAlterConfigs). */
export async function alterConfigs(
  cluster: Cluster,
  resources: readonly ConfigChanges[],
  options: { validateOnly?: boolean },
): Promise<ConfigResult[]> {
  return perResource(cluster, resources, async (connection, some) => {
    const response = await connection.call(alterConfigsApi, {
      resources: some.map((r) => ({
        resourceType: resourceTypes[r.type],
        resourceName: r.name,
        configs: r.changes.map((c) => ({
          name: c.name,
          configOperation: configOps[c.op],
          value: c.value ?? null,
        })),
      })),
      validateOnly: options.validateOnly ?? false,
    })
    return some.map(({ type, name }) => ({
      type,
      name,
      error: resultError(resourceName(type, name), findResource(response.responses, type, name)),
    }))
  })
}

/** A broker's own configuration is asked of that broker, everything else of any. */
async function perResource<R extends ConfigResource, T extends ConfigResource & { error: KafkaError | null }>(
  cluster: Cluster,
  resources: readonly R[],
  ask: (connection: Connection, resources: readonly R[]) => Promise<T[]>,
): Promise<T[]> {
  const groups = Map.groupBy(resources, (r) => (r.type.startsWith('broker') && r.name !== '' ? r.name : ''))
  const answers = await Promise.all(
    [...groups].map(([broker, some]) =>
      cluster.metadata.retrying(async () => {
        const connection = await (broker === '' ? cluster.pool.any() : toBroker(cluster, Number(broker)))
        return ask(connection, some)
      }),
    ),
  )
  const all = answers.flat()
  return resources.map((r) => all.find((a) => a.type === r.type && a.name === r.name) as T)
}

function resourceName(type: ResourceType, name: string): string {
  return name === '' ? `${type} defaults` : `${type} ${name}`
}

function findResource<T extends { resourceType: number; resourceName: string }>(
  results: readonly T[],
  type: ResourceType,
  name: string,
): T | undefined {
  return results.find((r) => r.resourceType === resourceTypes[type] && r.resourceName === name)
}
