import { array, int16, int32, int64, string, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Where share groups stand in their partitions. */
const shape = { key: 90, name: 'DescribeShareGroupOffsets', versions: '0-1', flexible: '0+' } as const

export const DescribeShareGroupOffsetsRequest = request(shape, () => ({
  groups: array({
    groupId: string({ entity: 'groupId' }),
    /** Null for all of the group's. */
    topics: array(
      {
        topicName: string({ entity: 'topicName' }),
        partitions: array(int32()),
      },
      { nullable: '0+' },
    ),
  }),
}))

export const DescribeShareGroupOffsetsResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  groups: array({
    groupId: string({ entity: 'groupId' }),
    topics: array({
      topicName: string({ entity: 'topicName' }),
      topicId: uuid(),
      partitions: array({
        partitionIndex: int32(),
        /** First offset not yet done with; -1 if the partition was never shared. */
        startOffset: int64(),
        leaderEpoch: int32(),
        /** Records from there to the end that are not yet done with; -1 if unknown (KIP-1226). */
        lag: int64({ v: '1+', default: -1, ignorable: true }),
        errorCode: int16(),
        errorMessage: string({ nullable: '0+', default: null }),
      }),
    }),
    errorCode: int16(),
    errorMessage: string({ nullable: '0+', default: null }),
  }),
}))
