import { array, int16, int32, int64, string, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** From the group coordinator to the share coordinator: where share partitions stand, without their batches. */
const shape = { key: 87, name: 'ReadShareGroupStateSummary', versions: '0-1', flexible: '0+' } as const

export const ReadShareGroupStateSummaryRequest = request(shape, () => ({
  groupId: string(),
  topics: array({
    topicId: uuid(),
    partitions: array({
      partition: int32(),
      leaderEpoch: int32(),
    }),
  }),
}))

export const ReadShareGroupStateSummaryResponse = response(shape, () => ({
  results: array({
    topicId: uuid(),
    partitions: array({
      partition: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: '0+', default: null }),
      stateEpoch: int32(),
      leaderEpoch: int32(),
      startOffset: int64(),
      /** Offsets from the start offset on that are done with; -1 if unknown. */
      deliveryCompleteCount: int32({ v: '1+', default: -1, ignorable: true }),
    }),
  }),
}))
