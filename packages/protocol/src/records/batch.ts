/**
 * The header of a record batch, version 2 (`DefaultRecordBatch` in Apache Kafka), read and patched in place: no object
 * is made for a batch. Every function takes the buffer and the position where the batch begins; the caller has checked
 * that `HEADER_BYTES` bytes are there.
 *
 * ```
 *  0 baseOffset i64 · 8 batchLength i32 · 12 partitionLeaderEpoch i32 · 16 magic i8 · 17 crc u32 · 21 attributes i16
 * 23 lastOffsetDelta i32 · 27 baseTimestamp i64 · 35 maxTimestamp i64 · 43 producerId i64 · 51 producerEpoch i16
 * 53 baseSequence i32 · 57 recordCount i32 · 61 records
 * ```
 * The CRC covers everything from `attributes` on, so base offset and leader epoch can be set without touching it.
 */

export const HEADER_BYTES = 61
/** baseOffset and batchLength: what `batchLength` does not count. */
export const LOG_OVERHEAD = 12
export const MAGIC_V2 = 2
/** Where the bytes under the CRC begin. */
export const CRC_START = 21

export const NO_TIMESTAMP = -1
export const NO_PRODUCER_ID = -1
export const NO_PRODUCER_EPOCH = -1
export const NO_SEQUENCE = -1

const CODEC_MASK = 0x07
const TIMESTAMP_TYPE_BIT = 0x08
const TRANSACTIONAL_BIT = 0x10
const CONTROL_BIT = 0x20
const DELETE_HORIZON_BIT = 0x40

/** An int64 as a number; beyond ±(2^53-1) the result is rounded: check with `Number.isSafeInteger`. */
export function readInt64(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * 0x1_0000_0000 + buffer.readUInt32BE(at + 4)
}

export function writeInt64(buffer: Buffer, at: number, value: number): void {
  const high = Math.floor(value / 0x1_0000_0000)
  buffer.writeInt32BE(high, at)
  buffer.writeUInt32BE(value - high * 0x1_0000_0000, at + 4)
}

export const baseOffset = (b: Buffer, at: number): number => readInt64(b, at)
export const setBaseOffset = (b: Buffer, at: number, value: number): void => writeInt64(b, at, value)
/** Bytes of the whole batch, header included. */
export const sizeInBytes = (b: Buffer, at: number): number => LOG_OVERHEAD + b.readInt32BE(at + 8)
export const partitionLeaderEpoch = (b: Buffer, at: number): number => b.readInt32BE(at + 12)
export const setPartitionLeaderEpoch = (b: Buffer, at: number, value: number): void => {
  b.writeInt32BE(value, at + 12)
}
export const magic = (b: Buffer, at: number): number => b.readInt8(at + 16)
export const crc = (b: Buffer, at: number): number => b.readUInt32BE(at + 17)
export const setCrc = (b: Buffer, at: number, value: number): void => {
  b.writeUInt32BE(value, at + 17)
}
export const attributes = (b: Buffer, at: number): number => b.readInt16BE(at + 21)
export const setAttributes = (b: Buffer, at: number, value: number): void => {
  b.writeInt16BE(value, at + 21)
}
export const lastOffsetDelta = (b: Buffer, at: number): number => b.readInt32BE(at + 23)
export const lastOffset = (b: Buffer, at: number): number => baseOffset(b, at) + lastOffsetDelta(b, at)
export const baseTimestamp = (b: Buffer, at: number): number => readInt64(b, at + 27)
export const maxTimestamp = (b: Buffer, at: number): number => readInt64(b, at + 35)
export const setMaxTimestamp = (b: Buffer, at: number, value: number): void => writeInt64(b, at + 35, value)
export const producerId = (b: Buffer, at: number): number => readInt64(b, at + 43)
export const producerEpoch = (b: Buffer, at: number): number => b.readInt16BE(at + 51)
export const baseSequence = (b: Buffer, at: number): number => b.readInt32BE(at + 53)
export const recordCount = (b: Buffer, at: number): number => b.readInt32BE(at + 57)

/** 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
export const codecOf = (batchAttributes: number): number => batchAttributes & CODEC_MASK
export const isLogAppendTime = (batchAttributes: number): boolean => (batchAttributes & TIMESTAMP_TYPE_BIT) !== 0
export const isTransactional = (batchAttributes: number): boolean => (batchAttributes & TRANSACTIONAL_BIT) !== 0
export const isControl = (batchAttributes: number): boolean => (batchAttributes & CONTROL_BIT) !== 0
/** The base timestamp then is the time from which tombstones and markers of the batch may be dropped (KIP-534). */
export const hasDeleteHorizon = (batchAttributes: number): boolean => (batchAttributes & DELETE_HORIZON_BIT) !== 0
