import { array, int8, int16, int32, int64, string, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** From the leader of a partition to the share coordinator: store a change of state. */
const shape = { key: 85, name: 'WriteShareGroupState', versions: '0-1', flexible: '0+' } as const

export const WriteShareGroupStateRequest = request(shape, () => ({
  groupId: string(),
  topics: array({
    topicId: uuid(),
    partitions: array({
      partition: int32(),
      stateEpoch: int32(),
      leaderEpoch: int32(),
      /** -1 if unchanged. */
      startOffset: int64(),
      /** Offsets from the start offset on that are done with; -1 if unknown. */
      deliveryCompleteCount: int32({ v: '1+', default: -1, ignorable: true }),
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

export const WriteShareGroupStateResponse = response(shape, () => ({
  results: array({
    topicId: uuid(),
    partitions: array({
      partition: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: '0+', default: null }),
    }),
  }),
}))
