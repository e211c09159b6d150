import { readFileSync } from 'node:fs'
import { type CanonicalField, type CanonicalMessage, INT64_MAX_TEXT, notes, wire } from './canonical.ts'
import { unzip } from './zip.ts'

/** A message definition of Kafka's, as its JSON says. */
export interface KafkaMessage {
  readonly name: string
  readonly type: string
  readonly apiKey?: number
  readonly validVersions: string
  readonly flexibleVersions?: string
  readonly latestVersionUnstable?: boolean
  readonly fields?: readonly KafkaField[]
  readonly commonStructs?: readonly { readonly name: string; readonly fields: readonly KafkaField[] }[]
}

interface KafkaField {
  readonly name: string
  readonly type: string
  readonly versions?: string
  readonly nullableVersions?: string
  readonly taggedVersions?: string
  readonly tag?: number | string
  readonly default?: unknown
  readonly ignorable?: boolean
  readonly entityType?: string
  readonly mapKey?: boolean
  readonly fields?: readonly KafkaField[]
}

export interface Range {
  readonly min: number
  readonly max: number
}

/** All definitions inside the jars, by name. */
export function readMessages(jars: string[]): Map<string, KafkaMessage> {
  const messages = new Map<string, KafkaMessage>()
  for (const jar of jars) {
    const entries = unzip(readFileSync(jar), (name) => /^common\/message\/\w+\.json$/.test(name))
    for (const [, content] of entries) {
      const message = JSON.parse(content.toString().replace(/^\s*\/\/.*$/gm, '')) as KafkaMessage
      messages.set(message.name, message)
    }
  }
  return messages
}

/** `'none'`, `'3'`, `'3+'` or `'3-7'`. */
export function parseRange(text: string | undefined): Range {
  const match = /^(\d+)(\+|-(\d+))?$/.exec(text ?? 'none')
  if (!match) return { min: 0, max: -1 }
  const min = Number(match[1])
  return { min, max: match[2] === '+' ? Number.POSITIVE_INFINITY : Number(match[3] ?? min) }
}

export function includes(range: Range, version: number): boolean {
  return version >= range.min && version <= range.max
}

/** `rename` maps the path of a field, in our spelling, to the one it has in our definitions. */
export function canonicalKafkaMessage(
  message: KafkaMessage,
  version: number,
  rename: (path: string) => string,
): CanonicalMessage {
  const flexible = includes(parseRange(message.flexibleVersions), version)
  const structs = new Map((message.commonStructs ?? []).map((struct) => [struct.name, struct.fields]))
  const walk = (fields: readonly KafkaField[], parent: string): CanonicalField[] => {
    const inOrder: CanonicalField[] = []
    const tagged: [number, CanonicalField[]][] = []
    for (const field of fields) {
      if (!includes(parseRange(field.versions ?? field.taggedVersions), version)) continue
      const isTagged = flexible && includes(parseRange(field.taggedVersions), version)
      const original = `${parent}${camelCase(field.name)}`
      const type = typeName(field.type)
      const nullable = includes(parseRange(field.nullableVersions), version)
      const lines = [
        {
          path: rename(original),
          wire: wire(type, nullable, isTagged ? Number(field.tag) : undefined, defaultText(field, type)),
          notes: notes(field.ignorable === true, field.entityType, field.mapKey === true),
        },
        ...walk(field.fields ?? structs.get(field.type.replace('[]', '')) ?? [], `${original}.`),
      ]
      if (isTagged) tagged.push([Number(field.tag), lines])
      else inOrder.push(...lines)
    }
    tagged.sort(([a], [b]) => a - b)
    return [...inOrder, ...tagged.flatMap(([, lines]) => lines)]
  }
  return { flexible, fields: walk(message.fields ?? [], '') }
}

function camelCase(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1)
}

function typeName(type: string): string {
  if (type.startsWith('[]')) return `[]${typeName(type.slice(2))}`
  if (type === 'bool') return 'boolean'
  return /^[A-Z]/.test(type) ? 'struct' : type
}

function defaultText(field: KafkaField, type: string): string {
  if (type === 'records') return 'null'
  if (field.default === null || (field.default === 'null' && type !== 'int64')) return 'null'
  if (type.startsWith('[]')) return '[]'
  switch (type) {
    case 'struct':
      return 'defaults'
    case 'bytes':
      return 'empty'
    case 'uuid':
      return 'zero'
    case 'string':
      return JSON.stringify(field.default ?? '')
    case 'boolean':
      return String(field.default ?? false).toLowerCase()
    default: {
      const text = String(field.default ?? 0)
      return text === INT64_MAX_TEXT ? text : String(Number(text))
    }
  }
}
