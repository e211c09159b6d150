import {
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponse,
  ErrorCode,
  type InputOf,
  type MessageOf,
} from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'
import { isInternalTopic, topicNameProblem } from '../topics/topic-names.ts'
import type { TopicInfo, Topics } from '../topics/topics.ts'
import { TOPIC_OPERATIONS } from './metadata.ts'

/**
 * DescribeTopicPartitions (key 75), version 0: topics in pages, sorted by name. A page holds at most
 * `responsePartitionLimit` partitions; the cursor names the first one that did not fit.
 */

type Body = MessageOf<typeof DescribeTopicPartitionsRequest>
type Response = InputOf<typeof DescribeTopicPartitionsResponse>
type TopicAnswer = NonNullable<Response['topics']>[number]

export interface DescribeTopicPartitionsDeps {
  readonly topics: Topics
  /** `max.request.partition.size.limit`. */
  readonly partitionsPerPageMax: number
}

export function describeTopicPartitionsHandler(deps: DescribeTopicPartitionsDeps): Handler {
  return defineHandler({
    request: DescribeTopicPartitionsRequest,
    response: DescribeTopicPartitionsResponse,
    minVersion: 0,
    maxVersion: 0,
    handle: (_request, body) => page(body, deps),
    refuse: refuseAll,
  })
}

function refuseAll(body: Body, errorCode: number): Response {
  return { topics: body.topics.map(({ name }) => ({ errorCode, name })) }
}

function page(body: Body, { topics, partitionsPerPageMax }: DescribeTopicPartitionsDeps): Response {
  const { cursor } = body
  if (cursor !== null && cursor.partitionIndex < 0) return refuseAll(body, ErrorCode.INVALID_REQUEST)
  const names = (
    body.topics.length === 0 ? topics.all().map(({ name }) => name) : body.topics.map(({ name }) => name)
  ).sort()
  const from = cursor === null ? '' : cursor.topicName
  let room = Math.max(1, Math.min(body.responsePartitionLimit, partitionsPerPageMax))
  const answers: TopicAnswer[] = []
  for (const name of new Set(names)) {
    if (name < from) continue
    const topic = topics.get(name)
    if (topic === undefined) {
      // A topic deleted between two pages of a listing of all topics is simply no longer listed.
      if (body.topics.length > 0) {
        const legal = topicNameProblem(name) === null
        const errorCode = legal ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.INVALID_TOPIC_EXCEPTION
        answers.push({ errorCode, name })
      }
      continue
    }
    const first = cursor !== null && name === from ? cursor.partitionIndex : 0
    if (room === 0) return { topics: answers, nextCursor: { topicName: name, partitionIndex: first } }
    const count = Math.min(room, Math.max(0, topic.partitions.length - first))
    answers.push(describe(topic, topics, first, count))
    room -= count
    if (first + count < topic.partitions.length) {
      return { topics: answers, nextCursor: { topicName: name, partitionIndex: first + count } }
    }
  }
  return { topics: answers }
}

function describe(topic: TopicInfo, topics: Topics, first: number, count: number): TopicAnswer {
  return {
    name: topic.name,
    topicId: topic.topicId,
    isInternal: isInternalTopic(topic.name),
    topicAuthorizedOperations: TOPIC_OPERATIONS,
    partitions: topic.partitions.slice(first, first + count).map((_, i) => ({
      partitionIndex: first + i,
      ...topics.leadershipOf(topic, first + i),
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
    })),
  }
}
