import { ErrorCode } from '@ottla/protocol'
import type { StoredTransaction } from './records.ts'
import { TxnStatus } from './state.ts'

export interface InitRequest {
  readonly transactionalId: string
  readonly timeoutMs: number
  /** Who the producer believes to be (KIP-360); null when it has just begun. */
  readonly expected: { readonly producerId: number; readonly producerEpoch: number } | null
}

export interface InitReply {
  readonly errorCode: number
  readonly producerId: number
  readonly producerEpoch: number
  /** Nothing has been done: ask again with a producer id that nobody has. */
  readonly needsProducerId?: true
}

type InitStep =
  | { readonly kind: 'reply'; readonly reply: InitReply }
  /** The transaction that is open is aborted first, under an epoch that nobody gets. */
  | { readonly kind: 'abort'; readonly ongoing: StoredTransaction }
  | { readonly kind: 'store'; readonly next: StoredTransaction; readonly epochBefore: number }

/** The last epoch that a producer is given: the one after it is for fencing alone (`TransactionMetadata.isEpochExhausted`). */
export const PRODUCER_EPOCH_LAST = 0x7fff - 1
export const PRODUCER_EPOCH_FENCE = 0x7fff
const NO_EPOCH = -1
const NO_PRODUCER_ID = -1

/**
 * What InitProducerId comes to (`TransactionCoordinator.prepareInitProducerIdTransit` in Apache Kafka): a raised epoch, which
 * fences whoever had the one before; a new id where the epochs are used up; the same answer again for a repeat.
 */
export function initProducer(
  { timeoutMs, expected }: InitRequest,
  stored: StoredTransaction | undefined,
  epochBefore: number,
  newProducerId: number | null,
  nowMs: number,
): InitStep {
  if (stored === undefined) {
    if (newProducerId === null) return NEEDS_PRODUCER_ID
    return { kind: 'store', next: fresh(newProducerId, timeoutMs, nowMs), epochBefore: NO_EPOCH }
  }
  if (expected !== null && !isKnown(stored, expected)) return refused(ErrorCode.PRODUCER_FENCED)
  switch (stored.transactionStatus) {
    case TxnStatus.PrepareCommit:
    case TxnStatus.PrepareAbort:
      return refused(ErrorCode.CONCURRENT_TRANSACTIONS)
    case TxnStatus.Ongoing:
      if (expected !== null && expected.producerEpoch !== stored.producerEpoch)
        return refused(ErrorCode.PRODUCER_FENCED)
      return { kind: 'abort', ongoing: stored }
  }
  const { producerId, producerEpoch } = stored
  const idle: StoredTransaction = {
    ...stored,
    transactionStatus: TxnStatus.Empty,
    transactionPartitions: [],
    transactionTimeoutMs: timeoutMs,
    transactionStartTimestampMs: -1,
    transactionLastUpdateTimestampMs: nowMs,
    nextProducerId: NO_PRODUCER_ID,
  }
  const isFirst = expected === null || expected.producerEpoch === producerEpoch
  // It has not heard that its epoch was raised.
  const isRepeat = !isFirst && expected.producerEpoch === epochBefore
  if (!isFirst && !isRepeat) return refused(ErrorCode.PRODUCER_FENCED)
  if (isRepeat && producerEpoch <= PRODUCER_EPOCH_LAST) return { kind: 'store', next: idle, epochBefore }
  const nextBefore = expected === null ? NO_EPOCH : expected.producerEpoch
  if (producerEpoch < PRODUCER_EPOCH_LAST)
    return { kind: 'store', next: { ...idle, producerEpoch: producerEpoch + 1 }, epochBefore: nextBefore }
  if (newProducerId === null) return NEEDS_PRODUCER_ID
  const next = { ...idle, producerId: newProducerId, previousProducerId: producerId, producerEpoch: 0 }
  return { kind: 'store', next, epochBefore: nextBefore }
}

/** Its id is that of the transactional id, or the one before, whose epochs were used up. */
function isKnown(
  stored: StoredTransaction,
  { producerId, producerEpoch }: NonNullable<InitRequest['expected']>,
): boolean {
  if (producerId === stored.producerId) return true
  return producerId === stored.previousProducerId && producerEpoch >= PRODUCER_EPOCH_LAST
}

function fresh(producerId: number, timeoutMs: number, nowMs: number): StoredTransaction {
  return {
    producerId,
    previousProducerId: NO_PRODUCER_ID,
    nextProducerId: NO_PRODUCER_ID,
    producerEpoch: 0,
    nextProducerEpoch: NO_EPOCH,
    transactionTimeoutMs: timeoutMs,
    transactionStatus: TxnStatus.Empty,
    transactionPartitions: [],
    transactionLastUpdateTimestampMs: nowMs,
    transactionStartTimestampMs: -1,
    clientTransactionVersion: 0,
  }
}

const NEEDS_PRODUCER_ID: InitStep = {
  kind: 'reply',
  reply: { errorCode: ErrorCode.NONE, producerId: NO_PRODUCER_ID, producerEpoch: NO_EPOCH, needsProducerId: true },
}

function refused(errorCode: number): InitStep {
  return { kind: 'reply', reply: { errorCode, producerId: NO_PRODUCER_ID, producerEpoch: NO_EPOCH } }
}
