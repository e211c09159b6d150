import type { GroupCoordinator } from '@ottla/coordinator'
import { type InputOf, type MessageOf, TxnOffsetCommitRequest, TxnOffsetCommitResponse } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'
import type { Topics } from '../topics/topics.ts'
import { existingOf, mergeCommitted } from './commit-topics.ts'

/**
 * TxnOffsetCommit (key 28), versions 0 to 6: offsets of a group that count once a transaction commits.
 *
 * - 2: leader epochs; 3: flexible, and fences members of earlier generations (KIP-447); 5: enters the offsets partition by itself
 *   (KIP-890); 6: topics by id.
 * - Until then OffsetFetch tells what was committed before, or UNSTABLE_OFFSET_COMMIT to who asks for stable offsets.
 */
export interface TxnOffsetCommitDeps {
  readonly groups: GroupCoordinator
  readonly topics: Topics
}

type Body = MessageOf<typeof TxnOffsetCommitRequest>
type Response = InputOf<typeof TxnOffsetCommitResponse>

const TOPIC_ID_VERSION = 6

export function txnOffsetCommitHandler({ groups, topics }: TxnOffsetCommitDeps): Handler {
  return defineHandler({
    request: TxnOffsetCommitRequest,
    response: TxnOffsetCommitResponse,
    minVersion: 0,
    maxVersion: 6,
    handle(request, body) {
      const asked = existingOf(body.topics, topics, request.apiVersion >= TOPIC_ID_VERSION)
      if (asked.isEmpty) return mergeCommitted(asked, { topics: [] })
      groups.commitInTransaction({ ...body, topics: asked.existing }, (reply) =>
        request.respond(mergeCommitted(asked, reply)),
      )
      return undefined
    },
    refuse: (body, errorCode) => refuseAll(body, errorCode),
  })
}

function refuseAll({ topics }: Body, errorCode: number): Response {
  return {
    topics: topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  }
}
