import {
  ConsumerGroupCurrentMemberAssignmentKey,
  ConsumerGroupCurrentMemberAssignmentValue,
  ConsumerGroupMemberMetadataKey,
  ConsumerGroupMemberMetadataValue,
  ConsumerGroupMetadataKey,
  ConsumerGroupMetadataValue,
  ConsumerGroupRegularExpressionKey,
  ConsumerGroupRegularExpressionValue,
  ConsumerGroupTargetAssignmentMemberKey,
  ConsumerGroupTargetAssignmentMemberValue,
  ConsumerGroupTargetAssignmentMetadataKey,
  ConsumerGroupTargetAssignmentMetadataValue,
} from '@ottla/protocol'
import { type CoordinatorRecord, RecordType } from '../../runtime/record.ts'
import type { Assignment } from '../assignors/assignor.ts'
import type { OwnedPartitions } from './assigned.ts'
import { type CurrentAssignment, stateNumber } from './current-assignment.ts'
import type { ResolvedRegex } from './regex.ts'
import type { Subscription } from './subscription.ts'

/** Records of `__consumer_offsets` that KIP-848 groups are made of. */

export const groupEpoch = new RecordType(ConsumerGroupMetadataKey, ConsumerGroupMetadataValue)
export const memberSubscription = new RecordType(ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue)
export const targetEpoch = new RecordType(
  ConsumerGroupTargetAssignmentMetadataKey,
  ConsumerGroupTargetAssignmentMetadataValue,
)
export const memberTarget = new RecordType(
  ConsumerGroupTargetAssignmentMemberKey,
  ConsumerGroupTargetAssignmentMemberValue,
)
export const memberCurrent = new RecordType(
  ConsumerGroupCurrentMemberAssignmentKey,
  ConsumerGroupCurrentMemberAssignmentValue,
)
export const regularExpression = new RecordType(ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue)

export const consumerRecordTypes = [
  groupEpoch,
  memberSubscription,
  targetEpoch,
  memberTarget,
  memberCurrent,
  regularExpression,
] as const

export function groupEpochRecord(groupId: string, epoch: number, metadataHash: number): CoordinatorRecord {
  return groupEpoch.put({ groupId }, { epoch, metadataHash })
}

export function subscriptionRecord(groupId: string, memberId: string, subscription: Subscription): CoordinatorRecord {
  const { topicNames, topicRegex, classic, ...rest } = subscription
  return memberSubscription.put(
    { groupId, memberId },
    {
      ...rest,
      subscribedTopicNames: [...topicNames],
      subscribedTopicRegex: topicRegex,
      classicMemberMetadata:
        classic === null
          ? null
          : {
              sessionTimeoutMs: classic.sessionTimeoutMs,
              supportedProtocols: classic.protocols.map(({ name, metadata }) => ({ name, metadata })),
            },
    },
  )
}

export function targetEpochRecord(groupId: string, assignmentEpoch: number, nowMs: number): CoordinatorRecord {
  return targetEpoch.put({ groupId }, { assignmentEpoch, assignmentTimestamp: nowMs })
}

export function targetRecord(groupId: string, memberId: string, target: Assignment): CoordinatorRecord {
  const topicPartitions = [...target].map(([topicId, partitions]) => ({ topicId, partitions: [...partitions] }))
  return memberTarget.put({ groupId, memberId }, { topicPartitions })
}

export function currentRecord(groupId: string, memberId: string, current: CurrentAssignment): CoordinatorRecord {
  return memberCurrent.put(
    { groupId, memberId },
    {
      memberEpoch: current.memberEpoch,
      previousMemberEpoch: current.previousMemberEpoch,
      state: stateNumber(current.state),
      assignedPartitions: stored(current.assigned),
      partitionsPendingRevocation: stored(current.pendingRevocation),
    },
  )
}

function stored(owned: OwnedPartitions) {
  return [...owned].map(([topicId, partitions]) => ({
    topicId,
    partitions: [...partitions.keys()],
    assignmentEpochs: [...partitions.values()],
  }))
}

export function regexRecord(groupId: string, regex: string, resolved: ResolvedRegex): CoordinatorRecord {
  const { topicNames, version, timestampMs } = resolved
  return regularExpression.put(
    { groupId, regularExpression: regex },
    { topics: [...topicNames], version, timestamp: timestampMs },
  )
}

export function regexTombstone(groupId: string, regex: string): CoordinatorRecord {
  return regularExpression.tombstone({ groupId, regularExpression: regex })
}

/** Everything there is of a member. In this order, so that nobody without a subscription ever has partitions. */
export function memberTombstones(groupId: string, memberId: string): CoordinatorRecord[] {
  const key = { groupId, memberId }
  return [memberCurrent.tombstone(key), memberTarget.tombstone(key), memberSubscription.tombstone(key)]
}

/** Of a group without members. */
export function groupTombstones(groupId: string): CoordinatorRecord[] {
  return [targetEpoch.tombstone({ groupId }), groupEpoch.tombstone({ groupId })]
}
