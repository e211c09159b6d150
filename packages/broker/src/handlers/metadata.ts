import { ErrorCode, type InputOf, type MessageOf, MetadataRequest, MetadataResponse } from '@ottla/protocol'
import type { Endpoints } from '../server/endpoints.ts'
import { defineHandler, type Handler } from '../server/handler.ts'
import type { Request } from '../server/request.ts'
import { isInternalTopic, topicNameProblem } from '../topics/topic-names.ts'
import type { TopicInfo, Topics } from '../topics/topics.ts'
import { PARTITIONS_PER_REQUEST_MAX, ZERO_ID } from '../topics/topics.ts'

/**
 * Metadata (key 3), versions 0 to 13: who leads what, and where they are.
 *
 * - Null topics (version 0: an empty list) ask for all; later an empty list asks for none.
 * - 1: rack, controller; 2: cluster id; 4: the client may forbid auto-creation; 5: offline replicas; 7: leader epochs;
 *   8: authorized operations; 9: flexible; 10: topic ids; 12: lookup by id.
 * - A topic that is created because it was asked for is answered once it exists.
 */

type Body = MessageOf<typeof MetadataRequest>
type Response = InputOf<typeof MetadataResponse>
type TopicAnswer = NonNullable<Response['topics']>[number]
type Asked = NonNullable<Body['topics']>[number]

/** No authorizer: every operation that applies is allowed (bits of `AclOperation`). */
export const TOPIC_OPERATIONS = 0b1101_1111_1000
export const CLUSTER_OPERATIONS = 0b1_1111_1010_0000
const NOT_ASKED = -0x8000_0000
/** Versions 10 and 11 carry ids in requests, and brokers of then could not look them up. */
const LOOKUP_BY_ID_VERSION = 12

export interface MetadataHandlerDeps {
  readonly topics: Topics
  readonly endpoints: Endpoints
  readonly nodeId: number
  readonly clusterId: string
  readonly rack: string | null
  /** `auto.create.topics.enable`. */
  readonly autoCreate: () => boolean
  /** `num.partitions`. */
  readonly partitionsOfNewTopic: () => number
}

export function metadataHandler(deps: MetadataHandlerDeps): Handler {
  return defineHandler({
    request: MetadataRequest,
    response: MetadataResponse,
    minVersion: 0,
    maxVersion: 13,
    handle(request, body) {
      if (request.apiVersion < LOOKUP_BY_ID_VERSION && body.topics?.some(isById)) {
        return refuseAll(body, ErrorCode.INVALID_REQUEST)
      }
      const missing = missingTopics(request.apiVersion, body, deps)
      if (missing.length === 0 || areTooMany(missing, deps)) return answer(request, body, deps, NO_FAILURES)
      return createMissing(missing, deps).then((failures) => answer(request, body, deps, failures))
    },
    refuse: refuseAll,
  })
}

function isById({ name, topicId }: Asked): boolean {
  return name === null || topicId !== ZERO_ID
}

function refuseAll(body: Body, errorCode: number): Response {
  return {
    topics: (body.topics ?? []).map(({ name, topicId }) => ({ errorCode, name: name ?? '', topicId })),
    errorCode,
  }
}

const NO_FAILURES: ReadonlyMap<string, number> = new Map()

function asksForAll(version: number, topics: Body['topics']): boolean {
  return topics === null || (version === 0 && topics.length === 0)
}

/** Names to create: asked for by name, legal, and not there. */
function missingTopics(version: number, body: Body, { topics, autoCreate }: MetadataHandlerDeps): string[] {
  const mayCreate = (version < 4 || body.allowAutoTopicCreation) && autoCreate()
  if (body.topics === null || !mayCreate) return []
  const names = new Set<string>()
  for (const { name } of body.topics) {
    // Internal topics are made by the coordinators that own them, with settings of their own.
    if (name === null || topics.get(name) !== undefined || isInternalTopic(name)) continue
    if (topicNameProblem(name) === null) names.add(name)
  }
  return [...names]
}

/** As one request to create topics: past its bound none is made (`AutoTopicCreationManager`, which asks the controller). */
function areTooMany(names: readonly string[], { partitionsOfNewTopic }: MetadataHandlerDeps): boolean {
  return names.length * partitionsOfNewTopic() > PARTITIONS_PER_REQUEST_MAX
}

async function createMissing(names: readonly string[], { topics }: MetadataHandlerDeps): Promise<Map<string, number>> {
  const failures = new Map<string, number>()
  for (const name of names) {
    const { errorCode } = await topics.create({
      name,
      partitions: null,
      replicationFactor: null,
      assignments: [],
      configs: [],
    })
    if (errorCode !== ErrorCode.NONE && errorCode !== ErrorCode.TOPIC_ALREADY_EXISTS) failures.set(name, errorCode)
  }
  return failures
}

function answer(
  request: Request,
  body: Body,
  deps: MetadataHandlerDeps,
  failures: ReadonlyMap<string, number>,
): Response {
  const { host, port } = deps.endpoints.of(request.connection.listenerName)
  const operations = body.includeTopicAuthorizedOperations ? TOPIC_OPERATIONS : NOT_ASKED
  const topics = asksForAll(request.apiVersion, body.topics)
    ? deps.topics.all().map((topic) => describe(topic, deps.topics, operations))
    : distinct(body.topics ?? []).map((asked) => find(asked, deps.topics, operations, failures))
  return {
    brokers: [{ nodeId: deps.nodeId, host, port, rack: deps.rack }],
    clusterId: deps.clusterId,
    controllerId: deps.nodeId,
    topics,
    clusterAuthorizedOperations:
      request.apiVersion >= 8 && request.apiVersion <= 10 && body.includeClusterAuthorizedOperations
        ? CLUSTER_OPERATIONS
        : NOT_ASKED,
  }
}

/** What is asked for twice is answered once. */
function distinct(asked: readonly Asked[]): Asked[] {
  return [
    ...new Map(
      asked.map((topic) => [topic.topicId === ZERO_ID ? `name ${topic.name}` : topic.topicId, topic]),
    ).values(),
  ]
}

function find(
  { name, topicId }: Asked,
  topics: Topics,
  operations: number,
  failures: ReadonlyMap<string, number>,
): TopicAnswer {
  if (topicId !== ZERO_ID) {
    const topic = topics.byId(topicId)
    return topic === undefined
      ? { errorCode: ErrorCode.UNKNOWN_TOPIC_ID, name: null, topicId }
      : describe(topic, topics, operations)
  }
  const wanted = name ?? ''
  const topic = topics.get(wanted)
  if (topic !== undefined) return describe(topic, topics, operations)
  const errorCode =
    topicNameProblem(wanted) !== null
      ? ErrorCode.INVALID_TOPIC_EXCEPTION
      : (failures.get(wanted) ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  return { errorCode, name: wanted }
}

function describe(topic: TopicInfo, topics: Topics, operations: number): TopicAnswer {
  return {
    name: topic.name,
    topicId: topic.topicId,
    isInternal: isInternalTopic(topic.name),
    partitions: topic.partitions.map((_, partitionIndex) => ({
      partitionIndex,
      ...topics.leadershipOf(topic, partitionIndex),
    })),
    topicAuthorizedOperations: operations,
  }
}
