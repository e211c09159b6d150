import { array, int16, int32, int64, string, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Sets where an empty share group continues. */
const shape = { key: 91, name: 'AlterShareGroupOffsets', versions: '0', flexible: '0+' } as const

export const AlterShareGroupOffsetsRequest = request(shape, () => ({
  groupId: string({ entity: 'groupId' }),
  topics: array({
    topicName: string({ entity: 'topicName', key: true }),
    partitions: array({
      partitionIndex: int32(),
      startOffset: int64(),
    }),
  }),
}))

export const AlterShareGroupOffsetsResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: '0+', default: null }),
  responses: array({
    topicName: string({ entity: 'topicName', key: true }),
    topicId: uuid(),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: '0+', default: null }),
    }),
  }),
}))
