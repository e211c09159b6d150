import { compileDecoder, type Decode } from './decoder.ts'
import { compileEncoder, type Encode } from './encoder.ts'
import { CodecError } from './errors.ts'
import type { Fields, Infer, Input } from './fields.ts'
import { Reader } from './reader.ts'
import { NO_VERSIONS, parseVersions, type VersionRange } from './versions.ts'
import { Writer } from './writer.ts'

/**
 * Whether responses are held to what requests are: a value that the version has no room for is refused unless it is
 * ignorable, as Apache Kafka does. `npm test` sets it, to notice a handler that tells its caller what never arrives; in
 * service the rest of the answer is worth more.
 */
const strictResponses = (): boolean => process.env.OTTLA_STRICT_RESPONSES === '1'

export interface MessageShape {
  /** Of requests and responses. */
  readonly key?: number
  readonly name: string
  readonly versions: string
  /** Versions with compact types and tagged fields; none unless given. */
  readonly flexible?: string
  /** The highest version may still change in Kafka and is not to be advertised. */
  readonly latestVersionUnstable?: true
}

/**
 * One definition and its codecs, which are compiled to JavaScript per version at their first use.
 *
 * A decoded message may share what it holds: byte fields are views on the frame, and empty arrays and structs that were
 * not on the wire are constants, which are frozen.
 */
export class Message<F extends Fields = Fields> {
  readonly kind: 'request' | 'response' | 'data'
  /** API key; -1 for a message that is no request or response. */
  readonly key: number
  /** Kafka's name, e.g. `FetchRequest`. */
  readonly name: string
  readonly versions: VersionRange
  readonly flexible: VersionRange
  readonly latestVersionUnstable: boolean
  private readonly define: () => F
  private defined: F | undefined
  private readonly decoders: Decode[] = []
  private readonly encoders: Encode[] = []

  constructor(kind: 'request' | 'response' | 'data', shape: MessageShape, fields: () => F) {
    this.kind = kind
    this.key = shape.key ?? -1
    this.name = kind === 'request' ? `${shape.name}Request` : kind === 'response' ? `${shape.name}Response` : shape.name
    this.versions = parseVersions(shape.versions)
    this.flexible = shape.flexible === undefined ? NO_VERSIONS : parseVersions(shape.flexible)
    this.latestVersionUnstable = shape.latestVersionUnstable === true
    this.define = fields
  }

  /** Made at first use: a program needs few of the messages, and making all of them would delay its start. */
  get fields(): F {
    if (this.defined === undefined) this.defined = this.define()
    return this.defined
  }

  isFlexible(version: number): boolean {
    return version >= this.flexible.min && version <= this.flexible.max
  }

  /** Reads one message and leaves the reader behind it. Throws `CodecError`. */
  read(reader: Reader, version: number): Infer<F> {
    let decode = this.decoders[version]
    if (decode === undefined) {
      this.checkVersion(version)
      decode = this.decoders[version] = compileDecoder(this.fields, this.flexible, version)
    }
    return decode(reader) as Infer<F>
  }

  /** Fields left out have their defaults. Throws `CodecError` with code `VALUE`, `NULL` or `VERSION`. */
  write(writer: Writer, version: number, value: Input<Infer<F>>): void {
    let encode = this.encoders[version]
    if (encode === undefined) {
      this.checkVersion(version)
      const strict = strictResponses() || this.kind !== 'response'
      encode = this.encoders[version] = compileEncoder(this.fields, this.flexible, version, strict)
    }
    encode(writer, value)
  }

  /** Reads a message that fills the buffer. */
  decode(buffer: Buffer, version: number): Infer<F> {
    const reader = new Reader(buffer)
    const value = this.read(reader, version)
    reader.finish()
    return value
  }

  encode(version: number, value: Input<Infer<F>>): Buffer {
    const writer = new Writer()
    this.write(writer, version, value)
    return writer.toBuffer()
  }

  private checkVersion(version: number): void {
    if (!Number.isInteger(version) || version < this.versions.min || version > this.versions.max) {
      throw new CodecError('VERSION', `${this.name} has no version ${version}`)
    }
  }
}

export type MessageOf<M> = M extends Message<infer F> ? Infer<F> : never
export type InputOf<M> = M extends Message<infer F> ? Input<Infer<F>> : never

export const request = <const F extends Fields>(shape: MessageShape & { key: number }, fields: () => F): Message<F> =>
  new Message('request', shape, fields)

export const response = <const F extends Fields>(shape: MessageShape & { key: number }, fields: () => F): Message<F> =>
  new Message('response', shape, fields)

/** A message that is no request: a record of an internal topic, a header, an opaque part of another message. */
export const data = <const F extends Fields>(shape: MessageShape, fields: () => F): Message<F> =>
  new Message('data', shape, fields)
