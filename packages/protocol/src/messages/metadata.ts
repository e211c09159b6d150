import { array, boolean, int16, int32, string, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Brokers, controller, topics and their partitions: every client's map of the cluster. */
const shape = { key: 3, name: 'Metadata', versions: '0-13', flexible: '9+' } as const

export const MetadataRequest = request(shape, () => ({
  /** Null asks for all topics, as does an empty list in version 0; in later versions an empty list asks for none. */
  topics: array(
    {
      /** Zero if the topic is asked for by name. Lookup by id works from version 12 on. */
      topicId: uuid({ v: '10+', ignorable: true }),
      name: string({ nullable: '10+', entity: 'topicName' }),
    },
    { nullable: '1+' },
  ),
  /** Versions below 4 behave as true. */
  allowAutoTopicCreation: boolean({ v: '4+', default: true }),
  includeClusterAuthorizedOperations: boolean({ v: '8-10' }),
  includeTopicAuthorizedOperations: boolean({ v: '8+' }),
}))

export const MetadataResponse = response(shape, () => ({
  throttleTimeMs: int32({ v: '3+', ignorable: true }),
  brokers: array({
    nodeId: int32({ entity: 'brokerId', key: true }),
    host: string(),
    port: int32(),
    rack: string({ v: '1+', nullable: '1+', default: null, ignorable: true }),
  }),
  clusterId: string({ v: '2+', nullable: '2+', default: null, ignorable: true }),
  /** -1 if unknown. */
  controllerId: int32({ v: '1+', default: -1, ignorable: true, entity: 'brokerId' }),
  topics: array({
    errorCode: int16(),
    /** Null if the topic was asked for by an id that does not exist. */
    name: string({ nullable: '12+', entity: 'topicName', key: true }),
    topicId: uuid({ v: '10+', ignorable: true }),
    isInternal: boolean({ v: '1+', ignorable: true }),
    partitions: array({
      /** LEADER_NOT_AVAILABLE during an election; the other fields are filled nevertheless. */
      errorCode: int16(),
      partitionIndex: int32(),
      /** -1 while there is none. */
      leaderId: int32({ entity: 'brokerId' }),
      leaderEpoch: int32({ v: '7+', default: -1, ignorable: true }),
      replicaNodes: array(int32(), { entity: 'brokerId' }),
      isrNodes: array(int32(), { entity: 'brokerId' }),
      offlineReplicas: array(int32(), { v: '5+', ignorable: true, entity: 'brokerId' }),
    }),
    /** One bit per `AclOperation` code; the minimum int32 if not asked for. */
    topicAuthorizedOperations: int32({ v: '8+', default: -0x80000000 }),
  }),
  /** As `topicAuthorizedOperations`; moved to DescribeCluster. */
  clusterAuthorizedOperations: int32({ v: '8-10', default: -0x80000000 }),
  /** REBOOTSTRAP_REQUIRED sends the client back to its bootstrap list (KIP-1102). */
  errorCode: int16({ v: '13+', ignorable: true }),
}))
