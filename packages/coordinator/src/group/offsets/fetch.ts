import { ErrorCode, ZERO_UUID } from '@ottla/protocol'
import type { CommittedOffset } from './committed-offset.ts'
import type { OffsetStore } from './offset-store.ts'

/** What is asked of one group. */
export interface OffsetQuery {
  readonly groupId: string
  /** Null from outside the group. */
  readonly memberId: string | null
  readonly memberEpoch: number
  /** Null for every topic with offsets. */
  readonly topics:
    | readonly { readonly name: string; readonly topicId: string; readonly partitionIndexes: readonly number[] }[]
    | null
  /** Partitions that an open transaction may still change are answered with an error (KIP-447). */
  readonly requireStable: boolean
}

export interface FetchedPartition {
  readonly partitionIndex: number
  /** -1: none. */
  readonly committedOffset: number
  readonly committedLeaderEpoch: number
  readonly metadata: string
  readonly errorCode: number
}

export interface FetchedTopic {
  readonly name: string
  readonly topicId: string
  readonly partitions: readonly FetchedPartition[]
}

export interface FetchedOffsets {
  readonly groupId: string
  readonly errorCode: number
  readonly topics: readonly FetchedTopic[]
}

export function fetchOffsets(store: OffsetStore, query: OffsetQuery): FetchedOffsets {
  const { groupId, topics } = query
  const answered = topics === null ? allTopics(store, query) : topics.map((topic) => namedTopic(store, query, topic))
  return { groupId, errorCode: ErrorCode.NONE, topics: answered }
}

function namedTopic(
  store: OffsetStore,
  { groupId: group, requireStable }: OffsetQuery,
  { name, topicId, partitionIndexes }: NonNullable<OffsetQuery['topics']>[number],
): FetchedTopic {
  const partitions = partitionIndexes.map((partition) => {
    const place = { group, topic: name, partition }
    const committed = store.get(place)
    // Of a topic of that name that is gone.
    const isOther =
      committed !== undefined &&
      topicId !== ZERO_UUID &&
      committed.topicId !== ZERO_UUID &&
      committed.topicId !== topicId
    return fetched(partition, isOther ? undefined : committed, requireStable && store.isUnstable(place))
  })
  return { name, topicId, partitions }
}

function allTopics(store: OffsetStore, { groupId: group, requireStable }: OffsetQuery): FetchedTopic[] {
  const topics: FetchedTopic[] = []
  for (const [topic, offsets] of store.topicsOf(group)) {
    const partitions: FetchedPartition[] = []
    let topicId: string | null = null
    for (const [partition, committed] of offsets) {
      topicId = committed.topicId
      const isUnstable = requireStable && store.isUnstable({ group, topic, partition })
      partitions.push(fetched(partition, committed, isUnstable))
    }
    if (topicId !== null) topics.push({ name: topic, topicId, partitions })
  }
  return topics
}

function fetched(
  partitionIndex: number,
  committed: CommittedOffset | undefined,
  isUnstable: boolean,
): FetchedPartition {
  if (isUnstable) return without(partitionIndex, ErrorCode.UNSTABLE_OFFSET_COMMIT)
  if (committed === undefined) return without(partitionIndex, ErrorCode.NONE)
  const { offset, leaderEpoch, metadata } = committed
  return {
    partitionIndex,
    committedOffset: offset,
    committedLeaderEpoch: leaderEpoch,
    metadata,
    errorCode: ErrorCode.NONE,
  }
}

export function without(partitionIndex: number, errorCode: number): FetchedPartition {
  return { partitionIndex, committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode }
}
