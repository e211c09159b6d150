export {
  type AlterResult,
  alterBrokerConfig,
  alterGroupConfig,
  alterTopicConfig,
  type ConfigChange,
  replaceBrokerConfig,
  replaceGroupConfig,
  replaceTopicConfig,
} from './alter.ts'
export { BrokerConfig, ConfigSource, type DynamicEntries } from './broker-config.ts'
export { type BrokerKey, type BrokerValue, brokerProperty, type TopicKey, topicProperty } from './catalogue.ts'
export {
  type ConfigSynonym,
  type DescribedConfig,
  type DescribeOptions,
  describeBroker,
  describeClusterDefaults,
  describeGroup,
  describeTopic,
} from './describe.ts'
export { ConfigError } from './error.ts'
export { type GroupKey, groupSetting } from './group-config.ts'
export { argumentLayer, type ConfigLayer, fileLayer, objectLayer } from './layer.ts'
export type { AdvertisedListener, ListenerConfig, ListenerSet, SecurityProtocol } from './listeners.ts'
export type { Property } from './property.ts'
export { decodeProperties, type ParsedProperties, parseProperties } from './server-properties.ts'
export { effectiveTopicConfig, resolveTopicConfig, type TopicConfig } from './topic-config.ts'
