import { array, int16, int32, int64, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * The producers that a partition's leader remembers, with their open transactions (KIP-664): how to find a hanging one.
 */
const shape = { key: 61, name: 'DescribeProducers', versions: '0', flexible: '0+' } as const

export const DescribeProducersRequest = request(shape, () => ({
  topics: array({
    name: string({ entity: 'topicName', key: true }),
    partitionIndexes: array(int32()),
  }),
}))

export const DescribeProducersResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  topics: array({
    name: string({ entity: 'topicName' }),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: '0+', default: null }),
      activeProducers: array({
        producerId: int64({ entity: 'producerId' }),
        /** An int16 everywhere else. */
        producerEpoch: int32(),
        lastSequence: int32({ default: -1 }),
        /** Milliseconds since the epoch; -1 if unknown. */
        lastTimestamp: int64({ default: -1 }),
        /** Of the last transaction marker; -1 if there was none. */
        coordinatorEpoch: int32(),
        /** -1 if no transaction is open. */
        currentTxnStartOffset: int64({ default: -1 }),
      }),
    }),
  }),
}))
