import {
  DescribeConfigsRequest,
  DescribeConfigsResponse,
  ErrorCode,
  type InputOf,
  type MessageOf,
} from '@ottla/protocol'
import {
  ConfigSource,
  type DescribedConfig,
  type DescribeOptions,
  describeBroker,
  describeClusterDefaults,
  describeGroup,
  describeTopic,
} from '../config/index.ts'
import type { LiveConfig } from '../config/live-config.ts'
import { defineHandler, type Handler } from '../server/handler.ts'
import type { TurnBudget } from '../server/turn-budget.ts'
import { topicNameProblem } from '../topics/topic-names.ts'
import type { Topics } from '../topics/topics.ts'
import { brokerLevel, type ConfigStore, NAMED_TWICE, NO_CONFIGS, NO_GROUP, ResourceType } from './config-resources.ts'

/**
 * DescribeConfigs (key 32), versions 0 to 4: settings with where they come from. 1: synonyms; 3: types and
 * documentation, which says so where a setting has no effect here; 4: flexible. All settings of a resource are told
 * once in an answer; whoever asks for them again gets INVALID_REQUEST, since each five bytes of request would ask for 75 kB.
 */

type Wanted = MessageOf<typeof DescribeConfigsRequest>['resources'][number]
type Result = NonNullable<InputOf<typeof DescribeConfigsResponse>['results']>[number]

export interface DescribeConfigsDeps {
  readonly topics: Topics
  readonly config: LiveConfig
  readonly store: ConfigStore
  readonly nodeId: number
  readonly turns: TurnBudget
}

export function describeConfigsHandler(deps: DescribeConfigsDeps): Handler {
  return defineHandler({
    request: DescribeConfigsRequest,
    response: DescribeConfigsResponse,
    minVersion: 0,
    maxVersion: 4,
    async handle({ apiVersion, connection }, body) {
      const { includeSynonyms, includeDocumentation } = body
      const whole = new Set<string>()
      const results: Result[] = []
      const slices = deps.turns.slices(connection)
      for (const wanted of body.resources) {
        if (slices.over) await slices.next()
        const { resourceType, resourceName, configurationKeys } = wanted
        const names = configurationKeys?.length === 0 ? null : configurationKeys
        const key = `${resourceType}:${resourceName}`
        if (names === null && whole.has(key)) {
          results.push({ resourceType, resourceName, ...NAMED_TWICE })
          continue
        }
        if (names === null) whole.add(key)
        results.push(describe(wanted, { names, includeSynonyms, includeDocumentation }, apiVersion, deps))
      }
      return { results }
    },
    refuse: (body, errorCode) => ({
      results: body.resources.map(({ resourceType, resourceName }) => ({
        errorCode,
        errorMessage: null,
        resourceType,
        resourceName,
      })),
    }),
  })
}

function describe(
  { resourceType, resourceName }: Wanted,
  options: DescribeOptions,
  version: number,
  deps: DescribeConfigsDeps,
): Result {
  const resource = { resourceType, resourceName, errorMessage: null }
  const failed = (errorCode: number, errorMessage: string): Result => ({ ...resource, errorCode, errorMessage })
  const config = deps.config.current
  switch (resourceType) {
    case ResourceType.topic: {
      const topic = deps.topics.get(resourceName)
      if (topic === undefined) {
        const illegal = topicNameProblem(resourceName)
        return illegal === null
          ? failed(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `there is no topic ${resourceName}`)
          : failed(ErrorCode.INVALID_TOPIC_EXCEPTION, illegal)
      }
      return {
        ...resource,
        configs: describeTopic(topic.configs, config, options).map((entry) => toWire(entry, version)),
      }
    }
    case ResourceType.broker: {
      const level = brokerLevel(resourceName, deps.nodeId)
      if (level === null) {
        return failed(ErrorCode.INVALID_REQUEST, `this broker is ${deps.nodeId}, not ${resourceName}`)
      }
      const entries = level === 'cluster' ? describeClusterDefaults(config, options) : describeBroker(config, options)
      return { ...resource, configs: entries.map((entry) => toWire(entry, version)) }
    }
    case ResourceType.group: {
      if (resourceName === '') return failed(ErrorCode.INVALID_REQUEST, NO_GROUP)
      const entries = describeGroup(deps.store.groupConfigs().get(resourceName) ?? NO_CONFIGS, config, options)
      return { ...resource, configs: entries.map((entry) => toWire(entry, version)) }
    }
    default:
      return failed(ErrorCode.INVALID_REQUEST, `resources of type ${resourceType} have no configuration here`)
  }
}

function toWire(entry: DescribedConfig, version: number): NonNullable<Result['configs']>[number] {
  return {
    name: entry.name,
    value: entry.value,
    readOnly: entry.readOnly,
    // Version 0 tells no source, later ones do not have this field.
    isDefault: version === 0 && entry.source === ConfigSource.default,
    configSource: entry.source,
    isSensitive: entry.sensitive,
    synonyms: entry.synonyms,
    configType: entry.type,
    documentation: entry.documentation,
  }
}
