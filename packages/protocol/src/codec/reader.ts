import { CodecError } from './errors.ts'

/**
 * Decoding a frame of n bytes allocates at most `ALLOCATION_FACTOR` × n + `ALLOCATION_FLOOR` bytes by the costs below,
 * which are those of V8; docs/limits.md promises 8 × n + 1 MiB. No message met in practice comes near: the densest, many
 * partitions with an error code each, take 8 bytes for each of theirs.
 */
export const ALLOCATION_FACTOR = 8
export const ALLOCATION_FLOOR = 832 * 1024

/** A string's header and padding; each byte of UTF-8 becomes two bytes at most. */
const STRING_COST = 24
const UUID_COST = 40
/** A Buffer object on memory that exists. */
const VIEW_COST = 112
const EMPTY_BYTES = Buffer.alloc(0)

/** What `toString` comes down to, without its detours: two to three times as fast for short texts. */
interface Slices {
  utf8Slice(start: number, end: number): string
  base64urlSlice(start: number, end: number): string
}

/**
 * Reads the protocol's primitive types from one frame. Every length is checked against the bytes that remain before
 * anything is allocated, and what is allocated is charged to a budget, so that no frame costs more memory than a small
 * multiple of its size, whatever it claims.
 *
 * Byte fields are views on the frame: they keep it alive and share its memory.
 */
export class Reader {
  readonly buffer: Buffer
  position: number
  /** One past the last byte that may be read. */
  readonly end: number
  /**
   * An int64 beyond ±(2^53-1) was met and clamped to that bound. Legal on the wire, but not representable here: the
   * caller answers with the protocol's error instead of closing the connection.
   */
  unsafeInt64 = false
  /** Elements of arrays that may be announced, in all arrays together; an error beyond. Default: any number that fits. */
  elementsMax: number = Number.POSITIVE_INFINITY
  private elements = 0
  private readonly allowance: number
  private budget: number

  constructor(buffer: Buffer, position = 0, end: number = buffer.length) {
    this.buffer = buffer
    this.position = position
    this.end = end
    this.allowance = ALLOCATION_FLOOR + ALLOCATION_FACTOR * (end - position)
    this.budget = this.allowance
  }

  get remaining(): number {
    return this.end - this.position
  }

  /** Bytes of objects that were allocated so far, by our own account. */
  get charged(): number {
    return this.allowance - this.budget
  }

  /** Counts `bytes` of coming allocation against the budget. */
  charge(bytes: number): void {
    this.budget -= bytes
    if (this.budget < 0) throw new CodecError('ALLOCATION', 'decoding this frame would allocate far more than its size')
  }

  /** Moves past `length` bytes and returns where they began. */
  take(length: number): number {
    const at = this.position
    const next = at + length
    if (next > this.end) throw truncated(length, this.end - at)
    this.position = next
    return at
  }

  boolean(): boolean {
    return this.buffer[this.take(1)] !== 0
  }

  int8(): number {
    return (this.buffer[this.take(1)] << 24) >> 24
  }

  int16(): number {
    const at = this.take(2)
    const b = this.buffer
    return ((b[at] << 24) | (b[at + 1] << 16)) >> 16
  }

  uint16(): number {
    const at = this.take(2)
    return (this.buffer[at] << 8) | this.buffer[at + 1]
  }

  int32(): number {
    const at = this.take(4)
    const b = this.buffer
    return (b[at] << 24) | (b[at + 1] << 16) | (b[at + 2] << 8) | b[at + 3]
  }

  uint32(): number {
    return this.int32() >>> 0
  }

  int64(): number {
    return this.int64At(this.take(8))
  }

  /** As `int64`, of bytes that have been taken. */
  int64At(at: number): number {
    const b = this.buffer
    const high = (b[at] << 24) | (b[at + 1] << 16) | (b[at + 2] << 8) | b[at + 3]
    const low = ((b[at + 4] << 24) | (b[at + 5] << 16) | (b[at + 6] << 8) | b[at + 7]) >>> 0
    // A high word inside ±2^21 is the safe range, but for -2^53 itself, which the low word 0 of -2^21 would make.
    if (high >= 0x200000 || high < -0x200000 || (high === -0x200000 && low === 0)) {
      this.unsafeInt64 = true
      return high < 0 ? Number.MIN_SAFE_INTEGER : Number.MAX_SAFE_INTEGER
    }
    return high * 0x1_0000_0000 + low
  }

  float64(): number {
    return this.float64At(this.take(8))
  }

  float64At(at: number): number {
    return this.buffer.readDoubleBE(at)
  }

  /** LEB128, at most 5 bytes and 32 bits. */
  uvarint(): number {
    const b = this.buffer
    let byte = b[this.take(1)]
    if (byte < 0x80) return byte
    let value = byte & 0x7f
    for (let shift = 7; shift < 28; shift += 7) {
      byte = b[this.take(1)]
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    byte = b[this.take(1)]
    if (byte > 0x0f) throw new CodecError('VARINT', 'unsigned varint longer than 32 bits')
    return (value | (byte << 28)) >>> 0
  }

  /** 16 bytes as URL-safe base64 without padding, Kafka's text form of a UUID (`org.apache.kafka.common.Uuid`). */
  uuid(): string {
    return this.uuidAt(this.take(16))
  }

  uuidAt(at: number): string {
    this.charge(UUID_COST)
    return (this.buffer as Buffer & Slices).base64urlSlice(at, at + 16)
  }

  string(field: string): string {
    const length = this.stringLength()
    if (length < 0) throw unexpectedNull(field)
    return this.text(length)
  }

  nullableString(): string | null {
    const length = this.stringLength()
    return length < 0 ? null : this.text(length)
  }

  compactString(field: string): string {
    const length = this.compactStringLength()
    if (length < 0) throw unexpectedNull(field)
    return this.text(length)
  }

  nullableCompactString(): string | null {
    const length = this.compactStringLength()
    return length < 0 ? null : this.text(length)
  }

  bytes(field: string): Buffer {
    const length = this.bytesLength()
    if (length < 0) throw unexpectedNull(field)
    return this.view(length)
  }

  nullableBytes(): Buffer | null {
    const length = this.bytesLength()
    return length < 0 ? null : this.view(length)
  }

  compactBytes(field: string): Buffer {
    const length = this.compactBytesLength()
    if (length < 0) throw unexpectedNull(field)
    return this.view(length)
  }

  nullableCompactBytes(): Buffer | null {
    const length = this.compactBytesLength()
    return length < 0 ? null : this.view(length)
  }

  /** Whether a nullable struct follows; it then costs so many bytes. */
  present(cost: number): boolean {
    if (this.int8() < 0) return false
    this.charge(cost)
    return true
  }

  /** Length of a classic (int16) string: -1 for null. */
  stringLength(): number {
    return this.checked(this.int16())
  }

  /** Length of a compact string: -1 for null. Kafka bounds strings of both forms by 32 767 bytes. */
  compactStringLength(): number {
    const length = this.uvarint() - 1
    if (length > 0x7fff) throw new CodecError('LENGTH', `string of ${length} bytes: more than 32767`)
    return this.checked(length)
  }

  bytesLength(): number {
    return this.checked(this.int32())
  }

  compactBytesLength(): number {
    return this.checked(this.uvarint() - 1)
  }

  /** Count of a classic array whose elements take at least `elementBytes` bytes each: -1 for null. */
  arrayLength(elementBytes: number): number {
    return this.checkedCount(this.int32(), elementBytes)
  }

  compactArrayLength(elementBytes: number): number {
    return this.checkedCount(this.uvarint() - 1, elementBytes)
  }

  private checked(length: number): number {
    if (length < -1) throw new CodecError('LENGTH', `length ${length}`)
    if (length > this.end - this.position) throw truncated(length, this.end - this.position)
    return length
  }

  private checkedCount(count: number, elementBytes: number): number {
    if (count < -1) throw new CodecError('LENGTH', `array of ${count} elements`)
    if (count * elementBytes > this.end - this.position) {
      throw new CodecError('LENGTH', `array of ${count} elements in ${this.end - this.position} remaining bytes`)
    }
    if (count > 0) this.elements += count
    if (this.elements > this.elementsMax)
      throw new CodecError('ELEMENTS', `more than ${this.elementsMax} elements in arrays`)
    return count
  }

  /** The UTF-8 text of the next `length` bytes, a length that one of the methods above has checked. */
  text(length: number): string {
    if (length === 0) return ''
    this.charge(STRING_COST + 2 * length)
    const at = this.position
    this.position = at + length
    return (this.buffer as Buffer & Slices).utf8Slice(at, at + length)
  }

  /** A view on the next `length` bytes, a length that one of the methods above has checked. */
  view(length: number): Buffer {
    if (length === 0) return EMPTY_BYTES
    this.charge(VIEW_COST)
    const at = this.position
    this.position = at + length
    return this.buffer.subarray(at, at + length)
  }

  /** Skips a tagged section none of whose tags is known. Unknown tags are not kept. */
  skipTaggedFields(): void {
    const count = this.uvarint()
    if (count === 0) return
    this.checkTagCount(count)
    let previous = -1
    for (let i = 0; i < count; i++) {
      previous = this.nextTag(previous)
      this.take(this.uvarint())
    }
  }

  /** Each tag takes two bytes at least. */
  checkTagCount(count: number): void {
    if (count * 2 > this.end - this.position) {
      throw new CodecError('LENGTH', `${count} tagged fields in ${this.end - this.position} remaining bytes`)
    }
  }

  nextTag(previous: number): number {
    const tag = this.uvarint()
    if (tag <= previous) throw new CodecError('TAG', `tag ${tag} after tag ${previous}`)
    return tag
  }

  /** Reads a tagged field's size and returns where its content must end. */
  tagEnd(): number {
    const size = this.uvarint()
    if (size > this.end - this.position) throw truncated(size, this.end - this.position)
    return this.position + size
  }

  checkTagEnd(tag: number, end: number): void {
    if (this.position !== end) throw new CodecError('TAG', `tagged field ${tag} does not end where its size says`)
  }

  /** Throws unless everything has been read. */
  finish(): void {
    if (this.position !== this.end)
      throw new CodecError('TRAILING', `${this.end - this.position} bytes after the message`)
  }
}

export function truncated(needed: number, remaining: number): CodecError {
  return new CodecError('TRUNCATED', `${needed} bytes needed, ${remaining} remain`)
}

export function unexpectedNull(field: string): CodecError {
  return new CodecError('NULL', `${field} may not be null in this version`)
}
