import { array, int8, int32, int64, string, uuid } from '../../codec/fields.ts'
import { data } from '../../codec/message.ts'

/**
 * Records of `__consumer_offsets` for share groups (KIP-932). `key` is the record type. No value: the subject is
 * deleted.
 */

const topicPartitions = {
  topicId: uuid(),
  partitions: array(int32()),
}

const topicPartitionsInfo = {
  topicId: uuid(),
  topicName: string(),
  partitions: array(int32()),
}

const topicInfo = {
  topicId: uuid(),
  topicName: string(),
}

export const ShareGroupMemberMetadataKey = data(
  { key: 10, name: 'ShareGroupMemberMetadataKey', versions: '0' },
  () => ({
    groupId: string(),
    memberId: string(),
  }),
)

export const ShareGroupMemberMetadataValue = data(
  { key: 10, name: 'ShareGroupMemberMetadataValue', versions: '0', flexible: '0+' },
  () => ({
    rackId: string({ nullable: '0+' }),
    clientId: string(),
    clientHost: string(),
    subscribedTopicNames: array(string()),
  }),
)

export const ShareGroupMetadataKey = data({ key: 11, name: 'ShareGroupMetadataKey', versions: '0' }, () => ({
  groupId: string(),
}))

export const ShareGroupMetadataValue = data(
  { key: 11, name: 'ShareGroupMetadataValue', versions: '0', flexible: '0+' },
  () => ({
    epoch: int32(),
    metadataHash: int64(),
  }),
)

export const ShareGroupTargetAssignmentMetadataKey = data(
  { key: 12, name: 'ShareGroupTargetAssignmentMetadataKey', versions: '0' },
  () => ({
    groupId: string(),
  }),
)

export const ShareGroupTargetAssignmentMetadataValue = data(
  { key: 12, name: 'ShareGroupTargetAssignmentMetadataValue', versions: '0', flexible: '0+' },
  () => ({
    assignmentEpoch: int32(),
    /** Milliseconds since the epoch; 0 if unknown. */
    assignmentTimestamp: int64({ tag: 0, ignorable: true }),
  }),
)

export const ShareGroupTargetAssignmentMemberKey = data(
  { key: 13, name: 'ShareGroupTargetAssignmentMemberKey', versions: '0' },
  () => ({
    groupId: string(),
    memberId: string(),
  }),
)

export const ShareGroupTargetAssignmentMemberValue = data(
  { key: 13, name: 'ShareGroupTargetAssignmentMemberValue', versions: '0', flexible: '0+' },
  () => ({
    topicPartitions: array({
      topicId: uuid(),
      partitions: array(int32()),
    }),
  }),
)

export const ShareGroupCurrentMemberAssignmentKey = data(
  { key: 14, name: 'ShareGroupCurrentMemberAssignmentKey', versions: '0' },
  () => ({
    groupId: string(),
    memberId: string(),
  }),
)

export const ShareGroupCurrentMemberAssignmentValue = data(
  { key: 14, name: 'ShareGroupCurrentMemberAssignmentValue', versions: '0', flexible: '0+' },
  () => ({
    memberEpoch: int32(),
    previousMemberEpoch: int32(),
    /** As in `ConsumerGroupCurrentMemberAssignmentValue`. */
    state: int8(),
    assignedPartitions: array(topicPartitions),
  }),
)

export const ShareGroupStatePartitionMetadataKey = data(
  { key: 15, name: 'ShareGroupStatePartitionMetadataKey', versions: '0' },
  () => ({
    groupId: string(),
  }),
)

/** How far the share coordinator is with the group's partitions. */
export const ShareGroupStatePartitionMetadataValue = data(
  { key: 15, name: 'ShareGroupStatePartitionMetadataValue', versions: '0', flexible: '0+' },
  () => ({
    initializingTopics: array(topicPartitionsInfo),
    initializedTopics: array(topicPartitionsInfo),
    deletingTopics: array(topicInfo),
  }),
)
