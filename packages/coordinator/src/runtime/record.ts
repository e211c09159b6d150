import {
  decodeRecordKey,
  decodeVersioned,
  type Fields,
  type Infer,
  type Input,
  type Message,
  recordType,
  Writer,
} from '@ottla/protocol'

/** What most keys and values fit into. */
const SCRATCH_BYTES = 4096
const keyWriter = new Writer(SCRATCH_BYTES)
const valueWriter = new Writer(SCRATCH_BYTES)

/** A record of an internal topic, as its coordinator makes and replays it. */
export interface CoordinatorRecord {
  readonly type: RecordType
  // biome-ignore lint/suspicious/noExplicitAny: the type tells which message; shards dispatch on it
  readonly key: any
  /** Null: the subject is deleted. */
  // biome-ignore lint/suspicious/noExplicitAny: as the key
  readonly value: any
  /** Of the value's message. */
  readonly valueVersion: number
}

/** One kind of record: the number its keys begin with, and the messages of keys and values. */
export class RecordType<K extends Fields = Fields, V extends Fields = Fields> {
  readonly id: number
  readonly key: Message<K>
  readonly value: Message<V>
  /** What is written unless `put` is told otherwise. */
  readonly valueVersion: number

  constructor(key: Message<K>, value: Message<V>, valueVersion: number = value.versions.max) {
    this.id = key.key
    this.key = key
    this.value = value
    this.valueVersion = valueVersion
  }

  put(key: Infer<K>, value: Infer<V>, valueVersion: number = this.valueVersion): CoordinatorRecord {
    return { type: this as unknown as RecordType, key, value, valueVersion }
  }

  tombstone(key: Infer<K>): CoordinatorRecord {
    return { type: this as unknown as RecordType, key, value: null, valueVersion: this.valueVersion }
  }

  /** Good until the next call, of whichever type. */
  encodeKey(key: Infer<K>): Buffer {
    keyWriter.reset()
    keyWriter.int16(this.id)
    this.key.write(keyWriter, 0, key as Input<Infer<K>>)
    return keyWriter.peek()
  }

  /** The key's fields. Throws `CodecError`. */
  decodeKey(bytes: Buffer): Infer<K> {
    return decodeRecordKey(this.key, bytes)
  }
}

/** The key's bytes, good until the next call. */
export function encodeKey({ type, key }: CoordinatorRecord): Buffer {
  return type.encodeKey(key)
}

/** The value's bytes, good until the next call. */
export function encodeValue({ type, value, valueVersion }: CoordinatorRecord): Buffer | null {
  if (value === null) return null
  valueWriter.reset()
  valueWriter.int16(valueVersion)
  type.value.write(valueWriter, valueVersion, value)
  return valueWriter.peek()
}

/** The record types of one internal topic by number. */
export class RecordTypes {
  readonly #byId = new Map<number, RecordType>()

  constructor(types: readonly { readonly id: number }[]) {
    for (const type of types) this.#byId.set(type.id, type as unknown as RecordType)
  }

  /**
   * Null for a type that is not known: a later release wrote it, and it is left alone as Kafka does. Throws `CodecError` for
   * a value of a version that is not known, or damage.
   */
  decode(key: Buffer, value: Buffer | null): CoordinatorRecord | null {
    const type = this.#byId.get(recordType(key))
    if (type === undefined) return null
    return {
      type,
      key: type.decodeKey(key),
      value: value === null ? null : decodeVersioned(type.value, value),
      valueVersion: value === null ? type.valueVersion : value.readInt16BE(0),
    }
  }
}
