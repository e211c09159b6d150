import { array, int16, int32, string, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Deletes an empty share group's state for topics. */
const shape = { key: 92, name: 'DeleteShareGroupOffsets', versions: '0', flexible: '0+' } as const

export const DeleteShareGroupOffsetsRequest = request(shape, () => ({
  groupId: string({ entity: 'groupId' }),
  topics: array({
    topicName: string({ entity: 'topicName' }),
  }),
}))

export const DeleteShareGroupOffsetsResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: '0+', default: null }),
  responses: array({
    topicName: string({ entity: 'topicName' }),
    topicId: uuid(),
    errorCode: int16(),
    errorMessage: string({ nullable: '0+', default: null }),
  }),
}))
