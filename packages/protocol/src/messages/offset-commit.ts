import { array, int16, int32, int64, string, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * Stores offsets of a group. Commits of members are checked by generation or member epoch, others by a group without
 * members.
 *
 * Version 9 is needed by members of KIP-848 groups; version 10 names topics by id.
 */
const shape = { key: 8, name: 'OffsetCommit', versions: '0-10', flexible: '8+' } as const

export const OffsetCommitRequest = request(shape, () => ({
  groupId: string({ entity: 'groupId' }),
  /** -1 if the commit comes from outside the group's protocol. */
  generationIdOrMemberEpoch: int32({ v: '1+', default: -1, ignorable: true }),
  /** Empty if the commit comes from outside the group's protocol. */
  memberId: string({ v: '1+', ignorable: true }),
  groupInstanceId: string({ v: '7+', nullable: '7+', default: null }),
  /** Milliseconds to keep the offsets; -1 for the broker's setting. */
  retentionTimeMs: int64({ v: '2-4', default: -1, ignorable: true }),
  topics: array({
    name: string({ v: '0-9', ignorable: true, entity: 'topicName' }),
    topicId: uuid({ v: '10+', ignorable: true }),
    partitions: array({
      partitionIndex: int32(),
      /** The offset to read next. */
      committedOffset: int64(),
      /** Leader epoch of the last record read; -1 if unknown. */
      committedLeaderEpoch: int32({ v: '6+', default: -1, ignorable: true }),
      /** Milliseconds since the epoch; -1 for the time of arrival. */
      commitTimestamp: int64({ v: '1', default: -1 }),
      committedMetadata: string({ nullable: '0+' }),
    }),
  }),
}))

export const OffsetCommitResponse = response(shape, () => ({
  throttleTimeMs: int32({ v: '3+', ignorable: true }),
  topics: array({
    name: string({ v: '0-9', ignorable: true, entity: 'topicName' }),
    topicId: uuid({ v: '10+', ignorable: true }),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
    }),
  }),
}))
