import { array, int8, int16, int32, int64, string, struct, uint16 } from '../../codec/fields.ts'
import { data } from '../../codec/message.ts'

/**
 * Records of `__consumer_offsets` for streams groups (KIP-1071). `key` is the record type. No value: the subject is
 * deleted.
 */

const endpoint = {
  host: string(),
  port: uint16(),
}

const keyValue = {
  key: string(),
  value: string(),
}

const taskIds = {
  subtopologyId: string(),
  partitions: array(int32()),
}

const assignedTaskIds = {
  ...taskIds,
  /** Member epoch in which each of `partitions` was assigned; for active tasks, to fence commits of earlier owners. */
  assignmentEpochs: array(int32(), { nullable: '0+', tag: 0, default: null }),
}

const topicInfo = {
  name: string(),
  partitions: int32(),
  replicationFactor: int16(),
  topicConfigs: array(keyValue),
}

export const StreamsGroupMetadataKey = data({ key: 17, name: 'StreamsGroupMetadataKey', versions: '0' }, () => ({
  groupId: string(),
}))

export const StreamsGroupMetadataValue = data(
  { key: 17, name: 'StreamsGroupMetadataValue', versions: '0', flexible: '0+' },
  () => ({
    epoch: int32(),
    metadataHash: int64(),
    /** Topology whose topics were found to exist as they should; -1 for none. */
    validatedTopologyEpoch: int32({ tag: 0, default: -1 }),
    /** Settings of the last assignment; a change calls for a new one. */
    lastAssignmentConfigs: array(keyValue, { nullable: '0+', tag: 1, default: null }),
    /** Topology whose description is stored; -1 for none, -2 if a write was interrupted. */
    storedDescriptionTopologyEpoch: int32({ tag: 2, default: -1 }),
    /** Topology whose description was refused for good; -1 for none. */
    failedDescriptionTopologyEpoch: int32({ tag: 3, default: -1 }),
  }),
)

export const StreamsGroupMemberMetadataKey = data(
  { key: 19, name: 'StreamsGroupMemberMetadataKey', versions: '0' },
  () => ({
    groupId: string(),
    memberId: string(),
  }),
)

export const StreamsGroupMemberMetadataValue = data(
  { key: 19, name: 'StreamsGroupMemberMetadataValue', versions: '0', flexible: '0+' },
  () => ({
    instanceId: string({ nullable: '0+' }),
    rackId: string({ nullable: '0+' }),
    clientId: string(),
    clientHost: string(),
    rebalanceTimeoutMs: int32({ default: -1 }),
    topologyEpoch: int32(),
    processId: string(),
    userEndpoint: struct(endpoint, { nullable: '0+', default: null }),
    clientTags: array(keyValue),
  }),
)

export const StreamsGroupTargetAssignmentMetadataKey = data(
  { key: 20, name: 'StreamsGroupTargetAssignmentMetadataKey', versions: '0' },
  () => ({
    groupId: string(),
  }),
)

export const StreamsGroupTargetAssignmentMetadataValue = data(
  { key: 20, name: 'StreamsGroupTargetAssignmentMetadataValue', versions: '0', flexible: '0+' },
  () => ({
    assignmentEpoch: int32(),
    /** Milliseconds since the epoch; 0 if unknown. */
    assignmentTimestamp: int64({ tag: 0, ignorable: true }),
  }),
)

export const StreamsGroupTargetAssignmentMemberKey = data(
  { key: 21, name: 'StreamsGroupTargetAssignmentMemberKey', versions: '0' },
  () => ({
    groupId: string(),
    memberId: string(),
  }),
)

export const StreamsGroupTargetAssignmentMemberValue = data(
  { key: 21, name: 'StreamsGroupTargetAssignmentMemberValue', versions: '0', flexible: '0+' },
  () => ({
    activeTasks: array(taskIds),
    standbyTasks: array(taskIds),
    warmupTasks: array(taskIds),
  }),
)

export const StreamsGroupCurrentMemberAssignmentKey = data(
  { key: 22, name: 'StreamsGroupCurrentMemberAssignmentKey', versions: '0' },
  () => ({
    groupId: string(),
    memberId: string(),
  }),
)

export const StreamsGroupCurrentMemberAssignmentValue = data(
  { key: 22, name: 'StreamsGroupCurrentMemberAssignmentValue', versions: '0', flexible: '0+' },
  () => ({
    memberEpoch: int32(),
    previousMemberEpoch: int32(),
    /** As in `ConsumerGroupCurrentMemberAssignmentValue`. */
    state: int8(),
    activeTasks: array(assignedTaskIds),
    standbyTasks: array(assignedTaskIds),
    warmupTasks: array(assignedTaskIds),
    activeTasksPendingRevocation: array(assignedTaskIds),
    standbyTasksPendingRevocation: array(assignedTaskIds),
    warmupTasksPendingRevocation: array(assignedTaskIds),
  }),
)

export const StreamsGroupTopologyKey = data({ key: 23, name: 'StreamsGroupTopologyKey', versions: '0' }, () => ({
  groupId: string(),
}))

/** The topology as the members described it. */
export const StreamsGroupTopologyValue = data(
  { key: 23, name: 'StreamsGroupTopologyValue', versions: '0', flexible: '0+' },
  () => ({
    epoch: int32(),
    subtopologies: array({
      subtopologyId: string(),
      sourceTopics: array(string()),
      sourceTopicRegex: array(string()),
      stateChangelogTopics: array(topicInfo),
      repartitionSinkTopics: array(string()),
      repartitionSourceTopics: array(topicInfo),
      /** Topics that must have as many partitions as each other, as positions in the lists above. */
      copartitionGroups: array({
        sourceTopics: array(int16()),
        sourceTopicRegex: array(int16()),
        repartitionSourceTopics: array(int16()),
      }),
    }),
  }),
)
