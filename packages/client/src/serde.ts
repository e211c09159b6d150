import type { Content } from './producer/record.ts'

/** Which part of a record of which topic it is. One object serves many records. */
export interface SerdeContext {
  readonly topic: string
  readonly part: 'key' | 'value'
}

/** Makes bytes of data; text is sent as UTF-8. Null is never given to it: that is a tombstone, or no key. */
export interface Serializer<T> {
  /** What it throws fails the record with SERIALIZATION. */
  serialize(data: T, context: SerdeContext): Content
}

/** Makes data of bytes. Null is never given to it. */
export interface Deserializer<T> {
  /**
   * `bytes` is a view of what was fetched: what is kept of it beyond the record keeps that in memory. What it throws makes a
   * `DeserializationError`.
   */
  deserialize(bytes: Buffer, context: SerdeContext): T
}

/** Both ways, each the other's inverse. */
export interface Serde<T> extends Serializer<T>, Deserializer<T> {}

function exactly(bytes: Buffer, length: number, what: string): Buffer {
  if (bytes.length !== length) throw new TypeError(`${what} has ${length} bytes, not ${bytes.length}`)
  return bytes
}

function wanted(isRight: boolean, what: string, data: unknown): void {
  if (!isRight) throw new TypeError(`${typeof data === 'string' ? JSON.stringify(data) : String(data)} is no ${what}`)
}

const string: Serde<string> = {
  serialize: (data) => {
    wanted(typeof data === 'string', 'text', data)
    return data
  },
  deserialize: (bytes) => bytes.toString(),
}

const bytes: Serializer<Uint8Array> & Deserializer<Buffer> = {
  serialize: (data) => data,
  deserialize: (data) => data,
}

const int32: Serde<number> = {
  serialize: (data) => {
    wanted((data | 0) === data, 'whole number of 32 bits', data)
    const written = Buffer.allocUnsafe(4)
    written.writeInt32BE(data)
    return written
  },
  deserialize: (data) => exactly(data, 4, 'an int32').readInt32BE(),
}

const int64: Serde<bigint> = {
  serialize: (data) => {
    wanted(typeof data === 'bigint' && BigInt.asIntN(64, data) === data, 'bigint of 64 bits', data)
    const written = Buffer.allocUnsafe(8)
    written.writeBigInt64BE(data)
    return written
  },
  deserialize: (data) => exactly(data, 8, 'an int64').readBigInt64BE(),
}

const float64: Serde<number> = {
  serialize: (data) => {
    wanted(typeof data === 'number', 'number', data)
    const written = Buffer.allocUnsafe(8)
    written.writeDoubleBE(data)
    return written
  },
  deserialize: (data) => exactly(data, 8, 'a float64').readDoubleBE(),
}

const anyJson: Serde<unknown> = {
  serialize: (data) => {
    const text = JSON.stringify(data) as string | undefined
    if (text === undefined) throw new TypeError(`a ${typeof data} has no JSON`)
    return text
  },
  deserialize: (data) => JSON.parse(data.toString()),
}

/** Text in UTF-8, JSON, and the numbers of Java's serializers: big-endian, with a sign. */
export const serde = {
  /** Bytes that are not UTF-8 become U+FFFD, as in Java. `StringSerializer`. */
  string,
  /** As they are. `ByteArraySerializer`. */
  bytes,
  /** `IntegerSerializer`. */
  int32,
  /** `LongSerializer`. */
  int64,
  /** `DoubleSerializer`. */
  float64,
  /** Nothing checks that what comes is a `T`. */
  json: <T = unknown>(): Serde<T> => anyJson as Serde<T>,
} as const
