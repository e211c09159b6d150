import { createHash } from 'node:crypto'
import type { Field, Fields, Message } from '@ottla/protocol'

/**
 * What a message looks like in one version, as text: first whether it is flexible, then a line per field in the order
 * of the wire, tagged fields behind the others. Both our definitions and Kafka's are rendered so and compared.
 */
export interface CanonicalField {
  /** From the message down: `topics.partitions.index`. */
  readonly path: string
  /** Type, `?` if nullable, `#` and the tag if tagged, `=` and the default. */
  readonly wire: string
  /** Whether it is ignorable, what it names, whether it is the key of its array's map. */
  readonly notes: string
}

export interface CanonicalMessage {
  readonly flexible: boolean
  readonly fields: readonly CanonicalField[]
}

export const INT64_MAX_TEXT = '9223372036854775807'

export function canonicalMessage(message: Message, version: number): CanonicalMessage {
  const flexible = message.isFlexible(version)
  return { flexible, fields: canonicalFields(message.fields, version, flexible, '') }
}

function canonicalFields(fields: Fields, version: number, flexible: boolean, parent: string): CanonicalField[] {
  const inOrder: CanonicalField[] = []
  const tagged: [number, CanonicalField[]][] = []
  for (const [name, field] of Object.entries(fields)) {
    if (!includes(field.versions, version)) continue
    const isTagged = flexible && field.tag !== undefined && includes(field.tagged, version)
    const path = `${parent}${name}`
    const nullable = includes(field.nullable, version)
    const lines = [
      {
        path,
        wire: wire(typeName(field), nullable, isTagged ? field.tag : undefined, defaultText(field)),
        notes: notes(field.ignorable, field.entity, field.key),
      },
      ...canonicalFields(inner(field), version, flexible, `${path}.`),
    ]
    if (isTagged) tagged.push([field.tag!, lines])
    else inOrder.push(...lines)
  }
  tagged.sort(([a], [b]) => a - b)
  return [...inOrder, ...tagged.flatMap(([, lines]) => lines)]
}

export function wire(type: string, nullable: boolean, tag: number | undefined, defaultValue: string): string {
  return `${type}${nullable ? '?' : ''}${tag === undefined ? '' : `#${tag}`}=${defaultValue}`
}

export function notes(ignorable: boolean, entity: string | undefined, key: boolean): string {
  return [ignorable && 'ignorable', entity, key && 'key'].filter(Boolean).join(' ')
}

function includes(range: { min: number; max: number }, version: number): boolean {
  return version >= range.min && version <= range.max
}

function inner(field: Field): Fields {
  return field.fields ?? field.element?.fields ?? {}
}

function typeName(field: Field): string {
  return field.kind === 'array' ? `[]${typeName(field.element!)}` : field.kind
}

function defaultText(field: Field): string {
  if (field.default === null) return 'null'
  switch (field.kind) {
    case 'array':
      return '[]'
    case 'bytes':
      return 'empty'
    case 'struct':
      return 'defaults'
    case 'uuid':
      return 'zero'
    case 'string':
      return JSON.stringify(field.default)
    case 'int64':
      return field.default === Number.MAX_SAFE_INTEGER ? INT64_MAX_TEXT : String(field.default)
    default:
      return String(field.default)
  }
}

export function render({ flexible, fields }: CanonicalMessage): string {
  const lines = fields.map((field) => `${field.path} ${field.wire} ${field.notes}`.trimEnd())
  return [flexible ? 'flexible' : 'classic', ...lines].join('\n')
}

/** Twelve hexadecimal digits over the rendering of one version. */
export function fingerprint(message: Message, version: number): string {
  return createHash('sha256')
    .update(render(canonicalMessage(message, version)))
    .digest('hex')
    .slice(0, 12)
}

/** A line per message: name, API key or record type, versions, then one fingerprint per version. */
export function fingerprintLine(message: Message): string {
  const { min, max } = message.versions
  const prints: string[] = []
  for (let version = min; version <= max; version++) prints.push(fingerprint(message, version))
  const unstable = message.latestVersionUnstable ? ' unstable' : ''
  return `${message.name} ${message.key} ${min}-${max}${unstable} ${prints.join(' ')}`
}
