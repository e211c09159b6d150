import { ErrorCode } from '@ottla/protocol'
import { NOTHING, type Outcome, replyOnly } from '../runtime/outcome.ts'
import type { CoordinatorRecord } from '../runtime/record.ts'
import type { CoordinatorMachine } from '../runtime/shard.ts'
import { TimelineMap } from '../runtime/timeline-map.ts'
import type { TopicPartitions, TransactionContext } from './context.ts'
import { Ending, type EndReply, type EndRequest, EPOCH_PER_TRANSACTION } from './ending.ts'
import { type InitReply, type InitRequest, initProducer, PRODUCER_EPOCH_LAST } from './init-producer.ts'
import { hasPartition, withPartitions } from './partitions.ts'
import { type StoredTransaction, transactionRecord } from './records.ts'
import { statusName, TxnStatus } from './state.ts'

/** Who adds, and what. */
export interface AddRequest {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
  readonly partitions: readonly TopicPartitions[]
  /** 2 for producers whose every transaction has an epoch of its own (KIP-890), else below. */
  readonly transactionVersion: number
}

export interface TransactionListing {
  readonly transactionalId: string
  readonly producerId: number
  readonly state: string
  /** ms since the epoch; -1 while none is open. */
  readonly startMs: number
}

const TIMEOUT_KEY = 'timeouts'
const EXPIRY_KEY = 'expiry'

/** The transactional ids of one partition of `__transaction_state`; see `state.ts` for what happens when. */
export class TransactionMachine implements CoordinatorMachine {
  readonly #context: TransactionContext
  readonly #transactions: TimelineMap<string, StoredTransaction>
  readonly #ending: Ending
  /**
   * The epoch each had before it was last raised, so that its producer may ask for the new one (KIP-360, KIP-588). Not stored: who
   * asks another coordinator is fenced, as in Kafka.
   */
  readonly #epochsBefore = new Map<string, number>()

  constructor(context: TransactionContext) {
    this.#context = context
    this.#transactions = new TimelineMap(context.timeline)
    this.#ending = new Ending(context, this.#transactions)
  }

  // ---- what lasts

  replay(_offset: number, _producerId: number, _producerEpoch: number, { key, value }: CoordinatorRecord): void {
    if (value === null) this.#transactions.delete(key.transactionalId)
    else this.#transactions.set(key.transactionalId, value)
  }

  /** WriteTxnMarkers may name any partition, this one too: such a marker means nothing here. */
  replayEndTransaction(): void {}

  /** What was decided is carried out. */
  loaded(_nowMs: number): void {
    for (const [id, transaction] of this.#transactions) this.#ending.resume(id, transaction)
    this.#checkTimeouts()
    this.#checkExpiry()
  }

  unloaded(): void {
    this.#ending.stop()
  }

  // ---- requests

  /** `newProducerId`: one that nobody has; without it, the reply may be that one is needed. */
  init(request: InitRequest, newProducerId: number | null, nowMs: number): Outcome<InitReply> {
    const { transactionalId } = request
    const before = this.#epochsBefore.get(transactionalId) ?? -1
    const stored = this.#transactions.get(transactionalId)
    const step = initProducer(request, stored, before, newProducerId, nowMs)
    if (step.kind === 'reply') return replyOnly(step.reply)
    if (step.kind === 'abort') {
      this.#context.log('transaction is aborted: its producer began anew', { transactionalId })
      const fenced = this.#ending.fence(transactionalId, step.ongoing, nowMs)
      return this.#raising(transactionalId, step.ongoing.producerEpoch, { ...fenced, reply: concurrent })
    }
    return this.#raising(transactionalId, step.epochBefore, {
      records: [transactionRecord.put({ transactionalId }, step.next)],
      reply: { errorCode: ErrorCode.NONE, producerId: step.next.producerId, producerEpoch: step.next.producerEpoch },
    })
  }

  /**
   * `outcome` raises the epoch from `epochBefore`: its producer may not have heard of it, and is told the new one when it asks by
   * the old one. -1: another producer has begun, and whoever has the old one is fenced.
   */
  #raising<R>(transactionalId: string, epochBefore: number, outcome: Outcome<R>): Outcome<R> {
    const before = this.#epochsBefore.get(transactionalId) ?? -1
    this.#epochsBefore.set(transactionalId, epochBefore)
    return {
      ...outcome,
      onAppended: (errorCode) => {
        if (errorCode !== ErrorCode.NONE) this.#epochsBefore.set(transactionalId, before)
        outcome.onAppended?.(errorCode)
      },
    }
  }

  /** The error of the whole; 0 once the partitions are in the transaction. */
  add(request: AddRequest, nowMs: number): Outcome<number> {
    const { transactionalId, producerId, producerEpoch, partitions, transactionVersion } = request
    const stored = this.#transactions.get(transactionalId)
    const problem = producerProblem(stored, producerId, producerEpoch)
    if (stored === undefined || problem !== ErrorCode.NONE) return replyOnly<number>(problem)
    const status = stored.transactionStatus
    if (isPrepared(status)) return replyOnly<number>(ErrorCode.CONCURRENT_TRANSACTIONS)
    const isOngoing = status === TxnStatus.Ongoing
    const all = withPartitions(isOngoing ? stored.transactionPartitions : null, partitions)
    if (all === null && isOngoing) return replyOnly<number>(ErrorCode.NONE)
    const next: StoredTransaction = {
      ...stored,
      transactionStatus: TxnStatus.Ongoing,
      transactionPartitions: all ?? [],
      transactionStartTimestampMs: isOngoing ? stored.transactionStartTimestampMs : nowMs,
      transactionLastUpdateTimestampMs: nowMs,
      clientTransactionVersion: transactionVersion,
    }
    return { records: [transactionRecord.put({ transactionalId }, next)], reply: ErrorCode.NONE }
  }

  /** Whether the partition is in an open transaction of this producer, as far as that is committed (KIP-890). */
  verify(request: Omit<AddRequest, 'partitions' | 'transactionVersion'>, topic: string, partition: number): number {
    const stored = this.#transactions.committed(request.transactionalId)
    const problem = producerProblem(stored, request.producerId, request.producerEpoch)
    if (stored === undefined || problem !== ErrorCode.NONE) return problem
    if (isPrepared(stored.transactionStatus)) return ErrorCode.CONCURRENT_TRANSACTIONS
    const isIn =
      stored.transactionStatus === TxnStatus.Ongoing && hasPartition(stored.transactionPartitions, topic, partition)
    return isIn ? ErrorCode.NONE : ErrorCode.INVALID_TXN_STATE
  }

  end(request: EndRequest, newProducerId: number | null, nowMs: number): Outcome<EndReply> {
    const outcome = this.#ending.end(request, newProducerId, nowMs)
    const { transactionalId, producerEpoch, transactionVersion } = request
    const raises = outcome.records.length > 0 && transactionVersion >= EPOCH_PER_TRANSACTION
    return raises ? this.#raising(transactionalId, producerEpoch, outcome) : outcome
  }

  /** What is committed; undefined: there is no such transactional id. */
  describe(transactionalId: string): StoredTransaction | undefined {
    return this.#transactions.committed(transactionalId)
  }

  list(): TransactionListing[] {
    return [...this.#transactions.committedEntries()].map(([transactionalId, stored]) => ({
      transactionalId,
      producerId: stored.producerId,
      state: statusName(stored.transactionStatus),
      startMs: stored.transactionStartTimestampMs,
    }))
  }

  // ---- time

  #checkTimeouts(): void {
    const { timers, config } = this.#context
    timers.schedule(TIMEOUT_KEY, config.timeoutCheckIntervalMs, (nowMs) => {
      this.#checkTimeouts()
      for (const [transactionalId, stored] of this.#transactions) {
        if (!isOver(stored, nowMs)) continue
        this.#context.submit((now) => this.#abortWhenOver(transactionalId, now))
      }
      return NOTHING
    })
  }

  #abortWhenOver(transactionalId: string, nowMs: number): Outcome<void> {
    const stored = this.#transactions.get(transactionalId)
    if (stored === undefined || !isOver(stored, nowMs)) return NOTHING
    const { transactionTimeoutMs: timeoutMs, producerId } = stored
    this.#context.log('transaction is aborted: it has been open for too long', {
      transactionalId,
      producerId,
      timeoutMs,
    })
    return this.#raising(transactionalId, stored.producerEpoch, this.#ending.fence(transactionalId, stored, nowMs))
  }

  #checkExpiry(): void {
    const { timers, config } = this.#context
    timers.schedule(EXPIRY_KEY, config.expiryCheckIntervalMs, (nowMs) => {
      this.#checkExpiry()
      const expired: string[] = []
      for (const [transactionalId, stored] of this.#transactions) {
        const { transactionStatus: status, transactionLastUpdateTimestampMs: usedMs } = stored
        const isIdle = status !== TxnStatus.Ongoing && !isPrepared(status)
        if (isIdle && nowMs - usedMs >= config.idExpirationMs) expired.push(transactionalId)
      }
      for (const transactionalId of expired) this.#epochsBefore.delete(transactionalId)
      const records = expired.map((transactionalId) => transactionRecord.tombstone({ transactionalId }))
      return { records, reply: undefined, separable: true }
    })
  }
}

const concurrent: InitReply = {
  errorCode: ErrorCode.CONCURRENT_TRANSACTIONS,
  producerId: -1,
  producerEpoch: -1,
}

export function isPrepared(status: number): boolean {
  return status === TxnStatus.PrepareCommit || status === TxnStatus.PrepareAbort
}

function isOver(stored: StoredTransaction, nowMs: number): boolean {
  if (stored.transactionStatus !== TxnStatus.Ongoing) return false
  return nowMs - stored.transactionStartTimestampMs > stored.transactionTimeoutMs
}

function producerProblem(stored: StoredTransaction | undefined, producerId: number, producerEpoch: number): number {
  if (stored === undefined || stored.producerId !== producerId) return ErrorCode.INVALID_PRODUCER_ID_MAPPING
  const isCurrent = stored.producerEpoch === producerEpoch && producerEpoch <= PRODUCER_EPOCH_LAST
  return isCurrent ? ErrorCode.NONE : ErrorCode.PRODUCER_FENCED
}
