import { type BrokerConfig, ConfigSource } from './broker-config.ts'
import {
  type BrokerKey,
  brokerProperties,
  brokerProperty,
  brokerSynonyms,
  type TopicKey,
  topicProperties,
  topicProperty,
  topicSynonyms,
} from './catalogue.ts'
import { type GroupKey, groupSetting, groupSynonyms } from './group-config.ts'
import { groupProperties } from './properties/group.ts'
import type { Property, PropertyType } from './property.ts'
import { canonicalText, formatValue } from './value.ts'

/** Kafka's numbers for the type of a config (`DescribeConfigsResponse.ConfigType`). */
const TYPE_NUMBERS: { readonly [T in PropertyType]: number } = {
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7,
  class: 8,
  password: 9,
}

/** One place that sets a config, or one of the keys it falls back to. */
export interface ConfigSynonym {
  readonly name: string
  /** Null when it is a secret. */
  readonly value: string | null
  readonly source: ConfigSource
}

/** One config in a DescribeConfigs answer. */
export interface DescribedConfig {
  readonly name: string
  /** Null when it is a secret, or when nothing is set and there is no default. */
  readonly value: string | null
  readonly readOnly: boolean
  readonly source: ConfigSource
  readonly sensitive: boolean
  /** Strongest first; empty unless asked for. */
  readonly synonyms: readonly ConfigSynonym[]
  /** Kafka's type number. */
  readonly type: number
  /** Null unless asked for. Says so when the config has no effect here. */
  readonly documentation: string | null
}

export interface DescribeOptions {
  /** Only these names; null or absent for all. Unknown names are left out, as Kafka does. */
  readonly names?: readonly string[] | null
  readonly includeSynonyms?: boolean
  readonly includeDocumentation?: boolean
}

const BROKER_SOURCES = [
  ConfigSource.dynamicBroker,
  ConfigSource.dynamicDefaultBroker,
  ConfigSource.staticBroker,
  ConfigSource.default,
] as const

/** All configs of this broker, or those asked for. */
export function describeBroker(config: BrokerConfig, options: DescribeOptions = {}): DescribedConfig[] {
  return selectNames(brokerProperties, options, (name) => config.isSet(name as BrokerKey)).map((name) => {
    const property = brokerProperty(name)!
    const synonyms = brokerSynonyms(name as BrokerKey).flatMap((synonym) => setAt(config, synonym))
    return entry(name, property, formatValue(property, config.get(name as BrokerKey)), synonyms, {
      // A key that only falls back to another one has no source of its own.
      source: synonyms.find((synonym) => synonym.name === name)?.source ?? ConfigSource.default,
      readOnly: (property.update ?? 'read-only') === 'read-only',
      options,
    })
  })
}

/** What is set for all brokers of the cluster: the resource of type broker with an empty name. */
export function describeClusterDefaults(config: BrokerConfig, options: DescribeOptions = {}): DescribedConfig[] {
  const described: DescribedConfig[] = []
  for (const [name, text] of config.dynamic.cluster) {
    const property = brokerProperty(name)
    if (property === undefined || !(options.names?.includes(name) ?? true)) continue
    const value = canonicalText(property, text)
    const source = ConfigSource.dynamicDefaultBroker
    described.push(entry(name, property, value, [{ name, value, source }], { source, readOnly: false, options }))
  }
  return described
}

/**
 * All configs of a topic, or those asked for.
 * @param overrides what the topic sets itself, by Kafka's names
 */
export function describeTopic(
  overrides: ReadonlyMap<string, string>,
  config: BrokerConfig,
  options: DescribeOptions = {},
): DescribedConfig[] {
  return selectNames(topicProperties, options, (name) => overrides.has(name)).map((name) => {
    const property = topicProperty(name)!
    const own = overrides.get(name)
    const inherited = (topicSynonyms[name as TopicKey] ?? []).flatMap((synonym) => setAt(config, synonym.name))
    if (own === undefined) {
      const value = formatValue(property, config.topicDefault(name as TopicKey))
      const source = inherited[0]?.source ?? ConfigSource.default
      return entry(name, property, value, inherited, { source, readOnly: false, options })
    }
    const value = canonicalText(property, own)
    const source = ConfigSource.dynamicTopic
    const synonyms = [{ name, value, source }, ...inherited]
    return entry(name, property, value, synonyms, { source, readOnly: false, options })
  })
}

/** All configs of a group, or those asked for. */
export function describeGroup(
  overrides: ReadonlyMap<string, string>,
  config: BrokerConfig,
  options: DescribeOptions = {},
): DescribedConfig[] {
  return selectNames(groupProperties, options, (name) => overrides.has(name)).map((name) => {
    const property = groupProperties[name as GroupKey]
    const inherited = setAt(config, groupSynonyms[name as GroupKey].default)
    const own = overrides.get(name)
    const value = String(groupSetting(overrides, name as GroupKey, config))
    if (own === undefined) {
      const source = inherited[0]?.source ?? ConfigSource.default
      return entry(name, property, value, inherited, { source, readOnly: false, options })
    }
    const source = ConfigSource.dynamicGroup
    return entry(name, property, value, [{ name, value, source }, ...inherited], { source, readOnly: false, options })
  })
}

/** Internal keys and those of older releases are described only where somebody set or asked for them. */
function selectNames(
  properties: { readonly [name: string]: Property },
  { names }: DescribeOptions,
  isSet: (name: string) => boolean,
): string[] {
  if (names !== undefined && names !== null) {
    return [...new Set(names)].filter((name) => Object.hasOwn(properties, name))
  }
  return Object.entries(properties)
    .filter(([name, { internal, only }]) => (!internal && only !== '3.9') || isSet(name))
    .map(([name]) => name)
}

/** The levels at which a broker key has a value, strongest first. */
function setAt(config: BrokerConfig, name: BrokerKey): ConfigSynonym[] {
  const property = brokerProperty(name)!
  const synonyms: ConfigSynonym[] = []
  for (const source of BROKER_SOURCES) {
    const text = config.textAt(name, source)
    if (text !== undefined) synonyms.push({ name, value: canonicalText(property, text), source })
  }
  return synonyms
}

function entry(
  name: string,
  property: Property,
  value: string | null,
  synonyms: readonly ConfigSynonym[],
  rest: { readonly source: ConfigSource; readonly readOnly: boolean; readonly options: DescribeOptions },
): DescribedConfig {
  const sensitive = property.type === 'password'
  const { includeSynonyms, includeDocumentation } = rest.options
  return {
    name,
    value: sensitive ? null : value,
    readOnly: rest.readOnly,
    source: rest.source,
    sensitive,
    synonyms: includeSynonyms ? synonyms.map((synonym) => (sensitive ? { ...synonym, value: null } : synonym)) : [],
    type: TYPE_NUMBERS[property.type],
    documentation: includeDocumentation ? documentation(property) : null,
  }
}

/** The description, and what the property does not do here. */
export function documentation({ kind, description, reason }: Property): string {
  switch (kind) {
    case 'effective':
      return description
    case 'inert':
      return `${description} Accepted without effect here: ${reason}.`
    case 'refused':
      return `${description} Refused here unless it has its default. ${reason}`
  }
}
