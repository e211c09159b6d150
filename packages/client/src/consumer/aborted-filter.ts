import type { RecordBatch } from '@ottla/protocol/records'

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

/**
 * Leaves out what aborted transactions wrote, batch by batch in their order. The broker names the transactions that touch
 * an answer by producer and first offset; each ends with its producer's next marker (`CompletedFetch` in Kafka's client).
 */
export class AbortedFilter {
  private readonly waiting: AbortedTransaction[]
  private readonly open = new Set<number>()

  constructor(aborted: readonly AbortedTransaction[]) {
    this.waiting = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  }

  /** For every batch, control batches too. */
  leavesOut(batch: RecordBatch): boolean {
    while (this.waiting.length > 0 && this.waiting[0].firstOffset <= batch.lastOffset) {
      this.open.add(this.waiting.shift()!.producerId)
    }
    if (batch.isControl) {
      this.open.delete(batch.producerId)
      return true
    }
    return batch.isTransactional && this.open.has(batch.producerId)
  }
}
