import { encodeRequest, type InputOf, type Message } from '@ottla/protocol'

/** Pieces of requests, for those that no encoder of ours would write. */

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

export function bytesOf(...values: readonly number[]): Buffer {
  return Buffer.from(values)
}

/** With its length in front. */
export function frame(...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([int32(body.length), body])
}

/** No client id. */
export const NOBODY = int16(-1)

/** `rest`: the client id, and tags where the version has them. */
export function header(apiKey: number, apiVersion: number, rest: Buffer = NOBODY, correlationId = 1): Buffer {
  return Buffer.concat([int16(apiKey), int16(apiVersion), int32(correlationId), rest])
}

/** A whole frame, its length included. */
export function encoded<Q extends Message>(message: Q, version: number, body: InputOf<Q>, correlationId = 1): Buffer {
  return Buffer.concat(encodeRequest(message, version, correlationId, 'client', body))
}
