import {
  attributes,
  baseSequence,
  baseTimestamp,
  CRC_START,
  codecOf,
  crc,
  HEADER_BYTES,
  hasDeleteHorizon,
  isControl,
  isLogAppendTime,
  isTransactional,
  LOG_OVERHEAD,
  lastOffsetDelta,
  MAGIC_V2,
  magic,
  maxTimestamp,
  producerEpoch,
  producerId,
  recordCount,
  sizeInBytes,
} from './batch.ts'
import { Codec, decompress } from './compression/index.ts'
import { crc32c } from './crc32c.ts'
import { RECORD_BYTES_MIN, RecordCursor, type RecordProblem } from './cursor.ts'
import { walkFast } from './fast-walk.ts'

/**
 * Checking batches as they lie in a buffer: no object is made, the answer is the name of the first problem, or 0.
 * What any batch must satisfy, wherever it comes from, is `checkBatch`; what a client's batch must satisfy besides is
 * `checkProducedBatch` (Kafka's `LogValidator` and `ProduceRequest.validateRecords`).
 */
export type BatchProblem =
  /** The buffer ends before the batch does. */
  | 'TRUNCATED'
  /** A length that has no room for a batch header. */
  | 'SIZE'
  /** Format 0 or 1, from before Kafka 0.11. */
  | 'OLD_MAGIC'
  | 'MAGIC'
  | 'CRC'
  | 'OFFSET_RANGE'
  /** A record count that contradicts the offsets, or that the bytes cannot hold. */
  | 'COUNT'
  | 'CODEC'
  /** Bits no broker knows, or that only a broker may set. */
  | 'ATTRIBUTES'
  /** A control batch from a client. */
  | 'CONTROL'
  | 'PRODUCER'
  | 'SEQUENCE'
  /** Transactional without a producer id. */
  | 'TRANSACTION'
  /** LogAppendTime set by a client, or a timestamp beyond ±(2^53-1). */
  | 'TIMESTAMP'

const KNOWN_ATTRIBUTES = 0x7f
/** magic lies at the same place in all formats, 17 bytes in. */
const MAGIC_END = 17
/** Offset, size, CRC, magic, attributes, and two null lengths: an empty message of format 0. */
const OLD_MESSAGE_BYTES_MIN = 26

/** What `nextBatch` answers instead of a position. */
export const INCOMPLETE = -1
export const MALFORMED = -2

/**
 * Where the batch at `at` ends; `INCOMPLETE` if the buffer ends before (the normal end of a fetch response, or a torn
 * tail), `MALFORMED` if its length cannot be that of a batch. Looks at the length only.
 *
 * ```ts
 * for (let at = start, next = 0; (next = nextBatch(buffer, at, end)) > 0; at = next) use(buffer, at)
 * ```
 */
export function nextBatch(buffer: Buffer, at: number, end: number): number {
  if (end - at < LOG_OVERHEAD) return INCOMPLETE
  const size = sizeInBytes(buffer, at)
  if (size < HEADER_BYTES) {
    // The old formats are shorter; they are whole batches too, to be refused by their magic.
    if (size < OLD_MESSAGE_BYTES_MIN) return MALFORMED
    if (end - at < MAGIC_END) return INCOMPLETE
    if (!isOldMagic(magic(buffer, at))) return MALFORMED
  }
  return size > end - at ? INCOMPLETE : at + size
}

const isOldMagic = (value: number): boolean => value === 0 || value === 1

/**
 * What holds for every batch in every log: size, magic, CRC, counts. `end` may lie beyond the batch. `checkCrc` false is
 * for who has summed the bytes before, or was told not to.
 */
export function checkBatch(buffer: Buffer, at: number, end: number, checkCrc = true): BatchProblem | 0 {
  const next = nextBatch(buffer, at, end)
  if (next === INCOMPLETE) return 'TRUNCATED'
  if (next === MALFORMED) return 'SIZE'
  const version = magic(buffer, at)
  if (version !== MAGIC_V2) return isOldMagic(version) ? 'OLD_MAGIC' : 'MAGIC'
  if (checkCrc && crc32c(buffer, at + CRC_START, next) !== crc(buffer, at)) return 'CRC'
  const delta = lastOffsetDelta(buffer, at)
  if (delta < 0) return 'OFFSET_RANGE'
  // compaction leaves gaps, and at least the header of a producer's newest batch
  const count = recordCount(buffer, at)
  if (count < 0 || count > delta + 1) return 'COUNT'
  if (codecOf(attributes(buffer, at)) > Codec.ZSTD) return 'CODEC'
  return codecOf(attributes(buffer, at)) === Codec.NONE && count * RECORD_BYTES_MIN > next - at - HEADER_BYTES
    ? 'COUNT'
    : 0
}

/** `checkBatch`, and what holds for a batch that a client may append. */
export function checkProducedBatch(buffer: Buffer, at: number, end: number): BatchProblem | 0 {
  const problem = checkBatch(buffer, at, end)
  if (problem !== 0) return problem
  const bits = attributes(buffer, at)
  if (isControl(bits)) return 'CONTROL'
  if ((bits & ~KNOWN_ATTRIBUTES) !== 0 || hasDeleteHorizon(bits)) return 'ATTRIBUTES'
  const count = recordCount(buffer, at)
  if (count === 0 || count !== lastOffsetDelta(buffer, at) + 1) return 'COUNT'
  if (isLogAppendTime(bits)) return 'TIMESTAMP'
  if (!Number.isSafeInteger(baseTimestamp(buffer, at)) || !Number.isSafeInteger(maxTimestamp(buffer, at))) {
    return 'TIMESTAMP'
  }
  // Without a producer id, epoch and sequence mean nothing: kafkajs sends zeros there.
  const id = producerId(buffer, at)
  if (id < 0) {
    if (id !== -1) return 'PRODUCER'
    return isTransactional(bits) ? 'TRANSACTION' : 0
  }
  if (!Number.isSafeInteger(id) || producerEpoch(buffer, at) < 0) return 'PRODUCER'
  return baseSequence(buffer, at) < 0 ? 'SEQUENCE' : 0
}

/** Kafka's error code for a problem: 2 CORRUPT_MESSAGE, 32 INVALID_TIMESTAMP, 76 UNSUPPORTED_COMPRESSION_TYPE, 87 INVALID_RECORD. */
export function batchProblemErrorCode(problem: BatchProblem): 2 | 32 | 76 | 87 {
  switch (problem) {
    case 'TRUNCATED':
    case 'SIZE':
    case 'MAGIC':
    case 'CRC':
      return 2
    case 'TIMESTAMP':
      return 32
    case 'CODEC':
      return 76
    default:
      return 87
  }
}

const sharedCursor = new RecordCursor()

/**
 * Walks the records of the uncompressed batch at `at`, which `checkBatch` has passed, as a client may produce them: every
 * length fits, offset deltas count 0, 1, 2…, nothing is left over; with `requireKeys` no key is null. Afterwards
 * `cursor.index` is the record with the problem, or `cursor.maxTimestampDelta` what the header's max timestamp should be
 * (not every client sets it right, and Kafka's broker corrects it).
 */
export function walkRecords(
  buffer: Buffer,
  at: number,
  requireKeys = false,
  cursor: RecordCursor = sharedCursor,
): RecordProblem | 0 {
  cursor.reset(buffer, at + HEADER_BYTES, at + sizeInBytes(buffer, at), recordCount(buffer, at))
  const problem = walkOpened(cursor, requireKeys)
  if (cursor === sharedCursor) cursor.release()
  return problem
}

/**
 * The same for a batch of any codec, decompressed first. Throws `RecordsError` (`CORRUPT`, `TOO_LARGE`, `CODEC`) where
 * that fails.
 */
export function walkCompressedRecords(
  buffer: Buffer,
  at: number,
  decompressedBytesMax: number,
  requireKeys = false,
  cursor: RecordCursor = sharedCursor,
): RecordProblem | 0 {
  openRecords(cursor, buffer, at, decompressedBytesMax)
  const problem = walkOpened(cursor, requireKeys)
  if (cursor === sharedCursor) cursor.release()
  return problem
}

/** The same for a cursor that stands before a batch's first record (`openRecords`, or `reset` by the caller). */
export function walkOpened(cursor: RecordCursor, requireKeys = false): RecordProblem | 0 {
  if (walkFast(cursor, requireKeys)) return 0
  while (cursor.next()) {
    if (cursor.offsetDelta !== cursor.index) return 'OFFSET'
    if (requireKeys && cursor.keyBytes === -1) return 'NULL_KEY'
  }
  return cursor.problem
}

/**
 * Puts a cursor before the first record of the batch at `at`, decompressing it if need be (at most
 * `decompressedBytesMax`); `cursor.buffer` then is what the cursor's positions mean. Throws `RecordsError`.
 */
export function openRecords(cursor: RecordCursor, buffer: Buffer, at: number, decompressedBytesMax: number): void {
  const end = at + sizeInBytes(buffer, at)
  const codec = codecOf(attributes(buffer, at))
  const count = recordCount(buffer, at)
  if (codec === Codec.NONE) {
    cursor.reset(buffer, at + HEADER_BYTES, end, count)
  } else if (count === 0 && end === at + HEADER_BYTES) {
    cursor.reset(buffer, end, end, 0)
  } else {
    const records = decompress(codec, buffer.subarray(at + HEADER_BYTES, end), decompressedBytesMax)
    cursor.reset(records, 0, records.length, count)
  }
}
