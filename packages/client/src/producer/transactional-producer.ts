import type { Cluster } from '../cluster/cluster.ts'
import { sleep } from '../cluster/retry.ts'
import { KafkaError, TransactionError } from '../errors.ts'
import { type TransactionalProducerOptions, transactionalSettingsOf } from './options.ts'
import { CLOSE_TIMEOUT_MS, Producer } from './producer.ts'
import type { Content } from './record.ts'
import { TransactionDriver } from './transaction/driver.ts'
import { Transaction } from './transaction/transaction.ts'

/**
 * Writes records and offsets in transactions, one after the other.
 *
 * ```ts
 * const producer = kafka.producer({ transactionalId: 'transfers-1' })
 * await producer.transaction(async (txn) => {
 *   txn.send('accounts', { key: 'ann', value: '-10' })
 *   txn.send('accounts', { key: 'bob', value: '+10' })
 * })
 * ```
 */
export class TransactionalProducer<K = Content, V = Content> implements AsyncDisposable {
  private readonly cluster: Cluster
  private readonly driver: TransactionDriver
  private readonly producer: Producer<K, V>
  private current: Transaction<K, V> | null = null
  private closing: Promise<void> | null = null

  /** @internal Use `kafka.producer({ transactionalId })`. */
  constructor(options: TransactionalProducerOptions<K, V>, cluster: Cluster, onClosed: () => void) {
    const settings = transactionalSettingsOf(options, cluster.settings.requestTimeoutMs)
    this.cluster = cluster
    this.driver = new TransactionDriver(cluster, settings)
    this.producer = new Producer(settings, cluster, onClosed, this.driver)
    this.driver.attach(this.producer)
  }

  /**
   * Fences all other producers with this transactional id and aborts what they have left open. The first transaction does
   * it by itself; a program that reads what earlier instances have written does it before. Idempotent. Rejects with a
   * `KafkaError`: TIMEOUT, which may be tried again, or a fatal `TransactionError`.
   */
  init(): Promise<void> {
    return this.driver.init()
  }

  /**
   * Opens a transaction, which must be ended by `commit` or `abort`. Rejects with INVALID_TXN_STATE while another one is
   * open, and with a fatal `TransactionError`, such as PRODUCER_FENCED, when the producer can do nothing more.
   */
  async begin(): Promise<Transaction<K, V>> {
    await this.driver.begin()
    this.current = new Transaction(this.producer, this.driver, this.cluster)
    return this.current
  }

  /**
   * Runs `work` in a transaction: commits when it returns, aborts when it throws, and throws that again. `work` may also
   * end the transaction itself.
   *
   * What is thrown for a transaction that has failed is a `TransactionError`, or what a send in `work` has rejected with;
   * nothing of it is seen. `retriable` says whether the whole transaction may go through when it is run again. Two cases
   * are different: when the error is `fatal` the producer is of no more use, and after COMMIT_UNKNOWN the transaction may
   * be committed.
   */
  async transaction<T>(work: (transaction: Transaction<K, V>) => T | Promise<T>): Promise<T> {
    const transaction = await this.begin()
    try {
      const result = await work(transaction)
      if (transaction.isOpen) await transaction.commit()
      return result
    } catch (error) {
      if (!transaction.isOpen) throw error
      try {
        await transaction.abort()
      } catch (failure) {
        // That the producer has been fenced says more than the record that was refused for it.
        if (failure instanceof TransactionError && error instanceof KafkaError) throw failure
      }
      throw error
    }
  }

  /**
   * Aborts the transaction that is open and ends; one that is being committed is waited for. Gives up after `timeoutMs`
   * (default 30 000); the broker then aborts the transaction in its time. Idempotent.
   */
  close(options: { timeoutMs?: number } = {}): Promise<void> {
    this.closing ??= this.closeNow(options.timeoutMs ?? CLOSE_TIMEOUT_MS)
    return this.closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private async closeNow(timeoutMs: number): Promise<void> {
    const { clock, timers } = this.cluster.deps
    const untilMs = clock.monotonicMs() + timeoutMs
    const enough = new AbortController()
    const late = sleep(timers, timeoutMs, enough.signal).catch(() => {})
    // Why a transaction cannot be ended is known to whoever holds it.
    await Promise.race([this.endCurrent().catch(() => {}), late])
    enough.abort()
    this.driver.close()
    await this.producer.close({ timeoutMs: Math.max(0, untilMs - clock.monotonicMs()) })
  }

  private async endCurrent(): Promise<void> {
    const { current } = this
    if (current === null) return
    if (current.isOpen) await current.abort()
    else await current.finished()
  }
}
