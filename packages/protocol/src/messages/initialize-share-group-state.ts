import { array, int16, int32, int64, string, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** From the group coordinator to the share coordinator: begin to keep state for share partitions. */
const shape = { key: 83, name: 'InitializeShareGroupState', versions: '0', flexible: '0+' } as const

export const InitializeShareGroupStateRequest = request(shape, () => ({
  groupId: string(),
  topics: array({
    topicId: uuid(),
    partitions: array({
      partition: int32(),
      /** Raised with each initialization; fences those who know an earlier one. */
      stateEpoch: int32(),
      /** -1 to leave it to the partition's leader. */
      startOffset: int64(),
    }),
  }),
}))

export const InitializeShareGroupStateResponse = response(shape, () => ({
  results: array({
    topicId: uuid(),
    partitions: array({
      partition: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: '0+', default: null }),
    }),
  }),
}))
