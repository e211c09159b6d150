import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CodecError, type Field, type Fields, type Message, Reader } from '@ottla/protocol'
import fc from 'fast-check'
import { string } from '../../src/codec/fields.ts'
import { response } from '../../src/codec/message.ts'
import { allMessages, versionsOf } from './all.ts'
import { defaults, includes, messageArbitrary, otherValue } from './arbitrary.ts'

// Codecs are compiled at their first use: here as they are in service.
delete process.env.OTTLA_STRICT_RESPONSES

const RUNS = 50
const seed = Number(process.env.OTTLA_SEED ?? 20261122)

test(`every message in every version comes back as it was written (seed ${seed})`, () => {
  let pairs = 0
  for (const message of allMessages) {
    for (const version of versionsOf(message)) {
      pairs++
      const check = fc.property(messageArbitrary(message, version), (value) => {
        const written = message.encode(version, value)
        const decoded = message.decode(written, version)
        assert.deepEqual(decoded, value)
        assert.deepEqual(message.encode(version, decoded), written)
      })
      fc.assert(check, { numRuns: RUNS, seed })
    }
  }
  assert.ok(pairs > 700, `${pairs} pairs of message and version`)
})

test('fields left out have their defaults, however deep', () => {
  for (const message of allMessages) {
    for (const version of versionsOf(message)) {
      const decoded = message.decode(message.encode(version, {}), version)
      assert.deepEqual(decoded, defaults(message.fields), `${message.name} version ${version}`)
    }
  }
})

/** Each field that the version lacks, with a value that has it: at the top, and in the one element of an array. */
function* missingFields(fields: Fields, version: number): Generator<[field: Field, value: Record<string, unknown>]> {
  for (const [name, field] of Object.entries(fields)) {
    if (!includes(field.versions, version)) yield [field, { [name]: otherValue(field) }]
    else if (field.kind === 'struct') {
      for (const [inner, value] of missingFields(field.fields!, version)) yield [inner, { [name]: value }]
    } else if (field.element?.kind === 'struct') {
      for (const [inner, value] of missingFields(field.element.fields!, version)) yield [inner, { [name]: [value] }]
    }
  }
}

function withoutMissing(message: Message, version: number, value: Record<string, unknown>): Buffer {
  return message.encode(version, message.decode(message.encode(version, value), version))
}

test('a value that a version has no room for is dropped from responses and if ignorable, and refused otherwise', () => {
  let dropped = 0
  let refused = 0
  for (const message of allMessages) {
    for (const version of versionsOf(message)) {
      for (const [field, value] of missingFields(message.fields, version)) {
        if (field.ignorable || message.kind === 'response') {
          assert.deepEqual(message.encode(version, value), withoutMissing(message, version, value))
          dropped++
        } else {
          assert.throws(() => message.encode(version, value), isCodecError('VALUE'), `${message.name} ${version}`)
          refused++
        }
      }
    }
  }
  assert.ok(dropped > 200 && refused > 200, `${dropped} dropped, ${refused} refused`)
})

test('under test, a response that says what its version has no room for is refused as a request is', () => {
  const sample = () =>
    response({ key: 500, name: 'Sample', versions: '0-1' }, () => ({
      name: string({ v: '1+' }),
      rack: string({ v: '1+', ignorable: true }),
    }))
  assert.equal(sample().encode(0, { name: 'lost', rack: 'lost' }).length, 0)
  process.env.OTTLA_STRICT_RESPONSES = '1'
  try {
    assert.equal(sample().encode(0, { name: '', rack: 'lost' }).length, 0)
    assert.throws(() => sample().encode(0, { name: 'lost' }), isCodecError('VALUE'))
  } finally {
    delete process.env.OTTLA_STRICT_RESPONSES
  }
})

test('a null where the version allows none is refused', () => {
  for (const message of allMessages) {
    for (const version of versionsOf(message)) {
      for (const [name, field] of Object.entries(message.fields)) {
        if (!includes(field.versions, version) || includes(field.nullable, version)) continue
        if (!['string', 'bytes', 'records', 'array', 'struct'].includes(field.kind)) continue
        // Where null is the default of a tagged field, it is left out instead.
        if (field.default === null && message.isFlexible(version) && includes(field.tagged, version)) continue
        assert.throws(() => message.encode(version, { [name]: null }), isCodecError('NULL'), `${message.name}.${name}`)
      }
    }
  }
})

test('an int64 that no number can hold is clamped and reported', () => {
  for (const [high, clamped] of [
    [0x7fffffff, Number.MAX_SAFE_INTEGER],
    [-0x80000000, Number.MIN_SAFE_INTEGER],
    [0x00200000, Number.MAX_SAFE_INTEGER],
    [-0x00200001, Number.MIN_SAFE_INTEGER],
  ]) {
    const buffer = Buffer.alloc(8)
    buffer.writeInt32BE(high)
    const reader = new Reader(buffer)
    assert.equal(reader.int64(), clamped)
    assert.equal(reader.unsafeInt64, true)
  }
  for (const value of [0, -1, 2 ** 53 - 1, -(2 ** 53) + 1, 2 ** 32, -(2 ** 32), 2 ** 31, -(2 ** 31)]) {
    const buffer = Buffer.alloc(8)
    buffer.writeBigInt64BE(BigInt(value))
    const reader = new Reader(buffer)
    assert.equal(reader.int64(), value)
    assert.equal(reader.unsafeInt64, false)
  }
})

test('a version that a message lacks is refused', () => {
  for (const message of allMessages) {
    for (const version of [message.versions.min - 1, message.versions.max + 1, 0.5, -1]) {
      assert.throws(() => message.encode(version, {}), isCodecError('VERSION'))
      assert.throws(() => message.decode(Buffer.alloc(0), version), isCodecError('VERSION'))
    }
  }
})

function isCodecError(code: string): (error: unknown) => boolean {
  return (error) => error instanceof CodecError && error.code === code
}
