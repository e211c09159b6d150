import type { CommitReply, GroupCoordinator } from '@ottla/coordinator'
import { type InputOf, type MessageOf, OffsetCommitRequest, OffsetCommitResponse } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'
import type { Topics } from '../topics/topics.ts'
import { type CommitTopic, existingOf, mergeCommitted } from './commit-topics.ts'

/**
 * OffsetCommit (key 8), versions 0 to 10: where a group goes on. Answered when it is committed.
 *
 * - Version 0, which kept offsets in ZooKeeper, keeps them here too, as a commit from outside the group's protocol.
 * - 1: commit timestamp; 2 to 4: retention of its own; 6: leader epoch; 7: static members; 8: flexible; 9: members of KIP-848 groups;
 *   10: topics by id.
 * - A partition that does not exist is refused by itself.
 */
export interface OffsetCommitDeps {
  readonly groups: GroupCoordinator
  readonly topics: Topics
}

type Body = MessageOf<typeof OffsetCommitRequest>
type Response = InputOf<typeof OffsetCommitResponse>

const TOPIC_ID_VERSION = 10

export function offsetCommitHandler({ groups, topics }: OffsetCommitDeps): Handler {
  return defineHandler({
    request: OffsetCommitRequest,
    response: OffsetCommitResponse,
    minVersion: 0,
    maxVersion: 10,
    handle(request, body) {
      const asked = existingOf(body.topics, topics, request.apiVersion >= TOPIC_ID_VERSION)
      if (asked.isEmpty) return mergeCommitted(asked, { topics: [] })
      groups.commit({ ...body, topics: asked.existing }, request.apiVersion, (reply: CommitReply) =>
        request.respond(mergeCommitted(asked, reply)),
      )
      return undefined
    },
    refuse: (body, errorCode) => refuseAll(body, errorCode),
  })
}

function refuseAll(body: Body, errorCode: number): Response {
  return {
    topics: body.topics.map(({ name, topicId, partitions }: CommitTopic) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  }
}
