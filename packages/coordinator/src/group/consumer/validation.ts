import { type ConsumerGroupHeartbeatRequest, ErrorCode, type MessageOf } from '@ottla/protocol'
import { CoordinatorError } from '../../runtime/outcome.ts'
import { isWithin, type PartitionList } from './assigned.ts'
import type { CurrentAssignment } from './current-assignment.ts'
import { ASSIGNORS } from './next-epoch.ts'
import { compileRegex } from './regex.ts'

export type HeartbeatBody = MessageOf<typeof ConsumerGroupHeartbeatRequest>

/** What a member's epoch says that is none. */
export const JOIN_EPOCH = 0
export const LEAVE_EPOCH = -1
/** A static member that means to come back in time. */
export const STATIC_LEAVE_EPOCH = -2

/** From here on members choose their ids themselves. */
const MEMBER_ID_BY_CLIENT_VERSION = 1

/** What no group has to be looked at for (`GroupMetadataManager.throwIfConsumerGroupHeartbeatRequestIsInvalid`). */
export function checkHeartbeat(body: HeartbeatBody, apiVersion: number, assignors: readonly string[]): void {
  const { groupId, memberId, memberEpoch, instanceId, rackId, serverAssignor, subscribedTopicRegex } = body
  if (groupId.trim() === '') throw invalid("GroupId can't be empty.")
  if (instanceId?.trim() === '') throw invalid("InstanceId can't be empty.")
  if (rackId?.trim() === '') throw invalid("RackId can't be empty.")
  if (memberEpoch < STATIC_LEAVE_EPOCH) throw invalid('MemberEpoch is invalid.')
  const needsMemberId = memberEpoch !== JOIN_EPOCH || apiVersion >= MEMBER_ID_BY_CLIENT_VERSION
  if (needsMemberId && memberId.trim() === '') throw invalid("MemberId can't be empty.")
  if (memberEpoch === JOIN_EPOCH) checkJoin(body)
  if (memberEpoch === STATIC_LEAVE_EPOCH && instanceId === null) throw invalid("InstanceId can't be null.")
  if (serverAssignor !== null && !(assignors.includes(serverAssignor) && ASSIGNORS.has(serverAssignor))) {
    const supported = assignors.filter((name) => ASSIGNORS.has(name)).join(', ')
    throw new CoordinatorError(
      ErrorCode.UNSUPPORTED_ASSIGNOR,
      `ServerAssignor ${serverAssignor} is not supported. Supported assignors: ${supported}.`,
    )
  }
  if (subscribedTopicRegex !== null && subscribedTopicRegex !== '') compileRegex(subscribedTopicRegex)
}

function checkJoin({
  rebalanceTimeoutMs,
  topicPartitions,
  subscribedTopicNames,
  subscribedTopicRegex,
}: HeartbeatBody): void {
  if (rebalanceTimeoutMs === -1) throw invalid('RebalanceTimeoutMs must be provided in first request.')
  if (topicPartitions === null || topicPartitions.length > 0) {
    throw invalid('TopicPartitions must be empty when (re-)joining.')
  }
  if (subscribedTopicNames === null && subscribedTopicRegex === null) {
    throw invalid('Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.')
  }
}

function invalid(message: string): CoordinatorError {
  return new CoordinatorError(ErrorCode.INVALID_REQUEST, message)
}

/**
 * Who has an older epoch than is known may not have got the last answer: then it names nothing but what it has. Otherwise it
 * has been put out in the meantime, or never was what it says.
 */
export function checkMemberEpoch(current: CurrentAssignment, epoch: number, named: PartitionList | null): void {
  const { memberEpoch, previousMemberEpoch, assigned } = current
  if (epoch === memberEpoch) return
  if (epoch < memberEpoch && epoch === previousMemberEpoch && named !== null && isWithin(named, assigned)) return
  throw new CoordinatorError(
    ErrorCode.FENCED_MEMBER_EPOCH,
    `The consumer group member has a ${epoch > memberEpoch ? 'greater' : 'smaller'} member epoch (${epoch}) than the ` +
      `one known by the group coordinator (${memberEpoch}). The member must abandon all its partitions and rejoin.`,
  )
}

export function unknownMember(groupId: string, memberId: string): CoordinatorError {
  return new CoordinatorError(ErrorCode.UNKNOWN_MEMBER_ID, `Member ${memberId} is not a member of group ${groupId}.`)
}

export function unknownGroup(groupId: string): CoordinatorError {
  return new CoordinatorError(ErrorCode.GROUP_ID_NOT_FOUND, `Consumer group ${groupId} not found.`)
}
