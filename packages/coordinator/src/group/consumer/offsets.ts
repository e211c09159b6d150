import { ErrorCode, ZERO_UUID } from '@ottla/protocol'
import type { TopicsImage } from '../topics-image.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { CurrentAssignment } from './current-assignment.ts'

/** Earlier versions cannot tell a member of its epoch. */
const MEMBER_EPOCH_VERSION = 9

/** Who commits what, as far as it has to be checked. */
export interface MemberCommit {
  readonly memberId: string
  /** -1 from outside the group. */
  readonly generationIdOrMemberEpoch: number
  readonly topics: readonly {
    readonly name: string
    readonly topicId: string
    readonly partitions: readonly { readonly partitionIndex: number }[]
  }[]
}

/**
 * Whether the commit is of the member's epoch, or of an earlier one in which the member already had every partition it names
 * (`ConsumerGroup.validateOffsetCommit`; KIP-1251). `apiVersion` is null in a transaction, whose clients know no
 * STALE_MEMBER_EPOCH.
 */
export function commitProblem(
  group: ConsumerGroup,
  commit: MemberCommit,
  apiVersion: number | null,
  topics: TopicsImage,
): number {
  const { memberId, generationIdOrMemberEpoch: epoch } = commit
  if (epoch < 0 && group.isEmpty) return ErrorCode.NONE
  const subscription = group.subscriptions.get(memberId)
  if (subscription === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
  const isClassic = subscription.classic !== null
  if (apiVersion !== null && !isClassic && apiVersion < MEMBER_EPOCH_VERSION) return ErrorCode.UNSUPPORTED_VERSION
  const current = group.current(memberId)
  if (epoch === current.memberEpoch) return ErrorCode.NONE
  const hadAll = !isClassic && epoch < current.memberEpoch && hadIn(epoch, current, commit, topics)
  if (hadAll) return ErrorCode.NONE
  return isClassic || apiVersion === null ? ErrorCode.ILLEGAL_GENERATION : ErrorCode.STALE_MEMBER_EPOCH
}

function hadIn(
  epoch: number,
  { assigned, pendingRevocation }: CurrentAssignment,
  { topics: committed }: MemberCommit,
  topics: TopicsImage,
): boolean {
  return committed.every(({ name, topicId, partitions }) => {
    const id = topicId === ZERO_UUID ? (topics.topic(name)?.topicId ?? ZERO_UUID) : topicId
    return partitions.every(({ partitionIndex }) => {
      const since = assigned.get(id)?.get(partitionIndex) ?? pendingRevocation.get(id)?.get(partitionIndex)
      return since !== undefined && since <= epoch
    })
  })
}

/** Of what is committed. A member that has been put out must not begin where its successor has been already. */
export function fetchProblem(group: ConsumerGroup, memberId: string | null, memberEpoch: number): number {
  if (memberEpoch < 0 && (memberId === null || memberId === '')) return ErrorCode.NONE
  const current = group.committedCurrent(memberId ?? '')
  if (current === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
  return current.memberEpoch === memberEpoch ? ErrorCode.NONE : ErrorCode.STALE_MEMBER_EPOCH
}

/** Whether some member reads the topic. */
export function isSubscribedTo(group: ConsumerGroup, topic: string): boolean {
  for (const { topicNames } of group.subscriptions.values()) if (topicNames.includes(topic)) return true
  for (const { topicNames } of group.regexes.values()) if (topicNames.includes(topic)) return true
  return false
}
