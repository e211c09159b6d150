import { CodecError } from './errors.ts'
import type { Field, Fields } from './fields.ts'
import { type Reader, unexpectedNull } from './reader.ts'
import { includes, type VersionRange } from './versions.ts'
import { bytesLength, type Writer } from './writer.ts'

/**
 * Turns a definition into straight-line JavaScript for one version, at its first use. A generated decoder for a struct
 * reads each field into a local, then builds the object in one literal, so that all objects of a struct share one
 * hidden class; a generated encoder writes the fields in order. Nothing from outside the definitions enters the source.
 */

export type Decode = (reader: Reader) => unknown
export type Encode = (writer: Writer, value: unknown) => void

/** Object header and in-object slots, in bytes, as V8 lays them out on 64 bits. */
const OBJECT_COST = 24
const SLOT_COST = 8
const HEAP_NUMBER_COST = 16
const ARRAY_COST = 32
/** Up to this count an array is allocated exactly; beyond it, it grows with what has really been read. */
const EXACT_ARRAY = 1024

class Source {
  readonly functions: string[] = []
  readonly constants: unknown[] = []
  readonly version: number
  readonly flexible: boolean

  constructor(version: number, flexible: boolean) {
    this.version = version
    this.flexible = flexible
  }

  constant(value: unknown): string {
    if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value)
    if (typeof value === 'string') return JSON.stringify(value)
    this.constants.push(value)
    return `k[${this.constants.length - 1}]`
  }

  present(field: Field): boolean {
    return includes(field.versions, this.version)
  }

  tagged(field: Field): boolean {
    return this.flexible && field.tag !== undefined && this.present(field) && includes(field.tagged, this.version)
  }

  nullable(field: Field): boolean {
    return includes(field.nullable, this.version)
  }

  build<F>(entry: string): F {
    const body = `'use strict';\n${this.functions.join('\n')}\nreturn ${entry}`
    const make = new Function('k', 'CodecError', 'unexpectedNull', 'bytesLength', body)
    return make(this.constants, CodecError, unexpectedNull, bytesLength) as F
  }
}

export function compileDecoder(fields: Fields, flexible: VersionRange, version: number): Decode {
  const source = new Source(version, includes(flexible, version))
  return source.build<Decode>(structDecoder(source, fields))
}

export function compileEncoder(fields: Fields, flexible: VersionRange, version: number): Encode {
  const source = new Source(version, includes(flexible, version))
  return source.build<Encode>(structEncoder(source, fields, 'message'))
}

// ---------------------------------------------------------------------------------------------------------- decoding

function structDecoder(source: Source, fields: Fields): string {
  const names = Object.keys(fields)
  const lines: string[] = []
  const tags: string[] = []
  names.forEach((name, i) => {
    const field = fields[name]
    if (!source.present(field)) {
      lines.push(`const f${i} = ${defaultOf(source, field)}`)
    } else if (source.tagged(field)) {
      lines.push(`let f${i} = ${defaultOf(source, field)}`)
      tags.push(`case ${field.tag}: f${i} = ${read(source, field, name)}; r.checkTagEnd(tag, end); break`)
    } else {
      lines.push(`const f${i} = ${read(source, field, name)}`)
    }
  })
  if (source.flexible) lines.push(tags.length === 0 ? 'r.skipTaggedFields()' : taggedSection(tags))
  const literal = names.map((name, i) => `${JSON.stringify(name)}: f${i}`).join(', ')
  return define(source, 'd', `(r) {\n${lines.join('\n')}\nreturn { ${literal} }\n}`)
}

function taggedSection(cases: string[]): string {
  return `const count = r.uvarint()
if (count !== 0) {
  r.checkTagCount(count)
  let tag = -1
  for (let i = 0; i < count; i++) {
    tag = r.nextTag(tag)
    const end = r.tagEnd()
    switch (tag) {
      ${cases.join('\n      ')}
      default: r.position = end
    }
  }
}`
}

function define(source: Source, prefix: string, definition: string): string {
  const name = `${prefix}${source.functions.length}`
  source.functions.push(`function ${name}${definition}`)
  return name
}

/** An expression that reads one field. */
function read(source: Source, field: Field, name: string): string {
  const compact = source.flexible
  const nullable = source.nullable(field)
  switch (field.kind) {
    case 'string':
      return lengthPrefixed(source, compact ? 'compactStringLength' : 'stringLength', 'r.text(n)', nullable, name)
    case 'bytes':
    case 'records':
      return lengthPrefixed(source, compact ? 'compactBytesLength' : 'bytesLength', 'r.view(n)', nullable, name)
    case 'array':
      return `${arrayDecoder(source, field, nullable, name)}(r)`
    case 'struct': {
      const decoder = structDecoder(source, field.fields!)
      if (!nullable) return `${decoder}(r)`
      return `(r.int8() < 0 ? null : ${decoder}(r))`
    }
    default:
      return `r.${field.kind}()`
  }
}

function lengthPrefixed(source: Source, length: string, value: string, nullable: boolean, name: string): string {
  const onNull = nullable ? 'return null' : `throw unexpectedNull(${JSON.stringify(name)})`
  return `${define(source, 'l', `(r) { const n = r.${length}(); if (n < 0) ${onNull}; return ${value} }`)}(r)`
}

function arrayDecoder(source: Source, field: Field, nullable: boolean, name: string): string {
  const element = field.element!
  const length = source.flexible ? 'compactArrayLength' : 'arrayLength'
  const onNull = nullable ? 'return null' : `throw unexpectedNull(${JSON.stringify(name)})`
  return define(
    source,
    'a',
    `(r) {
const n = r.${length}(${Math.max(1, minimumBytes(source, element))})
if (n < 0) ${onNull}
r.charge(${ARRAY_COST} + n * ${elementCost(element)})
if (n <= ${EXACT_ARRAY}) {
  const a = new Array(n)
  for (let i = 0; i < n; i++) a[i] = ${read(source, element, name)}
  return a
}
const a = []
for (let i = 0; i < n; i++) a.push(${read(source, element, name)})
return a
}`,
  )
}

/** Estimated bytes that one array element costs besides what its own variable parts charge. */
function elementCost(element: Field): number {
  return SLOT_COST * 1.5 + valueCost(element)
}

function valueCost(field: Field): number {
  switch (field.kind) {
    case 'struct':
      return Object.values(field.fields!).reduce((sum, f) => sum + SLOT_COST + valueCost(f), OBJECT_COST)
    case 'int64':
    case 'float64':
    case 'uint32':
      return HEAP_NUMBER_COST
    default:
      return 0
  }
}

/** The fewest bytes one value can take in this version. */
function minimumBytes(source: Source, field: Field): number {
  switch (field.kind) {
    case 'boolean':
    case 'int8':
      return 1
    case 'int16':
    case 'uint16':
      return 2
    case 'int32':
    case 'uint32':
      return 4
    case 'int64':
    case 'float64':
      return 8
    case 'uuid':
      return 16
    case 'string':
      return source.flexible ? 1 : 2
    case 'bytes':
    case 'records':
    case 'array':
      return source.flexible ? 1 : 4
    case 'struct': {
      if (source.nullable(field)) return 1
      let sum = source.flexible ? 1 : 0
      for (const f of Object.values(field.fields!)) {
        if (source.present(f) && !source.tagged(f)) sum += minimumBytes(source, f)
      }
      return sum
    }
  }
}

/** The value of a field that is not on the wire. */
function defaultOf(source: Source, field: Field): string {
  if (field.kind === 'struct' && field.default === undefined) {
    const parts = Object.entries(field.fields!).map(([name, f]) => `${JSON.stringify(name)}: ${defaultOf(source, f)}`)
    return `{ ${parts.join(', ')} }`
  }
  if (field.kind === 'array' && field.default !== null) return '[]'
  return source.constant(field.default)
}

// ---------------------------------------------------------------------------------------------------------- encoding

function structEncoder(source: Source, fields: Fields, path: string): string {
  const lines: string[] = []
  const tagged: { tag: number; name: string; field: Field; local: string }[] = []
  Object.keys(fields).forEach((name, i) => {
    const field = fields[name]
    const local = `v${i}`
    const get = `o[${JSON.stringify(name)}]`
    if (!source.present(field)) {
      if (!field.ignorable) {
        const what = JSON.stringify(`${path}.${name} cannot be written in version ${source.version}`)
        lines.push(`const ${local} = ${get}
if (${local} !== undefined && !(${isDefault(source, field, local)})) throw new CodecError('VALUE', ${what})`)
      }
      return
    }
    lines.push(`let ${local} = ${get}`)
    if (source.tagged(field)) {
      tagged.push({ tag: field.tag!, name, field, local })
      return
    }
    if (field.default !== undefined)
      lines.push(`if (${local} === undefined) ${local} = ${source.constant(field.default)}`)
    else lines.push(`if (${local} === undefined) ${local} = {}`)
    lines.push(write(source, field, local, `${path}.${name}`))
  })
  if (source.flexible) lines.push(taggedWrites(source, tagged, path))
  return define(source, 'e', `(w, o) {\n${lines.join('\n')}\n}`)
}

function taggedWrites(
  source: Source,
  tagged: { tag: number; name: string; field: Field; local: string }[],
  path: string,
): string {
  if (tagged.length === 0) return 'w.uvarint(0)'
  tagged.sort((a, b) => a.tag - b.tag)
  const lines: string[] = []
  for (const { field, local } of tagged) {
    lines.push(`const has_${local} = ${local} !== undefined && !(${isDefault(source, field, local)})`)
  }
  lines.push(`w.uvarint(${tagged.map(({ local }) => `(has_${local} ? 1 : 0)`).join(' + ')})`)
  for (const { tag, name, field, local } of tagged) {
    lines.push(`if (has_${local}) w.taggedField(${tag}, (w) => { ${write(source, field, local, `${path}.${name}`)} })`)
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
      return `${local} !== null && ${define(source, 's', `(o) { return ${tests.join(' && ')} }`)}(${local})`
    }
    default:
      return `${local} === ${source.constant(field.default)}`
  }
}

/** Statements that write one field's value. */
function write(source: Source, field: Field, local: string, path: string): string {
  const compact = source.flexible
  const nullable = source.nullable(field)
  const refuse = `throw unexpectedNull(${JSON.stringify(path)})`
  switch (field.kind) {
    case 'string': {
      const onNull = nullable ? (compact ? 'w.uvarint(0)' : 'w.int16(-1)') : refuse
      return `if (${local} === null) { ${onNull} } else w.${compact ? 'compactString' : 'string'}(${local})`
    }
    case 'bytes':
    case 'records': {
      const onNull = nullable ? (compact ? 'w.uvarint(0)' : 'w.int32(-1)') : refuse
      return `if (${local} === null) { ${onNull} } else w.${compact ? 'compactBytes' : 'bytes'}(${local})`
    }
    case 'array': {
      const onNull = nullable ? (compact ? 'w.uvarint(0)' : 'w.int32(-1)') : refuse
      const count = compact ? `w.uvarint(${local}.length + 1)` : `w.int32(${local}.length)`
      const each = define(
        source,
        'w',
        `(w, a) { for (let i = 0; i < a.length; i++) { const x = a[i]; ${write(source, field.element!, 'x', path)} } }`,
      )
      return `if (${local} === null) { ${onNull} } else { ${count}; ${each}(w, ${local}) }`
    }
    case 'struct': {
      const encoder = structEncoder(source, field.fields!, path)
      if (!nullable) return `if (${local} === null) ${refuse}; ${encoder}(w, ${local})`
      return `if (${local} === null) w.int8(-1); else { w.int8(1); ${encoder}(w, ${local}) }`
    }
    default:
      return `w.${field.kind}(${local})`
  }
}
