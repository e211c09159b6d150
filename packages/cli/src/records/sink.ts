import type { Delivery, Producer, ProducerRecord, Transaction, TransactionalProducer } from '@ottla/client'

/** Where `produce` writes: a producer, with transactions or without. */
export interface RecordSink {
  /** To be waited for before the next record, if it is not null. */
  admits(): Promise<void> | null
  /** As the producer's: false when the next one should wait for `ready`. */
  produce(topic: string, record: ProducerRecord, delivery: Delivery): boolean
  ready(): Promise<void>
  /** Resolves when every record has its outcome, and the last transaction is committed. */
  finish(): Promise<void>
  /** Waits for what is on the way, at most `timeoutMs`; a transaction that is open is aborted. */
  stop(timeoutMs: number): Promise<void>
}

export function plainSink(producer: Producer): RecordSink {
  return {
    admits: () => null,
    produce: (topic, record, delivery) => producer.produce(topic, record, delivery),
    ready: () => producer.ready(),
    finish: () => producer.flush(),
    stop: (timeoutMs) => producer.close({ timeoutMs }),
  }
}

/** When a transaction is committed: after so many records, or so many ms after its first. Null: at the very end. */
export type CommitEvery = { readonly records: number } | { readonly ms: number } | null

/** One transaction after the other. The first failure is the end: nothing is begun after it. */
export class TransactionSink implements RecordSink {
  /** Transactions that were committed. */
  committed = 0
  private readonly producer: TransactionalProducer
  private readonly every: CommitEvery
  private readonly onCommitted: () => void
  private open: Transaction | null = null
  private count = 0
  private timer: NodeJS.Timeout | undefined
  /** A commit that time has begun. */
  private committing: Promise<void> | null = null
  private stopped = false

  /** `onCommitted` is called when what was delivered so far is committed. */
  constructor(producer: TransactionalProducer, every: CommitEvery, onCommitted: () => void) {
    this.producer = producer
    this.every = every
    this.onCommitted = onCommitted
  }

  admits(): Promise<void> | null {
    if (this.committing !== null) return this.committing.then(() => this.next())
    const isFull = this.every !== null && 'records' in this.every && this.count >= this.every.records
    return this.open === null || isFull ? this.next() : null
  }

  produce(topic: string, record: ProducerRecord, delivery: Delivery): boolean {
    this.count += 1
    return (this.open as Transaction).produce(topic, record, delivery)
  }

  ready(): Promise<void> {
    return (this.open as Transaction).ready()
  }

  async finish(): Promise<void> {
    await this.committing
    await this.commit()
  }

  async stop(timeoutMs: number): Promise<void> {
    this.stopped = true
    clearTimeout(this.timer)
    await this.committing?.catch(() => {})
    await this.producer.close({ timeoutMs })
  }

  private async next(): Promise<void> {
    await this.commit()
    if (this.stopped) return
    this.open = await this.producer.begin()
    if (this.every === null || !('ms' in this.every)) return
    this.timer = setTimeout(() => {
      this.committing = this.commit().finally(() => {
        this.committing = null
      })
      // Whoever sends or finishes next is told.
      this.committing.catch(() => {})
    }, this.every.ms)
  }

  private async commit(): Promise<void> {
    clearTimeout(this.timer)
    const { open } = this
    if (open === null) return
    await open.commit()
    this.open = null
    this.count = 0
    this.committed += 1
    this.onCommitted()
  }
}
