import {
  type BatchProblem,
  batch,
  batchProblemErrorCode,
  checkBatch,
  checkProducedBatch,
  crc32c,
  decompress,
  INCOMPLETE,
  nextBatch,
  RecordCursor,
  RecordsError,
  walkFast,
} from '@ottla/protocol/records'
import type { LogConfig } from '../types.ts'
import { appendableBytesMax } from './decompressed-bytes.ts'
import { recompress, targetCodec } from './recompress.ts'
import { type RecordError, type Refusal, refusal } from './refusal.ts'

/** What is checked of an append before it gets offsets: `LogValidator` and `analyzeAndValidateRecords` of Apache Kafka. */

const CORRUPT_MESSAGE = 2
const MESSAGE_TOO_LARGE = 10
const INVALID_TIMESTAMP = 32
const UNSUPPORTED_FOR_MESSAGE_FORMAT = 43
const INVALID_RECORD = 87
/** A request with a million bad records does not get a million explanations. */
const RECORD_ERRORS_MAX = 1000
const LOG_APPEND_TIME_BIT = 0x08

const cursor = new RecordCursor()

/**
 * Checks what a client sent: exactly one batch. Returns it, changed in place (or rebuilt) as the topic's configuration
 * demands, but without offset and epoch yet; or why it is refused, and then nothing has been changed.
 */
export function validateProduced(
  records: Buffer,
  config: LogConfig,
  nowMs: number,
  validateCompressed: boolean,
): Buffer | Refusal {
  const end = nextBatch(records, 0, records.length)
  if (end <= 0) return noBatch(records, end)
  if (end > config.maxMessageBytes) return tooLarge(end, config)
  const problem = checkProducedBatch(records, 0, end)
  if (problem !== 0) return refuseBatch(problem)
  if (end < records.length)
    return refusal(INVALID_RECORD, 'a produce request holds exactly one record batch per partition, and nothing else')
  const baseOffset = batch.baseOffset(records, 0)
  if (baseOffset !== 0) return refusal(INVALID_RECORD, `the base offset of a produced batch is 0, not ${baseOffset}`)
  return prepare(records, config, nowMs, validateCompressed)
}

/** Checks a batch of the broker's own coordinators: sound, and not too large. */
export function validateInternal(records: Buffer, config: LogConfig): Buffer | Refusal {
  const problem = checkBatch(records, 0, records.length)
  if (problem !== 0) return refuseBatch(problem)
  return records.length > config.maxMessageBytes ? tooLarge(records.length, config) : records
}

/** Checks what a leader sent: whole batches, sound, offsets rising from `nextOffset`; a cut one at the end is left off. */
export function validateReplicated(records: Buffer, nextOffset: number): Buffer | Refusal {
  let at = 0
  let expected = nextOffset
  while (at < records.length) {
    const end = nextBatch(records, at, records.length)
    if (end === INCOMPLETE) break
    const problem = checkBatch(records, at, records.length)
    if (problem !== 0) return refuseBatch(problem)
    if (batch.baseOffset(records, at) < expected)
      return refusal(
        INVALID_RECORD,
        `a batch at offset ${batch.baseOffset(records, at)} cannot follow: the next offset is ${expected}`,
      )
    expected = batch.lastOffset(records, at) + 1
    at = end
  }
  if (at === 0) return refusal(INVALID_RECORD, 'no whole batch')
  return at === records.length ? records : records.subarray(0, at)
}

function prepare(records: Buffer, config: LogConfig, nowMs: number, validateCompressed: boolean): Buffer | Refusal {
  const bits = batch.attributes(records, 0)
  const codec = batch.codecOf(bits)
  const target = targetCodec(config, codec)
  const createTime = config.messageTimestampType === 'CreateTime'
  const mustLookInside =
    codec === 0 ||
    codec !== target ||
    config.cleanupPolicy.compact ||
    validateCompressed ||
    (createTime && config.messageTimestampBeforeMaxMs !== Number.POSITIVE_INFINITY)

  let maxTimestamp = batch.maxTimestamp(records, 0)
  let plain: Buffer | null = null
  if (mustLookInside) {
    try {
      plain =
        codec === 0
          ? records.subarray(batch.HEADER_BYTES)
          : decompress(codec, records.subarray(batch.HEADER_BYTES), appendableBytesMax(config))
    } catch (error) {
      if (!(error instanceof RecordsError)) throw error
      return error.code === 'TOO_LARGE'
        ? refusal(MESSAGE_TOO_LARGE, `decompressed, the batch is larger than ${appendableBytesMax(config)} bytes`)
        : refusal(INVALID_RECORD, `the batch cannot be decompressed: ${error.message}`)
    }
    const refused = walk(records, plain, config, createTime, nowMs)
    if (refused !== null) return refused
    maxTimestamp = newestTimestamp
  } else if (createTime && maxTimestamp - nowMs > config.messageTimestampAfterMaxMs) {
    return refusal(INVALID_TIMESTAMP, `timestamp ${maxTimestamp} is too far in the future`)
  }

  const rebuilt = codec !== target
  const result = rebuilt ? recompress(records, plain!, target, config) : records
  if (rebuilt && result.length > config.maxMessageBytes) return tooLarge(result.length, config)
  const finalBits = batch.attributes(result, 0)
  const wantedBits = createTime ? finalBits & ~LOG_APPEND_TIME_BIT : finalBits | LOG_APPEND_TIME_BIT
  const wantedTimestamp = createTime ? maxTimestamp : nowMs
  if (rebuilt || wantedBits !== finalBits || wantedTimestamp !== batch.maxTimestamp(result, 0)) {
    batch.setAttributes(result, 0, wantedBits)
    batch.setMaxTimestamp(result, 0, wantedTimestamp)
    batch.setCrc(result, 0, crc32c(result, batch.CRC_START, result.length))
  }
  return result
}

/** What `walk` found besides: a second result without an object for it. */
let newestTimestamp = -1

/** Walks the records: framing, offset deltas, keys where needed, timestamps within the bounds. */
function walk(header: Buffer, plain: Buffer, config: LogConfig, createTime: boolean, nowMs: number): Refusal | null {
  const baseTimestamp = batch.baseTimestamp(header, 0)
  const needsKeys = config.cleanupPolicy.compact
  const oldest = nowMs - config.messageTimestampBeforeMaxMs
  const newest = nowMs + config.messageTimestampAfterMaxMs
  let maxTimestamp = batch.NO_TIMESTAMP
  let refused = false
  cursor.reset(plain, 0, plain.length, batch.recordCount(header, 0))
  if (walkFast(cursor, needsKeys)) {
    const first = baseTimestamp + cursor.minTimestampDelta
    const last = baseTimestamp + cursor.maxTimestampDelta
    const isInRange = !createTime || (first >= oldest && last <= newest)
    if (isInRange && Number.isSafeInteger(first) && Number.isSafeInteger(last)) {
      newestTimestamp = Math.max(batch.NO_TIMESTAMP, last)
      return null
    }
  }
  // Something is wrong, or has no timestamp.
  while (cursor.next()) {
    if (cursor.offsetDelta !== cursor.index)
      return refusal(INVALID_RECORD, `record ${cursor.index} has the offset delta ${cursor.offsetDelta}`)
    const timestamp = baseTimestamp + cursor.timestampDelta
    if (timestamp > maxTimestamp) maxTimestamp = timestamp
    if (needsKeys && cursor.keyBytes < 0) refused = true
    else if (createTime && timestamp !== batch.NO_TIMESTAMP && (timestamp < oldest || timestamp > newest))
      refused = true
    else if (!Number.isSafeInteger(timestamp)) refused = true
  }
  if (cursor.problem !== 0)
    return refusal(INVALID_RECORD, `record ${cursor.index} is malformed (${cursor.problem.toLowerCase()})`)
  newestTimestamp = maxTimestamp
  return refused ? explain(header, plain, config, createTime, nowMs) : null
}

/** The second, slow walk over a batch that is refused: which records, and why (KIP-467). */
function explain(header: Buffer, plain: Buffer, config: LogConfig, createTime: boolean, nowMs: number): Refusal {
  const errors: RecordError[] = []
  const baseTimestamp = batch.baseTimestamp(header, 0)
  const oldest = nowMs - config.messageTimestampBeforeMaxMs
  const newest = nowMs + config.messageTimestampAfterMaxMs
  let badTimestamps = false
  cursor.reset(plain, 0, plain.length, batch.recordCount(header, 0))
  while (cursor.next() && errors.length < RECORD_ERRORS_MAX) {
    const timestamp = baseTimestamp + cursor.timestampDelta
    if (config.cleanupPolicy.compact && cursor.keyBytes < 0) {
      errors.push({ batchIndex: cursor.index, message: 'a compacted topic takes no record without a key' })
    } else if (
      !Number.isSafeInteger(timestamp) ||
      (createTime && timestamp !== batch.NO_TIMESTAMP && (timestamp < oldest || timestamp > newest))
    ) {
      badTimestamps = true
      errors.push({
        batchIndex: cursor.index,
        message: `timestamp ${timestamp} is out of range, it must ${createTime ? bounds(oldest, newest) : bounds()}`,
      })
    }
  }
  return badTimestamps
    ? refusal(INVALID_TIMESTAMP, 'the batch holds records whose timestamps are out of range', errors)
    : refusal(INVALID_RECORD, `${errors.length} records were refused`, errors)
}

/** A side without a limit of its own ends where numbers are no longer exact. */
function bounds(oldest = Number.NEGATIVE_INFINITY, newest = Number.POSITIVE_INFINITY): string {
  if (oldest >= Number.MIN_SAFE_INTEGER && newest <= Number.MAX_SAFE_INTEGER) return `lie within [${oldest}, ${newest}]`
  if (oldest >= Number.MIN_SAFE_INTEGER) return `be at least ${oldest}`
  if (newest <= Number.MAX_SAFE_INTEGER) return `be at most ${newest}`
  return `lie within [${Number.MIN_SAFE_INTEGER}, ${Number.MAX_SAFE_INTEGER}]`
}

function noBatch(records: Buffer, end: number): Refusal {
  if (records.length > 0 && end !== INCOMPLETE) return refusal(CORRUPT_MESSAGE, 'the length of the batch is impossible')
  return refusal(INVALID_RECORD, 'a produce request holds at least one whole record batch per partition')
}

function tooLarge(bytes: number, config: LogConfig): Refusal {
  return refusal(
    MESSAGE_TOO_LARGE,
    `the batch has ${bytes} bytes, max.message.bytes of the topic is ${config.maxMessageBytes}`,
  )
}

function refuseBatch(problem: BatchProblem): Refusal {
  if (problem === 'OLD_MAGIC')
    return refusal(
      UNSUPPORTED_FOR_MESSAGE_FORMAT,
      'record batches of before Kafka 0.11 (message format 0 and 1) are not taken',
    )
  const code = batchProblemErrorCode(problem)
  return refusal(code, `the record batch is not valid (${problem.toLowerCase().replace('_', ' ')})`)
}
