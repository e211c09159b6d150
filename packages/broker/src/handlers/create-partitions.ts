import { CreatePartitionsRequest, CreatePartitionsResponse, ErrorCode } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'
import type { TurnBudget } from '../server/turn-budget.ts'
import { type ItemOutcome, refusal } from '../topics/outcome.ts'
import type { Topics } from '../topics/topics.ts'
import { repeated } from './repeated.ts'

export interface CreatePartitionsDeps {
  readonly topics: Topics
  readonly turns: TurnBudget
}

/** CreatePartitions (key 37), versions 0 to 3: raises a topic's number of partitions; it never falls. */
export function createPartitionsHandler({ topics, turns }: CreatePartitionsDeps): Handler {
  return defineHandler({
    request: CreatePartitionsRequest,
    response: CreatePartitionsResponse,
    minVersion: 0,
    maxVersion: 3,
    async handle({ connection }, body) {
      const slices = turns.slices(connection)
      const results = new Map<string, ItemOutcome>()
      const twice = repeated(body.topics, ({ name }) => name)
      for (const [i, { name, count, assignments }] of body.topics.entries()) {
        if (slices.over) await slices.next()
        const replicas = assignments?.map(({ brokerIds }) => brokerIds) ?? null
        const outcome = twice.has(i)
          ? refusal(ErrorCode.INVALID_REQUEST, 'the topic is named twice')
          : await topics.addPartitions(name, count, replicas, body.validateOnly)
        results.set(name, outcome)
      }
      return { results: [...results].map(([name, outcome]) => ({ name, ...outcome })) }
    },
    refuse: (body, errorCode) => ({ results: body.topics.map(({ name }) => ({ name, errorCode })) }),
  })
}
