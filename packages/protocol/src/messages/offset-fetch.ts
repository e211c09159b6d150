import { array, boolean, int16, int32, int64, string, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * Reads the committed offsets: of one group up to version 7, of several from version 8 on (KIP-709). From version 9 on
 * members of KIP-848 groups are fenced by their epoch.
 */
const shape = { key: 9, name: 'OffsetFetch', versions: '0-10', flexible: '6+' } as const

export const OffsetFetchRequest = request(shape, () => ({
  groupId: string({ v: '0-7', entity: 'groupId' }),
  /** Null for all topics with offsets. */
  topics: array(
    {
      name: string({ entity: 'topicName' }),
      partitionIndexes: array(int32()),
    },
    { v: '0-7', nullable: '2-7' },
  ),
  groups: array(
    {
      groupId: string({ entity: 'groupId' }),
      /** Null and epoch -1 from outside the group's protocol. */
      memberId: string({ v: '9+', nullable: '9+', default: null, ignorable: true }),
      memberEpoch: int32({ v: '9+', default: -1, ignorable: true }),
      /** Null for all topics with offsets. */
      topics: array(
        {
          name: string({ v: '8-9', ignorable: true, entity: 'topicName' }),
          topicId: uuid({ v: '10+', ignorable: true }),
          partitionIndexes: array(int32()),
        },
        { nullable: '8+' },
      ),
    },
    { v: '8+' },
  ),
  /** UNSTABLE_OFFSET_COMMIT while a transaction may still change the offset (KIP-447). */
  requireStable: boolean({ v: '7+' }),
}))

export const OffsetFetchResponse = response(shape, () => ({
  throttleTimeMs: int32({ v: '3+', ignorable: true }),
  topics: array(
    {
      name: string({ entity: 'topicName' }),
      partitions: array({
        partitionIndex: int32(),
        /** The offset to read next; -1 if there is none. */
        committedOffset: int64(),
        committedLeaderEpoch: int32({ v: '5-7', default: -1, ignorable: true }),
        metadata: string({ nullable: '0-7' }),
        errorCode: int16(),
      }),
    },
    { v: '0-7' },
  ),
  errorCode: int16({ v: '2-7', ignorable: true }),
  groups: array(
    {
      groupId: string({ entity: 'groupId' }),
      topics: array({
        name: string({ v: '8-9', ignorable: true, entity: 'topicName' }),
        topicId: uuid({ v: '10+', ignorable: true }),
        partitions: array({
          partitionIndex: int32(),
          /** The offset to read next; -1 if there is none. */
          committedOffset: int64(),
          committedLeaderEpoch: int32({ default: -1, ignorable: true }),
          metadata: string({ nullable: '8+' }),
          errorCode: int16(),
        }),
      }),
      errorCode: int16(),
    },
    { v: '8+' },
  ),
}))
