import { CreateTopicsRequest, CreateTopicsResponse, ErrorCode, type InputOf, type MessageOf } from '@ottla/protocol'
import { ConfigSource, describeTopic } from '../config/index.ts'
import type { LiveConfig } from '../config/live-config.ts'
import { defineHandler, type Handler } from '../server/handler.ts'
import type { TurnBudget } from '../server/turn-budget.ts'
import { type ItemOutcome, refusal } from '../topics/outcome.ts'
import { type CreateTopicSpec, PARTITIONS_PER_REQUEST_MAX, type Topics } from '../topics/topics.ts'
import { repeated } from './repeated.ts'

/**
 * CreateTopics (key 19), versions 0 to 7: each topic for itself, in the order asked for.
 *
 * - 1: messages, validate only; 4: clients know that -1 stands for the broker's default, which holds in all;
 *   5: flexible, the configuration comes back
 *   (KIP-525); 7: topic ids.
 * - A name that appears twice in one request is refused with INVALID_REQUEST, both times as one.
 */

type Body = MessageOf<typeof CreateTopicsRequest>
type Response = InputOf<typeof CreateTopicsResponse>
type TopicAnswer = NonNullable<Response['topics']>[number]

export interface CreateTopicsDeps {
  readonly topics: Topics
  readonly config: LiveConfig
  readonly turns: TurnBudget
}

export function createTopicsHandler(deps: CreateTopicsDeps): Handler {
  return defineHandler({
    request: CreateTopicsRequest,
    response: CreateTopicsResponse,
    minVersion: 0,
    maxVersion: 7,
    async handle({ connection }, body) {
      const slices = deps.turns.slices(connection)
      const answers = new Map<string, TopicAnswer>()
      const twice = repeated(body.topics, ({ name }) => name)
      const excess = tooManyPartitions(body.topics, deps)
      for (const [i, topic] of body.topics.entries()) {
        if (slices.over) await slices.next()
        const { name } = topic
        if (twice.has(i)) answers.set(name, { name, ...NAMED_TWICE })
        else if (excess !== null) answers.set(name, { name, ...excess })
        else answers.set(name, await create(topic, body.validateOnly, deps))
      }
      return { topics: [...answers.values()] }
    },
    refuse: (body, errorCode) => ({ topics: body.topics.map(({ name }) => ({ name, errorCode })) }),
  })
}

const NAMED_TWICE = refusal(ErrorCode.INVALID_REQUEST, 'the topic is named twice')

/** Over all topics of a request, so that one frame cannot ask for millions of files. */
function tooManyPartitions(topics: Body['topics'], { config }: CreateTopicsDeps): ItemOutcome | null {
  let total = 0
  for (const { numPartitions, assignments } of topics) {
    total += assignments.length > 0 ? assignments.length : Math.max(0, numPartitions)
    if (numPartitions === -1 && assignments.length === 0) total += config.current.get('num.partitions')
  }
  if (total <= PARTITIONS_PER_REQUEST_MAX) return null
  const message = `${total} new partitions; at most ${PARTITIONS_PER_REQUEST_MAX} per request`
  return refusal(ErrorCode.POLICY_VIOLATION, message)
}

async function create(
  topic: Body['topics'][number],
  validateOnly: boolean,
  deps: CreateTopicsDeps,
): Promise<TopicAnswer> {
  const { name, numPartitions, replicationFactor, assignments, configs } = topic
  const spec: CreateTopicSpec = {
    name,
    partitions: numPartitions === -1 ? null : numPartitions,
    replicationFactor: replicationFactor === -1 ? null : replicationFactor,
    assignments,
    configs: configs.map(({ name: key, value }) => [key, value] as const),
  }
  const { errorCode, errorMessage, created } = await deps.topics.create(spec, validateOnly)
  if (created === null) return { name, errorCode, errorMessage }
  return {
    name,
    topicId: created.topicId,
    numPartitions: created.partitions,
    replicationFactor: created.replicationFactor,
    configs: describeTopic(created.configs, deps.config.current).map((entry) => ({
      name: entry.name,
      value: entry.value,
      readOnly: entry.readOnly,
      configSource: entry.source ?? ConfigSource.default,
      isSensitive: entry.sensitive,
    })),
  }
}
