import { array, boolean, int8, int16, int32, int64, string, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * In ZooKeeper mode: the controller gives brokers the state of partitions and the live brokers, which they answer
 * Metadata requests from. Removed in Kafka 4.0.
 */
const shape = { key: 6, name: 'UpdateMetadata', versions: '0-8', flexible: '6+' } as const

const updateMetadataPartitionState = {
  topicName: string({ v: '0-4', ignorable: true, entity: 'topicName' }),
  partitionIndex: int32(),
  controllerEpoch: int32(),
  leader: int32({ entity: 'brokerId' }),
  leaderEpoch: int32(),
  isr: array(int32(), { entity: 'brokerId' }),
  zkVersion: int32(),
  replicas: array(int32(), { entity: 'brokerId' }),
  offlineReplicas: array(int32(), { v: '4+', ignorable: true, entity: 'brokerId' }),
}

export const UpdateMetadataRequest = request(shape, () => ({
  controllerId: int32({ entity: 'brokerId' }),
  /** Set during a migration to KRaft (KIP-866). */
  isKRaftController: boolean({ v: '8+' }),
  /** As in LeaderAndIsr. */
  type: int8({ v: '8+', tag: 0 }),
  controllerEpoch: int32(),
  /** Life of the broker that the request is for; -1 to skip the check. */
  brokerEpoch: int64({ v: '5+', default: -1, ignorable: true }),
  ungroupedPartitionStates: array(updateMetadataPartitionState, { v: '0-4' }),
  topicStates: array(
    {
      topicName: string({ entity: 'topicName' }),
      topicId: uuid({ v: '7+', ignorable: true }),
      partitionStates: array(updateMetadataPartitionState),
    },
    { v: '5+' },
  ),
  liveBrokers: array({
    id: int32({ entity: 'brokerId' }),
    v0Host: string({ v: '0', ignorable: true }),
    v0Port: int32({ v: '0', ignorable: true }),
    endpoints: array(
      {
        port: int32(),
        host: string(),
        listener: string({ v: '3+', ignorable: true }),
        /** 0: PLAINTEXT; 1: SSL; 2: SASL_PLAINTEXT; 3: SASL_SSL. */
        securityProtocol: int16(),
      },
      { v: '1+', ignorable: true },
    ),
    rack: string({ v: '2+', nullable: '0+', ignorable: true }),
  }),
}))

export const UpdateMetadataResponse = response(shape, () => ({
  errorCode: int16(),
}))
