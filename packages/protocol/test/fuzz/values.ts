import type { Field, Fields, Message } from '@ottla/protocol'
import { defaultValue, includes } from '../messages/arbitrary.ts'
import type { Random } from './random.ts'

type Value = Record<string, unknown>

const texts = ['', 'a', 'topic', 'größe', '主题', '🙂', 'x'.repeat(126), 'y'.repeat(127), 'z'.repeat(300)]
const integers = [0, 1, -1, 127, 255, 65_535, 2 ** 31, 2 ** 40, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]
const uuids = ['AAAAAAAAAAAAAAAAAAAAAA', 'AAAAAAAAAAAAAAAAAAAAAQ', 'FKYcd3S5Tn-RRiN0eBZ2Dg']
const blobs = [0, 1, 61, 300, 1500].map((length) => Buffer.alloc(length, length))

/** Complete values, as `messageArbitrary` makes them but without shrinking, and therefore fast. */
export function randomValue(message: Message, version: number, random: Random): Value {
  return randomFields(message.fields, version, random)
}

function randomFields(fields: Fields, version: number, random: Random): Value {
  const value: Value = {}
  for (const name of Object.keys(fields)) value[name] = randomField(fields[name], version, random)
  return value
}

function randomField(field: Field, version: number, random: Random): unknown {
  if (!includes(field.versions, version)) return defaultValue(field)
  if (field.tag !== undefined && random.below(3) === 0) return defaultValue(field)
  if (includes(field.nullable, version) && random.below(6) === 0) return null
  return randomOf(field, version, random)
}

function randomOf(field: Field, version: number, random: Random): unknown {
  switch (field.kind) {
    case 'boolean':
      return random.below(2) === 0
    case 'int8':
      return (random.next() << 24) >> 24
    case 'int16':
      return (random.next() << 16) >> 16
    case 'uint16':
      return random.below(0x10000)
    case 'int32':
      return random.next() | 0
    case 'uint32':
      return random.next()
    case 'int64':
      return random.pick(integers)
    case 'float64':
      return random.next() / 3
    case 'uuid':
      return random.pick(uuids)
    case 'string':
      return random.pick(texts)
    case 'bytes':
    case 'records':
      return random.pick(blobs)
    case 'array':
      return Array.from({ length: random.below(4) }, () => randomOf(field.element!, version, random))
    case 'struct':
      return randomFields(field.fields!, version, random)
  }
}
