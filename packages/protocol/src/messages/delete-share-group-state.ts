import { array, int16, int32, string, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** From the group coordinator to the share coordinator: forget share partitions. */
const shape = { key: 86, name: 'DeleteShareGroupState', versions: '0', flexible: '0+' } as const

export const DeleteShareGroupStateRequest = request(shape, () => ({
  groupId: string(),
  topics: array({
    topicId: uuid(),
    partitions: array({
      partition: int32(),
    }),
  }),
}))

export const DeleteShareGroupStateResponse = response(shape, () => ({
  results: array({
    topicId: uuid(),
    partitions: array({
      partition: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: '0+', default: null }),
    }),
  }),
}))
