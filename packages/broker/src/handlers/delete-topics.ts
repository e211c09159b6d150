import { DeleteTopicsRequest, DeleteTopicsResponse, ErrorCode } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'
import type { TurnBudget } from '../server/turn-budget.ts'
import { type ItemOutcome, refusal } from '../topics/outcome.ts'
import { type Topics, ZERO_ID } from '../topics/topics.ts'
import { repeated } from './repeated.ts'

/**
 * DeleteTopics (key 20), versions 0 to 6: by name, or from version 6 on by id. Exactly one of the two per topic, else
 * INVALID_REQUEST. `delete.topic.enable=false` answers TOPIC_DELETION_DISABLED (before version 3: INVALID_REQUEST).
 */
export interface DeleteTopicsDeps {
  readonly topics: Topics
  /** `delete.topic.enable`. */
  readonly enabled: () => boolean
  readonly turns: TurnBudget
}

const DELETION_DISABLED_VERSION = 3

export function deleteTopicsHandler({ topics, enabled, turns }: DeleteTopicsDeps): Handler {
  return defineHandler({
    request: DeleteTopicsRequest,
    response: DeleteTopicsResponse,
    minVersion: 0,
    maxVersion: 6,
    async handle(request, body) {
      const wanted = request.apiVersion >= 6 ? body.topics : body.topicNames.map((name) => ({ name, topicId: ZERO_ID }))
      const responses = []
      const slices = turns.slices(request.connection)
      // By id or by name, a topic is meant once or its deletion is refused (ControllerApis.deleteTopics).
      const twice = repeated(wanted, ({ name, topicId }) => {
        const known = topicId === ZERO_ID ? topics.get(name ?? '') : undefined
        return known?.topicId ?? (topicId === ZERO_ID ? `name ${name}` : topicId)
      })
      for (const [i, { name, topicId }] of wanted.entries()) {
        if (slices.over) await slices.next()
        let outcome: Removal
        if (!enabled()) outcome = { name, ...refusal(disabledCode(request.apiVersion), 'delete.topic.enable=false') }
        else if (twice.has(i)) outcome = { name, ...refusal(ErrorCode.INVALID_REQUEST, 'the topic is named twice') }
        else outcome = await remove(topics, name, topicId)
        responses.push({ topicId, ...outcome, name: outcome.name ?? (request.apiVersion >= 6 ? null : '') })
      }
      return { responses }
    },
    refuse: (body, errorCode, version) => ({
      responses:
        version >= 6
          ? body.topics.map(({ name, topicId }) => ({ name, topicId, errorCode }))
          : body.topicNames.map((name) => ({ name, errorCode })),
    }),
  })
}

function disabledCode(version: number): number {
  return version >= DELETION_DISABLED_VERSION ? ErrorCode.TOPIC_DELETION_DISABLED : ErrorCode.INVALID_REQUEST
}

type Removal = ItemOutcome & { readonly name: string | null; readonly topicId?: string }

async function remove(topics: Topics, name: string | null, topicId: string): Promise<Removal> {
  const byId = topicId !== ZERO_ID
  if (byId === (name !== null)) {
    return { name, ...refusal(ErrorCode.INVALID_REQUEST, 'a topic is named either by name or by id') }
  }
  const topic = byId ? topics.byId(topicId) : topics.get(name as string)
  if (topic === undefined) {
    return byId
      ? { name: null, ...refusal(ErrorCode.UNKNOWN_TOPIC_ID, 'no topic has this id') }
      : { name, ...refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 'there is no such topic') }
  }
  return { name: topic.name, topicId: topic.topicId, ...(await topics.delete(topic.name)) }
}
