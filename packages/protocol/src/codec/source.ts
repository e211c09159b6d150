import { CodecError } from './errors.ts'
import { EMPTY_ARRAY, type Field } from './fields.ts'
import { unexpectedNull } from './reader.ts'
import { includes, type VersionRange } from './versions.ts'
import { bytesLength, valueError } from './writer.ts'

/**
 * JavaScript being generated for one message in one version. Nothing from outside the definitions enters it: names and
 * defaults are written as literals, everything else is passed in.
 */
export class Source {
  readonly version: number
  readonly flexible: boolean
  /** Whether an encoder refuses values that the version has no room for. */
  readonly strict: boolean
  private readonly functions: string[] = []
  private readonly constants: unknown[] = []

  constructor(version: number, flexible: VersionRange, strict = false) {
    this.version = version
    this.strict = strict
    this.flexible = includes(flexible, version)
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

  /** An expression for the value, which is a literal or something shared. */
  constant(value: unknown): string {
    if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value)
    if (typeof value === 'string') return JSON.stringify(value)
    if (value === EMPTY_ARRAY) return 'EMPTY_ARRAY'
    const known = this.constants.indexOf(value)
    if (known >= 0) return `k[${known}]`
    return `k[${this.constants.push(value) - 1}]`
  }

  /** Adds a function, given from its parameters on, and returns its name. */
  define(prefix: string, definition: string): string {
    const name = `${prefix}${this.functions.length}`
    this.functions.push(`function ${name}${definition}`)
    return name
  }

  /** Compiles the functions and returns the one named. */
  build<F>(entry: string): F {
    const body = `'use strict';\n${this.functions.join('\n')}\nreturn ${entry}`
    const make = new Function('k', 'EMPTY_ARRAY', 'CodecError', 'unexpectedNull', 'valueError', 'bytesLength', body)
    return make(this.constants, EMPTY_ARRAY, CodecError, unexpectedNull, valueError, bytesLength) as F
  }
}

/** Bytes of kinds that always take the same number. */
export function fixedBytes(field: Field): number | undefined {
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
    default:
      return undefined
  }
}
