import { array, int8, int16, int32, int64, string, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** From the leader of a partition to the share coordinator: read the state and fence earlier leaders. */
const shape = { key: 84, name: 'ReadShareGroupState', versions: '0', flexible: '0+' } as const

export const ReadShareGroupStateRequest = request(shape, () => ({
  groupId: string(),
  topics: array({
    topicId: uuid(),
    partitions: array({
      partition: int32(),
      leaderEpoch: int32(),
    }),
  }),
}))

export const ReadShareGroupStateResponse = response(shape, () => ({
  results: array({
    topicId: uuid(),
    partitions: array({
      partition: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: '0+', default: null }),
      stateEpoch: int32(),
      startOffset: int64(),
      stateBatches: array({
        firstOffset: int64(),
        lastOffset: int64(),
        /** 0: available; 2: acknowledged; 4: archived. */
        deliveryState: int8(),
        deliveryCount: int16(),
      }),
    }),
  }),
}))
