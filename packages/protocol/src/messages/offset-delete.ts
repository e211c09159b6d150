import { array, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Deletes a group's offsets for partitions whose topic no member subscribes to (KIP-496). */
const shape = { key: 47, name: 'OffsetDelete', versions: '0' } as const

export const OffsetDeleteRequest = request(shape, () => ({
  groupId: string({ entity: 'groupId' }),
  topics: array({
    name: string({ entity: 'topicName', key: true }),
    partitions: array({
      partitionIndex: int32(),
    }),
  }),
}))

export const OffsetDeleteResponse = response(shape, () => ({
  errorCode: int16(),
  throttleTimeMs: int32({ ignorable: true }),
  topics: array({
    name: string({ entity: 'topicName', key: true }),
    partitions: array({
      partitionIndex: int32({ key: true }),
      errorCode: int16(),
    }),
  }),
}))
