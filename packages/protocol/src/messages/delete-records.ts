import { array, int16, int32, int64, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Moves the log start offset up: what is below is gone for readers at once, and from disk in time. */
const shape = { key: 21, name: 'DeleteRecords', versions: '0-2', flexible: '2+' } as const

export const DeleteRecordsRequest = request(shape, () => ({
  topics: array({
    name: string({ entity: 'topicName' }),
    partitions: array({
      partitionIndex: int32(),
      /** The new log start offset; -1 for the high watermark. */
      offset: int64(),
    }),
  }),
  /** Milliseconds to wait at most until all replicas have moved theirs. */
  timeoutMs: int32(),
}))

export const DeleteRecordsResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  topics: array({
    name: string({ entity: 'topicName', key: true }),
    partitions: array({
      partitionIndex: int32({ key: true }),
      /** The smallest log start offset of all live replicas; -1 with an error. */
      lowWatermark: int64(),
      errorCode: int16(),
    }),
  }),
}))
