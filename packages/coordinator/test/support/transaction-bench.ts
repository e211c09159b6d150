import {
  CoordinatorRuntime,
  type EndReply,
  type InitReply,
  type Markers,
  type StoredTransaction,
  TransactionCoordinator,
  type TransactionMachine,
  transactionCoordinatorKind,
} from '@ottla/coordinator'
import { transactionRecord } from '../../src/transaction/records.ts'
import { MockHost } from './mock-host.ts'

export const PARTITION = 0

/** Markers that were asked for and are not written yet. */
export interface OpenMarkers extends Markers {
  done(): void
}

/** The transaction coordinator with one shard; markers are written when the test says so, or at once. */
export class TransactionBench {
  readonly host = new MockHost()
  readonly config = {
    timeoutMsMax: 900_000,
    idExpirationMs: 7 * 24 * 3_600_000,
    timeoutCheckIntervalMs: 10_000,
    expiryCheckIntervalMs: 3_600_000,
  }
  readonly runtime: CoordinatorRuntime<TransactionMachine>
  readonly transactions: TransactionCoordinator
  machine: TransactionMachine | null = null
  /** Every request for markers, in order. */
  readonly asked: Markers[] = []
  open: OpenMarkers[] = []
  writesAtOnce = true
  /** Told as they are asked for. */
  onMarkers: (markers: Markers) => void = () => undefined
  nextProducerId = 1000

  constructor() {
    const kind = transactionCoordinatorKind({
      config: this.config,
      writeMarkers: (_partition, markers, done) => {
        this.asked.push(markers)
        this.onMarkers(markers)
        if (this.writesAtOnce) done()
        else this.open.push({ ...markers, done })
      },
      log: () => undefined,
    })
    this.runtime = new CoordinatorRuntime(
      {
        ...kind,
        create: (context) => {
          this.machine = kind.create(context)
          return this.machine
        },
      },
      this.host,
    )
    this.host.outcomes = this.runtime
    this.transactions = new TransactionCoordinator(this.runtime, {
      partitionOf: () => PARTITION,
      config: this.config,
      nextProducerId: () => Promise.resolve(this.nextProducerId++),
      nowMs: () => this.host.now,
    })
    this.load()
  }

  /** The coordinator starts anew from what is committed. */
  load(): void {
    this.host.feed(PARTITION, this.runtime.load(PARTITION))
  }

  writeMarkers(): void {
    const open = this.open
    this.open = []
    for (const { done } of open) done()
  }

  init(
    expected: InitReply | null = null,
    more: { transactionalId?: string; timeoutMs?: number } = {},
  ): Promise<InitReply> {
    const { transactionalId = 'tx', timeoutMs = 60_000 } = more
    return this.transactions.initProducer({ transactionalId, timeoutMs, expected })
  }

  add(
    producer: { producerId: number; producerEpoch: number },
    partitions: readonly number[] = [0],
    transactionVersion = 1,
    transactionalId = 'tx',
  ): number | null {
    let code: number | null = null
    const request = {
      transactionalId,
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      partitions: [{ topic: 't', partitionIds: partitions }],
      transactionVersion,
    }
    this.transactions.add(request, (errorCode) => {
      code = errorCode
    })
    return code
  }

  verify(producer: { producerId: number; producerEpoch: number }, partition = 0): number {
    const { producerId, producerEpoch } = producer
    return this.transactions.verify({ transactionalId: 'tx', producerId, producerEpoch }, 't', partition)
  }

  end(
    producer: { producerId: number; producerEpoch: number },
    commit: boolean,
    transactionVersion = 1,
    transactionalId = 'tx',
  ): Promise<EndReply> {
    const { producerId, producerEpoch } = producer
    return this.transactions.end({ transactionalId, producerId, producerEpoch, commit, transactionVersion })
  }

  /** As if all epochs up to this one had been used. */
  useUpEpochs(producerEpoch: number, transactionalId = 'tx'): { producerId: number; producerEpoch: number } {
    const stored = { ...(this.stored(transactionalId) as StoredTransaction), producerEpoch }
    this.store(stored, transactionalId)
    return { producerId: stored.producerId, producerEpoch }
  }

  /** As if a history had led to this state. */
  store(state: StoredTransaction, transactionalId = 'tx'): void {
    const records = [transactionRecord.put({ transactionalId }, state)]
    this.runtime.write<number>(PARTITION, () => ({ records, reply: 0 }), same, same)
  }

  stored(transactionalId = 'tx'): StoredTransaction | null {
    return this.transactions.describe(transactionalId).stored
  }

  state(transactionalId = 'tx'): string | null {
    const [found] = this.transactions
      .list({ states: [], producerIds: [], openForMs: -1, pattern: null })
      .transactions.filter((listed) => listed.transactionalId === transactionalId)
    return found?.state ?? null
  }

  committedState(): unknown {
    const { transactions } = this.transactions.list({ states: [], producerIds: [], openForMs: -1, pattern: null })
    return transactions.map(({ transactionalId }) => [transactionalId, this.stored(transactionalId)]).sort()
  }
}

function same(code: number): number {
  return code
}
