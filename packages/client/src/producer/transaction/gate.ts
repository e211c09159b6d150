import type { KafkaError } from '../../errors.ts'
import type { ProducerIdentity } from '../partition-queue.ts'

/** What a transactional producer's transaction says to each of its records on their way. */
export interface TransactionGate {
  readonly transactionalId: string
  /** What batches carry; there while a transaction is open. */
  readonly identity: ProducerIdentity | null
  /** A batch may be sent, or sent again. */
  readonly isWriting: boolean
  /** The leader enters the partition into the transaction by itself (KIP-890). */
  readonly isImplicit: boolean
  /** Why no record is taken now; null if one is. */
  refusal(): KafkaError | null
  /** A batch may go to the partition now. If not, the sender is woken when it may. */
  admits(topic: string, partition: number): boolean
  /** A record that was taken will not be written. `numbered`: it is part of a batch that was sent before. */
  onRecordFailed(error: KafkaError, numbered: boolean): void
}
