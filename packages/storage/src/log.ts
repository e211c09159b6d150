import type {
  AbortedTransaction,
  ActiveProducer,
  AppendOptions,
  ReadOptions,
  ReadResult,
  TimestampLookup,
} from './log-types.ts'
import type { AppendResult, LogConfig, LogSlice } from './types.ts'

/** One partition's log on disk. Skeleton: the signatures that the broker may rely on. */
export class PartitionLog {
  get topic(): string {
    throw new Error('not written yet')
  }
  get partition(): number {
    throw new Error('not written yet')
  }
  /** URL-safe base64 without padding, as Apache Kafka prints it; null when the directory has no partition.metadata. */
  get topicId(): string | null {
    throw new Error('not written yet')
  }
  get logStartOffset(): number {
    throw new Error('not written yet')
  }
  /** The next offset to be assigned. */
  get appendEndOffset(): number {
    throw new Error('not written yet')
  }
  /** Everything below is in the operating system's hands (on the device with `flushMessages` 1): what readers may see. */
  get writtenEndOffset(): number {
    throw new Error('not written yet')
  }
  get lastStableOffset(): number {
    throw new Error('not written yet')
  }
  get config(): LogConfig {
    throw new Error('not written yet')
  }
  /** Not null when the log's directory has failed: every call then answers KAFKA_STORAGE_ERROR. */
  get offline(): Error | null {
    throw new Error('not written yet')
  }
  get sizeBytes(): number {
    throw new Error('not written yet')
  }
  updateConfig(_config: LogConfig): void {
    throw new Error('not written yet')
  }
  append(_records: Buffer, _options: AppendOptions): AppendResult {
    throw new Error('not written yet')
  }
  read(_offset: number, _options: ReadOptions): ReadResult {
    throw new Error('not written yet')
  }
  readFromDisk(
    _offset: number,
    _options: ReadOptions,
    _done: (error: Error | null, slice: LogSlice | null) => void,
  ): void {
    throw new Error('not written yet')
  }
  fetchOffsetByTimestamp(_timestampMs: number): TimestampLookup | null {
    throw new Error('not written yet')
  }
  fetchMaxTimestamp(): TimestampLookup | null {
    throw new Error('not written yet')
  }
  /** The leader epoch of the record at `offset`, -1 when unknown. */
  epochOf(_offset: number): number {
    throw new Error('not written yet')
  }
  /** -1 when no batch carries an epoch. */
  get latestEpoch(): number {
    throw new Error('not written yet')
  }
  /** `EpochEndOffset`: the largest epoch ≤ `epoch` and where it ends; -1/-1 when unknown. */
  offsetForLeaderEpoch(_epoch: number): { readonly leaderEpoch: number; readonly endOffset: number } {
    throw new Error('not written yet')
  }
  /** Moves the log start (`DeleteRecords`); -1 is the end. Returns the new log start, or null when out of range. */
  deleteRecordsBefore(_offset: number): number | null {
    throw new Error('not written yet')
  }
  abortedTransactionsIn(_fromOffset: number, _toOffset: number): AbortedTransaction[] {
    throw new Error('not written yet')
  }
  activeProducers(): ActiveProducer[] {
    throw new Error('not written yet')
  }
  flush(_done: (error: Error | null) => void): void {
    throw new Error('not written yet')
  }
  truncateTo(_offset: number, _done: (error: Error | null) => void): void {
    throw new Error('not written yet')
  }
  truncateFullyAndStartAt(_offset: number, _done: (error: Error | null) => void): void {
    throw new Error('not written yet')
  }
}
