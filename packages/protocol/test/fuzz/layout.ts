import { isDeepStrictEqual } from 'node:util'
import type { Field, Fields, Message } from '@ottla/protocol'
import { defaultValue, includes } from '../messages/arbitrary.ts'

/** A place that says how much follows: a length, a count, a tag, or whether something follows at all. */
export interface Spot {
  readonly at: number
  readonly bytes: number
  readonly form: 'int8' | 'int16' | 'int32' | 'uvarint'
  /** As it stands on the wire: compact lengths are one more than what they count. */
  readonly value: number
  /** Whose length it is: `topics.partitions.records`; `topics tags` for those of a struct's tagged section. */
  readonly field: string
}

export interface Layout {
  readonly bytes: Buffer
  readonly spots: readonly Spot[]
}

/**
 * Encodes a complete value the plain way, field by field from the definition, and notes where the lengths stand. It
 * shares nothing with the generated encoders and is compared with them.
 */
export function layOut(message: Message, version: number, value: Record<string, unknown>): Layout {
  const walk = new Walk(version, message.isFlexible(version))
  walk.struct(message.fields, value, '')
  return { bytes: Buffer.concat(walk.parts), spots: walk.spots }
}

class Walk {
  readonly parts: Buffer[] = []
  readonly spots: Spot[] = []
  private readonly version: number
  private readonly flexible: boolean
  private length = 0

  constructor(version: number, flexible: boolean) {
    this.version = version
    this.flexible = flexible
  }

  struct(fields: Fields, value: Record<string, unknown>, path: string): void {
    const tagged: [tag: number, name: string, field: Field, value: unknown][] = []
    for (const [name, field] of Object.entries(fields)) {
      if (!includes(field.versions, this.version)) continue
      if (this.flexible && field.tag !== undefined && includes(field.tagged, this.version)) {
        if (!isDeepStrictEqual(value[name], defaultValue(field))) tagged.push([field.tag, name, field, value[name]])
      } else {
        this.field(field, value[name], inside(path, name))
      }
    }
    if (!this.flexible) return
    this.spot('uvarint', tagged.length, `${path} tags`)
    tagged.sort(([a], [b]) => a - b)
    for (const [tag, name, field, content] of tagged) {
      const at = inside(path, name)
      this.spot('uvarint', tag, `${at} tag`)
      const inner = new Walk(this.version, true)
      inner.field(field, content, at)
      this.spot('uvarint', inner.length, `${at} size`)
      for (const spot of inner.spots) this.spots.push({ ...spot, at: spot.at + this.length })
      this.add(Buffer.concat(inner.parts))
    }
  }

  private field(field: Field, value: unknown, path: string): void {
    if (field.kind === 'struct' && includes(field.nullable, this.version))
      this.spot('int8', value === null ? -1 : 1, path)
    if (value === null) {
      if (field.kind !== 'struct') this.count(field, -1, path)
      return
    }
    switch (field.kind) {
      case 'struct':
        this.struct(field.fields!, value as Record<string, unknown>, path)
        return
      case 'array': {
        const elements = value as unknown[]
        this.count(field, elements.length, path)
        for (const element of elements) this.field(field.element!, element, path)
        return
      }
      case 'string':
      case 'bytes':
      case 'records': {
        const content = Buffer.from(value as string)
        this.count(field, content.length, path)
        this.add(content)
        return
      }
      default:
        this.add(fixed(field, value))
    }
  }

  private count(field: Field, count: number, path: string): void {
    if (this.flexible) this.spot('uvarint', count + 1, path)
    else this.spot(field.kind === 'string' ? 'int16' : 'int32', count, path)
  }

  private spot(form: Spot['form'], value: number, field: string): void {
    const content = encodeSpot(form, value)
    this.spots.push({ at: this.length, bytes: content.length, form, value, field })
    this.add(content)
  }

  private add(part: Buffer): void {
    this.parts.push(part)
    this.length += part.length
  }
}

function inside(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

export function encodeSpot(form: Spot['form'], value: number): Buffer {
  if (form === 'uvarint') {
    const bytes: number[] = []
    let rest = value
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
    return Buffer.from([...bytes, rest])
  }
  const content = Buffer.alloc(form === 'int8' ? 1 : form === 'int16' ? 2 : 4)
  content.writeIntBE(value, 0, content.length)
  return content
}

function fixed(field: Field, value: unknown): Buffer {
  const number = Number(value)
  switch (field.kind) {
    case 'boolean':
      return Buffer.from([number])
    case 'uuid':
      return Buffer.from(value as string, 'base64url')
    case 'float64': {
      const content = Buffer.alloc(8)
      content.writeDoubleBE(number)
      return content
    }
    case 'int64': {
      const content = Buffer.alloc(8)
      content.writeBigInt64BE(BigInt(number))
      return content
    }
    default: {
      const content = Buffer.alloc(Number(/\d+/.exec(field.kind)![0]) / 8)
      if (field.kind.startsWith('u')) content.writeUIntBE(number, 0, content.length)
      else content.writeIntBE(number, 0, content.length)
      return content
    }
  }
}
