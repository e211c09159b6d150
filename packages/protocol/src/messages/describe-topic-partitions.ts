import { array, boolean, int16, int32, string, struct, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Partitions of topics, page by page, with eligible leader replicas (KIP-966). */
const shape = { key: 75, name: 'DescribeTopicPartitions', versions: '0', flexible: '0+' } as const

export const DescribeTopicPartitionsRequest = request(shape, () => ({
  /** Empty for all topics. */
  topics: array({
    name: string({ entity: 'topicName' }),
  }),
  /** Most partitions in one answer; the broker has a limit of its own. */
  responsePartitionLimit: int32({ default: 2000 }),
  /** Where the page begins, as the answer before said; null for the first. */
  cursor: struct(
    {
      topicName: string({ entity: 'topicName' }),
      partitionIndex: int32(),
    },
    { nullable: '0+', default: null },
  ),
}))

export const DescribeTopicPartitionsResponse = response(shape, () => ({
  throttleTimeMs: int32({ ignorable: true }),
  topics: array({
    errorCode: int16(),
    name: string({ nullable: '0+', entity: 'topicName', key: true }),
    topicId: uuid({ ignorable: true }),
    isInternal: boolean({ ignorable: true }),
    partitions: array({
      errorCode: int16(),
      partitionIndex: int32(),
      leaderId: int32({ entity: 'brokerId' }),
      leaderEpoch: int32({ default: -1, ignorable: true }),
      replicaNodes: array(int32(), { entity: 'brokerId' }),
      isrNodes: array(int32(), { entity: 'brokerId' }),
      /** Out of sync, but known to have everything up to the high watermark. */
      eligibleLeaderReplicas: array(int32(), { nullable: '0+', default: null, entity: 'brokerId' }),
      /** Candidates for an unclean election. */
      lastKnownElr: array(int32(), { nullable: '0+', default: null, entity: 'brokerId' }),
      offlineReplicas: array(int32(), { ignorable: true, entity: 'brokerId' }),
    }),
    /** One bit per `AclOperation` code; the minimum int32 if not asked for. */
    topicAuthorizedOperations: int32({ default: -0x80000000 }),
  }),
  /** Null on the last page. */
  nextCursor: struct(
    {
      topicName: string({ entity: 'topicName' }),
      partitionIndex: int32(),
    },
    { nullable: '0+', default: null },
  ),
}))
