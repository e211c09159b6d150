import type { Property, PropertyValue, ValueOf } from './property.ts'
import { Secret } from './secret.ts'

/** A value read from text, or what would have been allowed ("a whole number of at least 1"). */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly allowed: string }

const INTEGER = /^[+-]?\d+$/
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[dDfF]?$/
const THROTTLED_REPLICA = /^\d+:\d+$/
const HOST_PORT = /^(\[[0-9a-fA-F:.%]+\]|[^\s:/[\]]+):\d{1,5}$/

const LONG_MAX = 2n ** 63n - 1n
const INTEGER_RANGE = {
  short: [-(2n ** 15n), 2n ** 15n - 1n],
  int: [-(2n ** 31n), 2n ** 31n - 1n],
  long: [-LONG_MAX - 1n, LONG_MAX],
} as const

/** Reads a value by Kafka's rules (`ConfigDef.parseType`): surrounding blanks do not count, lists split at commas. */
export function parseValue<P extends Property>(property: P, text: string): Parsed<ValueOf<P>> {
  const value = parse(property, text.trim())
  if (value === undefined || !withinBounds(property, value)) {
    return { ok: false, allowed: describeAllowed(property) }
  }
  return { ok: true, value: value as ValueOf<P> }
}

function parse(property: Property, text: string): PropertyValue | undefined {
  switch (property.type) {
    case 'boolean': {
      const lower = text.toLowerCase()
      return lower === 'true' ? true : lower === 'false' ? false : undefined
    }
    case 'int':
    case 'short':
    case 'long':
      return parseInteger(property.type, text)
    case 'double': {
      if (!DECIMAL.test(text)) return undefined
      const value = Number(text.replace(/[dDfF]$/, ''))
      return Number.isFinite(value) ? value : undefined
    }
    case 'list':
      return parseList(text)
    case 'password':
      return text === '' ? null : new Secret(text)
    case 'string':
    case 'class':
      return text === '' && property.default === null ? null : text
  }
}

function parseInteger(type: 'int' | 'short' | 'long', text: string): number | undefined {
  if (!INTEGER.test(text) || text.length > 40) return undefined
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text)
  const [least, most] = INTEGER_RANGE[type]
  if (value < least || value > most) return undefined
  const number = Number(value)
  if (Number.isSafeInteger(number)) return number
  return number > 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
}

/** Items without their blanks, each once, in order; an empty text is an empty list. Empty items stay, to be refused. */
function parseList(text: string): readonly string[] {
  if (text === '') return []
  return [...new Set(text.split(',').map((item) => item.trim()))]
}

function withinBounds(property: Property, value: PropertyValue): boolean {
  if (value === null) return true
  if (typeof value === 'number') {
    if (value === property.also) return true
    return value >= (property.min ?? Number.NEGATIVE_INFINITY) && value <= (property.max ?? Number.POSITIVE_INFINITY)
  }
  if (typeof value === 'string') return isAllowedWord(property, value) && hasForm(property, [value])
  if (Array.isArray(value)) {
    return value.every((item) => item !== '' && isAllowedWord(property, item)) && hasForm(property, value)
  }
  return true
}

function isAllowedWord({ oneOf, ignoreCase }: Property, word: string): boolean {
  if (oneOf === undefined) return true
  return ignoreCase ? oneOf.some((allowed) => allowed.toLowerCase() === word.toLowerCase()) : oneOf.includes(word)
}

function hasForm({ form }: Property, items: readonly string[]): boolean {
  switch (form) {
    case undefined:
      return true
    case 'throttled-replicas':
      return (items.length === 1 && items[0] === '*') || items.every((item) => THROTTLED_REPLICA.test(item))
    case 'host-port':
      return items.every((item) => HOST_PORT.test(item) && Number(item.slice(item.lastIndexOf(':') + 1)) <= 65535)
  }
}

/** What a property accepts, to follow "it must be": `a whole number from 1 to 9, or -1`. */
export function describeAllowed(property: Property): string {
  const { oneOf, form } = property
  if (form === 'throttled-replicas') return '`*` or a list of partition:broker pairs such as 0:1,1:2'
  if (form === 'host-port') return 'host:port'
  switch (property.type) {
    case 'boolean':
      return 'true or false'
    case 'int':
    case 'short':
    case 'long':
      return `a whole number${describeRange(property)}`
    case 'double':
      return `a number${describeRange(property)}`
    case 'list':
      return oneOf === undefined
        ? 'a list separated by commas without empty items'
        : `a list separated by commas out of ${oneOf.join(', ')}`
    default:
      return oneOf === undefined ? 'a text' : `one of ${oneOf.join(', ')}`
  }
}

function describeRange(property: Property): string {
  const { min, also } = property
  const max = property.max ?? (property.type === 'long' || property.type === 'double' ? undefined : typeMax(property))
  const extra = also === undefined ? '' : `, or ${also}`
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}${extra}`
  if (min !== undefined) return ` of at least ${min}${extra}`
  if (max !== undefined) return ` of at most ${max}${extra}`
  return ''
}

const typeMax = ({ type }: Property) => (type === 'short' ? 32767 : 2147483647)

/**
 * A value as Kafka writes it (`ConfigDef.convertToString`), null for none. Secrets print as `[hidden]`; `Infinity`
 * prints as `Long.MAX_VALUE`.
 */
export function formatValue(property: Property, value: PropertyValue): string | null {
  if (value === null) return null
  if (typeof value === 'number') return property.type === 'double' ? formatDouble(value) : formatInteger(value)
  if (Array.isArray(value)) return value.join(',')
  return String(value)
}

function formatInteger(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return String(value > 0 ? LONG_MAX : -LONG_MAX - 1n)
}

/** Java's `Double.toString`: always a fraction digit, and an exponent outside 10^-3..10^7. */
function formatDouble(value: number): string {
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) {
    const [digits, exponent] = value.toExponential().split('e')
    return `${digits.includes('.') ? digits : `${digits}.0`}E${Number(exponent)}`
  }
  return Number.isInteger(value) ? `${value}.0` : String(value)
}

/**
 * A value in its canonical text, as Kafka echoes it: blanks gone, `TRUE` as `true`, `+5` as `5`. A secret comes out as
 * it is.
 */
export function canonicalText(property: Property, text: string): string | null {
  const trimmed = text.trim()
  if (property.type === 'password') return trimmed
  if (property.type === 'long' && INTEGER.test(trimmed)) return String(BigInt(trimmed.replace('+', '')))
  const parsed = parseValue(property, text)
  return parsed.ok ? formatValue(property, parsed.value) : trimmed
}
