import type { Field, Fields } from './fields.ts'
import { fixedBytes, Source } from './source.ts'
import type { VersionRange } from './versions.ts'
import type { Writer } from './writer.ts'

export type Encode = (writer: Writer, value: unknown) => void

interface Part {
  readonly local: string
  readonly field: Field
  /** Where the value stands in the message, for errors: `message.topics.name`. */
  readonly path: string
}

/**
 * Generates the encoder of one version: fields in order, fixed-size neighbours after one reservation, tagged fields behind
 * them if they differ from their defaults.
 *
 * `strict`: what the version has no room for must be a default or ignorable, as for a request, whose sender has to know
 * what it loses. A response is written for whoever asks: it says all it can, and each version leaves off what it lacks.
 */
export function compileEncoder(fields: Fields, flexible: VersionRange, version: number, strict: boolean): Encode {
  const source = new Source(version, flexible, strict)
  return source.build<Encode>(structEncoder(source, fields, 'message'))
}

function structEncoder(source: Source, fields: Fields, path: string): string {
  const lines: string[] = []
  const tagged: Part[] = []
  let run: Part[] = []
  const endRun = () => {
    if (run.length > 0) lines.push(fixedRun(run))
    run = []
  }
  Object.entries(fields).forEach(([name, field], i) => {
    const part: Part = { local: `v${i}`, field, path: `${path}.${name}` }
    const get = `o[${JSON.stringify(name)}]`
    if (!source.present(field)) {
      if (source.strict && !field.ignorable) lines.push(refuseUnlessDefault(source, part, get))
    } else if (source.tagged(field)) {
      lines.push(`const ${part.local} = ${get}`)
      tagged.push(part)
    } else {
      lines.push(`let ${part.local} = ${get}`)
      lines.push(`if (${part.local} === undefined) ${part.local} = ${orDefault(source, field)}`)
      if (fixedBytes(field) !== undefined) {
        run.push(part)
      } else {
        endRun()
        lines.push(write(source, part))
      }
    }
  })
  endRun()
  if (source.flexible) lines.push(taggedSection(source, tagged))
  return source.define('e', `(w, o) {\nlet p = 0\nlet b\n${lines.join('\n')}\n}`)
}

function orDefault(source: Source, field: Field): string {
  return field.kind === 'struct' && field.default === undefined ? '{}' : source.constant(field.default)
}

function refuseUnlessDefault(source: Source, { local, field, path }: Part, get: string): string {
  const message = JSON.stringify(`${path} cannot be written in version ${source.version}`)
  return `const ${local} = ${get}
if (${local} !== undefined && !(${isDefault(source, field, local)})) throw new CodecError('VALUE', ${message})`
}

/** Neighbours of fixed size. Values are checked before they are written: a number outside its type is a mistake. */
function fixedRun(run: readonly Part[]): string {
  const checks = run.flatMap(({ field, local, path }) => {
    const outside = outsideOf(field, local)
    return outside === ''
      ? []
      : [`if (${outside}) throw valueError(${JSON.stringify(`${path}: ${field.kind}`)}, ${local})`]
  })
  const writes: string[] = []
  let offset = 0
  for (const { field, local } of run) {
    writes.push(...fixedAt(field, local, offset))
    offset += fixedBytes(field)!
  }
  return [...checks, `p = w.reserve(${offset})`, 'b = w.buffer', ...writes].join('\n')
}

function outsideOf(field: Field, local: string): string {
  switch (field.kind) {
    case 'int8':
      return `((${local} << 24) >> 24) !== ${local}`
    case 'int16':
      return `((${local} << 16) >> 16) !== ${local}`
    case 'uint16':
      return `(${local} & 0xffff) !== ${local}`
    case 'int32':
      return `(${local} | 0) !== ${local}`
    case 'uint32':
      return `(${local} >>> 0) !== ${local}`
    case 'int64':
      return `!Number.isSafeInteger(${local})`
    default:
      return ''
  }
}

function fixedAt(field: Field, local: string, offset: number): string[] {
  const byte = (i: number) => `b[p + ${offset + i}]`
  switch (field.kind) {
    case 'boolean':
      return [`${byte(0)} = ${local} ? 1 : 0`]
    case 'int8':
      return [`${byte(0)} = ${local}`]
    case 'int16':
    case 'uint16':
      return [`${byte(0)} = ${local} >> 8`, `${byte(1)} = ${local}`]
    case 'int32':
    case 'uint32':
      return [24, 16, 8, 0].map((shift, i) => `${byte(i)} = ${local} >> ${shift}`)
    default:
      return [`w.${field.kind}At(${local}, p + ${offset})`]
  }
}

function taggedSection(source: Source, tagged: Part[]): string {
  if (tagged.length === 0) return 'w.uvarint(0)'
  const sorted = [...tagged].sort((a, b) => a.field.tag! - b.field.tag!)
  const lines = sorted.map(
    ({ local, field }) => `const has_${local} = ${local} !== undefined && !(${isDefault(source, field, local)})`,
  )
  lines.push(`w.uvarint(${sorted.map(({ local }) => `(has_${local} ? 1 : 0)`).join(' + ')})`)
  for (const part of sorted) {
    const content = source.define('t', `(w, ${part.local}) {\nlet p = 0\nlet b\n${write(source, part)}\n}`)
    lines.push(`if (has_${part.local}) {
  const t = w.beginTag()
  ${content}(t, ${part.local})
  w.endTag(${part.field.tag}, t)
}`)
  }
  return lines.join('\n')
}

/** An expression that tells whether `local`, which is defined, holds the field's default. */
function isDefault(source: Source, field: Field, local: string): string {
  if (field.default === null) return `${local} === null`
  switch (field.kind) {
    case 'array':
      return `${local} !== null && ${local}.length === 0`
    case 'bytes':
    case 'records':
      return `${local} !== null && bytesLength(${local}) === 0`
    case 'struct': {
      const tests = Object.entries(field.fields!).map(([name, part]) => {
        const value = `o[${JSON.stringify(name)}]`
        return `(${value} === undefined || ${isDefault(source, part, value)})`
      })
      return `${local} !== null && ${source.define('s', `(o) { return ${tests.join(' && ')} }`)}(${local})`
    }
    default:
      return `${local} === ${source.constant(field.default)}`
  }
}

/** Statements that write one value. */
function write(source: Source, part: Part): string {
  const { field, local, path } = part
  const compact = source.flexible
  const refuse = `throw unexpectedNull(${JSON.stringify(path)})`
  const onNull = (nothing: string) => (source.nullable(field) ? nothing : refuse)
  switch (field.kind) {
    case 'string': {
      const nothing = onNull(compact ? 'w.uvarint(0)' : 'w.int16(-1)')
      return `if (${local} === null) ${nothing}; else w.${compact ? 'compactString' : 'string'}(${local})`
    }
    case 'bytes':
    case 'records': {
      const nothing = onNull(compact ? 'w.uvarint(0)' : 'w.int32(-1)')
      return `if (${local} === null) ${nothing}; else w.${compact ? 'compactBytes' : 'bytes'}(${local})`
    }
    case 'array': {
      const nothing = onNull(compact ? 'w.uvarint(0)' : 'w.int32(-1)')
      const count = compact ? `w.uvarint(${local}.length + 1)` : `w.int32(${local}.length)`
      const body = write(source, { local: 'x', field: field.element!, path })
      const each = source.define(
        'w',
        `(w, a) {\nlet p = 0\nlet b\nfor (let i = 0; i < a.length; i++) {\nconst x = a[i]\n${body}\n}\n}`,
      )
      return `if (${local} === null) ${nothing}; else { ${count}; ${each}(w, ${local}) }`
    }
    case 'struct': {
      const encoder = structEncoder(source, field.fields!, path)
      if (!source.nullable(field)) return `if (${local} === null) ${refuse}; ${encoder}(w, ${local})`
      return `if (${local} === null) w.int8(-1); else { w.int8(1); ${encoder}(w, ${local}) }`
    }
    default:
      return fixedRun([part])
  }
}
