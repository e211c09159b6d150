import { ALL_VERSIONS, NO_VERSIONS, parseVersions, type VersionRange } from './versions.ts'
import type { Bytes } from './writer.ts'

/**
 * What a definition is made of. A field says in which versions it exists, in which it may be null, where it travels as
 * a tagged field, and its value where it does not exist. The TypeScript type of the message follows from the fields.
 */

/** What a field's value names, as in Kafka's definitions; used by the conformance test and by tools that print. */
export type EntityKind = 'topicName' | 'groupId' | 'transactionalId' | 'producerId' | 'brokerId' | 'userName' | 'linkId'

export type PrimitiveKind =
  | 'boolean'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'float64'
  | 'uuid'
  | 'string'
  | 'bytes'
  | 'records'

export interface FieldOptions {
  /** Versions that have the field; all by default. Elsewhere it decodes to its default. */
  readonly v?: string
  /** Versions in which the value may be null; none by default. */
  readonly nullable?: string
  /** The value where the field is absent; zero, empty or false unless given. */
  readonly default?: number | string | boolean | null
  readonly tag?: number
  /** Versions in which the field is tagged; with `tag`, those of `v` unless given. */
  readonly tagged?: string
  /** In a version that lacks the field, a value other than the default is dropped, not refused. Responses drop any. */
  readonly ignorable?: true
  readonly entity?: EntityKind
  /** Identifies its struct within the array that holds it. */
  readonly key?: true
}

declare const inferred: unique symbol

export interface Field<T = unknown> {
  readonly kind: PrimitiveKind | 'array' | 'struct'
  readonly versions: VersionRange
  readonly nullable: VersionRange
  readonly tag: number | undefined
  readonly tagged: VersionRange
  readonly ignorable: boolean
  readonly default: unknown
  readonly entity: EntityKind | undefined
  readonly key: boolean
  /** Of an array: what it holds. */
  readonly element?: Field
  /** Of a struct. */
  readonly fields?: Fields
  readonly [inferred]?: T
}

export type Fields = Readonly<Record<string, Field>>

type Nullable<T, O> = O extends { readonly nullable: string } ? T | null : T

/** The decoded form of a set of fields. */
export type Infer<F> = { -readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never }

/** What the encoder takes: any field may be left out and then has its default. */
export type Input<T> = T extends readonly (infer E)[]
  ? readonly Input<E>[]
  : T extends Uint8Array
    ? Bytes
    : T extends object
      ? { readonly [K in keyof T]?: Input<T[K]> }
      : T

function field<T>(
  kind: Field['kind'],
  zero: unknown,
  options: FieldOptions,
  element?: Field,
  fields?: Fields,
): Field<T> {
  const { v, nullable, tag, tagged } = options
  const versions = v === undefined ? ALL_VERSIONS : parseVersions(v)
  return {
    kind,
    versions,
    nullable: nullable === undefined ? NO_VERSIONS : parseVersions(nullable),
    tag,
    tagged: tagged !== undefined ? parseVersions(tagged) : tag !== undefined ? versions : NO_VERSIONS,
    ignorable: options.ignorable === true,
    default: options.default === undefined ? zero : options.default,
    entity: options.entity,
    key: options.key === true,
    element,
    fields,
  }
}

const none: FieldOptions = {}

export const boolean = (o: FieldOptions = none): Field<boolean> => field('boolean', false, o)
export const int8 = (o: FieldOptions = none): Field<number> => field('int8', 0, o)
export const int16 = (o: FieldOptions = none): Field<number> => field('int16', 0, o)
export const uint16 = (o: FieldOptions = none): Field<number> => field('uint16', 0, o)
export const int32 = (o: FieldOptions = none): Field<number> => field('int32', 0, o)
export const uint32 = (o: FieldOptions = none): Field<number> => field('uint32', 0, o)
/** A `number`; beyond ±(2^53-1) the reader clamps and says so (`Reader.unsafeInt64`). */
export const int64 = (o: FieldOptions = none): Field<number> => field('int64', 0, o)
export const float64 = (o: FieldOptions = none): Field<number> => field('float64', 0, o)
/** 22 characters of URL-safe base64; sixteen zero bytes by default. */
export const uuid = (o: FieldOptions = none): Field<string> => field('uuid', ZERO_UUID, o)
export const string = <const O extends FieldOptions>(o?: O): Field<Nullable<string, O>> =>
  field('string', '', o ?? none)
/** A view on the frame when decoded. */
export const bytes = <const O extends FieldOptions>(o?: O): Field<Nullable<Buffer, O>> =>
  field('bytes', EMPTY_BYTES, o ?? none)
/** Record batches, as they are; a view on the frame when decoded, any chunks when encoded. */
export const records = (o: FieldOptions = none): Field<Buffer | null> => field('records', null, o)

/** Elements are a field (`array(int32())`) or, for structs, the fields themselves. */
export function array<const E extends Field, const O extends FieldOptions>(
  element: E,
  o?: O,
): Field<Nullable<E extends Field<infer T> ? T[] : never, O>>
export function array<const F extends Fields, const O extends FieldOptions>(
  fields: F,
  o?: O,
): Field<Nullable<Infer<F>[], O>>
export function array(of: Field | Fields, o: FieldOptions = none): Field {
  const element = isField(of) ? of : struct(of)
  return field('array', EMPTY_ARRAY, o, element)
}

export function struct<const F extends Fields, const O extends FieldOptions>(
  fields: F,
  o?: O,
): Field<Nullable<Infer<F>, O>> {
  return field('struct', undefined, o ?? none, undefined, fields)
}

function isField(value: Field | Fields): value is Field {
  return typeof (value as Field).kind === 'string'
}

export const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA'
/** Stands for every empty array. */
export const EMPTY_ARRAY: readonly never[] = Object.freeze([])
const EMPTY_BYTES: Buffer = Buffer.alloc(0)
