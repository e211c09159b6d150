import { array, int16, int32, int64, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** State of transactions, by transactional id (KIP-664). */
const shape = { key: 65, name: 'DescribeTransactions', versions: '0', flexible: '0+' } as const

export const DescribeTransactionsRequest = request(shape, () => ({
  transactionalIds: array(string(), { entity: 'transactionalId' }),
}))

export const DescribeTransactionsResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  transactionStates: array({
    errorCode: int16(),
    transactionalId: string({ entity: 'transactionalId' }),
    /**
     * `Empty`, `Ongoing`, `PrepareCommit`, `PrepareAbort`, `CompleteCommit`, `CompleteAbort` or `PrepareEpochFence`.
     */
    transactionState: string(),
    transactionTimeoutMs: int32(),
    /** Milliseconds since the epoch; -1 if none is open. */
    transactionStartTimeMs: int64(),
    producerId: int64({ entity: 'producerId' }),
    producerEpoch: int16(),
    /** Partitions entered so far. */
    topics: array({
      topic: string({ entity: 'topicName', key: true }),
      partitions: array(int32()),
    }),
  }),
}))
