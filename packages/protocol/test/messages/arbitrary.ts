import type { Field, Fields, Message } from '@ottla/protocol'
import { ZERO_UUID } from '@ottla/protocol'
import fc from 'fast-check'

/** Values of a message, made from its definition: of all types and lengths, nulls where they are legal. */

const MAX_ELEMENTS = 3

type Value = Record<string, unknown>

const int64 = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -3, max: 300 }),
  fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 31, -(2 ** 31) - 1, 2 ** 32, 2 ** 32 - 1),
)

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array)),
  // Long enough to be sent as a chunk of its own.
  fc.constantFrom(Buffer.alloc(1023, 1), Buffer.alloc(1024, 2), Buffer.alloc(5000, 3)),
)

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.string({ unit: 'binary-ascii', maxLength: 40 }),
  // Where the compact length takes a second byte.
  fc.constantFrom('a'.repeat(126), 'b'.repeat(127), 'c'.repeat(128), 'ü'.repeat(16_383)),
)

const byKind: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  boolean: fc.boolean(),
  int8: fc.integer({ min: -128, max: 127 }),
  int16: fc.integer({ min: -0x8000, max: 0x7fff }),
  uint16: fc.integer({ min: 0, max: 0xffff }),
  int32: fc.integer({ min: -0x80000000, max: 0x7fffffff }),
  uint32: fc.integer({ min: 0, max: 0xffffffff }),
  int64,
  float64: fc.double({ noNaN: true }),
  uuid: fc.oneof(
    fc.constant(ZERO_UUID),
    fc.uint8Array({ minLength: 16, maxLength: 16 }).map((array) => Buffer.from(array).toString('base64url')),
  ),
  string: text,
  bytes,
  records: bytes,
}

/** Complete values: fields that the version lacks hold their defaults, as decoding gives them. */
export function messageArbitrary(message: Message, version: number): fc.Arbitrary<Value> {
  return fieldsArbitrary(message.fields, version)
}

export function fieldsArbitrary(fields: Fields, version: number): fc.Arbitrary<Value> {
  const parts = Object.entries(fields).map(([name, field]) => [name, fieldArbitrary(field, version)])
  return fc.record(Object.fromEntries(parts), { noNullPrototype: true }) as fc.Arbitrary<Value>
}

function fieldArbitrary(field: Field, version: number): fc.Arbitrary<unknown> {
  if (!includes(field.versions, version)) return fc.constant(defaultValue(field))
  const values = valueArbitrary(field, version)
  const choices: fc.WeightedArbitrary<unknown>[] = [{ weight: 6, arbitrary: values }]
  if (includes(field.nullable, version)) choices.push({ weight: 1, arbitrary: fc.constant(null) })
  if (field.tag !== undefined) choices.push({ weight: 3, arbitrary: fc.constant(defaultValue(field)) })
  return fc.oneof(...choices)
}

function valueArbitrary(field: Field, version: number): fc.Arbitrary<unknown> {
  if (field.kind === 'struct') return fieldsArbitrary(field.fields!, version)
  if (field.kind === 'array') return fc.array(valueArbitrary(field.element!, version), { maxLength: MAX_ELEMENTS })
  return byKind[field.kind]
}

export function defaultValue(field: Field): unknown {
  if (field.default === null) return null
  if (field.kind === 'struct') return defaults(field.fields!)
  if (field.kind === 'array') return []
  return field.default
}

export function defaults(fields: Fields): Value {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, defaultValue(field)]))
}

export function includes(range: { min: number; max: number }, version: number): boolean {
  return version >= range.min && version <= range.max
}

/** A value unlike the default, for a field of any kind. */
export function otherValue(field: Field): unknown {
  switch (field.kind) {
    case 'boolean':
      return field.default !== true
    case 'uuid':
      return 'AAAAAAAAAAAAAAAAAAAAAQ'
    case 'string':
      return 'other'
    case 'bytes':
    case 'records':
      return Buffer.from('other')
    case 'array':
      return [field.element!.kind === 'struct' ? defaults(field.element!.fields!) : otherValue(field.element!)]
    case 'struct':
      return Object.fromEntries(Object.entries(field.fields!).map(([name, part]) => [name, otherValue(part)]))
    default:
      return field.default === 7 ? 8 : 7
  }
}
