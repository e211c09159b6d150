import type { TransactionCoordinator } from '@ottla/coordinator'
import { ErrorCode } from '@ottla/protocol'
import type { Partition } from '../replica-manager/partition.ts'

/** A producer's writing into a partition as part of its transaction. */
export interface TransactionalWrite {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
  readonly partition: Partition
}

export interface TransactionGuardDeps {
  readonly transactions: TransactionCoordinator
  /** `transaction.partition.verification.enable` */
  readonly verifies: () => boolean
}

/**
 * Nothing is written as part of a transaction that is not open, or that does not know of the partition: nobody would ever end
 * it there (KIP-890). Where the log knows the transaction already it is not asked again.
 *
 * Between the coordinator's yes and the append nothing can happen: both are in one turn of the event loop.
 */
export class TransactionGuard {
  readonly #deps: TransactionGuardDeps

  constructor(deps: TransactionGuardDeps) {
    this.#deps = deps
  }

  isKnown({ partition, producerId, producerEpoch }: TransactionalWrite): boolean {
    return partition.log.isInTransaction(producerId, producerEpoch)
  }

  /** Of a producer that has told the coordinator of the partition itself. */
  verify(write: TransactionalWrite): number {
    if (this.isKnown(write) || !this.#deps.verifies()) return ErrorCode.NONE
    return this.#deps.transactions.verify(write, write.partition.topic, write.partition.index)
  }

  /** Enters the partitions of one producer's writes into its transaction, those that are not in it yet. */
  add(writes: readonly TransactionalWrite[], done: (errorCode: number) => void): void {
    const [{ transactionalId, producerId, producerEpoch }] = writes
    const topics = new Map<string, number[]>()
    for (const { partition } of writes) {
      const ids = topics.get(partition.topic) ?? []
      ids.push(partition.index)
      topics.set(partition.topic, ids)
    }
    const partitions = [...topics].map(([topic, partitionIds]) => ({ topic, partitionIds }))
    const request = { transactionalId, producerId, producerEpoch, partitions, transactionVersion: 2 }
    this.#deps.transactions.add(request, done)
  }
}

/** From here on a producer knows the error that calls for an abort and nothing more (KIP-1050). */
const ABORTABLE_PRODUCE_VERSION = 11
/** From here on it knows that its last transaction may still be ending. */
const IMPLICIT_ADD_PRODUCE_VERSION = 12

/** What a producer is told in Produce of what the coordinator said. */
export function produceErrorOf(errorCode: number, version: number): number {
  switch (errorCode) {
    case ErrorCode.PRODUCER_FENCED:
      return ErrorCode.INVALID_PRODUCER_EPOCH
    case ErrorCode.INVALID_TXN_STATE:
      return version >= ABORTABLE_PRODUCE_VERSION ? ErrorCode.TRANSACTION_ABORTABLE : errorCode
    case ErrorCode.CONCURRENT_TRANSACTIONS:
      return version >= IMPLICIT_ADD_PRODUCE_VERSION ? errorCode : ErrorCode.NOT_ENOUGH_REPLICAS
    // What producers know to try again.
    case ErrorCode.NOT_COORDINATOR:
    case ErrorCode.COORDINATOR_NOT_AVAILABLE:
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
      return ErrorCode.NOT_ENOUGH_REPLICAS
    default:
      return errorCode
  }
}
