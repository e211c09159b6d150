import type { MachineContext } from '../runtime/shard.ts'

/** What the broker's configuration says about transactions; read anew each time, since some of it may change. */
export interface TransactionConfig {
  /** `transaction.max.timeout.ms` */
  readonly timeoutMsMax: number
  /** `transactional.id.expiration.ms` */
  readonly idExpirationMs: number
  /** `transaction.abort.timed.out.transaction.cleanup.interval.ms` */
  readonly timeoutCheckIntervalMs: number
  /** `transaction.remove.expired.transaction.cleanup.interval.ms` */
  readonly expiryCheckIntervalMs: number
}

/** Partitions of one topic. */
export interface TopicPartitions {
  readonly topic: string
  readonly partitionIds: readonly number[]
}

/** The end of one transaction, to be written into the log of each of its partitions. */
export interface Markers {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
  readonly commit: boolean
  readonly partitions: readonly TopicPartitions[]
}

/** What the machines of transactions are made with. */
export interface TransactionContext extends MachineContext {
  readonly config: TransactionConfig
  /**
   * Writes the markers, trying again for as long as it takes, and says when every partition has its own or is gone. What is
   * said to a shard that has been unloaded meanwhile does no harm.
   */
  readonly writeMarkers: (partition: number, markers: Markers, done: () => void) => void
  /** For the broker's log. */
  readonly log: (sentence: string, fields: Readonly<Record<string, string | number | null>>) => void
}
