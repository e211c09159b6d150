import { EMPTY_ARRAY, type Field, type Fields } from './fields.ts'
import type { Reader } from './reader.ts'
import { fixedBytes, Source } from './source.ts'
import type { VersionRange } from './versions.ts'

export type Decode = (reader: Reader) => unknown

/** What V8 allocates, in bytes, on 64 bits without pointer compression. */
const OBJECT_COST = 24
const SLOT_COST = 8
const HEAP_NUMBER_COST = 16
const ARRAY_COST = 48
/** Up to this count an array is allocated exactly. A larger one grows as it is read, by half each time. */
const EXACT_ARRAY = 1 << 20

/**
 * Generates the decoder of one version. A struct's decoder reads each field into a local, fixed-size neighbours after one
 * check, and then builds the object in one literal, so that all objects of a struct share one hidden class.
 */
export function compileDecoder(fields: Fields, flexible: VersionRange, version: number): Decode {
  const source = new Source(version, flexible)
  return source.build<Decode>(structDecoder(source, fields))
}

function structDecoder(source: Source, fields: Fields): string {
  const entries = Object.entries(fields)
  const lines: string[] = ['const b = r.buffer']
  const tags: string[] = []
  let run: { readonly local: string; readonly field: Field }[] = []
  const endRun = () => {
    if (run.length > 0) lines.push(...fixedRun(run))
    run = []
  }
  entries.forEach(([name, field], i) => {
    const local = `f${i}`
    if (!source.present(field)) {
      lines.push(`const ${local} = ${defaultOf(source, field)}`)
    } else if (source.tagged(field)) {
      lines.push(`let ${local} = ${defaultOf(source, field)}`)
      const charge = field.kind === 'struct' && !source.nullable(field) ? `r.charge(${fixedCost(source, field)}); ` : ''
      tags.push(`case ${field.tag}: ${charge}${local} = ${read(source, field, name)}; r.checkTagEnd(tag, end); break`)
    } else if (fixedBytes(field) !== undefined) {
      run.push({ local, field })
    } else {
      endRun()
      lines.push(`const ${local} = ${read(source, field, name)}`)
    }
  })
  endRun()
  if (source.flexible) lines.push(tags.length === 0 ? 'r.skipTaggedFields()' : taggedSection(tags))
  const literal = entries.map(([name], i) => `${JSON.stringify(name)}: f${i}`).join(', ')
  return source.define('d', `(r) {\n${lines.join('\n')}\nreturn { ${literal} }\n}`)
}

/** Neighbours of fixed size, whose bytes are checked for at once. */
function fixedRun(run: readonly { readonly local: string; readonly field: Field }[]): string[] {
  const at = `p${run[0].local}`
  let offset = 0
  const lines: string[] = []
  for (const { local, field } of run) {
    lines.push(`const ${local} = ${fixedAt(field, at, offset)}`)
    offset += fixedBytes(field)!
  }
  return [`const ${at} = r.take(${offset})`, ...lines]
}

function fixedAt(field: Field, at: string, offset: number): string {
  const byte = (i: number) => `b[${at} + ${offset + i}]`
  switch (field.kind) {
    case 'boolean':
      return `${byte(0)} !== 0`
    case 'int8':
      return `(${byte(0)} << 24) >> 24`
    case 'int16':
      return `((${byte(0)} << 24) | (${byte(1)} << 16)) >> 16`
    case 'uint16':
      return `(${byte(0)} << 8) | ${byte(1)}`
    case 'int32':
      return `(${byte(0)} << 24) | (${byte(1)} << 16) | (${byte(2)} << 8) | ${byte(3)}`
    case 'uint32':
      return `((${byte(0)} << 24) | (${byte(1)} << 16) | (${byte(2)} << 8) | ${byte(3)}) >>> 0`
    default:
      return `r.${field.kind}At(${at} + ${offset})`
  }
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

/** An expression that reads one field. */
function read(source: Source, field: Field, name: string): string {
  const nullable = source.nullable(field)
  switch (field.kind) {
    case 'string':
    case 'bytes':
    case 'records': {
      const form = `${nullable ? 'nullable' : ''}${source.flexible ? 'Compact' : ''}${field.kind === 'string' ? 'String' : 'Bytes'}`
      return `r.${form.charAt(0).toLowerCase()}${form.slice(1)}(${nullable ? '' : JSON.stringify(name)})`
    }
    case 'array':
      return `${arrayDecoder(source, field, nullable, name)}(r)`
    case 'struct': {
      const decoder = structDecoder(source, field.fields!)
      return nullable ? `(r.present(${fixedCost(source, field)}) ? ${decoder}(r) : null)` : `${decoder}(r)`
    }
    default:
      return `r.${field.kind}()`
  }
}

function arrayDecoder(source: Source, field: Field, nullable: boolean, name: string): string {
  const element = field.element!
  const length = source.flexible ? 'compactArrayLength' : 'arrayLength'
  const onNull = nullable ? 'return null' : `throw unexpectedNull(${JSON.stringify(name)})`
  const cost = SLOT_COST + fixedCost(source, element)
  return source.define(
    'a',
    `(r) {
const n = r.${length}(${minimumBytes(source, element)})
if (n <= 0) {
  if (n === 0) return EMPTY_ARRAY
  ${onNull}
}
if (n > ${EXACT_ARRAY}) {
  r.charge(${ARRAY_COST} + n * ${cost + SLOT_COST})
  const a = []
  for (let i = 0; i < n; i++) a.push(${read(source, element, name)})
  return a
}
r.charge(${ARRAY_COST} + n * ${cost})
const a = new Array(n)
for (let i = 0; i < n; i++) a[i] = ${read(source, element, name)}
return a
}`,
  )
}

/**
 * Bytes that a value costs whatever it holds: of a struct the object itself and the structs that are always in it. What
 * strings, arrays and optional structs cost is charged when they are met.
 */
function fixedCost(source: Source, field: Field): number {
  switch (field.kind) {
    case 'struct': {
      let cost = OBJECT_COST
      for (const part of Object.values(field.fields!)) {
        const optional = !source.present(part) || source.tagged(part) || source.nullable(part)
        cost += SLOT_COST + (part.kind === 'struct' && optional ? 0 : fixedCost(source, part))
      }
      return cost
    }
    case 'int64':
    case 'float64':
    case 'uint32':
      return HEAP_NUMBER_COST
    default:
      return 0
  }
}

/** The fewest bytes that one value takes in this version; at least one. */
function minimumBytes(source: Source, field: Field): number {
  switch (field.kind) {
    case 'string':
      return source.flexible ? 1 : 2
    case 'bytes':
    case 'records':
    case 'array':
      return source.flexible ? 1 : 4
    case 'struct': {
      if (source.nullable(field)) return 1
      let sum = source.flexible ? 1 : 0
      for (const part of Object.values(field.fields!)) {
        if (source.present(part) && !source.tagged(part)) sum += minimumBytes(source, part)
      }
      return Math.max(1, sum)
    }
    default:
      return fixedBytes(field)!
  }
}

/** An expression for the value of a field that is not on the wire. Arrays and structs are shared, hence frozen. */
function defaultOf(source: Source, field: Field): string {
  return source.constant(defaultValue(field))
}

const sharedDefaults = new WeakMap<Field, object>()

function defaultValue(field: Field): unknown {
  if (field.default === null) return null
  if (field.kind === 'array') return EMPTY_ARRAY
  if (field.kind !== 'struct') return field.default
  let shared = sharedDefaults.get(field)
  if (shared === undefined) {
    const parts = Object.entries(field.fields!).map(([name, part]) => [name, defaultValue(part)])
    shared = Object.freeze(Object.fromEntries(parts)) as object
    sharedDefaults.set(field, shared)
  }
  return shared
}
