import type { FetchedOffsets, GroupCoordinator, OffsetQuery } from '@ottla/coordinator'
import { ErrorCode, type InputOf, type MessageOf, OffsetFetchRequest, OffsetFetchResponse } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'
import { type Topics, ZERO_ID } from '../topics/topics.ts'

/**
 * OffsetFetch (key 9), versions 0 to 10: where groups go on. Tells what is committed, never what is on its way.
 *
 * - 2: null topics for all, an error for the whole; 5: leader epochs; 6: flexible; 7: requireStable (KIP-447); 8: several groups
 *   (KIP-709); 9: members of KIP-848 groups; 10: topics by id.
 * - Who asks for everything of one group twice is told so once, and INVALID_REQUEST then.
 * - No offset is -1, and no error; a group that does not exist has none. While the coordinator reads its state it says
 *   so, and never that there is no offset.
 */
export interface OffsetFetchDeps {
  readonly groups: GroupCoordinator
  readonly topics: Topics
}

type Body = MessageOf<typeof OffsetFetchRequest>
type Response = InputOf<typeof OffsetFetchResponse>
type GroupAnswer = NonNullable<Response['groups']>[number]
type TopicAnswer = NonNullable<GroupAnswer['topics']>[number]

const WHOLE_ERROR_VERSION = 2
const GROUPS_VERSION = 8
const TOPIC_ID_VERSION = 10

export function offsetFetchHandler(deps: OffsetFetchDeps): Handler {
  return defineHandler({
    request: OffsetFetchRequest,
    response: OffsetFetchResponse,
    minVersion: 0,
    maxVersion: 10,
    handle(request, body) {
      const version = request.apiVersion
      if (version < GROUPS_VERSION) return answerOne(version, body, deps.groups.fetch(queryOfOne(body)))
      const whole = new Set<string>()
      return {
        groups: body.groups.map((asked) => {
          const { groupId, topics } = asked
          // Once is enough: a short request is not to be answered with many times what is stored.
          if (topics === null && whole.has(groupId))
            return { groupId, errorCode: ErrorCode.INVALID_REQUEST, topics: [] }
          if (topics === null) whole.add(groupId)
          return answerGroup(version, asked, body.requireStable, deps)
        }),
      }
    },
    refuse: (body, errorCode, version) =>
      version < GROUPS_VERSION
        ? answerOne(version, body, { groupId: body.groupId, errorCode, topics: [] })
        : { groups: body.groups.map(({ groupId }) => ({ groupId, errorCode, topics: [] })) },
  })
}

function queryOfOne({ groupId, topics, requireStable }: Body): OffsetQuery {
  const named = topics?.map(({ name, partitionIndexes }) => ({ name, topicId: ZERO_ID, partitionIndexes })) ?? null
  return { groupId, memberId: null, memberEpoch: -1, topics: named, requireStable }
}

/** Before version 2 an error that concerns all is said of each partition. */
function answerOne(version: number, body: Body, { errorCode, topics }: FetchedOffsets): Response {
  if (errorCode === ErrorCode.NONE || version >= WHOLE_ERROR_VERSION) {
    return {
      errorCode,
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((partition) =>
          version < 5 ? { ...partition, committedLeaderEpoch: undefined } : partition,
        ),
      })),
    }
  }
  return {
    topics: (body.topics ?? []).map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => ({
        partitionIndex,
        committedOffset: -1,
        metadata: '',
        errorCode,
      })),
    })),
  }
}

function answerGroup(
  version: number,
  asked: Body['groups'][number],
  requireStable: boolean,
  { groups, topics }: OffsetFetchDeps,
): GroupAnswer {
  const { groupId, memberId, memberEpoch } = asked
  const byId = version >= TOPIC_ID_VERSION
  const unknown: TopicAnswer[] = []
  const named: NonNullable<OffsetQuery['topics']>[number][] = []
  for (const { name, topicId, partitionIndexes } of asked.topics ?? []) {
    const info = byId ? topics.byId(topicId) : undefined
    if (byId && info === undefined) unknown.push({ topicId, partitions: partitionIndexes.map(unknownTopic) })
    else named.push({ name: info?.name ?? name, topicId, partitionIndexes })
  }
  const query = { groupId, memberId, memberEpoch, requireStable, topics: asked.topics === null ? null : named }
  const fetched = groups.fetch(query)
  const found = fetched.topics.flatMap(({ name, topicId, partitions }): TopicAnswer[] => {
    if (!byId) return [{ name, partitions }]
    // Of all topics only those that still exist can be named by id.
    const id = asked.topics === null ? topics.get(name)?.topicId : topicId
    return id === undefined ? [] : [{ topicId: id, partitions }]
  })
  return { groupId, errorCode: fetched.errorCode, topics: [...found, ...unknown] }
}

function unknownTopic(partitionIndex: number) {
  const errorCode = ErrorCode.UNKNOWN_TOPIC_ID
  return { partitionIndex, committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode }
}
