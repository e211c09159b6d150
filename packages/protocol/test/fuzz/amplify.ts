import type { Field, Fields, Message } from '@ottla/protocol'
import { defaultValue, includes } from '../messages/arbitrary.ts'

type Value = Record<string, unknown>

/** How an element is filled: with as little as it can hold, or with little that costs much. */
const fillings = ['nothing', 'a bit of everything'] as const
type Filling = (typeof fillings)[number]

/**
 * Inputs that are valid and as costly for their size as can be: each array of the message in turn, and the arrays inside
 * it, with `count` of the smallest elements. Each with the name of its shape; only that one if it is given.
 */
export function* amplify(
  message: Message,
  version: number,
  count: number,
  only?: string,
): Generator<[shape: string, bytes: Buffer]> {
  for (const filling of fillings) {
    for (const [path, make] of grown(message.fields, version, count, filling, '')) {
      const shape = `${path}: ${filling}`
      if (only === undefined || only === shape) yield [shape, message.encode(version, make())]
    }
  }
}

function* grown(
  fields: Fields,
  version: number,
  count: number,
  filling: Filling,
  parent: string,
): Generator<[path: string, make: () => Value]> {
  for (const [name, field] of Object.entries(fields)) {
    if (!includes(field.versions, version)) continue
    const path = `${parent}${name}`
    const whole = (value: unknown) => ({ ...filledFields(fields, version, filling), [name]: value })
    if (field.kind === 'struct') {
      const inner = grown(field.fields!, version, count, filling, `${path}.`)
      for (const [deeper, make] of inner) yield [deeper, () => whole(make())]
    }
    if (field.kind !== 'array') continue
    const element = field.element!
    yield [path, () => whole(Array.from({ length: count }, () => filled(element, version, filling)))]
    if (element.kind !== 'struct') continue
    const inner = grown(element.fields!, version, count, filling, `${path}.`)
    for (const [deeper, make] of inner) yield [deeper, () => whole([make()])]
  }
}

function filledFields(fields: Fields, version: number, filling: Filling): Value {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, filled(field, version, filling)]))
}

function filled(field: Field, version: number, filling: Filling): unknown {
  if (!includes(field.versions, version)) return defaultValue(field)
  if (filling === 'nothing' && includes(field.nullable, version)) return null
  switch (field.kind) {
    case 'struct':
      return filledFields(field.fields!, version, filling)
    case 'array':
      return filling === 'nothing' ? [] : [filled(field.element!, version, filling)]
    case 'string':
      return filling === 'nothing' ? '' : 'ab'
    case 'bytes':
    case 'records':
      return Buffer.alloc(filling === 'nothing' ? 0 : 1)
    case 'int64':
      return filling === 'nothing' ? 0 : 2 ** 40
    default:
      return field.default ?? defaultValue(field)
  }
}
