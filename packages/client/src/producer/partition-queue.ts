import { type BatchOptions, batch as batchHeader } from '@ottla/protocol/records'
import type { ProducerBatch } from './batch.ts'

/** Sequences are int32 without a sign and begin at 0 again. */
const SEQUENCE_LIMIT = 2 ** 31

export interface ProducerIdentity {
  readonly id: number
  readonly epoch: number
}

/**
 * The batches of one partition that are not yet written, oldest first.
 *
 * Sequence numbers count per partition, and so may epochs: the broker keeps a producer's state for each partition by
 * itself. When a batch with a number is given up, or the broker has lost track, the numbers after it no longer join on;
 * the partition then starts again at 0 in the next epoch (KIP-360), once nothing of it is under way.
 */
export class PartitionQueue {
  readonly topic: string
  readonly partition: number
  /** Waiting to be sent; the last may still take records. */
  readonly batches: ProducerBatch[] = []
  /** Batches under way. */
  inFlight = 0
  /** Of the last batch that was sent, before compression: what the next one may come to. */
  batchBytesHint = 0
  /** A batch came back: nothing is sent until all that are under way have, so that order is kept. */
  private blocked = false
  private broken = false
  /**
   * The broker has acked nothing yet under this identity. It takes whatever number comes first: the second batch must not overtake
   * a first one that was refused.
   */
  private unproven = false
  private identity: ProducerIdentity | null = null
  private nextSequence = 0
  /** What the broker expects next, as far as its answers tell. */
  private expectedSequence = 0

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  /** The batch that still takes records. */
  get open(): ProducerBatch | null {
    const last = this.batches[this.batches.length - 1]
    return last === undefined || last.sealed ? null : last
  }

  get idle(): boolean {
    return this.batches.length === 0 && this.inFlight === 0
  }

  /** The next batch may be sent as far as this partition is concerned. */
  get sendable(): boolean {
    if (this.inFlight === 0) this.blocked = false
    return this.batches.length > 0 && !this.blocked && !(this.unproven && this.inFlight > 0)
  }

  /** Takes the first batch to send it. `identity` is null for a producer that is not idempotent. */
  take(
    identity: ProducerIdentity | null,
    options: Pick<BatchOptions, 'codec' | 'level' | 'transactional'>,
  ): ProducerBatch {
    const batch = this.batches.shift() as ProducerBatch
    // What is under way keeps its identity to itself.
    if (identity !== null && this.inFlight === 0) this.enter(identity)
    const current = this.identity
    if (batch.bytes === null) {
      this.batchBytesHint = batch.sizeInBytes
      const producer =
        current === null
          ? {}
          : { producerId: current.id, producerEpoch: current.epoch, baseSequence: this.number(batch) }
      batch.finish({ ...options, ...producer })
    } else if (current !== null && !this.carries(batch, current)) {
      batch.renumber(current.id, current.epoch, this.number(batch))
    }
    batch.attempts += 1
    this.inFlight += 1
    return batch
  }

  /** A batch is written. */
  acknowledge(batch: ProducerBatch): void {
    this.inFlight -= 1
    if (batch.baseSequence >= 0) {
      this.unproven = false
      this.expectedSequence = (batch.baseSequence + batch.recordCount) % SEQUENCE_LIMIT
    }
  }

  /** A batch is to be sent again, before those that were made after it. */
  putBack(batch: ProducerBatch): void {
    this.inFlight -= 1
    this.blocked = true
    const at = this.batches.findIndex((other) => other.order > batch.order)
    if (at < 0) this.batches.push(batch)
    else this.batches.splice(at, 0, batch)
  }

  /** A batch under way is given up. */
  abandon(batch: ProducerBatch): void {
    this.inFlight -= 1
    if (batch.baseSequence >= 0) this.restart()
  }

  /** The numbers no longer join on to what the broker has. */
  restart(): void {
    this.broken = true
    this.blocked = true
  }

  /** The broker refused `batch` as out of order although everything before it is written: it has lost track. */
  isLost(batch: ProducerBatch): boolean {
    return batch.baseSequence === this.expectedSequence
  }

  private enter(identity: ProducerIdentity): void {
    const { identity: mine } = this
    // An idempotent producer's own epoch is 0: only a coordinator of transactions raises it.
    if (mine === null || mine.id !== identity.id || mine.epoch < identity.epoch) {
      this.identity = identity
      this.begin()
      this.broken = false
    } else if (this.broken) {
      this.broken = false
      this.identity = { id: identity.id, epoch: mine.epoch + 1 }
      this.begin()
    }
  }

  private begin(): void {
    this.nextSequence = 0
    this.expectedSequence = 0
    this.unproven = true
  }

  /** The highest epoch is used up: the producer needs a new id. */
  get exhausted(): boolean {
    return this.broken && this.identity !== null && this.identity.epoch >= 0x7fff
  }

  private carries(batch: ProducerBatch, identity: ProducerIdentity): boolean {
    const bytes = batch.bytes as Buffer
    return batchHeader.producerId(bytes, 0) === identity.id && batchHeader.producerEpoch(bytes, 0) === identity.epoch
  }

  private number(batch: ProducerBatch): number {
    const sequence = this.nextSequence
    this.nextSequence = (sequence + batch.recordCount) % SEQUENCE_LIMIT
    return sequence
  }
}
