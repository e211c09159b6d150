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
export {
  type CleanerOptions,
  type DirectoryState,
  LogManager,
  type LogManagerOptions,
  type ProcessIdentity,
} from './manager.ts'
export * from './types.ts'
