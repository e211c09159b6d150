import { ErrorCode, isRetriable } from '@ottla/protocol'

/**
 * What an error code in an answer means for the transaction. As Apache Kafka's client has it (`TransactionManager`,
 * KIP-360, KIP-588, KIP-890, KIP-1050), except that an error about a group, whatever it is, never ends the producer.
 */
export type Outcome =
  /** The same request again, a little later. */
  | 'retry'
  /** The same request again, once it is known who coordinates. */
  | 'find'
  /** The transaction can only be aborted. */
  | 'abort'
  /** Likewise, and the producer needs a higher epoch, without which nothing can be ended. */
  | 'abort-and-raise'
  /** The producer cannot go on. */
  | 'fatal'

export type AskedApi =
  | 'FindCoordinator'
  | 'InitProducerId'
  | 'AddPartitionsToTxn'
  | 'AddOffsetsToTxn'
  | 'TxnOffsetCommit'
  | 'EndTxn'

/** Ms, at first and in the end: Apache Kafka's client always waits for the latter. */
const CONCURRENT_FIRST_WAIT_MS = 2
const CONCURRENT_LONGEST_WAIT_MS = 20

/**
 * Ms to wait after CONCURRENT_TRANSACTIONS has been answered `times` times in a row (at least 1): the end of the
 * transaction before is just being written, which mostly takes less than a wait that is meant for trouble.
 */
export function concurrentWaitMs(times: number): number {
  return Math.min(CONCURRENT_LONGEST_WAIT_MS, CONCURRENT_FIRST_WAIT_MS * 2 ** Math.min(times - 1, 10))
}

const {
  COORDINATOR_NOT_AVAILABLE,
  NOT_COORDINATOR,
  REQUEST_TIMED_OUT,
  TRANSACTION_ABORTABLE,
  UNKNOWN_PRODUCER_ID,
  INVALID_PRODUCER_ID_MAPPING,
  INVALID_PRODUCER_EPOCH,
  PRODUCER_FENCED,
  INVALID_TXN_STATE,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  CLUSTER_AUTHORIZATION_FAILED,
  OUT_OF_ORDER_SEQUENCE_NUMBER,
  UNSUPPORTED_VERSION,
} = ErrorCode

/** Another producer has taken over, or there may be none of this transactional id, or the two ends disagree. */
const fatalEverywhere: ReadonlySet<number> = new Set([
  PRODUCER_FENCED,
  INVALID_PRODUCER_EPOCH,
  INVALID_TXN_STATE,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  CLUSTER_AUTHORIZATION_FAILED,
  UNSUPPORTED_VERSION,
])

/** What fails falls on these partitions or this group, and an abort gets rid of it. */
const abortableApis: ReadonlySet<AskedApi> = new Set(['AddPartitionsToTxn', 'AddOffsetsToTxn', 'TxnOffsetCommit'])

export function outcomeOf(api: AskedApi, code: number): Outcome {
  if (code === NOT_COORDINATOR || code === COORDINATOR_NOT_AVAILABLE) return 'find'
  // A group's coordinator that could not write in time may be one no longer.
  if (code === REQUEST_TIMED_OUT && api === 'TxnOffsetCommit') return 'find'
  if (isRetriable(code)) return 'retry'
  if (fatalEverywhere.has(code) || api === 'InitProducerId') return 'fatal'
  if (code === UNKNOWN_PRODUCER_ID || code === INVALID_PRODUCER_ID_MAPPING) return 'abort-and-raise'
  if (code === TRANSACTION_ABORTABLE || abortableApis.has(api)) return 'abort'
  return 'fatal'
}

const fatalForRecords: ReadonlySet<string> = new Set([
  'PRODUCER_FENCED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'INVALID_PRODUCER_ID_MAPPING',
  'UNSUPPORTED_VERSION',
  'UNSUPPORTED_API',
])

/** Records that failed make their transaction fail; what ended the producer as well is known by its code. */
export function isFatalForRecords(code: string): boolean {
  return fatalForRecords.has(code)
}

const nothingAgainstTheRecords: ReadonlySet<string> = new Set([
  'TRANSACTION_ABORTABLE',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_TXN_STATE',
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_ID_MAPPING',
])

/** The same records may go through in another transaction of the same producer. */
export function mayGoThroughAgain(code: string): boolean {
  return nothingAgainstTheRecords.has(code)
}

/** The two ends do not agree where the sequence stands. */
export const sequenceErrors: ReadonlySet<number> = new Set([
  OUT_OF_ORDER_SEQUENCE_NUMBER,
  UNKNOWN_PRODUCER_ID,
  INVALID_PRODUCER_EPOCH,
])
