import { array, int8, int16, int32, int64, string } from '../../codec/fields.ts'
import { data } from '../../codec/message.ts'

/** Records of `__transaction_state`. No value: the transactional id is forgotten. */

export const TransactionLogKey = data({ key: 0, name: 'TransactionLogKey', versions: '0' }, () => ({
  transactionalId: string(),
}))

export const TransactionLogValue = data(
  { key: 0, name: 'TransactionLogValue', versions: '0-1', flexible: '1+' },
  () => ({
    producerId: int64(),
    /** Before the epochs of that id were used up; -1 for none. */
    previousProducerId: int64({ v: '1+', tag: 0, default: -1 }),
    /** For the next transaction, if the epochs of this id are used up; -1 for none. */
    nextProducerId: int64({ v: '1+', tag: 1, default: -1 }),
    producerEpoch: int16(),
    nextProducerEpoch: int16({ v: '1+', tag: 3, default: -1 }),
    transactionTimeoutMs: int32(),
    /**
     * 0: Empty; 1: Ongoing; 2: PrepareCommit; 3: PrepareAbort; 4: CompleteCommit; 5: CompleteAbort; 6: Dead; 7:
     * PrepareEpochFence.
     */
    transactionStatus: int8(),
    /** Null while no transaction is open. */
    transactionPartitions: array(
      {
        topic: string(),
        partitionIds: array(int32()),
      },
      { nullable: '0+' },
    ),
    transactionLastUpdateTimestampMs: int64(),
    transactionStartTimestampMs: int64(),
    /** Of the feature `transaction.version`, as the producer uses it. */
    clientTransactionVersion: int16({ v: '1+', tag: 2 }),
  }),
)
