import { CodecError } from './errors.ts'

/** From this many bytes on, a byte field is sent as a chunk of its own instead of being copied. */
const SPLICE_BYTES = 1024
const INITIAL_BYTES = 256
/** Of UTF-16 units; its length takes one byte in either form. */
const SHORT_STRING = 48
const TAG_INITIAL_BYTES = 64

/** Bytes that are not in memory, such as a part of a file: counted here, and fetched by whoever sends the message. */
export interface Elsewhere {
  /** `SPLICE_BYTES` or more. */
  readonly length: number
}

export type Chunk = Uint8Array | Elsewhere

/** Bytes that travel as they are: one piece, or several that are contiguous on the wire. */
export type Bytes = Uint8Array | readonly Chunk[]

/**
 * Writes the protocol's primitive types into a list of chunks for one gathered write. Large byte fields (record
 * batches) become chunks of their own: they are never copied, so their memory must not change until it is sent.
 */
export class Writer {
  /** Where `reserve` makes room. Another one after each call that writes. */
  buffer: Buffer
  private position = 0
  /** Where the part of `buffer` that is not yet a chunk begins. */
  private start = 0
  private chunks: Chunk[] = []
  private chunkBytes = 0

  constructor(initialBytes = INITIAL_BYTES) {
    this.buffer = Buffer.allocUnsafe(initialBytes)
  }

  /** Bytes written so far. */
  get length(): number {
    return this.chunkBytes + this.position - this.start
  }

  /** Makes room for so many bytes, which the caller must fill, and returns where in `buffer` they begin. */
  reserve(bytes: number): number {
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

  int8(value: number): void {
    if ((value << 24) >> 24 !== value) throw valueError('int8', value)
    const at = this.reserve(1)
    this.buffer[at] = value
  }

  int16(value: number): void {
    if ((value << 16) >> 16 !== value) throw valueError('int16', value)
    const at = this.reserve(2)
    const b = this.buffer
    b[at] = value >> 8
    b[at + 1] = value
  }

  int32(value: number): void {
    if ((value | 0) !== value) throw valueError('int32', value)
    const at = this.reserve(4)
    const b = this.buffer
    b[at] = value >> 24
    b[at + 1] = value >> 16
    b[at + 2] = value >> 8
    b[at + 3] = value
  }

  /** A safe integer, which the caller has checked, into room that is reserved. */
  int64At(value: number, at: number): void {
    const high = Math.floor(value / 0x1_0000_0000)
    const low = value - high * 0x1_0000_0000
    const b = this.buffer
    b[at] = high >> 24
    b[at + 1] = high >> 16
    b[at + 2] = high >> 8
    b[at + 3] = high
    b[at + 4] = low >> 24
    b[at + 5] = low >> 16
    b[at + 6] = low >> 8
    b[at + 7] = low
  }

  float64At(value: number, at: number): void {
    this.buffer.writeDoubleBE(value, at)
  }

  uuidAt(value: string, at: number): void {
    if (value.length !== 22 || this.buffer.write(value, at, 16, 'base64url') !== 16) throw valueError('uuid', value)
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

  string(value: string): void {
    if (value.length <= SHORT_STRING && this.ascii(value, 2, 0, value.length)) return
    const length = Buffer.byteLength(value)
    if (length > 0x7fff) throw valueError('string of at most 32767 bytes', length)
    this.int16(length)
    this.utf8(value, length)
  }

  compactString(value: string): void {
    if (value.length <= SHORT_STRING && this.ascii(value, 1, value.length + 1, 0)) return
    const length = Buffer.byteLength(value)
    if (length > 0x7fff) throw valueError('string of at most 32767 bytes', length)
    this.uvarint(length + 1)
    this.utf8(value, length)
  }

  /** Mostly a string is short and plain, and then a loop beats a call. False, and nothing written, when it is not plain. */
  private ascii(value: string, prefixBytes: number, first: number, second: number): boolean {
    let at = this.reserve(prefixBytes + value.length)
    const buffer = this.buffer
    buffer[at] = first
    if (prefixBytes === 2) buffer[at + 1] = second
    at += prefixBytes
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i)
      if (code > 0x7f) {
        // The buffer may be another one by now: what it holds has moved with it.
        this.position = at - prefixBytes
        return false
      }
      buffer[at + i] = code
    }
    return true
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

  private rawChunk(value: Chunk): void {
    if (value.length < SPLICE_BYTES) {
      const at = this.reserve(value.length)
      this.buffer.set(value as Uint8Array, at)
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

  /** A writer for the content of a tagged field, whose size comes before it; `endTag` takes it back. */
  beginTag(): Writer {
    return new Writer(TAG_INITIAL_BYTES)
  }

  endTag(tag: number, content: Writer): void {
    this.uvarint(tag)
    this.uvarint(content.length)
    this.raw(content.finish())
  }

  /** The chunks, in order. The writer must not be used afterwards. */
  finish(): Uint8Array[] {
    this.cut()
    return inMemory(this.chunks)
  }

  /** As `finish`, with the first four bytes, reserved by the caller, set to the length of what follows them. */
  finishFrame(): Uint8Array[] {
    return inMemory(this.finishFrameChunks())
  }

  /** As `finishFrame`, for whoever can send what is elsewhere. */
  finishFrameChunks(): Chunk[] {
    const length = this.length - 4
    this.cut()
    const first = this.chunks[0] as Uint8Array
    first[0] = length >> 24
    first[1] = length >> 16
    first[2] = length >> 8
    first[3] = length
    return this.chunks
  }

  /** Begins anew in the same memory: what `peek` returned is written over. For who copies everything at once. */
  reset(): void {
    this.position = 0
    this.start = 0
    this.chunks = []
    this.chunkBytes = 0
  }

  /** What was written since `reset`, in one piece; good until the next one. */
  peek(): Buffer {
    if (this.chunks.length === 0) return this.buffer.subarray(0, this.position)
    return this.toBuffer()
  }

  /** As `finish`, in one piece. */
  toBuffer(): Buffer {
    const chunks = this.finish()
    return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
  }
}

/** For what must have all its bytes at hand. */
export function inMemory(chunks: Chunk[]): Uint8Array[] {
  for (const chunk of chunks) if (!(chunk instanceof Uint8Array)) throw new Error('the bytes are elsewhere')
  return chunks as Uint8Array[]
}

export function bytesLength(value: Bytes): number {
  if (value instanceof Uint8Array) return value.length
  let total = 0
  for (let i = 0; i < value.length; i++) total += value[i].length
  return total
}

export function valueError(type: string, value: unknown): CodecError {
  return new CodecError('VALUE', `not a ${type}: ${String(value)}`)
}
