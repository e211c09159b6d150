import {
  attributes,
  baseOffset,
  baseSequence,
  baseTimestamp,
  codecOf,
  isControl,
  isLogAppendTime,
  isTransactional,
  lastOffset,
  MAGIC_V2,
  magic,
  maxTimestamp,
  partitionLeaderEpoch,
  producerEpoch,
  producerId,
  recordCount,
} from './batch.ts'
import { DECOMPRESSED_BYTES_MAX } from './compression/index.ts'
import { RecordCursor, type RecordProblem } from './cursor.ts'
import { RecordsError } from './errors.ts'
import { checkBatch, INCOMPLETE, nextBatch, openRecords } from './validate.ts'
import { readVarint, varintEnd } from './varint.ts'

/** A record as consumers see it. Key, value and header values are views of the fetched or decompressed bytes. */
export interface ConsumedRecord {
  readonly offset: number
  /** ms since the epoch as written; −1 none. Rounded beyond ±(2^53-1): check with `Number.isSafeInteger`. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly ConsumedHeader[]
}

export interface ConsumedHeader {
  readonly key: string
  readonly value: Buffer | null
}

export interface ReadOptions {
  /** Compare each batch's CRC-32C (`check.crcs`). Default true. */
  readonly checkCrc?: boolean
  /** What one compressed batch may decompress to, in bytes. Default `DECOMPRESSED_BYTES_MAX`. */
  readonly decompressedBytesMax?: number
}

const NO_HEADERS: readonly ConsumedHeader[] = Object.freeze([])

/** One batch of a fetched buffer; its fields are read from the bytes when asked for. */
export class RecordBatch {
  readonly buffer: Buffer
  readonly at: number
  /** Position after the batch. */
  readonly end: number
  private readonly decompressedBytesMax: number

  constructor(buffer: Buffer, at: number, end: number, decompressedBytesMax: number = DECOMPRESSED_BYTES_MAX) {
    this.buffer = buffer
    this.at = at
    this.end = end
    this.decompressedBytesMax = decompressedBytesMax
  }

  get baseOffset(): number {
    return baseOffset(this.buffer, this.at)
  }

  /** Of the batch, even if compaction has removed the record there. */
  get lastOffset(): number {
    return lastOffset(this.buffer, this.at)
  }

  get partitionLeaderEpoch(): number {
    return partitionLeaderEpoch(this.buffer, this.at)
  }

  get codec(): number {
    return codecOf(attributes(this.buffer, this.at))
  }

  get isControl(): boolean {
    return isControl(attributes(this.buffer, this.at))
  }

  get isTransactional(): boolean {
    return isTransactional(attributes(this.buffer, this.at))
  }

  get isLogAppendTime(): boolean {
    return isLogAppendTime(attributes(this.buffer, this.at))
  }

  get maxTimestamp(): number {
    return maxTimestamp(this.buffer, this.at)
  }

  get producerId(): number {
    return producerId(this.buffer, this.at)
  }

  get producerEpoch(): number {
    return producerEpoch(this.buffer, this.at)
  }

  get baseSequence(): number {
    return baseSequence(this.buffer, this.at)
  }

  get recordCount(): number {
    return recordCount(this.buffer, this.at)
  }

  /** Its records from `fromOffset` on, control records too, each made when asked for. Throws `RecordsError`. */
  *records(fromOffset: number = Number.NEGATIVE_INFINITY): Generator<ConsumedRecord, void, undefined> {
    const reader = this.reader()
    while (reader.next()) {
      if (reader.offset >= fromOffset) yield reader.record()
    }
  }

  /** Its records one by one, control records too, with nothing made of them but what is asked for. Throws `RecordsError`. */
  reader(): RecordReader {
    return new RecordReader(this, this.decompressedBytesMax)
  }

  /** As `records`, by call. */
  forEach(callback: (record: ConsumedRecord) => void, fromOffset: number = Number.NEGATIVE_INFINITY): void {
    const reader = this.reader()
    while (reader.next()) {
      if (reader.offset >= fromOffset) callback(reader.record())
    }
  }
}

/** Makes records of what the cursor finds, and sees to it that their offsets ascend within the batch. */
export class RecordReader {
  private readonly cursor = new RecordCursor()
  private readonly baseOffset: number
  private readonly lastOffset: number
  private readonly baseTimestamp: number
  /** Where the broker set the time, it is the same for all. */
  private readonly logAppendTime: number | null
  /** Of the record it stands at. */
  offset: number

  constructor(batch: RecordBatch, decompressedBytesMax: number) {
    openRecords(this.cursor, batch.buffer, batch.at, decompressedBytesMax)
    this.baseOffset = batch.baseOffset
    this.lastOffset = batch.lastOffset
    this.baseTimestamp = baseTimestamp(batch.buffer, batch.at)
    this.logAppendTime = batch.isLogAppendTime ? batch.maxTimestamp : null
    this.offset = this.baseOffset - 1
  }

  /** Goes to the next record; false after the last. */
  next(): boolean {
    const cursor = this.cursor
    if (!cursor.next()) {
      if (cursor.problem !== 0) throw this.problem(cursor.problem)
      return false
    }
    const offset = this.baseOffset + cursor.offsetDelta
    if (offset <= this.offset || offset > this.lastOffset) throw this.problem('OFFSET')
    this.offset = offset
    return true
  }

  get timestamp(): number {
    return this.logAppendTime ?? this.baseTimestamp + this.cursor.timestampDelta
  }

  /** A view, made anew by each call. */
  key(): Buffer | null {
    const { buffer, keyAt, keyBytes } = this.cursor
    return keyBytes === -1 ? null : buffer.subarray(keyAt, keyAt + keyBytes)
  }

  /** A view, made anew by each call. */
  value(): Buffer | null {
    const { buffer, valueAt, valueBytes } = this.cursor
    return valueBytes === -1 ? null : buffer.subarray(valueAt, valueAt + valueBytes)
  }

  headers(): readonly ConsumedHeader[] {
    return this.cursor.headerCount === 0 ? NO_HEADERS : readHeaders(this.cursor)
  }

  record(): ConsumedRecord {
    const { offset, timestamp } = this
    return { offset, timestamp, key: this.key(), value: this.value(), headers: this.headers() }
  }

  private problem(problem: RecordProblem): RecordsError {
    const where = `record ${this.cursor.index} of the batch with base offset ${this.baseOffset}`
    return new RecordsError('RECORD', `${where}: ${problem}`)
  }
}

/**
 * The batches of `buffer[start..end)`, as a fetch response holds them: the last one may be cut, which ends the iteration
 * in silence. Throws `RecordsError`: `MAGIC` for the old message formats, `CRC`, `BATCH`.
 */
export function* readBatches(
  buffer: Buffer,
  options: ReadOptions = {},
  start = 0,
  end: number = buffer.length,
): Generator<RecordBatch, void, undefined> {
  let at = start
  while (true) {
    const next = nextBatch(buffer, at, end)
    if (next === INCOMPLETE) return
    if (next < 0) throw new RecordsError('BATCH', `no record batch at byte ${at}`)
    checkReadable(buffer, at, next, options.checkCrc ?? true)
    yield new RecordBatch(buffer, at, next, options.decompressedBytesMax)
    at = next
  }
}

/** Every record of the data batches in `buffer`; control batches are passed over. Throws `RecordsError`. */
export function forEachRecord(
  buffer: Buffer,
  callback: (record: ConsumedRecord, batch: RecordBatch) => void,
  options: ReadOptions = {},
): void {
  for (const batch of readBatches(buffer, options)) {
    if (batch.isControl) continue
    batch.forEach((record) => {
      callback(record, batch)
    })
  }
}

function checkReadable(buffer: Buffer, at: number, end: number, checkCrc: boolean): void {
  const version = magic(buffer, at)
  if (version !== MAGIC_V2) {
    throw new RecordsError(
      'MAGIC',
      `message format ${version} at byte ${at}; only format 2 (Kafka 0.11 and later) is read`,
    )
  }
  const problem = checkBatch(buffer, at, end, checkCrc)
  if (problem === 0) {
    if (baseOffset(buffer, at) >= 0 && Number.isSafeInteger(lastOffset(buffer, at))) return
    throw new RecordsError('BATCH', `record batch with base offset ${baseOffset(buffer, at)}`)
  }
  const code = problem === 'CRC' || problem === 'CODEC' ? problem : 'BATCH'
  throw new RecordsError(code, `record batch with base offset ${baseOffset(buffer, at)}: ${problem}`)
}

/** The cursor has checked every length. */
function readHeaders(cursor: RecordCursor): ConsumedHeader[] {
  const { buffer, recordEnd } = cursor
  const headers: ConsumedHeader[] = []
  let at = cursor.headersAt
  for (let i = 0; i < cursor.headerCount; i++) {
    const keyBytes = readVarint(buffer, at, recordEnd)
    at = varintEnd
    const key = buffer.toString('utf8', at, at + keyBytes)
    at += keyBytes
    const valueBytes = readVarint(buffer, at, recordEnd)
    at = varintEnd
    headers.push({ key, value: valueBytes === -1 ? null : buffer.subarray(at, at + valueBytes) })
    if (valueBytes > 0) at += valueBytes
  }
  return headers
}
