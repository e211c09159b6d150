import type { InputOf, Message, MessageOf } from '@ottla/protocol'
import type { Request } from './request.ts'

/** A decoded request of some API, where the dispatcher and tests do not know which. */
export type RequestBody = MessageOf<Message>

/**
 * What a handler gives back: the response; a promise of it, on the control plane; or `undefined` when the handler has
 * kept the request and will call `request.respond` (parked) or `request.finishSilently` (acks=0) itself.
 */
export type Reply<S> = S | Promise<S> | undefined

/** One API. The table of handlers is what ApiVersions answers from: what has no handler is not advertised. */
export interface Handler<Q extends Message = Message, S extends Message = Message> {
  readonly request: Q
  readonly response: S
  /** Advertised versions, both ends included; within those of the definitions. */
  readonly minVersion: number
  readonly maxVersion: number
  handle(request: Request, body: MessageOf<Q>): Reply<InputOf<S>>
  /**
   * How this API says that the whole request failed: for an int64 beyond 2^53, for a bug of ours (UNKNOWN_SERVER_ERROR)
   * and for errors injected by a test. Answers name every topic, partition or resource that was asked for.
   */
  refuse(body: MessageOf<Q>, errorCode: number, version: number): InputOf<S>
  /** Whether this request has no answer, so that an error can only be told by closing the connection. Default: never. */
  isSilent?(body: MessageOf<Q>): boolean
}

/** Infers the message types of a handler written as an object literal. */
export function defineHandler<Q extends Message, S extends Message>(handler: Handler<Q, S>): Handler {
  return handler as unknown as Handler
}
