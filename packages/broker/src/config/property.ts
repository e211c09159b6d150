import type { Secret } from './secret.ts'

/** Kafka's `ConfigDef.Type`. */
export type PropertyType = 'boolean' | 'int' | 'short' | 'long' | 'double' | 'string' | 'list' | 'class' | 'password'

/**
 * What setting a property does here.
 * - `effective`: what its description says.
 * - `inert`: nothing; it is accepted so that Kafka's files and tools work, and named in one line at start.
 * - `refused`: silence would be unsafe, so any value but the harmless default is an error that says what to do.
 */
export type PropertyKind = 'effective' | 'inert' | 'refused'

/** How a broker property may change while the broker runs (KIP-226). */
export type UpdateMode = 'read-only' | 'per-broker' | 'cluster-wide'

export type Importance = 'high' | 'medium' | 'low'

/** Which of the two releases we follow knows the key; absent when both do. */
export type OnlyIn = '3.9' | '4'

/** The runtime form of a property's value, before it is narrowed to one property. */
export type PropertyValue = boolean | number | string | readonly string[] | Secret | null

export interface PropertyOptions {
  /** Smallest number allowed. */
  readonly min?: number
  /** Largest number allowed. */
  readonly max?: number
  /** One number outside `min`..`max` that is allowed too. */
  readonly also?: number
  /** The only words allowed, for a string or for every item of a list. */
  readonly oneOf?: readonly string[]
  readonly ignoreCase?: boolean
  /** A form that is neither a range nor a choice; the name of a check in `value.ts`. */
  readonly form?: 'throttled-replicas' | 'host-port'
  /** Default `read-only`. */
  readonly update?: UpdateMode
  readonly only?: OnlyIn
  /** Kafka does not document the key; it is described only when it is set. */
  readonly internal?: boolean
  /** Set when the default is not Kafka's: why. */
  readonly differs?: string
}

/**
 * One configuration property. Numbers are safe integers (or doubles); a `long` beyond 2^53 - 1 is `Infinity`, which is
 * how Kafka's `Long.MAX_VALUE` ("never", "unlimited") reads here.
 */
export interface Property<T extends PropertyValue = PropertyValue> extends PropertyOptions {
  readonly type: PropertyType
  readonly default: T
  readonly importance: Importance
  /** One or two sentences with the unit. */
  readonly description: string
  readonly kind: PropertyKind
  /** Why it is inert, or what to do instead when it is refused; empty when effective. */
  readonly reason: string
}

export type PropertyTable = { readonly [name: string]: Property }

/** The TypeScript type of a property's value. */
export type ValueOf<P> = P extends Property<infer T> ? T : never

type Numeric<D extends number | null> = D extends null ? number | null : number
type Textual<D extends string | null> = D extends null ? string | null : string

function declare<T extends PropertyValue>(
  type: PropertyType,
  defaultValue: T,
  importance: Importance,
  options: PropertyOptions,
  description: string,
): Property<T> {
  return { type, default: defaultValue, importance, description, kind: 'effective', reason: '', ...options }
}

const numeric =
  (type: PropertyType) =>
  <D extends number | null>(value: D, importance: Importance, options: PropertyOptions, description: string) =>
    declare(type, value as Numeric<D>, importance, options, description)

const textual =
  (type: PropertyType) =>
  <D extends string | null>(value: D, importance: Importance, options: PropertyOptions, description: string) =>
    declare(type, value as Textual<D>, importance, options, description)

export const int = numeric('int')
export const short = numeric('short')
export const long = numeric('long')
export const double = numeric('double')
export const string = textual('string')
/** A Java class name. No class is ever loaded; the name is only compared with the default. */
export const className = textual('class')

export function boolean(value: boolean, importance: Importance, options: PropertyOptions, description: string) {
  return declare<boolean>('boolean', value, importance, options, description)
}

/** A string with a closed set of values; the type of the property is the union of them. */
export function choice<const V extends string>(
  value: NoInfer<V>,
  importance: Importance,
  options: PropertyOptions & { readonly oneOf: readonly V[] },
  description: string,
): Property<V> {
  return declare<V>('string', value, importance, options, description)
}

/** Values separated by commas. */
export function list<D extends readonly string[] | null>(
  value: D,
  importance: Importance,
  options: PropertyOptions,
  description: string,
) {
  type Value = D extends null ? readonly string[] | null : readonly string[]
  return declare('list', (value === null ? null : Object.freeze([...value])) as Value, importance, options, description)
}

/** A secret; it never has a default. */
export function password(importance: Importance, options: PropertyOptions, description: string) {
  return declare<Secret | null>('password', null, importance, options, description)
}

function withKind<T extends PropertyTable>(kind: PropertyKind, reason: string, table: T): T {
  for (const property of Object.values(table)) {
    Object.assign(property, { kind, reason })
  }
  return table
}

/** Properties that are accepted and change nothing, for the given reason. */
export function inert<T extends PropertyTable>(reason: string, table: T): T {
  return withKind('inert', reason, table)
}

/** Properties of which only the harmless default is accepted; `advice` tells what to do instead. */
export function refused<T extends PropertyTable>(advice: string, table: T): T {
  return withKind('refused', advice, table)
}
