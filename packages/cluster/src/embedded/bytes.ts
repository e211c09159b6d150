/** A growing buffer for the journal and the snapshot. Big-endian. */
export class ByteWriter {
  #buffer: Buffer
  #length = 0

  constructor(initialBytes = 1024) {
    this.#buffer = Buffer.allocUnsafeSlow(initialBytes)
  }

  get length(): number {
    return this.#length
  }

  u8(value: number): void {
    this.#room(1)
    this.#length = this.#buffer.writeUInt8(value, this.#length)
  }

  u32(value: number): void {
    this.#room(4)
    this.#length = this.#buffer.writeUInt32BE(value, this.#length)
  }

  i32(value: number): void {
    this.#room(4)
    this.#length = this.#buffer.writeInt32BE(value, this.#length)
  }

  /** A safe integer that is not negative, as eight bytes. */
  u64(value: number): void {
    this.u32(Math.floor(value / 2 ** 32))
    this.u32(value % 2 ** 32)
  }

  bytes(value: Uint8Array): void {
    this.#room(value.length)
    this.#buffer.set(value, this.#length)
    this.#length += value.length
  }

  /** Length as u32, then UTF-8. */
  text(value: string): void {
    const at = this.#length
    this.#room(4 + value.length * 3)
    const length = this.#buffer.write(value, at + 4, 'utf8')
    this.#buffer.writeUInt32BE(length, at)
    this.#length = at + 4 + length
  }

  /** Length plus one as u32, 0 for `null`, then the bytes. */
  data(value: Buffer | null): void {
    this.u32(value === null ? 0 : value.length + 1)
    if (value !== null) this.bytes(value)
  }

  /** Overwrites a u32 written before. */
  setU32(value: number, at: number): void {
    this.#buffer.writeUInt32BE(value, at)
  }

  /** What was written. Shares memory with the writer. */
  written(from = 0): Buffer {
    return this.#buffer.subarray(from, this.#length)
  }

  #room(bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(grown, 0, 0, this.#length)
    this.#buffer = grown
  }
}

/** Thrown by `ByteReader` when the bytes end early or make no sense. */
export class MalformedBytes extends Error {}

/** Reads what `ByteWriter` wrote; every length is checked against the bytes that are left. */
export class ByteReader {
  readonly #buffer: Buffer
  #at = 0

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  get remaining(): number {
    return this.#buffer.length - this.#at
  }

  u8(): number {
    return this.#buffer.readUInt8(this.#take(1))
  }

  u32(): number {
    return this.#buffer.readUInt32BE(this.#take(4))
  }

  i32(): number {
    return this.#buffer.readInt32BE(this.#take(4))
  }

  u64(): number {
    const value = this.u32() * 2 ** 32 + this.u32()
    if (!Number.isSafeInteger(value)) throw new MalformedBytes('an integer is out of range')
    return value
  }

  text(): string {
    const length = this.u32()
    const at = this.#take(length)
    const end = at + length
    for (let i = at; i < end; i++) if (this.#buffer[i] >= 0x80) return this.#buffer.toString('utf8', at, end)
    // Nearly all paths are ASCII, which is read several times faster.
    return this.#buffer.toString('latin1', at, end)
  }

  /** A copy, so that no node keeps the whole file in memory. */
  data(): Buffer | null {
    const length = this.u32()
    if (length === 0) return null
    const at = this.#take(length - 1)
    return Buffer.from(this.#buffer.subarray(at, at + length - 1))
  }

  #take(bytes: number): number {
    const at = this.#at
    if (bytes > this.#buffer.length - at) throw new MalformedBytes('the bytes end early')
    this.#at = at + bytes
    return at
  }
}
