import { type MessageOf, TransactionLogKey, TransactionLogValue } from '@ottla/protocol'
import { RecordType, RecordTypes } from '../runtime/record.ts'

/** What `__transaction_state` says of a transactional id: all there is to know of it. */
export type StoredTransaction = MessageOf<typeof TransactionLogValue>

/** Version 1, which Kafka writes since transactions version 1. */
export const transactionRecord = new RecordType(TransactionLogKey, TransactionLogValue, 1)

export const transactionRecordTypes = new RecordTypes([transactionRecord])
