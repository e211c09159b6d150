import { array, boolean, int8, int16, int32, int64, string, struct, uint16 } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * Joins, keeps and leaves a streams group, whose broker assigns tasks to instances of Kafka Streams (KIP-1071). What
 * has not changed since the heartbeat before may be null.
 */
const shape = { key: 88, name: 'StreamsGroupHeartbeat', versions: '0-1', flexible: '0+' } as const

const keyValue = {
  key: string(),
  value: string(),
}

const topicInfo = {
  name: string({ entity: 'topicName' }),
  partitions: int32(),
  replicationFactor: int16(),
  topicConfigs: array(keyValue),
}

const endpoint = {
  host: string(),
  port: uint16(),
}

const taskOffset = {
  subtopologyId: string(),
  partition: int32(),
  offset: int64(),
}

const taskIds = {
  subtopologyId: string(),
  partitions: array(int32()),
}

const status = {
  statusCode: int8(),
  statusDetail: string(),
}

const topicPartition = {
  topic: string({ entity: 'topicName' }),
  partitions: array(int32()),
}

export const StreamsGroupHeartbeatRequest = request(shape, () => ({
  groupId: string({ entity: 'groupId' }),
  /** Chosen by the client and kept for its life. */
  memberId: string(),
  /** 0 to join; -1 to leave; -2 to leave for a while as a static member. */
  memberEpoch: int32(),
  /** Of the `partitionsByUserEndpoint` the member has. */
  endpointInformationEpoch: int32(),
  instanceId: string({ nullable: '0+', default: null }),
  rackId: string({ nullable: '0+', default: null }),
  /** How long the member may take to give up tasks, in milliseconds; -1 if unchanged. */
  rebalanceTimeoutMs: int32({ default: -1 }),
  /** Sent when joining. */
  topology: struct(
    {
      epoch: int32(),
      subtopologies: array({
        subtopologyId: string(),
        sourceTopics: array(string(), { entity: 'topicName' }),
        sourceTopicRegex: array(string()),
        /** Created by the broker if they do not exist; 0 partitions, or replication factor, to let it choose. */
        stateChangelogTopics: array(topicInfo),
        repartitionSinkTopics: array(string(), { entity: 'topicName' }),
        repartitionSourceTopics: array(topicInfo),
        /** Topics that must have as many partitions as each other, as positions in the lists above. */
        copartitionGroups: array({
          sourceTopics: array(int16()),
          sourceTopicRegex: array(int16()),
          repartitionSourceTopics: array(int16()),
        }),
      }),
    },
    { nullable: '0+', default: null },
  ),
  activeTasks: array(taskIds, { nullable: '0+', default: null }),
  standbyTasks: array(taskIds, { nullable: '0+', default: null }),
  warmupTasks: array(taskIds, { nullable: '0+', default: null }),
  /** Shared by the members of one process. */
  processId: string({ nullable: '0+', default: null }),
  /** Where interactive queries reach this member. */
  userEndpoint: struct(endpoint, { nullable: '0+', default: null }),
  /** For standby tasks on other racks. */
  clientTags: array(keyValue, { nullable: '0+', default: null }),
  /** How far the member's state is, for those it could take over. */
  taskOffsets: array(taskOffset, { nullable: '0+', default: null }),
  taskEndOffsets: array(taskOffset, { nullable: '0+', default: null }),
  /** Asks all members to stop. */
  shutdownApplication: boolean(),
}))

export const StreamsGroupHeartbeatResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: '0+', default: null }),
  memberId: string(),
  memberEpoch: int32(),
  heartbeatIntervalMs: int32(),
  /** Version 1 widened it to `acceptableRecoveryLag`. */
  acceptableRecoveryLagLegacy: int32({ v: '0' }),
  /** Milliseconds between reports of task offsets. */
  taskOffsetIntervalMs: int32(),
  /** Offsets that a warm-up task may be behind and still become active; -1 if the broker does not say. */
  acceptableRecoveryLag: int64({ v: '1+', default: -1, ignorable: true }),
  /** Notes such as missing or badly partitioned topics, which do not stop the heartbeats. */
  status: array(status, { nullable: '0+' }),
  activeTasks: array(taskIds, { nullable: '0+', default: null }),
  standbyTasks: array(taskIds, { nullable: '0+', default: null }),
  warmupTasks: array(taskIds, { nullable: '0+', default: null }),
  /** Asks for StreamsGroupTopologyDescriptionUpdate (KIP-1331). */
  topologyDescriptionRequired: boolean({ v: '1+' }),
  endpointInformationEpoch: int32(),
  /** Null if unchanged. A process with several members has several entries of one endpoint. */
  partitionsByUserEndpoint: array(
    {
      userEndpoint: struct(endpoint),
      activePartitions: array(topicPartition),
      standbyPartitions: array(topicPartition),
    },
    { nullable: '0+', default: null },
  ),
}))
