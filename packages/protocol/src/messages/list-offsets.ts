import { array, int8, int16, int32, int64, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Finds offsets by timestamp, and the ends of the log. */
const shape = { key: 2, name: 'ListOffsets', versions: '0-11', flexible: '6+' } as const

export const ListOffsetsRequest = request(shape, () => ({
  /** The asking broker; -1 for a consumer, -2 for a debugging consumer, which may ask a follower. */
  replicaId: int32({ entity: 'brokerId' }),
  /** With 1 (read_committed) the latest offset is the last stable offset. */
  isolationLevel: int8({ v: '2+' }),
  topics: array({
    name: string({ entity: 'topicName' }),
    partitions: array({
      partitionIndex: int32(),
      currentLeaderEpoch: int32({ v: '4+', default: -1, ignorable: true }),
      /**
       * Milliseconds since the epoch: the first record at or after it. Or one of -1: latest, -2: earliest, -3: record
       * with the largest timestamp (version 7), -4: earliest local (8), -5: latest tiered (9), -6: earliest not yet
       * tiered (11).
       */
      timestamp: int64(),
      maxNumOffsets: int32({ v: '0', default: 1 }),
    }),
  }),
  /** How long lookups in tiered storage may take, in milliseconds. */
  timeoutMs: int32({ v: '10+', ignorable: true }),
}))

export const ListOffsetsResponse = response(shape, () => ({
  throttleTimeMs: int32({ v: '2+', ignorable: true }),
  topics: array({
    name: string({ entity: 'topicName' }),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      /** Version 0 answered with up to `maxNumOffsets` segment base offsets, newest first. */
      oldStyleOffsets: array(int64(), { v: '0' }),
      /** Of the record found; -1 for the special timestamps other than -3. */
      timestamp: int64({ v: '1+', default: -1 }),
      /** -1 if there is no such record. */
      offset: int64({ v: '1+', default: -1 }),
      leaderEpoch: int32({ v: '4+', default: -1 }),
    }),
  }),
}))
