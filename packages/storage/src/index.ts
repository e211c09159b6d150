export { StorageError, type StorageErrorCode } from './errors.ts'
export { PartitionLog } from './log.ts'
export type {
  AbortedTransaction,
  ActiveProducer,
  AppendOptions,
  ReadOptions,
  ReadResult,
  TimestampLookup,
} from './log-types.ts'
export { LogManager } from './manager.ts'
export type { CleanerOptions, DirectoryState, LogManagerOptions, ProcessIdentity } from './manager-types.ts'
export type { SegmentRange } from './segment-range.ts'
export * from './types.ts'
