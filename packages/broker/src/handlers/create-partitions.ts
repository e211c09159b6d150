import { CreatePartitionsRequest, CreatePartitionsResponse, ErrorCode } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'
import { refusal } from '../topics/outcome.ts'
import type { Topics } from '../topics/topics.ts'

/** CreatePartitions (key 37), versions 0 to 3: raises a topic's number of partitions; it never falls. */
export function createPartitionsHandler({ topics }: { readonly topics: Topics }): Handler {
  return defineHandler({
    request: CreatePartitionsRequest,
    response: CreatePartitionsResponse,
    minVersion: 0,
    maxVersion: 3,
    async handle(_request, body) {
      const results = []
      const names = body.topics.map(({ name }) => name)
      for (const [i, { name, count, assignments }] of body.topics.entries()) {
        if (names.indexOf(name) !== i) continue
        const outcome =
          names.lastIndexOf(name) === i
            ? await topics.addPartitions(
                name,
                count,
                assignments?.map(({ brokerIds }) => brokerIds) ?? null,
                body.validateOnly,
              )
            : refusal(ErrorCode.INVALID_REQUEST, 'the topic is named twice')
        results.push({ name, ...outcome })
      }
      return { results }
    },
    refuse: (body, errorCode) => ({ results: body.topics.map(({ name }) => ({ name, errorCode })) }),
  })
}
