import { ErrorCode } from '@ottla/protocol'
import type { TopicPartition } from '../../cluster/by-leader.ts'
import { BrokerError, KafkaError, TransactionError } from '../../errors.ts'
import type { ProducerIdentity } from '../partition-queue.ts'
import { TransactionContents } from './contents.ts'
import type {
  Answer,
  Ask,
  PartitionFailure,
  TransactionEffect,
  TransactionEvent,
  TransactionLevel,
  TransactionState,
} from './events.ts'
import {
  type AskedApi,
  concurrentWaitMs,
  isFatalForRecords,
  mayGoThroughAgain,
  type Outcome,
  outcomeOf,
} from './outcomes.ts'

/*
 * The life of a transactional producer, without I/O: events and the time go in, effects come out. What is to be asked
 * next is not remembered but read off the state: one request is under way at a time, so that no answer can overtake
 * another and no request of one transaction is left when the next begins.
 *
 * state \ event   init          begin  partition, offsets  commit      abort      failure    fatal   done
 * uninitialized   initializing  –      –                   –           –          same       fatal   –
 * initializing    same          –      –                   –           –          same       fatal   ready (InitProducerId)
 * ready           same          open   –                   –           –          same       fatal   –
 * open            –             –      same                committing  aborting   failed     fatal   –
 * failed          –             –      –                   –           aborting   same       fatal   –
 * committing      –             –      same (partition)    –           –          failed     fatal   ready (EndTxn)
 * aborting        –             –      –                   –           –          same       fatal   ready, or raising (EndTxn)
 * raising         –             –      –                   –           –          same       fatal   ready (InitProducerId)
 * fatal           –             –      –                   –           –          same       same    –
 *
 * "–" throws INVALID_TXN_STATE, or for a partition answers no. "failure" is a record that was not written or an answer
 * that only allows to abort; "fatal" one that ends the producer. An initialisation that is given up goes back to
 * uninitialized. Committing and aborting first wait until every record has its outcome ("settled").
 */

export interface TransactionManagerOptions {
  readonly transactionalId: string
  /** Ms to wait after a request has failed `failures` times in a row (at least 1). */
  waitMs(failures: number): number
}

const UNKNOWN = -1

export class TransactionManager {
  private current: TransactionState = { name: 'uninitialized' }
  private readonly options: TransactionManagerOptions
  private effects: TransactionEffect[] = []
  private pending: Ask | null = null
  private failures = 0
  private retryAtMs = 0
  private coordinatorId = UNKNOWN
  private readonly groupCoordinators = new Map<string, number>()
  private known: ProducerIdentity | null = null
  private level: TransactionLevel = 1
  private canRaise = false
  private settleNumber = 0

  private contents = new TransactionContents()

  constructor(options: TransactionManagerOptions) {
    this.options = options
  }

  get state(): TransactionState {
    return this.current
  }

  /** What records carry; null before the first initialisation. */
  get identity(): ProducerIdentity | null {
    return this.known
  }

  /** Records need not be announced, and carry an epoch of their transaction (KIP-890). */
  get isImplicit(): boolean {
    return this.level === 2
  }

  /** Records of the transaction may still be sent, or sent again. */
  get isWriting(): boolean {
    return this.current.name === 'open' || this.current.name === 'committing'
  }

  /** Whether records may be sent to a partition now. If not yet, `proceed` follows; the partition is announced. */
  admits(topic: string, partition: number): boolean {
    if (!this.isWriting) return false
    if (this.level === 1) return this.contents.admits(topic, partition)
    this.contents.begun = 'yes'
    return true
  }

  /** Throws INVALID_TXN_STATE where the table has no transition. Call it with `time` after `admits` said no. */
  on(event: TransactionEvent, nowMs: number): TransactionEffect[] {
    this.handle(event, nowMs)
    this.askNext(nowMs)
    const effects = this.effects
    this.effects = []
    return effects
  }

  private handle(event: TransactionEvent, nowMs: number): void {
    const { current } = this
    switch (event.type) {
      case 'init':
        if (current.name === 'uninitialized') this.enter({ name: 'initializing' })
        else this.needs('init', 'initializing', 'ready')
        return
      case 'init-given-up':
        if (current.name === 'initializing') this.enter({ name: 'uninitialized' })
        return
      case 'begin':
        this.needs('begin', 'ready')
        this.enter({ name: 'open' })
        return
      case 'offsets':
        this.needs('sendOffsets', 'open')
        this.contents.offsets.push({ id: event.id, group: event.group, offsets: event.offsets })
        return
      case 'offsets-given-up':
        this.fail(event.error)
        return
      case 'commit':
        this.needs('commit', 'open')
        this.enter({ name: 'committing', settled: false })
        this.effects.push({ type: 'settle', number: ++this.settleNumber })
        return
      case 'abort':
        this.needs('abort', 'open', 'failed')
        this.enter({ name: 'aborting', settled: false })
        this.discard(null)
        this.effects.push({ type: 'settle', number: ++this.settleNumber })
        return
      case 'settled':
        if (event.number !== this.settleNumber) return
        if (current.name === 'committing' || current.name === 'aborting') {
          this.current = { name: current.name, settled: true }
        }
        return
      case 'record-failed':
        // A number that was used and given up is missing in the sequence.
        if (event.numbered) this.contents.mustRaise = true
        // It was the transaction that failed, and took the record along.
        if (event.error instanceof TransactionError) return
        if (isFatalForRecords(event.error.code)) this.end(event.error)
        else this.fail(event.error)
        return
      case 'answer':
        this.onAnswer(event.answer, nowMs)
        return
      case 'lost':
        this.onLost(event.error, nowMs)
        return
      case 'time':
        return
    }
  }

  private needs(what: string, ...names: readonly TransactionState['name'][]): void {
    const { current } = this
    if (names.includes(current.name)) return
    if (current.name === 'failed' || current.name === 'fatal') throw current.error
    throw new KafkaError('INVALID_TXN_STATE', `${what}: ${situations[current.name]}`)
  }

  private enter(state: TransactionState): void {
    this.current = state
    this.effects.push({ type: 'entered', state })
  }

  /** The transaction can only be aborted. */
  private fail(cause: KafkaError): void {
    if (!this.isWriting) return
    const again = cause.retriable || mayGoThroughAgain(cause.code)
    const error = new TransactionError(cause, { fatal: false, retriable: again })
    this.enter({ name: 'failed', error })
    this.discard(error)
  }

  /** The producer cannot go on. */
  private end(cause: KafkaError): void {
    if (this.current.name === 'fatal') return
    const error = new TransactionError(cause, { fatal: true, retriable: false })
    this.enter({ name: 'fatal', error })
    this.discard(error)
  }

  private discard(failure: TransactionError | null): void {
    this.contents.discard()
    const error = failure ?? new KafkaError('TRANSACTION_ABORTED', 'not written, since its transaction was aborted')
    this.effects.push({ type: 'discard', error })
  }

  // --------------------------------------------------------------------------------------------------------- asking

  private askNext(nowMs: number): void {
    if (this.pending !== null) return
    const ask = this.nextAsk()
    if (ask === null) return
    if (nowMs < this.retryAtMs) {
      this.effects.push({ type: 'wait', untilMs: this.retryAtMs })
      return
    }
    this.pending = ask
    if (ask.api === 'AddPartitionsToTxn' || ask.api === 'AddOffsetsToTxn') {
      if (this.contents.begun === 'no') this.contents.begun = 'maybe'
    } else if (ask.api === 'TxnOffsetCommit' && this.level === 2) {
      this.contents.begun = 'yes'
    }
    const coordinatorId = ask.api === 'TxnOffsetCommit' ? ask.coordinatorId : this.coordinatorId
    this.effects.push({ type: 'ask', ask, coordinatorId })
  }

  private nextAsk(): Ask | null {
    const ask = this.askOfState()
    if (ask === null || ask.api === 'FindCoordinator' || ask.api === 'TxnOffsetCommit') return ask
    if (this.coordinatorId >= 0) return ask
    return { api: 'FindCoordinator', kind: 'transaction', key: this.options.transactionalId }
  }

  private askOfState(): Ask | null {
    const { current } = this
    const identity = this.known as ProducerIdentity
    switch (current.name) {
      case 'initializing':
        return { api: 'InitProducerId', identity: null }
      case 'raising':
        return { api: 'InitProducerId', identity }
      case 'open':
        return this.askInside(identity)
      case 'committing': {
        const first = this.askInside(identity)
        if (first !== null || !current.settled) return first
        return this.endOf(identity, true)
      }
      case 'aborting':
        return current.settled ? this.endOf(identity, false) : null
      default:
        return null
    }
  }

  private askInside(identity: ProducerIdentity): Ask | null {
    const { contents } = this
    const partitions = contents.toAnnounce()
    if (partitions.length > 0) return { api: 'AddPartitionsToTxn', identity, partitions }
    const first = contents.offsets[0]
    if (first === undefined) return null
    const { group, offsets } = first
    if (this.level === 1 && !contents.groups.has(group.groupId)) {
      return { api: 'AddOffsetsToTxn', identity, groupId: group.groupId }
    }
    const coordinatorId = this.groupCoordinators.get(group.groupId)
    if (coordinatorId === undefined) return { api: 'FindCoordinator', kind: 'group', key: group.groupId }
    return { api: 'TxnOffsetCommit', identity, coordinatorId, group, offsets }
  }

  private endOf(identity: ProducerIdentity, committed: boolean): Ask | null {
    const { begun, identityLost } = this.contents
    if (begun !== 'no' && !identityLost) return { api: 'EndTxn', identity, committed }
    // Nothing of it has reached a broker, or nothing can be ended.
    this.finish(null)
    return this.askOfState()
  }

  // ------------------------------------------------------------------------------------------------------ answering

  private onAnswer(answer: Answer, nowMs: number): void {
    const ask = this.pending
    if (ask === null || ask.api !== answer.api) throw new Error(`an answer to ${answer.api} that was not asked`)
    this.pending = null
    switch (answer.api) {
      case 'FindCoordinator':
        // Not counted as a success: one that refuses what it is then asked must not be asked without a wait.
        if (ask.api === 'FindCoordinator' && ask.kind === 'group') this.groupCoordinators.set(ask.key, answer.nodeId)
        else this.coordinatorId = answer.nodeId
        return
      case 'InitProducerId':
        if (answer.errorCode !== 0) this.onError(ask, answer.errorCode, nowMs)
        else if (this.current.name === 'initializing' || this.current.name === 'raising') this.onIdentity(answer)
        return
      case 'AddPartitionsToTxn':
        this.onPartitions(ask as Ask & { api: 'AddPartitionsToTxn' }, answer.failures, nowMs)
        return
      case 'AddOffsetsToTxn':
        if (answer.errorCode !== 0) {
          this.onError(ask, answer.errorCode, nowMs)
          return
        }
        this.succeeded()
        this.contents.begun = 'yes'
        this.contents.groups.add((ask as Ask & { api: 'AddOffsetsToTxn' }).groupId)
        return
      case 'TxnOffsetCommit':
        this.onOffsets(ask as Ask & { api: 'TxnOffsetCommit' }, answer.failures, nowMs)
        return
      case 'EndTxn':
        this.onEnded(ask, answer, nowMs)
        return
    }
  }

  private onIdentity({ identity, level, canRaise }: Answer & { api: 'InitProducerId' }): void {
    this.succeeded()
    this.known = identity
    this.level = level
    this.canRaise = canRaise
    this.contents = new TransactionContents()
    this.enter({ name: 'ready' })
  }

  private onPartitions(
    ask: Ask & { api: 'AddPartitionsToTxn' },
    failures: readonly PartitionFailure[],
    nowMs: number,
  ): void {
    if (failures.length === 0) {
      this.succeeded()
      this.contents.begun = 'yes'
      this.contents.announced(ask.partitions)
      if (this.isWriting) this.effects.push({ type: 'proceed' })
      return
    }
    // One bad partition keeps out all of them, and the others are said not to have been tried.
    const { errorCode, topic, partition } =
      failures.find((f) => f.errorCode !== ErrorCode.OPERATION_NOT_ATTEMPTED) ?? failures[0]
    const ofPartition =
      errorCode === ErrorCode.TOPIC_AUTHORIZATION_FAILED || errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    this.onError(ask, errorCode, nowMs, ofPartition ? `partition ${topic}-${partition}` : undefined)
  }

  private onOffsets(ask: Ask & { api: 'TxnOffsetCommit' }, failures: readonly PartitionFailure[], nowMs: number): void {
    const { offsets } = this.contents
    const first = offsets[0]
    if (failures.length === 0) {
      this.succeeded()
      if (first === undefined) return
      offsets.shift()
      this.effects.push({ type: 'offsets-stored', id: first.id })
      return
    }
    const failed = (o: TopicPartition) => failures.find((f) => f.topic === o.topic && f.partition === o.partition)
    // What is stored is not sent again.
    if (first !== undefined) first.offsets = ask.offsets.filter((o) => failed(o) !== undefined)
    const grave = failures.find((f) => !['retry', 'find'].includes(outcomeOf('TxnOffsetCommit', f.errorCode)))
    this.onError(ask, (grave ?? failures[0]).errorCode, nowMs)
  }

  private onEnded(ask: Ask, answer: Answer & { api: 'EndTxn' }, nowMs: number): void {
    const { current, contents } = this
    if (current.name !== 'committing' && current.name !== 'aborting') return
    const nothingOpen =
      answer.errorCode === ErrorCode.INVALID_TXN_STATE && current.name === 'aborting' && contents.begun === 'maybe'
    if (answer.errorCode !== 0 && !nothingOpen) {
      const outcome = outcomeOf('EndTxn', answer.errorCode)
      if (current.name === 'aborting' && outcome === 'abort-and-raise') {
        contents.mustRaise = true
        contents.identityLost = true
        return
      }
      const error = this.errorOf('EndTxn', answer.errorCode)
      // An abort that must be aborted has no way out.
      if (current.name === 'aborting' && outcome === 'abort') this.end(error)
      // The coordinator has aborted it by itself, and tells the abort whether the producer may go on.
      else if (current.name === 'committing' && answer.errorCode === ErrorCode.INVALID_TXN_STATE) this.fail(error)
      else this.apply(outcome, ask, error, nowMs)
      return
    }
    this.succeeded()
    this.finish(answer.identity)
  }

  /** The transaction is over. `next`: the identity of the next one, where the coordinator has given one. */
  private finish(next: ProducerIdentity | null): void {
    const raise = this.contents.mustRaise && next === null
    if (next !== null) this.known = next
    this.contents = new TransactionContents()
    if (!raise) {
      this.enter({ name: 'ready' })
    } else if (this.canRaise) {
      this.enter({ name: 'raising' })
    } else {
      const what = 'records were given up, and the broker is too old to let the producer begin anew (KIP-360)'
      this.end(new KafkaError('UNSUPPORTED_VERSION', what))
    }
  }

  private succeeded(): void {
    this.failures = 0
    this.retryAtMs = 0
  }

  private onError(ask: Ask, code: number, nowMs: number, what?: string): void {
    this.apply(outcomeOf(ask.api, code), ask, this.errorOf(ask.api, code, what), nowMs)
  }

  private apply(outcome: Outcome, ask: Ask, error: KafkaError, nowMs: number): void {
    switch (outcome) {
      case 'find':
        this.forget(ask)
        this.later(ask, error, nowMs)
        return
      case 'retry':
        this.later(ask, error, nowMs)
        return
      case 'abort-and-raise':
        this.contents.mustRaise = true
        this.contents.identityLost = true
        this.fail(error)
        return
      case 'abort':
        this.fail(error)
        return
      case 'fatal':
        this.end(error)
        return
    }
  }

  private onLost(error: KafkaError, nowMs: number): void {
    const ask = this.pending
    if (ask === null) throw new Error('a request that was not asked has no answer')
    this.pending = null
    const ofGroup = ask.api === 'TxnOffsetCommit' || (ask.api === 'FindCoordinator' && ask.kind === 'group')
    if (error.retriable) this.apply('find', ask, error, nowMs)
    else this.apply(ofGroup ? 'abort' : 'fatal', ask, error, nowMs)
  }

  private forget(ask: Ask): void {
    if (ask.api === 'TxnOffsetCommit') this.groupCoordinators.delete(ask.group.groupId)
    else if (ask.api !== 'FindCoordinator') this.coordinatorId = UNKNOWN
  }

  private later(ask: Ask, error: KafkaError, nowMs: number): void {
    this.failures += 1
    const concurrent = error.code === 'CONCURRENT_TRANSACTIONS'
    this.retryAtMs = nowMs + (concurrent ? concurrentWaitMs(this.failures) : this.options.waitMs(this.failures))
    this.effects.push({ type: 'retrying', api: ask.api, error, soon: concurrent })
  }

  private errorOf(api: AskedApi, code: number, what?: string): BrokerError {
    const on = what ?? `transactional id ${this.options.transactionalId}`
    // An epoch that is too old says the same of the coordinator's APIs.
    const named = code === ErrorCode.INVALID_PRODUCER_EPOCH ? ErrorCode.PRODUCER_FENCED : code
    return new BrokerError(named, `${api} of ${on}`, this.current.name === 'initializing' ? null : hints.get(named))
  }
}

/** What a program can do about it that kept its transaction open for too long. */
const hints: ReadonlyMap<number, string> = new Map([
  [
    ErrorCode.PRODUCER_FENCED,
    'a newer instance of the producer has taken over, or the transaction was open for longer than transactionTimeoutMs',
  ],
  [
    ErrorCode.INVALID_TXN_STATE,
    'the broker has no such open transaction; was it open for longer than transactionTimeoutMs?',
  ],
  [
    ErrorCode.UNSUPPORTED_VERSION,
    'the broker does not run transactions so any more: was its transaction.version lowered? A new producer adapts',
  ],
])

const situations = {
  uninitialized: 'the producer is not initialised',
  initializing: 'the producer is being initialised',
  ready: 'no transaction is open',
  open: 'a transaction is open, which must be committed or aborted first',
  committing: 'the transaction is being committed',
  aborting: 'the transaction is being aborted',
  raising: 'the transaction is being aborted',
} as const
