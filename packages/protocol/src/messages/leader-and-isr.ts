import { array, boolean, int8, int16, int32, int64, string, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * In ZooKeeper mode: the controller tells a broker which partitions it leads or follows. Removed in Kafka 4.0.
 *
 * Requests of a controller or for a broker life with an older epoch are refused.
 */
const shape = { key: 4, name: 'LeaderAndIsr', versions: '0-7', flexible: '4+' } as const

const leaderAndIsrPartitionState = {
  topicName: string({ v: '0-1', ignorable: true, entity: 'topicName' }),
  partitionIndex: int32(),
  controllerEpoch: int32(),
  /** -1 if there is none, -2 if the topic is being deleted. */
  leader: int32({ entity: 'brokerId' }),
  leaderEpoch: int32(),
  isr: array(int32(), { entity: 'brokerId' }),
  /** Version of the partition's state in ZooKeeper. */
  partitionEpoch: int32(),
  replicas: array(int32(), { entity: 'brokerId' }),
  addingReplicas: array(int32(), { v: '3+', ignorable: true, entity: 'brokerId' }),
  removingReplicas: array(int32(), { v: '3+', ignorable: true, entity: 'brokerId' }),
  /** The replica is created by this; on a broker with an offline directory only such ones may be. */
  isNew: boolean({ v: '1+', ignorable: true }),
  /** 0: recovered; 1: recovering from an unclean election (KIP-704). */
  leaderRecoveryState: int8({ v: '6+' }),
}

const leaderAndIsrPartitionError = {
  topicName: string({ v: '0-4', ignorable: true, entity: 'topicName' }),
  partitionIndex: int32(),
  errorCode: int16(),
}

export const LeaderAndIsrRequest = request(shape, () => ({
  controllerId: int32({ entity: 'brokerId' }),
  /** Set during a migration to KRaft (KIP-866). */
  isKRaftController: boolean({ v: '7+' }),
  controllerEpoch: int32(),
  /** Life of the broker that the request is for; -1 to skip the check. */
  brokerEpoch: int64({ v: '2+', default: -1, ignorable: true }),
  /** 0: unknown; 1: changes only; 2: all partitions, so that others on the broker's disks are strays. */
  type: int8({ v: '5+' }),
  ungroupedPartitionStates: array(leaderAndIsrPartitionState, { v: '0-1' }),
  topicStates: array(
    {
      topicName: string({ entity: 'topicName' }),
      topicId: uuid({ v: '5+', ignorable: true }),
      partitionStates: array(leaderAndIsrPartitionState),
    },
    { v: '2+' },
  ),
  liveLeaders: array({
    brokerId: int32({ entity: 'brokerId' }),
    hostName: string(),
    port: int32(),
  }),
}))

export const LeaderAndIsrResponse = response(shape, () => ({
  errorCode: int16(),
  partitionErrors: array(leaderAndIsrPartitionError, { v: '0-4' }),
  topics: array(
    {
      topicId: uuid({ key: true }),
      partitionErrors: array(leaderAndIsrPartitionError),
    },
    { v: '5+' },
  ),
}))
