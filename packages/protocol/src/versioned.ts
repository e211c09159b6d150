import { CodecError } from './codec/errors.ts'
import type { Fields, Infer, Input } from './codec/fields.ts'
import type { Message } from './codec/message.ts'
import { Reader } from './codec/reader.ts'
import { Writer } from './codec/writer.ts'

/**
 * Messages that travel outside a frame say in an int16 what they are: values of coordinator records, control records and
 * the classic consumer protocol their version, keys of coordinator records their record type (their version is 0).
 */

export function encodeVersioned<F extends Fields>(
  message: Message<F>,
  version: number,
  value: Input<Infer<F>>,
): Buffer {
  const writer = new Writer()
  writer.int16(version)
  message.write(writer, version, value)
  return writer.toBuffer()
}

/** Throws `CodecError`, with code `VERSION` for a version the message does not have. */
export function decodeVersioned<F extends Fields>(message: Message<F>, buffer: Buffer): Infer<F> {
  const reader = new Reader(buffer)
  const value = message.read(reader, reader.int16())
  reader.finish()
  return value
}

/**
 * As `decodeVersioned`, but a version above ours is read as our highest and what follows is ignored: the rule of the
 * classic consumer protocol, whose members may be of different releases (`ConsumerProtocol` in Kafka).
 */
export function decodeVersionedLeniently<F extends Fields>(message: Message<F>, buffer: Buffer): Infer<F> {
  const reader = new Reader(buffer)
  return message.read(reader, Math.min(reader.int16(), message.versions.max))
}

/** The key of a coordinator record. */
export function encodeRecordKey<F extends Fields>(message: Message<F>, value: Input<Infer<F>>): Buffer {
  const writer = new Writer()
  writer.int16(message.key)
  message.write(writer, 0, value)
  return writer.toBuffer()
}

/** The record type that a key begins with. */
export function recordType(key: Buffer): number {
  if (key.length < 2) throw new CodecError('TRUNCATED', `a record key of ${key.length} bytes`)
  return key.readInt16BE(0)
}

/** The fields behind the record type, which the caller has looked at. */
export function decodeRecordKey<F extends Fields>(message: Message<F>, key: Buffer): Infer<F> {
  const reader = new Reader(key, 2)
  const value = message.read(reader, 0)
  reader.finish()
  return value
}
