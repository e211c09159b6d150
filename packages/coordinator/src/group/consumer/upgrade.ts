import {
  CodecError,
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  decodeVersionedLeniently,
  type MessageOf,
} from '@ottla/protocol'
import type { CoordinatorRecord } from '../../runtime/record.ts'
import { type ClassicGroup, CONSUMER_PROTOCOL_TYPE } from '../classic/classic-group.ts'
import type { ClassicMember } from '../classic/member.ts'
import type { TopicsImage } from '../topics-image.ts'
import type { OwnedPartitions } from './assigned.ts'
import { NEWLY_JOINED } from './current-assignment.ts'
import { currentRecord, groupEpochRecord, subscriptionRecord, targetEpochRecord, targetRecord } from './records.ts'
import { topicList } from './subscription.ts'

export type ClassicSubscription = MessageOf<typeof ConsumerProtocolSubscription>

/** What a classic consumer says of itself; null when that cannot be read. */
export function subscriptionIn(metadata: Buffer): ClassicSubscription | null {
  return readable(() => decodeVersionedLeniently(ConsumerProtocolSubscription, metadata))
}

function readable<T>(read: () => T): T | null {
  try {
    return read()
  } catch (error) {
    if (error instanceof CodecError) return null
    throw error
  }
}

/**
 * The records that make a classic group of consumers one of the consumer protocol, its generation the epoch, everybody with
 * what the generation assigned (`ConsumerGroup.fromClassicGroup`). Null where what its members say cannot be read.
 */
export function upgraded(classic: ClassicGroup, topics: TopicsImage, nowMs: number): CoordinatorRecord[] | null {
  const { groupId, generation } = classic
  if (classic.protocolType !== CONSUMER_PROTOCOL_TYPE) return null
  const records = [groupEpochRecord(groupId, generation, 0)]
  const taken = new Set<string>()
  for (const member of classic.members.values()) {
    const own = recordsOf(member, classic, topics, taken)
    if (own === null) return null
    records.push(...own)
  }
  records.push(targetEpochRecord(groupId, generation, nowMs))
  return records
}

function recordsOf(
  member: ClassicMember,
  classic: ClassicGroup,
  topics: TopicsImage,
  taken: Set<string>,
): CoordinatorRecord[] | null {
  const { groupId, generation } = classic
  const { memberId, instanceId, clientId, clientHost, rebalanceTimeoutMs, sessionTimeoutMs, protocols } = member
  const subscription = protocols.length === 0 ? null : subscriptionIn(protocols[0].metadata)
  if (subscription === null) return null
  const assigned = assignedTo(member, subscription, classic, topics, taken)
  if (assigned === null) return null
  const target = new Map([...assigned].map(([topicId, partitions]) => [topicId, [...partitions.keys()]]))
  return [
    subscriptionRecord(groupId, memberId, {
      instanceId,
      rackId: subscription.rackId,
      clientId,
      clientHost,
      topicNames: topicList(subscription.topics),
      topicRegex: null,
      rebalanceTimeoutMs,
      serverAssignor: null,
      classic: { sessionTimeoutMs, protocols },
    }),
    targetRecord(groupId, memberId, target),
    currentRecord(groupId, memberId, {
      ...NEWLY_JOINED,
      memberEpoch: generation,
      previousMemberEpoch: generation,
      assigned,
    }),
  ]
}

/**
 * What the member has. In the midst of a round its assignment may be forgotten already while a cooperative member goes on with
 * it: that says so itself. A leader may have given a partition away twice: here it is the first one's.
 */
function assignedTo(
  { assignment }: ClassicMember,
  said: ClassicSubscription,
  { generation, state }: ClassicGroup,
  topics: TopicsImage,
  taken: Set<string>,
): OwnedPartitions | null {
  const none = { assignedPartitions: [] }
  const read =
    assignment.length === 0 ? none : readable(() => decodeVersionedLeniently(ConsumerProtocolAssignment, assignment))
  if (read === null) return null
  const lists = state === 'Stable' ? read.assignedPartitions : [...read.assignedPartitions, ...said.ownedPartitions]
  const owned = new Map<string, Map<number, number>>()
  for (const { topic: name, partitions } of lists) {
    const topic = topics.topic(name)
    if (topic === undefined) continue
    const before = owned.get(topic.topicId) ?? []
    const free = partitions.filter((p) => p < topic.partitions && !taken.has(`${topic.topicId}:${p}`))
    for (const partition of free) taken.add(`${topic.topicId}:${partition}`)
    const both = [...before, ...free.map((partition) => [partition, generation] as const)]
    if (both.length > 0) owned.set(topic.topicId, new Map(both.sort(([a], [b]) => a - b)))
  }
  return owned
}
