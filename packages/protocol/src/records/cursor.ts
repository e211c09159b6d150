import { readVarint, readVarlong, varintEnd } from './varint.ts'

/** What is wrong with a record; 0 elsewhere means "nothing". */
export type RecordProblem =
  /** Fewer records than the batch counts, or a length that passes the end of the batch. */
  | 'LENGTH'
  | 'TIMESTAMP'
  /** An offset delta that is not its record's place in the batch (as produced), or not ascending (in a log). */
  | 'OFFSET'
  | 'KEY'
  /** No key where the topic's compaction needs one. */
  | 'NULL_KEY'
  | 'VALUE'
  | 'HEADERS'
  /** Bytes left over inside a record, or after the last one. */
  | 'TRAILING'

/** No record is shorter: a length byte, attributes, two deltas, two lengths and a header count. */
export const RECORD_BYTES_MIN = 7
const BODY_BYTES_MIN = RECORD_BYTES_MIN - 1
const HEADER_BYTES_MIN = 2

/**
 * Walks the records of one batch, uncompressed, and tells where each one's parts lie; nothing is made for a record.
 * One cursor serves any number of batches, one after the other.
 *
 * ```ts
 * cursor.reset(buffer, start, end, count)
 * while (cursor.next()) use(cursor.offsetDelta, cursor.keyAt, cursor.keyBytes)
 * if (cursor.problem !== 0) refuse(cursor.problem, cursor.index)
 * ```
 * Record: `length varint · attributes i8 · timestampDelta varlong · offsetDelta varint · key · value · headers`, where key
 * and value are a varint length (−1: null) and bytes; headers are a varint count, then key (never null) and value each.
 */
export class RecordCursor {
  buffer: Buffer = EMPTY
  end = 0
  count = 0
  /** Which record this is, from 0; the one that is wrong when there is a problem. */
  index = -1
  problem: RecordProblem | 0 = 0

  recordAt = 0
  recordEnd = 0
  /** Milliseconds after the batch's base timestamp; rounded beyond ±(2^53-1). */
  timestampDelta = 0
  offsetDelta = 0
  keyAt = 0
  /** −1: the key is null. */
  keyBytes = -1
  valueAt = 0
  /** −1: the value is null (a tombstone). */
  valueBytes = -1
  headersAt = 0
  headerCount = 0
  /** Set by a walk that found nothing wrong (`walkRecords`): the extremes of `timestampDelta`; ±∞ without records. */
  minTimestampDelta = Number.POSITIVE_INFINITY
  maxTimestampDelta = Number.NEGATIVE_INFINITY

  reset(buffer: Buffer, start: number, end: number, count: number): void {
    this.buffer = buffer
    this.recordEnd = start
    this.end = end
    this.count = count
    this.index = -1
    this.problem = 0
  }

  /** Lets go of the bytes: a cursor kept for long would keep a whole request, or what it inflated to, alive. */
  release(): void {
    this.reset(EMPTY, 0, 0, 0)
  }

  /** Goes to the next record; false after the last one, and at the first `problem`. */
  next(): boolean {
    if (this.problem !== 0) return false
    const buffer = this.buffer
    const end = this.end
    let at = this.recordEnd
    if (this.index + 1 >= this.count) {
      if (at !== end) this.problem = 'TRAILING'
      return false
    }
    this.index++
    this.recordAt = at
    if (end - at < RECORD_BYTES_MIN) return this.fail('LENGTH')

    let byte = buffer[at]
    let length: number
    if (byte < 0x80) {
      length = (byte >>> 1) ^ -(byte & 1)
      at++
    } else {
      length = readVarint(buffer, at, end)
      if (varintEnd === -1) return this.fail('LENGTH')
      at = varintEnd
    }
    if (length < BODY_BYTES_MIN || length > end - at) return this.fail('LENGTH')
    const recordEnd = at + length
    this.recordEnd = recordEnd
    // the attributes of a record mean nothing yet; Kafka does not look at them either
    at++

    byte = buffer[at]
    if (byte < 0x80) {
      this.timestampDelta = (byte >>> 1) ^ -(byte & 1)
      at++
    } else {
      this.timestampDelta = readVarlong(buffer, at, recordEnd)
      if (varintEnd === -1) return this.fail('TIMESTAMP')
      at = varintEnd
    }

    if (at >= recordEnd) return this.fail('OFFSET')
    byte = buffer[at]
    if (byte < 0x80) {
      this.offsetDelta = (byte >>> 1) ^ -(byte & 1)
      at++
    } else {
      this.offsetDelta = readVarint(buffer, at, recordEnd)
      if (varintEnd === -1) return this.fail('OFFSET')
      at = varintEnd
    }

    if (at >= recordEnd) return this.fail('KEY')
    byte = buffer[at]
    if (byte < 0x80) {
      length = (byte >>> 1) ^ -(byte & 1)
      at++
    } else {
      length = readVarint(buffer, at, recordEnd)
      if (varintEnd === -1) return this.fail('KEY')
      at = varintEnd
    }
    if (length < -1 || length > recordEnd - at) return this.fail('KEY')
    this.keyAt = at
    this.keyBytes = length
    if (length > 0) at += length

    if (at >= recordEnd) return this.fail('VALUE')
    byte = buffer[at]
    if (byte < 0x80) {
      length = (byte >>> 1) ^ -(byte & 1)
      at++
    } else {
      length = readVarint(buffer, at, recordEnd)
      if (varintEnd === -1) return this.fail('VALUE')
      at = varintEnd
    }
    if (length < -1 || length > recordEnd - at) return this.fail('VALUE')
    this.valueAt = at
    this.valueBytes = length
    if (length > 0) at += length

    if (at >= recordEnd) return this.fail('HEADERS')
    if (buffer[at] === 0) {
      this.headersAt = at + 1
      this.headerCount = 0
      return at + 1 === recordEnd || this.fail('TRAILING')
    }
    return this.checkHeaders(at, recordEnd)
  }

  private checkHeaders(at: number, recordEnd: number): boolean {
    const buffer = this.buffer
    const count = readVarint(buffer, at, recordEnd)
    at = varintEnd
    if (at === -1 || count < 0 || count > (recordEnd - at) / HEADER_BYTES_MIN) return this.fail('HEADERS')
    this.headersAt = at
    this.headerCount = count
    for (let i = 0; i < count; i++) {
      const keyBytes = readVarint(buffer, at, recordEnd)
      if (varintEnd === -1 || keyBytes < 0 || keyBytes > recordEnd - varintEnd) return this.fail('HEADERS')
      at = varintEnd + keyBytes
      const valueBytes = readVarint(buffer, at, recordEnd)
      if (varintEnd === -1 || valueBytes < -1 || valueBytes > recordEnd - varintEnd) return this.fail('HEADERS')
      at = varintEnd + Math.max(0, valueBytes)
    }
    return at === recordEnd || this.fail('TRAILING')
  }

  private fail(problem: RecordProblem): false {
    this.problem = problem
    return false
  }
}

const EMPTY = Buffer.alloc(0)
