import { ErrorCode, type FetchRequest, type MessageOf } from '@ottla/protocol'
import type { ReplicaManager } from '../replica-manager/replica-manager.ts'
import { EMPTY_SLICE, type FetchItem } from './fetch-item.ts'
import {
  type FetchSession,
  type FetchSessionCache,
  FINAL_EPOCH,
  INITIAL_EPOCH,
  nextEpoch,
  partitionKey,
  type SessionPartition,
} from './fetch-session.ts'

type Body = MessageOf<typeof FetchRequest>
type Topic = Body['topics'][number]
type TopicPartition = Topic['partitions'][number]

/** From which version on topics travel as ids. */
export const TOPIC_ID_VERSION = 13

/**
 * What a fetch request means in the light of its session: which partitions are to be read, and which of the results
 * the client needs to be told.
 */
export interface FetchContext {
  readonly errorCode: number
  /** What the response carries; 0 for no session. */
  readonly sessionId: number
  readonly items: FetchItem[]
  /** Whether the response must name this partition; called once per item when it has been read. */
  mustTell(item: FetchItem): boolean
}

export interface FetchContextDeps {
  readonly replicas: ReplicaManager
  readonly sessions: FetchSessionCache
}

/** `FetchManager.newContext` in Apache Kafka. */
export function fetchContext(body: Body, version: number, deps: FetchContextDeps): FetchContext {
  const usesTopicIds = version >= TOPIC_ID_VERSION
  const { sessionId, sessionEpoch } = body
  if (sessionEpoch === INITIAL_EPOCH || sessionEpoch === FINAL_EPOCH) {
    if (sessionId !== 0) deps.sessions.remove(sessionId)
    return sessionEpoch === FINAL_EPOCH ? sessionless(body, usesTopicIds, deps) : newSession(body, usesTopicIds, deps)
  }
  const session = deps.sessions.get(sessionId)
  if (session === undefined) return failed(ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
  if (session.epoch !== sessionEpoch) return failed(ErrorCode.INVALID_FETCH_SESSION_EPOCH)
  if (session.usesTopicIds !== usesTopicIds) return failed(ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR)
  session.epoch = nextEpoch(sessionEpoch)
  deps.sessions.touch(session)
  updateSession(session, body, usesTopicIds)
  if (session.partitions.size === 0) {
    // Nothing is left to fetch: the slot is free again, and the client learns so from session id 0.
    deps.sessions.remove(sessionId)
    return sessionless(body, usesTopicIds, deps)
  }
  return sessionContext(session, deps)
}

function failed(errorCode: number): FetchContext {
  return { errorCode, sessionId: 0, items: [], mustTell: () => true }
}

function sessionless(body: Body, usesTopicIds: boolean, deps: FetchContextDeps): FetchContext {
  const items: FetchItem[] = []
  for (const topic of body.topics) {
    for (const wanted of topic.partitions)
      items.push(resolve(wantedPartition(topic, wanted, usesTopicIds), usesTopicIds, deps.replicas))
  }
  return { errorCode: ErrorCode.NONE, sessionId: 0, items, mustTell: () => true }
}

function newSession(body: Body, usesTopicIds: boolean, deps: FetchContextDeps): FetchContext {
  const partitions = new Map<string, SessionPartition>()
  for (const topic of body.topics) {
    for (const wanted of topic.partitions) {
      const partition = wantedPartition(topic, wanted, usesTopicIds)
      partitions.set(keyOf(partition), partition)
    }
  }
  const session = partitions.size === 0 ? null : deps.sessions.create(partitions, usesTopicIds)
  if (session === null) return sessionless(body, usesTopicIds, deps)
  const context = sessionContext(session, deps)
  return {
    ...context,
    mustTell: (item) => {
      context.mustTell(item)
      return true
    },
  }
}

function updateSession(session: FetchSession, body: Body, usesTopicIds: boolean): void {
  for (const topic of body.topics) {
    for (const wanted of topic.partitions) {
      const fresh = wantedPartition(topic, wanted, usesTopicIds)
      const known = session.partitions.get(keyOf(fresh))
      if (known === undefined) {
        session.partitions.set(keyOf(fresh), fresh)
        continue
      }
      known.fetchOffset = fresh.fetchOffset
      known.maxBytes = fresh.maxBytes
      known.currentLeaderEpoch = fresh.currentLeaderEpoch
      known.lastFetchedEpoch = fresh.lastFetchedEpoch
    }
  }
  for (const forgotten of body.forgottenTopicsData) {
    const topic = usesTopicIds ? forgotten.topicId : forgotten.topic
    for (const partition of forgotten.partitions) session.partitions.delete(partitionKey(topic, partition))
  }
}

function sessionContext(session: FetchSession, deps: FetchContextDeps): FetchContext {
  const items: FetchItem[] = []
  const byItem = new Map<FetchItem, SessionPartition>()
  for (const partition of session.partitions.values()) {
    const item = resolve(partition, session.usesTopicIds, deps.replicas)
    items.push(item)
    byItem.set(item, partition)
  }
  return {
    errorCode: ErrorCode.NONE,
    sessionId: session.id,
    items,
    mustTell: (item) => isNews(session, byItem.get(item) as SessionPartition, item),
  }
}

/** `CachedPartition.maybeUpdateResponseData`: tells, and remembers what has been told. */
function isNews(session: FetchSession, partition: SessionPartition, item: FetchItem): boolean {
  const hasData = item.slice !== null && item.slice.bytes > 0
  let news = hasData || item.divergingEpoch !== null
  if (hasData) {
    const key = keyOf(partition)
    if (session.partitions.delete(key)) session.partitions.set(key, partition)
  }
  if (item.errorCode !== ErrorCode.NONE) {
    partition.toldHighWatermark = -1
    return true
  }
  if (partition.toldHighWatermark !== item.highWatermark) {
    partition.toldHighWatermark = item.highWatermark
    news = true
  }
  if (partition.toldLogStartOffset !== item.logStartOffset) {
    partition.toldLogStartOffset = item.logStartOffset
    news = true
  }
  return news
}

function keyOf(partition: SessionPartition): string {
  return partitionKey(partition.topic === '' ? partition.topicId : partition.topic, partition.partition)
}

function wantedPartition(topic: Topic, wanted: TopicPartition, usesTopicIds: boolean): SessionPartition {
  return {
    topic: usesTopicIds ? '' : topic.topic,
    topicId: topic.topicId,
    partition: wanted.partition,
    fetchOffset: wanted.fetchOffset,
    maxBytes: wanted.partitionMaxBytes,
    currentLeaderEpoch: wanted.currentLeaderEpoch,
    lastFetchedEpoch: wanted.lastFetchedEpoch,
    toldHighWatermark: -1,
    toldLogStartOffset: -1,
  }
}

function resolve(wanted: SessionPartition, byId: boolean, replicas: ReplicaManager): FetchItem {
  const found = byId
    ? replicas.partitionById(wanted.topicId, wanted.partition)
    : replicas.partition(wanted.topic, wanted.partition)
  const item: FetchItem = {
    topic: wanted.topic,
    topicId: wanted.topicId,
    index: wanted.partition,
    fetchOffset: wanted.fetchOffset,
    maxBytes: wanted.maxBytes,
    currentLeaderEpoch: wanted.currentLeaderEpoch,
    lastFetchedEpoch: wanted.lastFetchedEpoch,
    partition: found ?? null,
    errorCode: ErrorCode.NONE,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    slice: EMPTY_SLICE,
    divergingEpoch: null,
    readableEnd: -1,
  }
  if (found === undefined) {
    item.errorCode =
      byId && !replicas.hasTopicId(wanted.topicId) ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  } else {
    item.errorCode = replicas.checkLeaderEpoch(found, wanted.currentLeaderEpoch)
  }
  return item
}
