export * as batch from './batch.ts'
export { type BatchOptions, RecordBatchBuilder, type RecordHeader, recordBytesMax, setProducer } from './builder.ts'
export {
  CODEC_NAMES,
  Codec,
  type CodecName,
  codecByName,
  compress,
  DECOMPRESSED_BYTES_MAX,
  DECOMPRESSION_RATIO_MAX,
  decompress,
  decompressedBytesMax,
  levelsOf,
} from './compression/index.ts'
export {
  ControlType,
  controlTypeOf,
  coordinatorEpochOf,
  type LeaderChange,
  leaderChangeBatch,
  type TransactionMarker,
  transactionMarkerBatch,
} from './control.ts'
export { crc32c, crc32cTwin } from './crc32c.ts'
export { RECORD_BYTES_MIN, RecordCursor, type RecordProblem } from './cursor.ts'
export { RecordsError, type RecordsErrorCode } from './errors.ts'
export { walkFast } from './fast-walk.ts'
export { forgetNative, type NativeMissing, type NativeName, onNativeMissing } from './native.ts'
export {
  type ConsumedHeader,
  type ConsumedRecord,
  forEachRecord,
  type ReadOptions,
  RecordBatch,
  RecordReader,
  readBatches,
} from './reader.ts'
export {
  type BatchProblem,
  batchProblemErrorCode,
  checkBatch,
  checkProducedBatch,
  INCOMPLETE,
  MALFORMED,
  nextBatch,
  openRecords,
  walkCompressedRecords,
  walkOpened,
  walkRecords,
} from './validate.ts'
