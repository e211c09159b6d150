import { CodecError } from './errors.ts'

/** From this many bytes on, a byte field is sent as a chunk of its own instead of being copied. */
const SPLICE_BYTES = 1024
const INITIAL_BYTES = 256

/** Bytes that travel as they are: one piece, or several that are contiguous on the wire. */
export type Bytes = Uint8Array | readonly Uint8Array[]

/**
 * Writes the protocol's primitive types into a list of chunks for one gathered write. Large byte fields (record
 * batches) become chunks of their own: they are never copied, so their memory must not change until it is sent.
 */
export class Writer {
  private buffer: Buffer
  private position = 0
  /** Where the part of `buffer` that is not yet a chunk begins. */
  private start = 0
  private chunks: Uint8Array[] = []
  private chunkBytes = 0

  constructor(initialBytes = INITIAL_BYTES) {
    this.buffer = Buffer.allocUnsafe(initialBytes)
  }

  /** Bytes written so far. */
  get length(): number {
    return this.chunkBytes + this.position - this.start
  }

  private reserve(bytes: number): number {
    const at = this.position
    const next = at + bytes
    if (next > this.buffer.length) return this.grow(bytes)
    this.position = next
    return at
  }

  private grow(bytes: number): number {
    const kept = this.position - this.start
    const grown = Buffer.allocUnsafe(Math.max(2 * kept, kept + bytes, INITIAL_BYTES) + INITIAL_BYTES)
    this.buffer.copy(grown, 0, this.start, this.position)
    this.buffer = grown
    this.start = 0
    this.position = kept + bytes
    return kept
  }

  boolean(value: boolean): void {
    const at = this.reserve(1)
    this.buffer[at] = value ? 1 : 0
  }

  int8(value: number): void {
    const at = this.reserve(1)
    this.buffer[at] = value
  }

  int16(value: number): void {
    const at = this.reserve(2)
    const b = this.buffer
    b[at] = value >> 8
    b[at + 1] = value
  }

  uint16(value: number): void {
    this.int16(value)
  }

  int32(value: number): void {
    const at = this.reserve(4)
    const b = this.buffer
    b[at] = value >> 24
    b[at + 1] = value >> 16
    b[at + 2] = value >> 8
    b[at + 3] = value
  }

  uint32(value: number): void {
    this.int32(value)
  }

  int64(value: number): void {
    if (!Number.isSafeInteger(value)) throw new CodecError('VALUE', `int64 ${value} is not a safe integer`)
    const high = Math.floor(value / 0x1_0000_0000)
    this.int32(high)
    this.int32(value - high * 0x1_0000_0000)
  }

  float64(value: number): void {
    const at = this.reserve(8)
    this.buffer.writeDoubleBE(value, at)
  }

  uvarint(value: number): void {
    let rest = value
    while (rest > 0x7f) {
      const at = this.reserve(1)
      this.buffer[at] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    const at = this.reserve(1)
    this.buffer[at] = rest
  }

  uuid(value: string): void {
    const at = this.reserve(16)
    if (this.buffer.write(value, at, 16, 'base64url') !== 16) throw new CodecError('VALUE', `not a UUID: ${value}`)
  }

  string(value: string): void {
    const length = Buffer.byteLength(value)
    if (length > 0x7fff) throw new CodecError('VALUE', `string of ${length} bytes: more than 32767`)
    this.int16(length)
    this.utf8(value, length)
  }

  compactString(value: string): void {
    const length = Buffer.byteLength(value)
    if (length > 0x7fff) throw new CodecError('VALUE', `string of ${length} bytes: more than 32767`)
    this.uvarint(length + 1)
    this.utf8(value, length)
  }

  private utf8(value: string, length: number): void {
    const at = this.reserve(length)
    this.buffer.write(value, at, length, 'utf8')
  }

  bytes(value: Bytes): void {
    this.int32(bytesLength(value))
    this.raw(value)
  }

  compactBytes(value: Bytes): void {
    this.uvarint(bytesLength(value) + 1)
    this.raw(value)
  }

  /** Appends bytes without a length; large ones by reference. */
  raw(value: Bytes): void {
    if (value instanceof Uint8Array) {
      this.rawChunk(value)
      return
    }
    for (let i = 0; i < value.length; i++) this.rawChunk(value[i])
  }

  private rawChunk(value: Uint8Array): void {
    if (value.length < SPLICE_BYTES) {
      const at = this.reserve(value.length)
      this.buffer.set(value, at)
      return
    }
    this.cut()
    this.chunks.push(value)
    this.chunkBytes += value.length
  }

  /** Turns what stands in the buffer into a chunk. */
  private cut(): void {
    if (this.position === this.start) return
    this.chunks.push(this.buffer.subarray(this.start, this.position))
    this.chunkBytes += this.position - this.start
    this.start = this.position
  }

  /** A tagged field whose content `write` produces; its size comes first, so it is written aside. */
  taggedField(tag: number, write: (writer: Writer) => void): void {
    const content = new Writer()
    write(content)
    this.uvarint(tag)
    this.uvarint(content.length)
    this.raw(content.finish())
  }

  /** The chunks, in order. The writer must not be used afterwards. */
  finish(): Uint8Array[] {
    this.cut()
    return this.chunks
  }

  /** As `finish`, with the first four bytes, reserved by the caller, set to the length of what follows them. */
  finishFrame(): Uint8Array[] {
    const length = this.length - 4
    this.cut()
    const first = this.chunks[0]
    first[0] = length >> 24
    first[1] = length >> 16
    first[2] = length >> 8
    first[3] = length
    return this.chunks
  }

  /** As `finish`, in one piece. */
  toBuffer(): Buffer {
    const chunks = this.finish()
    return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
  }
}

export function bytesLength(value: Bytes): number {
  if (value instanceof Uint8Array) return value.length
  let total = 0
  for (let i = 0; i < value.length; i++) total += value[i].length
  return total
}
