import { batch, type Codec, compress, crc32c, type RecordCursor } from '@ottla/protocol/records'
import type { Scratch } from './scratch.ts'

const DELETE_HORIZON_BIT = 0x40
const CODEC_MASK = 0x07
const VARLONG_BYTES_MAX = 10
const VARINT_BYTES_MAX = 5

/**
 * A batch with only some of its records. Base and last offset, producer, epoch and sequence stay, so that the log has
 * the same offsets and the producer state the same batches as before. With a `deleteHorizonMs` the base timestamp becomes that
 * (KIP-534) and the timestamps of the records are written anew; otherwise the records are copied as they are.
 *
 * `cursor` stands before the first record; `retain` is asked for each. An uncompressed batch lies in `scratch` and is
 * there until that is used again.
 */
export function rewriteBatch(
  source: Buffer,
  cursor: RecordCursor,
  retain: (index: number) => boolean,
  deleteHorizonMs: number | null,
  scratch: Scratch,
): Buffer {
  const bits = batch.attributes(source, 0)
  const sourceBase = batch.baseTimestamp(source, 0)
  const base = deleteHorizonMs ?? sourceBase
  const growth = deleteHorizonMs === null ? 0 : cursor.count * (VARLONG_BYTES_MAX + VARINT_BYTES_MAX)
  const target = scratch.take(batch.HEADER_BYTES + cursor.end + growth)
  let length = batch.HEADER_BYTES
  let count = 0
  let maxTimestamp = -1
  while (cursor.next()) {
    if (!retain(cursor.index)) continue
    count++
    const timestamp = sourceBase + cursor.timestampDelta
    maxTimestamp = Math.max(maxTimestamp, timestamp)
    if (deleteHorizonMs === null) {
      length += cursor.buffer.copy(target, length, cursor.recordAt, cursor.recordEnd)
    } else {
      length = writeRecord(target, length, cursor, timestamp - base)
    }
  }
  if (cursor.problem !== 0) throw new Error(`a record of the log is malformed (${cursor.problem})`)
  const codec = batch.codecOf(bits) as Codec
  const result =
    codec === 0
      ? target.subarray(0, length)
      : Buffer.concat([
          target.subarray(0, batch.HEADER_BYTES),
          compress(codec, target.subarray(batch.HEADER_BYTES, length)),
        ])
  writeHeader(source, result, count, codec)
  if (!batch.isLogAppendTime(bits)) batch.setMaxTimestamp(result, 0, maxTimestamp)
  batch.writeInt64(result, 27, base)
  if (deleteHorizonMs !== null) batch.setAttributes(result, 0, batch.attributes(result, 0) | DELETE_HORIZON_BIT)
  return sealed(result)
}

/** The header alone, to keep what it says of its producer, or of the offsets that it covers. */
export function emptyBatch(source: Buffer): Buffer {
  const result = Buffer.alloc(batch.HEADER_BYTES)
  writeHeader(source, result, 0, 0)
  batch.setAttributes(result, 0, batch.attributes(result, 0) & ~DELETE_HORIZON_BIT)
  batch.writeInt64(result, 27, batch.maxTimestamp(source, 0))
  return sealed(result)
}

/**
 * A batch without records at one offset: the end of a cleaned segment must show how far it reaches, or recovery could
 * not tell which old segments it replaces.
 */
export function placeholderBatch(offset: number, leaderEpoch: number): Buffer {
  const result = Buffer.alloc(batch.HEADER_BYTES)
  batch.setBaseOffset(result, 0, offset)
  result.writeInt32BE(batch.HEADER_BYTES - batch.LOG_OVERHEAD, 8)
  batch.setPartitionLeaderEpoch(result, 0, leaderEpoch)
  result.writeInt8(batch.MAGIC_V2, 16)
  batch.writeInt64(result, 27, -1)
  batch.writeInt64(result, 35, -1)
  batch.writeInt64(result, 43, -1)
  result.writeInt16BE(-1, 51)
  result.writeInt32BE(-1, 53)
  return sealed(result)
}

/** `result` has its records behind the header already. */
function writeHeader(source: Buffer, result: Buffer, count: number, codec: number): void {
  source.copy(result, 0, 0, batch.HEADER_BYTES)
  result.writeInt32BE(result.length - batch.LOG_OVERHEAD, 8)
  result.writeInt32BE(count, 57)
  batch.setAttributes(result, 0, (batch.attributes(source, 0) & ~CODEC_MASK) | codec)
}

function sealed(bytes: Buffer): Buffer {
  batch.setCrc(bytes, 0, crc32c(bytes, batch.CRC_START, bytes.length))
  return bytes
}

/** The record at the cursor with another timestamp delta. Returns the end. */
function writeRecord(target: Buffer, at: number, cursor: RecordCursor, timestampDelta: number): number {
  const { buffer, recordAt, recordEnd } = cursor
  const attributesAt = skipVarint(buffer, recordAt)
  const restAt = skipVarint(buffer, attributesAt + 1)
  const restBytes = recordEnd - restAt
  const delta = Buffer.allocUnsafe(VARLONG_BYTES_MAX)
  const deltaBytes = writeZigzag(delta, 0, timestampDelta)
  let end = writeZigzag(target, at, 1 + deltaBytes + restBytes)
  target[end++] = buffer[attributesAt]
  end += delta.copy(target, end, 0, deltaBytes)
  return end + buffer.copy(target, end, restAt, recordEnd)
}

function skipVarint(bytes: Buffer, from: number): number {
  let at = from
  while ((bytes[at] & 0x80) !== 0) at++
  return at + 1
}

/** A zigzag varint of a safe integer. Returns the end. */
function writeZigzag(target: Buffer, at: number, value: number): number {
  let rest = value >= 0 ? value * 2 : -value * 2 - 1
  let end = at
  // Beyond 2^53 the product is rounded, but no two timestamps lie that far apart.
  while (rest >= 0x80) {
    target[end++] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  target[end++] = rest
  return end
}
