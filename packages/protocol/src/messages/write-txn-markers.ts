import { array, boolean, int8, int16, int32, int64, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** The transaction coordinator has the leaders of a transaction's partitions write its end into their logs. */
const shape = { key: 27, name: 'WriteTxnMarkers', versions: '0-2', flexible: '1+' } as const

export const WriteTxnMarkersRequest = request(shape, () => ({
  markers: array({
    producerId: int64({ entity: 'producerId' }),
    producerEpoch: int16(),
    /** True to commit. */
    transactionResult: boolean(),
    topics: array({
      name: string({ entity: 'topicName' }),
      partitionIndexes: array(int32()),
    }),
    /** Leader epoch of the coordinator's partition of `__transaction_state`; a smaller one than before is refused. */
    coordinatorEpoch: int32(),
    /** 2 if the marker has an epoch of its own, above that of the records (KIP-1228). */
    transactionVersion: int8({ v: '2+', ignorable: true }),
  }),
}))

export const WriteTxnMarkersResponse = response(shape, () => ({
  markers: array({
    producerId: int64({ entity: 'producerId' }),
    topics: array({
      name: string({ entity: 'topicName' }),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
      }),
    }),
  }),
}))
