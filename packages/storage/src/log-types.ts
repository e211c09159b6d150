import type { AppendOrigin, LogSlice } from './types.ts'

export interface AppendOptions {
  readonly origin: AppendOrigin
  /** The leader's epoch, stamped on every batch; ignored for `replication`. */
  readonly leaderEpoch: number
  /** Wall clock of the append, milliseconds: LogAppendTime, timestamp bounds, segment age. */
  readonly nowMs: number
}

export interface ReadOptions {
  /** Soft limit: whole batches up to this many bytes. */
  readonly maxBytes: number
  /** Exclusive; a batch which begins at or after it is not returned (high watermark or last stable offset). */
  readonly maxOffset: number
  /** The first batch is returned even if it is larger than `maxBytes`. */
  readonly minOneMessage: boolean
  /** The bytes may be left in their file, for who sends them from there. Default false. */
  readonly ranges?: boolean
}

/** A slice from memory (empty at the end of the log), or `disk`: ask `readFromDisk`, or `out-of-range`. */
export type ReadResult = LogSlice | 'disk' | 'out-of-range' | 'offline'

/** What ListOffsets answers. */
export interface TimestampLookup {
  readonly timestampMs: number
  readonly offset: number
  readonly leaderEpoch: number
}

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

/** One row of DescribeProducers. */
export interface ActiveProducer {
  readonly producerId: number
  readonly producerEpoch: number
  readonly lastSequence: number
  readonly lastTimestampMs: number
  readonly coordinatorEpoch: number
  /** -1 when no transaction is open. */
  readonly currentTransactionStartOffset: number
}
