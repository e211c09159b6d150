import { array, int16, int32, int64, string, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * Stores offsets of a group as part of a transaction: they count once it commits. From version 5 on it enters the
 * offsets partition by itself (KIP-890).
 */
const shape = { key: 28, name: 'TxnOffsetCommit', versions: '0-6', flexible: '3+' } as const

export const TxnOffsetCommitRequest = request(shape, () => ({
  transactionalId: string({ entity: 'transactionalId' }),
  groupId: string({ entity: 'groupId' }),
  producerId: int64({ entity: 'producerId' }),
  producerEpoch: int16(),
  /** Fences members of earlier generations (KIP-447); -1 to skip the check. */
  generationIdOrMemberEpoch: int32({ v: '3+', default: -1 }),
  memberId: string({ v: '3+' }),
  groupInstanceId: string({ v: '3+', nullable: '3+', default: null }),
  topics: array({
    name: string({ v: '0-5', ignorable: true, entity: 'topicName' }),
    topicId: uuid({ v: '6+', ignorable: true }),
    partitions: array({
      partitionIndex: int32(),
      /** The offset to read next. */
      committedOffset: int64(),
      committedLeaderEpoch: int32({ v: '2+', default: -1, ignorable: true }),
      committedMetadata: string({ nullable: '0+' }),
    }),
  }),
}))

export const TxnOffsetCommitResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  topics: array({
    name: string({ v: '0-5', ignorable: true, entity: 'topicName' }),
    topicId: uuid({ v: '6+', ignorable: true }),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
    }),
  }),
}))
