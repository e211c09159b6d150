import {
  CRC_START,
  HEADER_BYTES,
  LOG_OVERHEAD,
  MAGIC_V2,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  setCrc,
  writeInt64,
} from './batch.ts'
import { Codec, compress } from './compression/index.ts'
import { crc32c } from './crc32c.ts'
import { RecordsError } from './errors.ts'
import { varintBytes, varlongBytes, writeVarint, writeVarlong } from './varint.ts'

export interface RecordHeader {
  readonly key: string
  readonly value: Uint8Array | null
}

export interface BatchOptions {
  /** Offset of the first record; a broker sets its own. Default 0. */
  readonly baseOffset?: number
  /** Default −1, as producers send it. */
  readonly partitionLeaderEpoch?: number
  readonly codec?: Codec
  /** See `levelsOf`; default the codec's own. */
  readonly level?: number
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly transactional?: boolean
  /** LogAppendTime: every record then has this time, in ms since the epoch. Only a broker writes it. */
  readonly logAppendTime?: number
  /** A control batch; only brokers write them (see `transactionMarkerBatch`). */
  readonly control?: boolean
}

const TRANSACTIONAL_BIT = 0x10
const CONTROL_BIT = 0x20
const LOG_APPEND_TIME_BIT = 0x08
const INITIAL_BYTES = 1024
const LENGTH_BYTES_MAX = 5
const TIMESTAMP_DELTA_BYTES_MAX = 10
const OFFSET_DELTA_BYTES_MAX = 5
/** batchLength is an int32. */
const BATCH_BYTES_MAX = 0x7fff_ffff

/**
 * Builds one record batch of format 2. Records are written straight into one growing buffer behind room for the header,
 * so that an uncompressed batch is never copied.
 *
 * ```ts
 * const builder = new RecordBatchBuilder()
 * builder.append(key, value, headers, timestamp)
 * const batch = builder.build({ codec: Codec.LZ4 })
 * ```
 */
export class RecordBatchBuilder {
  private buffer: Buffer = EMPTY
  private at = HEADER_BYTES
  private count = 0
  private baseTimestamp = 0
  private maxTimestamp = 0
  private readonly initialBytes: number
  private readonly allocate: (bytes: number) => Buffer

  /**
   * `initialBytes`: what to allocate first, for who knows how large the batch will be (a producer's `batch.size`). `allocate`:
   * where the memory comes from, for who makes many small ones.
   */
  constructor(initialBytes: number = INITIAL_BYTES, allocate: (bytes: number) => Buffer = Buffer.allocUnsafeSlow) {
    this.initialBytes = Math.max(HEADER_BYTES, initialBytes)
    this.allocate = allocate
  }

  get recordCount(): number {
    return this.count
  }

  /** Bytes of the batch as it stands, uncompressed. */
  get sizeInBytes(): number {
    return this.at
  }

  /**
   * Appends a record; `timestamp` in ms since the epoch, a safe integer. What key, value and headers hold is copied.
   * Throws `VALUE` where the batch would pass 2^31-1 bytes or the timestamp is no safe integer.
   */
  append(
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly RecordHeader[] | null,
    timestamp: number,
  ): void {
    if (!Number.isSafeInteger(timestamp)) throw new RecordsError('VALUE', `timestamp ${timestamp}`)
    const first = this.count === 0
    const timestampDelta = first ? 0 : timestamp - this.baseTimestamp
    if (!Number.isSafeInteger(timestampDelta)) throw new RecordsError('VALUE', `timestamp ${timestamp} in this batch`)
    const withHeaders = headers !== null && headers.length > 0
    const body =
      1 +
      varlongBytes(timestampDelta) +
      varintBytes(this.count) +
      fieldBytes(key) +
      fieldBytes(value) +
      (withHeaders ? headersBytes(headers) : 1)
    if (this.at + LENGTH_BYTES_MAX + body > this.buffer.length) this.grow(this.at + LENGTH_BYTES_MAX + body)
    const buffer = this.buffer
    let at = writeVarint(buffer, this.at, body)
    buffer[at++] = 0
    at = writeVarlong(buffer, at, timestampDelta)
    at = writeVarint(buffer, at, this.count)
    at = writeField(buffer, at, key)
    at = writeField(buffer, at, value)
    if (withHeaders) at = writeHeaders(buffer, at, headers)
    else buffer[at++] = 0
    this.at = at
    this.count++
    if (first) {
      this.baseTimestamp = timestamp
      this.maxTimestamp = timestamp
    } else if (timestamp > this.maxTimestamp) {
      this.maxTimestamp = timestamp
    }
  }

  /**
   * The finished batch. The builder is empty afterwards and may be used again; an uncompressed batch takes the builder's
   * buffer with it, a compressed one is a buffer of its own. Throws `VALUE` without records.
   */
  build(options: BatchOptions = {}): Buffer {
    if (this.count === 0) throw new RecordsError('VALUE', 'a batch without records')
    const codec = options.codec ?? Codec.NONE
    let batch: Buffer
    if (codec === Codec.NONE) {
      batch = this.buffer.subarray(0, this.at)
      this.buffer = EMPTY
    } else {
      const records = compress(codec, this.buffer.subarray(HEADER_BYTES, this.at), options.level)
      batch = Buffer.allocUnsafeSlow(HEADER_BYTES + records.length)
      records.copy(batch, HEADER_BYTES)
    }
    this.writeHeader(batch, codec, options)
    this.clear()
    return batch
  }

  /** Drops what was appended. */
  clear(): void {
    this.at = HEADER_BYTES
    this.count = 0
  }

  private writeHeader(batch: Buffer, codec: Codec, options: BatchOptions): void {
    const { logAppendTime } = options
    const bits =
      codec |
      (logAppendTime === undefined ? 0 : LOG_APPEND_TIME_BIT) |
      (options.transactional ? TRANSACTIONAL_BIT : 0) |
      (options.control ? CONTROL_BIT : 0)
    writeInt64(batch, 0, options.baseOffset ?? 0)
    batch.writeInt32BE(batch.length - LOG_OVERHEAD, 8)
    batch.writeInt32BE(options.partitionLeaderEpoch ?? -1, 12)
    batch[16] = MAGIC_V2
    batch.writeInt16BE(bits, 21)
    batch.writeInt32BE(this.count - 1, 23)
    writeInt64(batch, 27, this.baseTimestamp)
    writeInt64(batch, 35, logAppendTime ?? this.maxTimestamp)
    writeInt64(batch, 43, options.producerId ?? NO_PRODUCER_ID)
    batch.writeInt16BE(options.producerEpoch ?? NO_PRODUCER_EPOCH, 51)
    batch.writeInt32BE(options.baseSequence ?? NO_SEQUENCE, 53)
    batch.writeInt32BE(this.count, 57)
    setCrc(batch, 0, crc32c(batch, CRC_START, batch.length))
  }

  private grow(bytes: number): void {
    if (bytes > BATCH_BYTES_MAX) throw new RecordsError('VALUE', `a batch of ${bytes} bytes`)
    const doubled = Math.min(BATCH_BYTES_MAX, this.buffer.length * 2)
    const grown = this.allocate(Math.max(bytes, doubled, this.initialBytes))
    if (this.at > HEADER_BYTES) this.buffer.copy(grown, HEADER_BYTES, HEADER_BYTES, this.at)
    this.buffer = grown
  }
}

/**
 * Sets who produced a finished batch, and its place in their sequence: what a producer changes when it sends a batch
 * again under a new epoch. Recomputes the CRC.
 */
export function setProducer(batch: Buffer, at: number, id: number, epoch: number, sequence: number): void {
  writeInt64(batch, at + 43, id)
  batch.writeInt16BE(epoch, at + 51)
  batch.writeInt32BE(sequence, at + 53)
  setCrc(batch, at, crc32c(batch, at + CRC_START, at + LOG_OVERHEAD + batch.readInt32BE(at + 8)))
}

/** What a batch grows by when this record is appended to it, uncompressed; at most 19 bytes more than it will. */
export function recordBytesMax(
  key: Uint8Array | null,
  value: Uint8Array | null,
  headers: readonly RecordHeader[] | null,
): number {
  const fields = fieldBytes(key) + fieldBytes(value) + (headers === null ? 1 : headersBytes(headers))
  return LENGTH_BYTES_MAX + 1 + TIMESTAMP_DELTA_BYTES_MAX + OFFSET_DELTA_BYTES_MAX + fields
}

const EMPTY = Buffer.alloc(0)
/** Up to here a loop beats the call into the engine's memcpy. */
const BYTEWISE_MAX = 24

const fieldBytes = (field: Uint8Array | null): number => (field === null ? 1 : varintBytes(field.length) + field.length)

function writeField(buffer: Buffer, at: number, field: Uint8Array | null): number {
  if (field === null) {
    // zigzag of −1
    buffer[at] = 1
    return at + 1
  }
  const length = field.length
  at = writeVarint(buffer, at, length)
  if (length <= BYTEWISE_MAX) for (let i = 0; i < length; i++) buffer[at + i] = field[i]
  else buffer.set(field, at)
  return at + length
}

function headersBytes(headers: readonly RecordHeader[]): number {
  let bytes = varintBytes(headers.length)
  for (const header of headers) {
    const keyBytes = Buffer.byteLength(header.key)
    bytes += varintBytes(keyBytes) + keyBytes + fieldBytes(header.value)
  }
  return bytes
}

function writeHeaders(buffer: Buffer, at: number, headers: readonly RecordHeader[]): number {
  at = writeVarint(buffer, at, headers.length)
  for (const header of headers) {
    const keyBytes = Buffer.byteLength(header.key)
    at = writeVarint(buffer, at, keyBytes)
    buffer.write(header.key, at, keyBytes)
    at = writeField(buffer, at + keyBytes, header.value)
  }
  return at
}
