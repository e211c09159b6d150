import { backOffMs } from '@ottla/net'
import type { TimerHandle } from '@ottla/runtime'
import type { Cluster } from '../../cluster/cluster.ts'
import { ClosedError, KafkaError, TimeoutError } from '../../errors.ts'
import type { GroupMetadata } from '../../group-metadata.ts'
import type { TransactionSettings } from '../options.ts'
import type { ProducerIdentity } from '../partition-queue.ts'
import type { OffsetToCommit, TransactionEffect, TransactionEvent, TransactionState } from './events.ts'
import type { TransactionGate } from './gate.ts'
import { TransactionManager } from './manager.ts'
import { perform } from './requests.ts'

/** The records of the open transaction, as its producer has them. */
export interface TransactionRecords {
  /** Resolves when every record has its outcome. */
  flush(): Promise<void>
  /** Fails what is not under way. */
  discard(error: KafkaError): void
  /** Partitions that had to wait may take records. */
  proceed(): void
}

/** Calls of `sendOffsets` that are not stored yet; one more fails the transaction with BUFFER_FULL. */
const WAITING_OFFSETS_MAX = 10_000

interface OffsetsWaiter {
  resolve(): void
  reject(error: KafkaError): void
}

/** What the manager decides, this does: asks the coordinators, keeps time, and tells those who wait. */
export class TransactionDriver implements TransactionGate {
  private readonly cluster: Cluster
  private readonly settings: TransactionSettings
  private readonly manager: TransactionManager
  private records: TransactionRecords | null = null
  private readonly effects: TransactionEffect[] = []
  private running = false
  private timer: TimerHandle | undefined
  private pumping = false
  private nextOffsetsId = 0
  private readonly offsets = new Map<number, OffsetsWaiter>()
  private readonly stateListeners = new Set<(state: TransactionState) => void>()
  private lastError: KafkaError | null = null
  /** Told when the records of the transaction that ends have their outcome. */
  private onSettled: () => void = () => {}
  private closed = false

  constructor(cluster: Cluster, settings: TransactionSettings) {
    this.cluster = cluster
    this.settings = settings
    const { random } = cluster.deps
    this.manager = new TransactionManager({
      transactionalId: settings.transactionalId,
      waitMs: (failures) => backOffMs(failures - 1, random, cluster.settings.backOff),
    })
  }

  attach(records: TransactionRecords): void {
    this.records = records
  }

  get state(): TransactionState {
    return this.manager.state
  }

  // --------------------------------------------------------------------------------------------------- for a program

  /** Gets the identity, and so ends what earlier instances have left. */
  async init(): Promise<void> {
    this.checkOpen()
    this.dispatch({ type: 'init' })
    const state = await this.whileIn(['initializing'], this.cluster.settings.apiTimeoutMs)
    if (state === null) {
      this.dispatch({ type: 'init-given-up' })
      throw this.tooLate('was not initialised')
    }
    if (state.name === 'fatal') throw state.error
    this.checkOpen()
  }

  /** Opens a transaction, after the one before is over. */
  async begin(): Promise<void> {
    if (this.state.name === 'uninitialized') await this.init()
    const state = await this.whileIn(
      ['initializing', 'committing', 'aborting', 'raising'],
      this.cluster.settings.apiTimeoutMs,
    )
    if (state === null) throw this.tooLate('cannot begin: the transaction before is not over')
    this.checkOpen()
    this.dispatch({ type: 'begin' })
  }

  /** Adds offsets to the transaction. Resolves when their coordinator has them. */
  sendOffsets(group: GroupMetadata, offsets: readonly OffsetToCommit[]): Promise<void> {
    const refusal = this.refusal()
    if (refusal !== null) return Promise.reject(refusal)
    if (this.offsets.size >= WAITING_OFFSETS_MAX) {
      const error = new KafkaError('BUFFER_FULL', 'too many offsets wait to be stored', { retriable: true })
      this.onRecordFailed(error, false)
      return Promise.reject(error)
    }
    return new Promise((resolve, reject) => {
      const id = this.nextOffsetsId++
      const { timers } = this.cluster.deps
      const timer = timers.setTimer(() => {
        const error = this.tooLate(`could not store offsets of group ${group.groupId}`)
        this.dispatch({ type: 'offsets-given-up', error })
      }, this.cluster.settings.apiTimeoutMs)
      const settle = (then: () => void) => {
        this.offsets.delete(id)
        timers.clearTimer(timer)
        then()
      }
      this.offsets.set(id, { resolve: () => settle(resolve), reject: (error) => settle(() => reject(error)) })
      this.dispatch({ type: 'offsets', id, group, offsets })
    })
  }

  /**
   * Ends the transaction. Resolves when the coordinator has decided, however long that takes; rejects with why not.
   * `settled` resolves when every record has its outcome.
   */
  end(type: 'commit' | 'abort'): { readonly settled: Promise<void>; readonly ended: Promise<void> } {
    this.checkOpen()
    const settled = Promise.withResolvers<void>()
    const ended = Promise.withResolvers<void>()
    const listener = (state: TransactionState) => {
      if (state.name === 'committing' || state.name === 'aborting' || state.name === 'raising') return
      this.stateListeners.delete(listener)
      settled.resolve()
      if (state.name === 'failed' || state.name === 'fatal') ended.reject(state.error)
      else if (this.closed) ended.reject(closedError())
      else ended.resolve()
    }
    ended.promise.catch(() => {})
    this.onSettled = settled.resolve
    this.dispatch({ type })
    this.stateListeners.add(listener)
    listener(this.state)
    return { settled: settled.promise, ended: ended.promise }
  }

  /** What nobody may wait for any longer fails. */
  close(): void {
    if (this.closed) return
    this.closed = true
    this.cluster.deps.timers.clearTimer(this.timer)
    const error = closedError()
    for (const waiter of [...this.offsets.values()]) waiter.reject(error)
    for (const listener of [...this.stateListeners]) listener({ name: 'ready' })
  }

  tooLate(what: string): TimeoutError {
    const why = this.lastError === null ? '' : `: ${this.lastError.message}`
    const { apiTimeoutMs } = this.cluster.settings
    const id = this.settings.transactionalId
    return new TimeoutError(`transactional id ${id} ${what} within ${apiTimeoutMs} ms${why}`, this.lastError)
  }

  private checkOpen(): void {
    if (this.closed) throw closedError()
  }

  /** The first state that is none of these; null after `timeoutMs`. */
  private whileIn(names: readonly TransactionState['name'][], timeoutMs: number): Promise<TransactionState | null> {
    if (!names.includes(this.state.name)) return Promise.resolve(this.state)
    return new Promise((resolve) => {
      const { timers } = this.cluster.deps
      const finish = (state: TransactionState | null) => {
        timers.clearTimer(timer)
        this.stateListeners.delete(listener)
        resolve(state)
      }
      const timer = timers.setTimer(() => finish(null), timeoutMs)
      const listener = (state: TransactionState) => {
        if (!names.includes(state.name)) finish(state)
      }
      this.stateListeners.add(listener)
    })
  }

  // ---------------------------------------------------------------------------------------------------- for records

  get transactionalId(): string {
    return this.settings.transactionalId
  }

  get identity(): ProducerIdentity | null {
    return this.manager.identity
  }

  get isWriting(): boolean {
    return this.manager.isWriting
  }

  get isImplicit(): boolean {
    return this.manager.isImplicit
  }

  refusal(): KafkaError | null {
    const { state } = this
    if (this.closed) return closedError()
    if (state.name === 'open') return null
    if (state.name === 'failed' || state.name === 'fatal') return state.error
    return new KafkaError('INVALID_TXN_STATE', 'records and offsets belong into an open transaction')
  }

  admits(topic: string, partition: number): boolean {
    if (this.manager.admits(topic, partition)) return true
    // All partitions that come in this turn are announced together.
    if (!this.pumping && !this.closed) {
      this.pumping = true
      this.cluster.deps.timers.immediate(() => {
        this.pumping = false
        this.dispatch({ type: 'time' })
      })
    }
    return false
  }

  onRecordFailed(error: KafkaError, numbered: boolean): void {
    this.dispatch({ type: 'record-failed', error, numbered })
  }

  // -------------------------------------------------------------------------------------------------------- effects

  private dispatch(event: TransactionEvent): void {
    this.effects.push(...this.manager.on(event, this.cluster.deps.clock.monotonicMs()))
    if (this.running) return
    this.running = true
    try {
      for (let next = this.effects.shift(); next !== undefined; next = this.effects.shift()) this.run(next)
    } finally {
      this.running = false
    }
  }

  private run(effect: TransactionEffect): void {
    const { deps } = this.cluster
    switch (effect.type) {
      case 'ask':
        if (!this.closed) this.ask(effect)
        return
      case 'wait':
        deps.timers.clearTimer(this.timer)
        if (this.closed) return
        this.timer = deps.timers.setTimer(
          () => this.dispatch({ type: 'time' }),
          effect.untilMs - deps.clock.monotonicMs(),
        )
        return
      case 'settle': {
        const { onSettled } = this
        void this.records!.flush().then(() => {
          onSettled()
          this.dispatch({ type: 'settled', number: effect.number })
        })
        return
      }
      case 'discard':
        for (const waiter of [...this.offsets.values()]) waiter.reject(effect.error)
        this.records!.discard(effect.error)
        return
      case 'proceed':
        this.records!.proceed()
        return
      case 'offsets-stored':
        this.offsets.get(effect.id)?.resolve()
        return
      case 'retrying': {
        this.lastError = effect.error
        if (effect.soon) return
        const { transactionalId } = this.settings
        deps.logger.warn('a transaction is held up', {
          transactionalId,
          request: effect.api,
          error: effect.error.message,
        })
        return
      }
      case 'entered':
        this.onEntered(effect.state)
        return
    }
  }

  private onEntered(state: TransactionState): void {
    if (state.name === 'ready') this.lastError = null
    if (state.name === 'fatal') {
      const { transactionalId } = this.settings
      const error = state.error.message
      this.cluster.deps.logger.error('a transactional producer has ended', { transactionalId, error })
    }
    for (const listener of [...this.stateListeners]) listener(state)
  }

  private ask({ ask, coordinatorId }: TransactionEffect & { type: 'ask' }): void {
    perform(this.cluster, this.settings, ask, coordinatorId, this.manager.isImplicit ? 2 : 1).then(
      (answer) => this.dispatch({ type: 'answer', answer }),
      (error: unknown) => {
        if (!(error instanceof KafkaError)) throw error
        this.dispatch({ type: 'lost', error })
      },
    )
  }
}

function closedError(): ClosedError {
  return new ClosedError('the producer is closed')
}
