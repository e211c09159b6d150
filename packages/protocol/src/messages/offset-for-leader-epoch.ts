import { array, int16, int32, int64, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * Asks a leader where an epoch ended in its log: how consumers and followers find the point up to which their data is
 * its data (KIP-101, KIP-320).
 */
const shape = { key: 23, name: 'OffsetForLeaderEpoch', versions: '0-4', flexible: '4+' } as const

export const OffsetForLeaderEpochRequest = request(shape, () => ({
  /** The asking broker; -1 for a consumer. The default, -2, is a broker too old to say. */
  replicaId: int32({ v: '3+', default: -2, ignorable: true, entity: 'brokerId' }),
  topics: array({
    topic: string({ entity: 'topicName', key: true }),
    partitions: array({
      partition: int32(),
      /** Fenced if it is not the leader's; -1 to skip the check. */
      currentLeaderEpoch: int32({ v: '2+', default: -1, ignorable: true }),
      /** The epoch to look up. */
      leaderEpoch: int32(),
    }),
  }),
}))

export const OffsetForLeaderEpochResponse = response(shape, () => ({
  throttleTimeMs: int32({ v: '2+', ignorable: true }),
  topics: array({
    topic: string({ entity: 'topicName', key: true }),
    partitions: array({
      errorCode: int16(),
      partition: int32(),
      /** The largest epoch not above the one asked for; -1 if the leader knows none. */
      leaderEpoch: int32({ v: '1+', default: -1, ignorable: true }),
      /** Offset after the last record of that epoch. */
      endOffset: int64({ default: -1 }),
    }),
  }),
}))
