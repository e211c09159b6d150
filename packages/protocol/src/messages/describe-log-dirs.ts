import { array, boolean, int16, int32, int64, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Sizes of the partitions in a broker's log directories. */
const shape = { key: 35, name: 'DescribeLogDirs', versions: '0-5', flexible: '2+' } as const

export const DescribeLogDirsRequest = request(shape, () => ({
  /** Null for all. */
  topics: array(
    {
      topic: string({ entity: 'topicName', key: true }),
      partitions: array(int32()),
    },
    { nullable: '0+' },
  ),
}))

export const DescribeLogDirsResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16({ v: '3+', ignorable: true }),
  results: array({
    /** Of the directory: KAFKA_STORAGE_ERROR if it is offline. */
    errorCode: int16(),
    logDir: string(),
    topics: array({
      name: string({ entity: 'topicName' }),
      partitions: array({
        partitionIndex: int32(),
        /** Bytes of all segments. */
        partitionSize: int64(),
        /** How far this copy is behind: a future one behind the current, any other behind the high watermark. */
        offsetLag: int64(),
        /** A copy being moved here from another directory. */
        isFutureKey: boolean(),
      }),
    }),
    /** Of the volume; -1 if unknown. */
    totalBytes: int64({ v: '4+', default: -1, ignorable: true }),
    usableBytes: int64({ v: '4+', default: -1, ignorable: true }),
    /** No new partitions are placed here (KIP-1066). */
    isCordoned: boolean({ v: '5+', ignorable: true }),
  }),
}))
