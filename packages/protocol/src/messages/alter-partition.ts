import { array, int8, int16, int32, int64, string, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** A leader asks the controller to change the in-sync replicas of its partitions (KIP-497). */
const shape = { key: 56, name: 'AlterPartition', versions: '0-3', flexible: '0+' } as const

export const AlterPartitionRequest = request(shape, () => ({
  brokerId: int32({ entity: 'brokerId' }),
  brokerEpoch: int64({ default: -1 }),
  topics: array({
    topicName: string({ v: '0-1', ignorable: true, entity: 'topicName' }),
    topicId: uuid({ v: '2+', ignorable: true }),
    partitions: array({
      partitionIndex: int32(),
      leaderEpoch: int32(),
      newIsr: array(int32(), { v: '0-2', entity: 'brokerId' }),
      /** With the life of each broker, so that a replica that restarted meanwhile cannot enter (KIP-903). */
      newIsrWithEpochs: array(
        {
          brokerId: int32({ entity: 'brokerId' }),
          brokerEpoch: int64({ default: -1 }),
        },
        { v: '3+' },
      ),
      /** 0: recovered; 1: recovering from an unclean election (KIP-704). */
      leaderRecoveryState: int8({ v: '1+' }),
      /** The state that the change is made to; INVALID_UPDATE_VERSION if it has moved on. */
      partitionEpoch: int32(),
    }),
  }),
}))

export const AlterPartitionResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16(),
  topics: array({
    topicName: string({ v: '0-1', ignorable: true, entity: 'topicName' }),
    topicId: uuid({ v: '2+', ignorable: true }),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      leaderId: int32({ entity: 'brokerId' }),
      leaderEpoch: int32(),
      isr: array(int32(), { entity: 'brokerId' }),
      leaderRecoveryState: int8({ v: '1+', ignorable: true }),
      partitionEpoch: int32(),
    }),
  }),
}))
