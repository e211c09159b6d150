import type { IndexChecksums } from './index/index-checksums.ts'
import type { AbortedTxn } from './index/transaction-index.ts'
import type { OpenFiles } from './open-files.ts'
import type { Segment } from './segment.ts'
import type { StorageRuntime } from './types.ts'

/** What the segments of one log share. */
export interface LogEnvironment {
  readonly runtime: StorageRuntime
  readonly openFiles: OpenFiles
  readonly checksums: IndexChecksums
  /** The partition's folder; changes when the log is deleted. */
  readonly directory: string
  readonly indexIntervalBytes: number
  /** A sealed segment holds its indexes in memory now: others may have to let go of theirs. */
  noteIndexesLoaded(segment: Segment): void
  /** The segment's aborted transactions, read from its batches and the producer state before them. */
  abortedTransactionsOf(segment: Segment): AbortedTxn[]
}
