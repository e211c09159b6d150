import { ErrorCode } from '@ottla/protocol'
import { compilePattern, PatternError } from '../pattern/pattern.ts'
import type { CoordinatorKind, CoordinatorRuntime } from '../runtime/coordinator-runtime.ts'
import type { MachineContext } from '../runtime/shard.ts'
import type { TransactionConfig, TransactionContext } from './context.ts'
import type { EndReply, EndRequest } from './ending.ts'
import type { InitReply, InitRequest } from './init-producer.ts'
import { type StoredTransaction, transactionRecordTypes } from './records.ts'
import { isStatusName } from './state.ts'
import { type AddRequest, type TransactionListing, TransactionMachine } from './transaction-machine.ts'

/** How the machines of transactions are made, for their runtime. */
export function transactionCoordinatorKind(
  common: Omit<TransactionContext, keyof MachineContext>,
): CoordinatorKind<TransactionMachine> {
  return {
    name: 'transaction',
    recordTypes: transactionRecordTypes,
    create: (context) => new TransactionMachine({ ...common, ...context }),
  }
}

/** Which transactions are to be listed; what is empty or null is no bound. */
export interface TransactionFilter {
  readonly states: readonly string[]
  readonly producerIds: readonly number[]
  /** Only those open for longer; -1 for all. */
  readonly openForMs: number
  /** RE2 syntax, of the whole transactional id. */
  readonly pattern: string | null
}

export interface ListedTransactions {
  readonly errorCode: number
  readonly unknownStates: readonly string[]
  readonly transactions: readonly TransactionListing[]
}

export interface TransactionCoordinatorDeps {
  /** Where the transactional id is kept; -1 while there is no place for any yet. */
  readonly partitionOf: (transactionalId: string) => number
  readonly config: TransactionConfig
  /** A producer id that nobody has; null when none can be had now. */
  readonly nextProducerId: () => Promise<number | null>
  readonly nowMs: () => number
}

/**
 * The transaction coordinator as its requests see it: finds the shard, and says no where no shard can be asked
 * (`TransactionCoordinator` in Apache Kafka). `done` is called exactly once, perhaps before the call returns.
 */
export class TransactionCoordinator {
  readonly #runtime: CoordinatorRuntime<TransactionMachine>
  readonly #deps: TransactionCoordinatorDeps

  constructor(runtime: CoordinatorRuntime<TransactionMachine>, deps: TransactionCoordinatorDeps) {
    this.#runtime = runtime
    this.#deps = deps
  }

  async initProducer(request: InitRequest): Promise<InitReply> {
    const { transactionalId, timeoutMs } = request
    if (transactionalId === '') return refusedInit(ErrorCode.INVALID_REQUEST)
    if (timeoutMs <= 0 || timeoutMs > this.#deps.config.timeoutMsMax) {
      return refusedInit(ErrorCode.INVALID_TRANSACTION_TIMEOUT)
    }
    const ask = (newProducerId: number | null): Promise<InitReply> =>
      new Promise((resolve) => {
        const run = (m: TransactionMachine, now: number) => m.init(request, newProducerId, now)
        this.#runtime.write(this.#deps.partitionOf(transactionalId), run, refusedInit, resolve)
      })
    const reply = await ask(null)
    if (reply.needsProducerId !== true) return reply
    const newProducerId = await this.#deps.nextProducerId()
    return newProducerId === null ? refusedInit(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) : ask(newProducerId)
  }

  add(request: AddRequest, done: (errorCode: number) => void): void {
    const { transactionalId } = request
    if (transactionalId === '') done(ErrorCode.INVALID_REQUEST)
    else {
      const run = (m: TransactionMachine, now: number) => m.add(request, now)
      this.#runtime.write<number>(this.#deps.partitionOf(transactionalId), run, same, done)
    }
  }

  /** Whether a partition is in an open transaction of this producer. */
  verify(request: Omit<AddRequest, 'partitions' | 'transactionVersion'>, topic: string, partition: number): number {
    const { transactionalId } = request
    const run = (m: TransactionMachine): number => m.verify(request, topic, partition)
    return this.#runtime.read<number>(this.#deps.partitionOf(transactionalId), run, same)
  }

  async end(request: EndRequest): Promise<EndReply> {
    const { transactionalId } = request
    if (transactionalId === '') return refusedEnd(ErrorCode.INVALID_REQUEST)
    const ask = (newProducerId: number | null): Promise<EndReply> =>
      new Promise((resolve) => {
        const run = (m: TransactionMachine, now: number) => m.end(request, newProducerId, now)
        this.#runtime.write(this.#deps.partitionOf(transactionalId), run, refusedEnd, resolve)
      })
    const reply = await ask(null)
    if (reply.needsProducerId !== true) return reply
    const newProducerId = await this.#deps.nextProducerId()
    return newProducerId === null ? refusedEnd(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) : ask(newProducerId)
  }

  describe(transactionalId: string): { readonly errorCode: number; readonly stored: StoredTransaction | null } {
    if (transactionalId === '') return { errorCode: ErrorCode.INVALID_REQUEST, stored: null }
    return this.#runtime.read<{ errorCode: number; stored: StoredTransaction | null }>(
      this.#deps.partitionOf(transactionalId),
      (m) => {
        const stored = m.describe(transactionalId)
        if (stored === undefined) return { errorCode: ErrorCode.TRANSACTIONAL_ID_NOT_FOUND, stored: null }
        return { errorCode: ErrorCode.NONE, stored }
      },
      (errorCode) => ({ errorCode, stored: null }),
    )
  }

  list({ states, producerIds, openForMs, pattern }: TransactionFilter): ListedTransactions {
    const unknownStates = states.filter((state) => !isStatusName(state))
    const refused = (errorCode: number): ListedTransactions => ({ errorCode, unknownStates, transactions: [] })
    if (this.#runtime.isLoading) return refused(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)
    const matches = matcherOf(pattern)
    if (matches === null) return refused(ErrorCode.INVALID_REGULAR_EXPRESSION)
    const nowMs = this.#deps.nowMs()
    const wanted = ({ transactionalId, producerId, state, startMs }: TransactionListing): boolean =>
      (states.length === 0 || states.includes(state)) &&
      (producerIds.length === 0 || producerIds.includes(producerId)) &&
      (openForMs < 0 || (startMs >= 0 && nowMs - startMs > openForMs)) &&
      matches(transactionalId)
    const transactions = this.#runtime
      .activePartitions()
      .flatMap((partition) =>
        this.#runtime.read<TransactionListing[]>(
          partition,
          (m) => m.list(),
          () => [],
        ),
      )
      .filter(wanted)
    return { errorCode: ErrorCode.NONE, unknownStates, transactions }
  }
}

/** Null: the pattern means nothing. */
function matcherOf(pattern: string | null): ((text: string) => boolean) | null {
  if (pattern === null || pattern === '') return () => true
  try {
    return compilePattern(pattern)
  } catch (error) {
    if (error instanceof PatternError) return null
    throw error
  }
}

function same(errorCode: number): number {
  return errorCode
}

function refusedInit(errorCode: number): InitReply {
  return { errorCode, producerId: -1, producerEpoch: -1 }
}

function refusedEnd(errorCode: number): EndReply {
  return { errorCode, producerId: -1, producerEpoch: -1 }
}
