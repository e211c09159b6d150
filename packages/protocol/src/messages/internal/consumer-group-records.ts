import { array, bytes, int8, int32, int64, string, struct, uuid } from '../../codec/fields.ts'
import { data } from '../../codec/message.ts'

/** Records of `__consumer_offsets` for KIP-848 groups. `key` is the record type. No value: the subject is deleted. */

const assignedPartitions = {
  topicId: uuid(),
  partitions: array(int32()),
  /** Member epoch in which each of `partitions` was assigned, to fence commits of earlier owners. */
  assignmentEpochs: array(int32(), { nullable: '0+', tag: 0, default: null }),
}

export const ConsumerGroupMetadataKey = data({ key: 3, name: 'ConsumerGroupMetadataKey', versions: '0' }, () => ({
  groupId: string(),
}))

/** The group's epoch, raised by every change that calls for a new target assignment. */
export const ConsumerGroupMetadataValue = data(
  { key: 3, name: 'ConsumerGroupMetadataValue', versions: '0', flexible: '0+' },
  () => ({
    epoch: int32(),
    /** Over the subscribed topics; a change of it raises the epoch. */
    metadataHash: int64({ tag: 0 }),
  }),
)

/** No longer written: the hash above took its place. */
export const ConsumerGroupPartitionMetadataKey = data(
  { key: 4, name: 'ConsumerGroupPartitionMetadataKey', versions: '0' },
  () => ({
    groupId: string(),
  }),
)

export const ConsumerGroupPartitionMetadataValue = data(
  { key: 4, name: 'ConsumerGroupPartitionMetadataValue', versions: '0', flexible: '0+' },
  () => ({
    topics: array({
      topicId: uuid(),
      topicName: string(),
      numPartitions: int32(),
      partitionMetadata: array({
        partition: int32(),
        racks: array(string()),
      }),
    }),
  }),
)

export const ConsumerGroupMemberMetadataKey = data(
  { key: 5, name: 'ConsumerGroupMemberMetadataKey', versions: '0' },
  () => ({
    groupId: string(),
    memberId: string(),
  }),
)

/** A member's subscription. */
export const ConsumerGroupMemberMetadataValue = data(
  { key: 5, name: 'ConsumerGroupMemberMetadataValue', versions: '0', flexible: '0+' },
  () => ({
    instanceId: string({ nullable: '0+' }),
    rackId: string({ nullable: '0+' }),
    clientId: string(),
    clientHost: string(),
    subscribedTopicNames: array(string()),
    subscribedTopicRegex: string({ nullable: '0+' }),
    rebalanceTimeoutMs: int32({ default: -1 }),
    serverAssignor: string({ nullable: '0+' }),
    /** Set if the member speaks the classic protocol. */
    classicMemberMetadata: struct(
      {
        sessionTimeoutMs: int32(),
        supportedProtocols: array({
          name: string(),
          metadata: bytes(),
        }),
      },
      { nullable: '0+', tag: 0, default: null },
    ),
  }),
)

export const ConsumerGroupTargetAssignmentMetadataKey = data(
  { key: 6, name: 'ConsumerGroupTargetAssignmentMetadataKey', versions: '0' },
  () => ({
    groupId: string(),
  }),
)

export const ConsumerGroupTargetAssignmentMetadataValue = data(
  { key: 6, name: 'ConsumerGroupTargetAssignmentMetadataValue', versions: '0', flexible: '0+' },
  () => ({
    /** Group epoch for which the target assignment was computed. */
    assignmentEpoch: int32(),
    /** Milliseconds since the epoch; 0 if unknown. */
    assignmentTimestamp: int64({ tag: 0, ignorable: true }),
  }),
)

export const ConsumerGroupTargetAssignmentMemberKey = data(
  { key: 7, name: 'ConsumerGroupTargetAssignmentMemberKey', versions: '0' },
  () => ({
    groupId: string(),
    memberId: string(),
  }),
)

/** What the member is to have. */
export const ConsumerGroupTargetAssignmentMemberValue = data(
  { key: 7, name: 'ConsumerGroupTargetAssignmentMemberValue', versions: '0', flexible: '0+' },
  () => ({
    topicPartitions: array({
      topicId: uuid(),
      partitions: array(int32()),
    }),
  }),
)

export const ConsumerGroupCurrentMemberAssignmentKey = data(
  { key: 8, name: 'ConsumerGroupCurrentMemberAssignmentKey', versions: '0' },
  () => ({
    groupId: string(),
    memberId: string(),
  }),
)

/** What the member has, and how far it is on its way to the target. */
export const ConsumerGroupCurrentMemberAssignmentValue = data(
  { key: 8, name: 'ConsumerGroupCurrentMemberAssignmentValue', versions: '0', flexible: '0+' },
  () => ({
    memberEpoch: int32(),
    previousMemberEpoch: int32(),
    /** 1: stable; 2: has partitions to give up; 3: waits for partitions of others; 127: unknown. */
    state: int8(),
    assignedPartitions: array(assignedPartitions),
    partitionsPendingRevocation: array(assignedPartitions),
  }),
)

export const ConsumerGroupRegularExpressionKey = data(
  { key: 16, name: 'ConsumerGroupRegularExpressionKey', versions: '0' },
  () => ({
    groupId: string(),
    regularExpression: string(),
  }),
)

/** The topics that a regular expression matched. */
export const ConsumerGroupRegularExpressionValue = data(
  { key: 16, name: 'ConsumerGroupRegularExpressionValue', versions: '0', flexible: '0+' },
  () => ({
    topics: array(string()),
    /** Of the metadata it was resolved with. */
    version: int64(),
    /** Milliseconds since the epoch. */
    timestamp: int64(),
  }),
)
