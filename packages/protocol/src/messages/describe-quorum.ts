import { array, int16, int32, int64, string, uint16, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** State of the KRaft quorum: leader, voters and observers with their offsets (KIP-595). */
const shape = { key: 55, name: 'DescribeQuorum', versions: '0-2', flexible: '0+' } as const

/** Timestamps are milliseconds since the epoch, taken by the leader; -1 if unknown. */
const replicaState = {
  replicaId: int32({ entity: 'brokerId' }),
  replicaDirectoryId: uuid({ v: '2+' }),
  logEndOffset: int64(),
  lastFetchTimestamp: int64({ v: '1+', default: -1, ignorable: true }),
  lastCaughtUpTimestamp: int64({ v: '1+', default: -1, ignorable: true }),
}

export const DescribeQuorumRequest = request(shape, () => ({
  topics: array({
    topicName: string({ entity: 'topicName' }),
    partitions: array({
      partitionIndex: int32(),
    }),
  }),
}))

export const DescribeQuorumResponse = response(shape, () => ({
  errorCode: int16(),
  errorMessage: string({ v: '2+', nullable: '2+', ignorable: true }),
  topics: array({
    topicName: string({ entity: 'topicName' }),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      errorMessage: string({ v: '2+', nullable: '2+', ignorable: true }),
      leaderId: int32({ entity: 'brokerId' }),
      leaderEpoch: int32(),
      highWatermark: int64(),
      currentVoters: array(replicaState),
      /** Replicas without a vote, such as brokers. */
      observers: array(replicaState),
    }),
  }),
  nodes: array(
    {
      nodeId: int32({ entity: 'brokerId', key: true }),
      listeners: array({
        name: string({ key: true }),
        host: string(),
        port: uint16(),
      }),
    },
    { v: '2+' },
  ),
}))
