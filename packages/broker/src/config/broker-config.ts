import {
  type BrokerKey,
  type BrokerValue,
  brokerProperty,
  type TopicKey,
  type TopicValue,
  topicProperty,
  topicSynonyms,
} from './catalogue.ts'
import { ConfigError } from './error.ts'
import { type ConfigLayer, originOf } from './layer.ts'
import { type ListenerSet, parseListeners } from './listeners.ts'
import type { Property, PropertyValue } from './property.ts'
import { checkRelations } from './relations.ts'
import { explainUnknown } from './unknown.ts'
import { formatValue, parseValue } from './value.ts'

/** Kafka's numbers for where a value comes from (`DescribeConfigsResponse.ConfigSource`). */
export const ConfigSource = {
  dynamicTopic: 1,
  dynamicBroker: 2,
  dynamicDefaultBroker: 3,
  staticBroker: 4,
  default: 5,
  dynamicGroup: 8,
} as const
export type ConfigSource = (typeof ConfigSource)[keyof typeof ConfigSource]

/** Values that were changed while the broker ran: for this broker, and for all brokers of the cluster. */
export interface DynamicEntries {
  readonly broker: ReadonlyMap<string, string>
  readonly cluster: ReadonlyMap<string, string>
}

const NO_ENTRIES: DynamicEntries = { broker: new Map(), cluster: new Map() }

/**
 * The configuration of one broker: what was set at start, under what was changed since. Immutable; a change makes a
 * new one by `withDynamic`.
 */
export class BrokerConfig {
  readonly nodeId: number
  /** Folders of partitions: `log.dirs`, else `log.dir`. */
  readonly logDirs: readonly string[]
  /** What to open and what to tell clients. */
  readonly listening: ListenerSet
  /** Sentences for the log at start: unknown keys, and settings that do less than one may think. */
  readonly warnings: readonly string[]
  /** Keys that were set at start and have no effect here, sorted; one line of the log names them. */
  readonly inertKeys: readonly string[]

  readonly #static: ReadonlyMap<string, string>
  readonly #dynamic: DynamicEntries
  readonly #values: Map<string, PropertyValue>

  /** @throws ConfigError for the first value that is not allowed, alone or beside the others. */
  static from(...layers: readonly ConfigLayer[]): BrokerConfig {
    const entries = new Map<string, string>()
    const warnings: string[] = []
    for (const layer of layers) {
      for (const [name, text] of layer.entries) {
        const property = brokerProperty(name)
        if (property === undefined) {
          warnings.push(explainUnknown(name, text, originOf(layer, name)))
          continue
        }
        checkEntry(name, property, text, originOf(layer, name))
        entries.set(name, text.trim())
      }
      for (const name of layer.duplicates ?? []) {
        warnings.push(`${layer.origin} sets ${name} more than once; the last value counts`)
      }
    }
    joinIdentity(entries)
    return new BrokerConfig(entries, NO_ENTRIES, warnings)
  }

  private constructor(
    staticEntries: ReadonlyMap<string, string>,
    dynamic: DynamicEntries,
    warnings: readonly string[],
  ) {
    this.#static = staticEntries
    this.#dynamic = dynamic
    this.#values = new Map()
    for (const entries of [staticEntries, dynamic.cluster, dynamic.broker]) {
      for (const [name, text] of entries) {
        const property = brokerProperty(name)
        if (property !== undefined) this.#values.set(name, checkEntry(name, property, text, ''))
      }
    }
    checkRelations(this)
    this.nodeId = this.get('node.id')
    this.logDirs = this.get('log.dirs') ?? this.get('log.dir')
    this.listening = parseListeners({
      listeners: this.get('listeners'),
      advertised: this.get('advertised.listeners'),
      protocolMap: this.get('listener.security.protocol.map'),
      protocolMapIsSet: this.isSet('listener.security.protocol.map'),
      controllerNames: this.get('controller.listener.names'),
      interBrokerName: this.get('inter.broker.listener.name'),
    })
    this.inertKeys = [...staticEntries.keys()].filter((name) => brokerProperty(name)?.kind === 'inert').sort()
    this.warnings = [...warnings, ...this.#cautions()]
  }

  /** The value that holds now. */
  get<K extends BrokerKey>(name: K): BrokerValue<K> {
    const value = this.#values.get(name)
    return (value === undefined ? brokerProperty(name)!.default : value) as BrokerValue<K>
  }

  /** Whether the key was set by anybody, at start or since. */
  isSet(name: BrokerKey): boolean {
    return this.#values.has(name)
  }

  /** What was set for a key at one level, as text; undefined where that level says nothing. */
  textAt(name: BrokerKey, source: ConfigSource): string | undefined {
    switch (source) {
      case ConfigSource.dynamicBroker:
        return this.#dynamic.broker.get(name)
      case ConfigSource.dynamicDefaultBroker:
        return this.#dynamic.cluster.get(name)
      case ConfigSource.staticBroker:
        return this.#static.get(name)
      case ConfigSource.default: {
        const property = brokerProperty(name)!
        return formatValue(property, property.default) ?? undefined
      }
      case ConfigSource.dynamicTopic:
        return undefined
    }
  }

  get dynamic(): DynamicEntries {
    return this.#dynamic
  }

  /**
   * Most bytes of queued requests, `Infinity` for no bound. The default is raised to hold at least one request when
   * `socket.request.max.bytes` is larger.
   */
  get queuedMaxRequestBytes(): number {
    const bytes = this.get('queued.max.request.bytes')
    if (bytes <= 0) return Number.POSITIVE_INFINITY
    return Math.max(bytes, this.get('socket.request.max.bytes'))
  }

  /** `max.connections.per.ip.overrides` by address. */
  get connectionsPerIpOverrides(): ReadonlyMap<string, number> {
    return parseOverrides(this.get('max.connections.per.ip.overrides'))
  }

  /**
   * What a topic property is for a topic that does not set it: the first synonym with a value, else the property's own
   * default.
   */
  topicDefault<K extends TopicKey>(name: K): TopicValue<K> {
    for (const synonym of topicSynonyms[name] ?? []) {
      const value = this.get(synonym.name)
      if (value === null) continue
      return (typeof value === 'number' ? scale(value, synonym.factor) : value) as TopicValue<K>
    }
    return topicProperty(name)!.default as TopicValue<K>
  }

  /**
   * This configuration with other dynamic values. Names that are unknown are kept and do nothing.
   * @throws ConfigError as `from` does
   */
  withDynamic(dynamic: DynamicEntries): BrokerConfig {
    return new BrokerConfig(this.#static, dynamic, [])
  }

  #cautions(): string[] {
    const cautions: string[] = []
    if (this.isSet('zookeeper.connect')) {
      cautions.push('zookeeper.connect is set, but this broker keeps its metadata itself and joins no cluster')
    }
    if ((this.get('controller.quorum.voters') ?? []).length > 1) {
      cautions.push('controller.quorum.voters names several nodes, but this broker runs alone and joins no quorum')
    }
    for (const { name, host, port, loopback } of this.listening.listeners) {
      if (loopback) continue
      cautions.push(
        `listener ${name} is open on ${host ?? 'every address'} port ${port} without authentication: anyone who reaches it can read and write everything`,
      )
    }
    return cautions
  }
}

/** Negative numbers mean "never" and stay; `Infinity` stays too. */
function scale(value: number, factor = 1): number {
  return value < 0 ? value : value * factor
}

/**
 * Reads one value and refuses what is refused.
 * @param origin where the value was found, empty for none
 */
export function checkEntry(name: string, property: Property, text: string, origin: string): PropertyValue {
  const shown = `${origin === '' ? '' : `${origin}: `}${name}${property.type === 'password' ? '' : `=${text.trim()}`}`
  const parsed = parseValue(property, text)
  if (!parsed.ok) throw new ConfigError(name, `${shown} is not allowed: it must be ${parsed.allowed}`)
  if (property.kind === 'refused' && !isHarmless(property, parsed.value)) {
    throw new ConfigError(name, `${shown} is refused. ${property.reason}`)
  }
  return parsed.value
}

/** A refused property may be set to nothing or to what it is anyway. */
function isHarmless(property: Property, value: PropertyValue): boolean {
  const text = formatValue(property, value)
  return text === null || text === '' || text === formatValue(property, property.default)
}

/** `node.id` and `broker.id` are one number under two names. */
function joinIdentity(entries: Map<string, string>): void {
  const node = entries.get('node.id')
  const broker = entries.get('broker.id')
  const given = (text: string | undefined): text is string => text !== undefined && Number(text) >= 0
  if (given(node) && given(broker) && Number(node) !== Number(broker)) {
    throw new ConfigError('node.id', `node.id=${node} and broker.id=${broker} differ: they name the same broker`)
  }
  const id = given(node) ? node : given(broker) ? broker : undefined
  entries.delete('node.id')
  entries.delete('broker.id')
  if (id === undefined) return
  entries.set('node.id', id)
  entries.set('broker.id', id)
}

/** `address:count` items; the address may hold colons itself. */
export function parseOverrides(text: string): ReadonlyMap<string, number> {
  const overrides = new Map<string, number>()
  for (const item of text.split(',').map((part) => part.trim())) {
    if (item === '') continue
    const at = item.lastIndexOf(':')
    const address = item
      .slice(0, Math.max(at, 0))
      .trim()
      .replace(/^\[|\]$/g, '')
    const count = item.slice(at + 1).trim()
    if (address === '' || !/^\d{1,10}$/.test(count)) {
      throw new ConfigError(
        'max.connections.per.ip.overrides',
        `max.connections.per.ip.overrides=${item} is not allowed: it must be address:count`,
      )
    }
    overrides.set(address, Number(count))
  }
  return overrides
}
