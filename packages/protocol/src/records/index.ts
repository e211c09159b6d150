export * as batch from './batch.ts'
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
export { crc32c, crc32cTwin } from './crc32c.ts'
export { RecordsError, type RecordsErrorCode } from './errors.ts'
export { forgetNative, type NativeMissing, type NativeName, onNativeMissing } from './native.ts'
