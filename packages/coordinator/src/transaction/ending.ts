import { ErrorCode } from '@ottla/protocol'
import { Later } from '../runtime/later.ts'
import { NOTHING, type Outcome, replyOnly } from '../runtime/outcome.ts'
import type { TimelineMap } from '../runtime/timeline-map.ts'
import type { TransactionContext } from './context.ts'
import { PRODUCER_EPOCH_FENCE, PRODUCER_EPOCH_LAST } from './init-producer.ts'
import { type StoredTransaction, transactionRecord } from './records.ts'
import { TxnStatus } from './state.ts'

export interface EndRequest {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
  readonly commit: boolean
  /** 2 for producers whose every transaction has an epoch of its own (KIP-890), else below. */
  readonly transactionVersion: number
}

export interface EndReply {
  readonly errorCode: number
  /** Of the next transaction, where it has an epoch of its own; else -1. */
  readonly producerId: number
  readonly producerEpoch: number
  /** Nothing has been done: ask again with a producer id that nobody has. */
  readonly needsProducerId?: true
}

const NO_PRODUCER_ID = -1
/** From here on each transaction has an epoch of its own. */
export const EPOCH_PER_TRANSACTION = 2
/**
 * Whoever ends a transaction is answered when its markers are written, so that it does not meet them with its next one; but no
 * later than this after the decision, which is all that the answer promises.
 */
const COMPLETION_WAIT_MS = 50

/** How transactions end: the decision is stored, then markers go to all partitions, then the end is stored. */
export class Ending {
  readonly #context: TransactionContext
  readonly #transactions: TimelineMap<string, StoredTransaction>
  /** Replies that wait for the markers, by transactional id. */
  readonly #waiting = new Map<string, () => void>()
  #stopped = false

  constructor(context: TransactionContext, transactions: TimelineMap<string, StoredTransaction>) {
    this.#context = context
    this.#transactions = transactions
  }

  stop(): void {
    this.#stopped = true
    for (const settle of [...this.#waiting.values()]) settle()
  }

  end(request: EndRequest, newProducerId: number | null, nowMs: number): Outcome<EndReply> {
    const { transactionalId, commit, transactionVersion } = request
    const stored = this.#transactions.get(transactionalId)
    const hasOwnEpoch = transactionVersion >= EPOCH_PER_TRANSACTION
    const answer = stored === undefined ? unknown : hasOwnEpoch ? judgeNew(stored, request) : judgeOld(stored, request)
    if (answer !== 'prepare') return replyOnly(answer)
    const ongoing = stored as StoredTransaction
    const isLast = hasOwnEpoch && ongoing.producerEpoch >= PRODUCER_EPOCH_LAST
    if (isLast && newProducerId === null)
      return replyOnly<EndReply>({ ...refused(ErrorCode.NONE), needsProducerId: true })
    const prepared: StoredTransaction = {
      ...ongoing,
      transactionStatus: commit ? TxnStatus.PrepareCommit : TxnStatus.PrepareAbort,
      producerEpoch: ongoing.producerEpoch + (hasOwnEpoch ? 1 : 0),
      nextProducerId: isLast ? (newProducerId as number) : NO_PRODUCER_ID,
      nextProducerEpoch: isLast ? 0 : -1,
      // An abort of nothing is a transaction that begins now.
      transactionStartTimestampMs:
        ongoing.transactionStatus === TxnStatus.Ongoing ? ongoing.transactionStartTimestampMs : nowMs,
      transactionPartitions: ongoing.transactionStatus === TxnStatus.Ongoing ? ongoing.transactionPartitions : [],
      transactionLastUpdateTimestampMs: nowMs,
      clientTransactionVersion: transactionVersion,
    }
    const done: EndReply = {
      errorCode: ErrorCode.NONE,
      producerId: !hasOwnEpoch ? -1 : isLast ? prepared.nextProducerId : prepared.producerId,
      producerEpoch: !hasOwnEpoch ? -1 : isLast ? 0 : prepared.producerEpoch,
    }
    const reply = new Later<EndReply>()
    return {
      records: [transactionRecord.put({ transactionalId }, prepared)],
      reply,
      onAppended: (errorCode) => {
        if (errorCode !== ErrorCode.NONE) return
        this.#awaitCompletion(transactionalId, () => reply.settle(done))
        this.#sendMarkers(transactionalId, prepared)
      },
    }
  }

  /** Aborts what is open under a raised epoch: its producer can do nothing more. */
  fence(transactionalId: string, ongoing: StoredTransaction, nowMs: number): Outcome<void> {
    const prepared: StoredTransaction = {
      ...ongoing,
      transactionStatus: TxnStatus.PrepareAbort,
      // Nobody has the last of all epochs, but Kafka's log may have it open.
      producerEpoch: Math.min(ongoing.producerEpoch + 1, PRODUCER_EPOCH_FENCE),
      transactionLastUpdateTimestampMs: nowMs,
    }
    return {
      records: [transactionRecord.put({ transactionalId }, prepared)],
      reply: undefined,
      onAppended: (errorCode) => {
        if (errorCode === ErrorCode.NONE) this.#sendMarkers(transactionalId, prepared)
      },
    }
  }

  /** A decision that was stored before the start is carried out. */
  resume(transactionalId: string, stored: StoredTransaction): void {
    const { transactionStatus: status } = stored
    if (status === TxnStatus.PrepareCommit || status === TxnStatus.PrepareAbort)
      this.#sendMarkers(transactionalId, stored)
  }

  #awaitCompletion(transactionalId: string, settle: () => void): void {
    const { timers } = this.#context
    const key = `completion ${transactionalId}`
    const settled = (): void => {
      this.#waiting.delete(transactionalId)
      timers.cancel(key)
      settle()
    }
    this.#waiting.get(transactionalId)?.()
    this.#waiting.set(transactionalId, settled)
    timers.schedule(key, COMPLETION_WAIT_MS, () => {
      settled()
      return NOTHING
    })
  }

  #sendMarkers(transactionalId: string, prepared: StoredTransaction): void {
    const { partition, writeMarkers, submit } = this.#context
    const { producerId, producerEpoch } = prepared
    const commit = prepared.transactionStatus === TxnStatus.PrepareCommit
    const partitions = prepared.transactionPartitions ?? []
    writeMarkers(partition, { transactionalId, producerId, producerEpoch, commit, partitions }, () => {
      if (!this.#stopped) submit((nowMs) => this.#complete(transactionalId, prepared, nowMs))
    })
  }

  #complete(transactionalId: string, prepared: StoredTransaction, nowMs: number): Outcome<void> {
    const stored = this.#transactions.get(transactionalId)
    const isSame =
      stored !== undefined &&
      stored.transactionStatus === prepared.transactionStatus &&
      stored.producerId === prepared.producerId &&
      stored.producerEpoch === prepared.producerEpoch
    if (!isSame) return NOTHING
    const isRotated = stored.nextProducerId !== NO_PRODUCER_ID
    const complete: StoredTransaction = {
      ...stored,
      transactionStatus:
        stored.transactionStatus === TxnStatus.PrepareCommit ? TxnStatus.CompleteCommit : TxnStatus.CompleteAbort,
      transactionPartitions: [],
      producerId: isRotated ? stored.nextProducerId : stored.producerId,
      previousProducerId: isRotated ? stored.producerId : stored.previousProducerId,
      producerEpoch: isRotated ? 0 : stored.producerEpoch,
      nextProducerId: NO_PRODUCER_ID,
      nextProducerEpoch: -1,
      transactionLastUpdateTimestampMs: nowMs,
    }
    return {
      records: [transactionRecord.put({ transactionalId }, complete)],
      reply: undefined,
      onAppended: (errorCode) => {
        if (errorCode === ErrorCode.NONE) this.#waiting.get(transactionalId)?.()
      },
    }
  }
}

/** Of a producer whose epoch is that of all its transactions. */
function judgeOld(stored: StoredTransaction, { producerId, producerEpoch, commit }: EndRequest): EndReply | 'prepare' {
  if (stored.producerId !== producerId) return unknown
  if (stored.producerEpoch !== producerEpoch) return refused(ErrorCode.PRODUCER_FENCED)
  switch (stored.transactionStatus) {
    case TxnStatus.Ongoing:
      return 'prepare'
    case TxnStatus.PrepareCommit:
    case TxnStatus.PrepareAbort:
      return refused(isSameResult(stored, commit) ? ErrorCode.CONCURRENT_TRANSACTIONS : ErrorCode.INVALID_TXN_STATE)
    case TxnStatus.CompleteCommit:
    case TxnStatus.CompleteAbort:
      // It has not heard the answer.
      return refused(isSameResult(stored, commit) ? ErrorCode.NONE : ErrorCode.INVALID_TXN_STATE)
    default:
      return refused(ErrorCode.INVALID_TXN_STATE)
  }
}

/** Of a producer whose every transaction has an epoch of its own: the epoch before is that of a repeat (KIP-890). */
function judgeNew(stored: StoredTransaction, { producerId, producerEpoch, commit }: EndRequest): EndReply | 'prepare' {
  const isSameId = stored.producerId === producerId
  const isCurrent = isSameId && stored.producerEpoch === producerEpoch && producerEpoch <= PRODUCER_EPOCH_LAST
  // Where the end did not raise the epoch, somebody's InitProducerId did: what looks like a repeat is one who was fenced.
  const hasRaised = stored.clientTransactionVersion >= EPOCH_PER_TRANSACTION
  const isRepeat = hasRaised && isSameId && stored.producerEpoch === producerEpoch + 1
  const isRepeatOverRotation =
    hasRaised &&
    stored.previousProducerId === producerId &&
    producerEpoch === PRODUCER_EPOCH_LAST &&
    stored.producerEpoch === 0
  if (!isSameId && !isRepeatOverRotation) return unknown
  switch (stored.transactionStatus) {
    case TxnStatus.Ongoing:
      return isCurrent ? 'prepare' : refused(ErrorCode.PRODUCER_FENCED)
    case TxnStatus.Empty:
      if (!isCurrent) return refused(ErrorCode.PRODUCER_FENCED)
      return commit ? refused(ErrorCode.INVALID_TXN_STATE) : 'prepare'
    case TxnStatus.PrepareCommit:
    case TxnStatus.PrepareAbort:
      if (!isRepeat) return refused(ErrorCode.PRODUCER_FENCED)
      return refused(isSameResult(stored, commit) ? ErrorCode.CONCURRENT_TRANSACTIONS : ErrorCode.INVALID_TXN_STATE)
    default: {
      if (isRepeat || isRepeatOverRotation) {
        if (!isSameResult(stored, commit)) return refused(ErrorCode.INVALID_TXN_STATE)
        // It was aborted under the last of all epochs, which nobody gets: its producer has to begin anew.
        if (stored.producerEpoch > PRODUCER_EPOCH_LAST) return refused(ErrorCode.PRODUCER_FENCED)
        return { errorCode: ErrorCode.NONE, producerId: stored.producerId, producerEpoch: stored.producerEpoch }
      }
      if (!isCurrent) return refused(ErrorCode.PRODUCER_FENCED)
      return commit ? refused(ErrorCode.INVALID_TXN_STATE) : 'prepare'
    }
  }
}

function isSameResult({ transactionStatus: status }: StoredTransaction, commit: boolean): boolean {
  return (status === TxnStatus.PrepareCommit || status === TxnStatus.CompleteCommit) === commit
}

function refused(errorCode: number): EndReply {
  return { errorCode, producerId: -1, producerEpoch: -1 }
}

const unknown: EndReply = refused(ErrorCode.INVALID_PRODUCER_ID_MAPPING)
