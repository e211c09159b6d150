import type { TopicPartition } from '../../cluster/by-leader.ts'
import type { KafkaError, TransactionError } from '../../errors.ts'
import type { GroupMetadata } from '../../group-metadata.ts'
import type { ProducerIdentity } from '../partition-queue.ts'
import type { AskedApi } from './outcomes.ts'

export type TransactionState =
  | { readonly name: 'uninitialized' | 'initializing' | 'ready' | 'open' | 'raising' }
  | { readonly name: 'committing' | 'aborting'; readonly settled: boolean }
  | { readonly name: 'failed' | 'fatal'; readonly error: TransactionError }

export interface OffsetToCommit extends TopicPartition {
  /** Of the record to be read next. */
  readonly offset: number
  /** Of the last record read. */
  readonly leaderEpoch?: number
  readonly metadata?: string | null
}

export type TransactionEvent =
  | { readonly type: 'init' | 'init-given-up' | 'begin' | 'commit' | 'abort' }
  | {
      readonly type: 'offsets'
      readonly id: number
      readonly group: GroupMetadata
      readonly offsets: readonly OffsetToCommit[]
    }
  | { readonly type: 'offsets-given-up'; readonly error: KafkaError }
  /** Every record of the transaction has its outcome, as the effect `settle` with this number asked to be told. */
  | { readonly type: 'settled'; readonly number: number }
  /** A record was not written. `numbered`: it was part of a batch that has been sent. */
  | { readonly type: 'record-failed'; readonly error: KafkaError; readonly numbered: boolean }
  | { readonly type: 'answer'; readonly answer: Answer }
  /** The request under way had no answer, or nobody named the coordinator. */
  | { readonly type: 'lost'; readonly error: KafkaError }
  /** The time that the effect `wait` named has come. */
  | { readonly type: 'time' }

/** A request to a coordinator. */
export type Ask =
  | { readonly api: 'FindCoordinator'; readonly kind: 'transaction' | 'group'; readonly key: string }
  | { readonly api: 'InitProducerId'; readonly identity: ProducerIdentity | null }
  | {
      readonly api: 'AddPartitionsToTxn'
      readonly identity: ProducerIdentity
      readonly partitions: readonly TopicPartition[]
    }
  | { readonly api: 'AddOffsetsToTxn'; readonly identity: ProducerIdentity; readonly groupId: string }
  | {
      readonly api: 'TxnOffsetCommit'
      readonly identity: ProducerIdentity
      readonly coordinatorId: number
      readonly group: GroupMetadata
      readonly offsets: readonly OffsetToCommit[]
    }
  | { readonly api: 'EndTxn'; readonly identity: ProducerIdentity; readonly committed: boolean }

/** What came back; partitions that are not named in `failures` succeeded. */
export type Answer =
  | { readonly api: 'FindCoordinator'; readonly nodeId: number }
  | {
      readonly api: 'InitProducerId'
      readonly errorCode: number
      readonly identity: ProducerIdentity
      /** 2 where transactions have an epoch each (KIP-890), 1 otherwise. */
      readonly level: TransactionLevel
      /** The coordinator can raise the epoch of a producer that asks for it (KIP-360). */
      readonly canRaise: boolean
    }
  | { readonly api: 'AddPartitionsToTxn' | 'TxnOffsetCommit'; readonly failures: readonly PartitionFailure[] }
  | { readonly api: 'AddOffsetsToTxn'; readonly errorCode: number }
  /** `identity` is null where the answer has none. */
  | { readonly api: 'EndTxn'; readonly errorCode: number; readonly identity: ProducerIdentity | null }

export interface PartitionFailure extends TopicPartition {
  readonly errorCode: number
}

export type TransactionLevel = 1 | 2

export type TransactionEffect =
  | { readonly type: 'ask'; readonly ask: Ask; readonly coordinatorId: number }
  /** Send the event `time` then. */
  | { readonly type: 'wait'; readonly untilMs: number }
  /** See that every record gets its outcome, then send the event `settled` with this number. */
  | { readonly type: 'settle'; readonly number: number }
  /** What is not under way is not written any more. */
  | { readonly type: 'discard'; readonly error: KafkaError }
  /** Records that had to wait may be sent. */
  | { readonly type: 'proceed' }
  | { readonly type: 'offsets-stored'; readonly id: number }
  /** `soon`: nothing to worry about if it does not last. */
  | { readonly type: 'retrying'; readonly api: AskedApi; readonly error: KafkaError; readonly soon: boolean }
  /** The state is another. */
  | { readonly type: 'entered'; readonly state: TransactionState }
