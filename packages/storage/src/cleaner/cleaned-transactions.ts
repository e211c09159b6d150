import type { AbortedTxn } from '../index/transaction-index.ts'

/**
 * Follows transactions while the cleaner walks up the log (`CleanedTransactionMetadata` in Apache Kafka): which batches
 * were aborted, so that their records go, and which markers have nothing left to mark.
 */
export class CleanedTransactions {
  /** By first offset, those not reached yet. */
  #ahead: AbortedTxn[] = []
  /** By producer id, the aborted transactions that the walk is in, and whether a batch of theirs was seen. */
  readonly #aborted = new Map<number, { readonly txn: AbortedTxn; seen: boolean }>()
  readonly #committed = new Set<number>()
  /** The transaction index of the segment that is being written. */
  #retained: AbortedTxn[] = []

  /** Those that touch the segment which comes next; one that spans several segments may be added with each. */
  add(transactions: readonly AbortedTxn[]): void {
    this.#ahead.push(...transactions)
    this.#ahead.sort((a, b) => a.firstOffset - b.firstOffset)
  }

  #advance(offset: number): void {
    let count = 0
    while (count < this.#ahead.length && this.#ahead[count].firstOffset <= offset) {
      const txn = this.#ahead[count++]
      if (!this.#aborted.has(txn.producerId)) this.#aborted.set(txn.producerId, { txn, seen: false })
    }
    if (count > 0) this.#ahead.splice(0, count)
  }

  /** A data batch; true when its records were aborted. */
  onBatch(producerId: number, transactional: boolean, lastOffset: number): boolean {
    this.#advance(lastOffset)
    if (!transactional) return false
    const aborted = this.#aborted.get(producerId)
    if (aborted === undefined) {
      this.#committed.add(producerId)
      return false
    }
    aborted.seen = true
    return true
  }

  /** A transaction marker; true when no batch of its transaction is left, so that it may go after its time. */
  onMarker(producerId: number, commit: boolean, lastOffset: number): boolean {
    this.#advance(lastOffset)
    if (commit) return !this.#committed.delete(producerId)
    const aborted = this.#aborted.get(producerId)
    this.#aborted.delete(producerId)
    if (aborted?.seen !== true) return true
    this.#retained.push(aborted.txn)
    return false
  }

  takeRetained(): AbortedTxn[] {
    const retained = this.#retained
    this.#retained = []
    return retained
  }
}
