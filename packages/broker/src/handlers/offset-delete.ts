import type { GroupCoordinator } from '@ottla/coordinator'
import { ErrorCode, OffsetDeleteRequest, OffsetDeleteResponse } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'
import type { Topics } from '../topics/topics.ts'

/**
 * OffsetDelete (key 47), version 0 (KIP-496): a group forgets offsets of partitions that none of its members reads.
 * GROUP_SUBSCRIBED_TO_TOPIC for the others; an offset that is not there is no error, a partition that is not there is.
 */
export interface OffsetDeleteDeps {
  readonly groups: GroupCoordinator
  readonly topics: Topics
}

export function offsetDeleteHandler({ groups, topics }: OffsetDeleteDeps): Handler {
  return defineHandler({
    request: OffsetDeleteRequest,
    response: OffsetDeleteResponse,
    minVersion: 0,
    maxVersion: 0,
    handle(request, body) {
      const isThere = (name: string, index: number): boolean => topics.get(name)?.partitions[index] !== undefined
      const existing = body.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.filter(({ partitionIndex }) => isThere(name, partitionIndex)),
      }))
      groups.deleteOffsets({ ...body, topics: existing }, (reply) => {
        if (reply.errorCode !== ErrorCode.NONE) {
          request.respond({ errorCode: reply.errorCode })
          return
        }
        const answered = body.topics.map(({ name, partitions }, i) => ({
          name,
          partitions: [
            ...reply.topics[i].partitions,
            ...partitions
              .filter(({ partitionIndex }) => !isThere(name, partitionIndex))
              .map(({ partitionIndex }) => ({ partitionIndex, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION })),
          ],
        }))
        request.respond({ errorCode: ErrorCode.NONE, topics: answered })
      })
      return undefined
    },
    refuse: (_body, errorCode) => ({ errorCode }),
  })
}
