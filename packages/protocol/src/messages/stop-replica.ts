import { array, boolean, int16, int32, int64, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** In ZooKeeper mode: the controller has a broker stop replicas and perhaps delete them. Removed in Kafka 4.0. */
const shape = { key: 5, name: 'StopReplica', versions: '0-4', flexible: '2+' } as const

export const StopReplicaRequest = request(shape, () => ({
  controllerId: int32({ entity: 'brokerId' }),
  /** Set during a migration to KRaft (KIP-866). */
  isKRaftController: boolean({ v: '4+' }),
  controllerEpoch: int32(),
  /** Life of the broker that the request is for; -1 to skip the check. */
  brokerEpoch: int64({ v: '1+', default: -1, ignorable: true }),
  deletePartitions: boolean({ v: '0-2' }),
  ungroupedPartitions: array(
    {
      topicName: string({ entity: 'topicName' }),
      partitionIndex: int32(),
    },
    { v: '0' },
  ),
  topics: array(
    {
      name: string({ entity: 'topicName' }),
      partitionIndexes: array(int32()),
    },
    { v: '1-2' },
  ),
  topicStates: array(
    {
      topicName: string({ entity: 'topicName' }),
      partitionStates: array({
        partitionIndex: int32(),
        /** -1 to skip the check, -2 if the topic is being deleted. */
        leaderEpoch: int32({ default: -1 }),
        deletePartition: boolean(),
      }),
    },
    { v: '3+' },
  ),
}))

export const StopReplicaResponse = response(shape, () => ({
  errorCode: int16(),
  partitionErrors: array({
    topicName: string({ entity: 'topicName' }),
    partitionIndex: int32(),
    errorCode: int16(),
  }),
}))
