import { apiByKey } from './apis.ts'
import { CodecError } from './codec/errors.ts'
import type { Fields, Infer, Input } from './codec/fields.ts'
import type { Message } from './codec/message.ts'
import { Reader } from './codec/reader.ts'
import { type Chunk, inMemory, Writer } from './codec/writer.ts'

/**
 * Frames: an int32 length, a header, a message. Decoders take a frame without its length, encoders give one with it.
 *
 * ```
 * request header    0: apiKey i16, apiVersion i16, correlationId i32            ControlledShutdown v0 only
 *                   1: + clientId, nullable, with an int16 length               versions that are not flexible
 *                   2: + tagged fields; clientId as before, not compact         flexible versions
 * response header   0: correlationId i32                                        not flexible; ApiVersions always
 *                   1: + tagged fields                                          flexible versions
 * ```
 */

const CONTROLLED_SHUTDOWN = 7
const API_VERSIONS = 18
const FIXED_HEADER_BYTES = 8
/** Fits most requests and responses, so that few need a second buffer. */
const FRAME_INITIAL_BYTES = 512

export interface RequestPeek {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
}

export interface RequestHeader extends RequestPeek {
  readonly clientId: string | null
  /** Stands at the body. */
  readonly reader: Reader
}

export interface ResponseHeader {
  readonly correlationId: number
  /** Stands at the body. */
  readonly reader: Reader
}

export function requestHeaderVersion(request: Message, apiVersion: number): 0 | 1 | 2 {
  if (request.isFlexible(apiVersion)) return 2
  return request.key === CONTROLLED_SHUTDOWN && apiVersion === 0 ? 0 : 1
}

export function responseHeaderVersion(response: Message, apiVersion: number): 0 | 1 {
  return response.isFlexible(apiVersion) && response.key !== API_VERSIONS ? 1 : 0
}

/** The part of the header that all versions share; it can be read before the API is known to exist. */
export function peekRequest(frame: Buffer): RequestPeek {
  if (frame.length < FIXED_HEADER_BYTES) {
    throw new CodecError('TRUNCATED', `a request of ${frame.length} bytes has no header`)
  }
  return { apiKey: frame.readInt16BE(0), apiVersion: frame.readInt16BE(2), correlationId: frame.readInt32BE(4) }
}

/**
 * Reads the header. The definition of the request and its version are found by the header itself unless given. Throws
 * `CodecError`, with code `VERSION` if the API key is unknown; whether the version is served is the caller's to check.
 */
export function decodeRequestHeader(frame: Buffer, message?: Message, version?: number): RequestHeader {
  const { apiKey, apiVersion, correlationId } = peekRequest(frame)
  const request = message ?? apiByKey(apiKey)?.request
  if (request === undefined) throw new CodecError('VERSION', `no API has the key ${apiKey}`)
  const headerVersion = requestHeaderVersion(request, version ?? apiVersion)
  const reader = new Reader(frame, FIXED_HEADER_BYTES)
  let clientId: string | null = null
  if (headerVersion > 0) {
    const length = reader.stringLength()
    if (length >= 0) clientId = reader.text(length)
    if (headerVersion === 2) reader.skipTaggedFields()
  }
  return { apiKey, apiVersion, correlationId, clientId, reader }
}

/** Throws `CodecError`. */
export function decodeResponseHeader(frame: Buffer, response: Message, apiVersion: number): ResponseHeader {
  const reader = new Reader(frame)
  const correlationId = reader.int32()
  if (responseHeaderVersion(response, apiVersion) === 1) reader.skipTaggedFields()
  return { correlationId, reader }
}

/** A whole frame in chunks; large byte fields are not copied. Throws `CodecError` as `Message.write` does. */
export function encodeRequest<F extends Fields>(
  message: Message<F>,
  apiVersion: number,
  correlationId: number,
  clientId: string | null,
  value: Input<Infer<F>>,
): Uint8Array[] {
  const writer = new Writer(FRAME_INITIAL_BYTES)
  writer.int32(0)
  writer.int16(message.key)
  writer.int16(apiVersion)
  writer.int32(correlationId)
  const headerVersion = requestHeaderVersion(message as Message, apiVersion)
  if (headerVersion > 0) {
    if (clientId === null) writer.int16(-1)
    else writer.string(clientId)
    if (headerVersion === 2) writer.uvarint(0)
  }
  message.write(writer, apiVersion, value)
  return writer.finishFrame()
}

/** A whole frame in chunks; large byte fields are not copied. Throws `CodecError` as `Message.write` does. */
export function encodeResponse<F extends Fields>(
  message: Message<F>,
  apiVersion: number,
  correlationId: number,
  value: Input<Infer<F>>,
): Uint8Array[] {
  return inMemory(encodeResponseChunks(message, apiVersion, correlationId, value))
}

/** As `encodeResponse`; byte fields given as `Elsewhere` are left to the sender. */
export function encodeResponseChunks<F extends Fields>(
  message: Message<F>,
  apiVersion: number,
  correlationId: number,
  value: Input<Infer<F>>,
): Chunk[] {
  const writer = new Writer(FRAME_INITIAL_BYTES)
  writer.int32(0)
  writer.int32(correlationId)
  if (responseHeaderVersion(message as Message, apiVersion) === 1) writer.uvarint(0)
  message.write(writer, apiVersion, value)
  return writer.finishFrameChunks()
}
