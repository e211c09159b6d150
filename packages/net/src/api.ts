import type { InputOf, Message, MessageOf } from '@ottla/protocol'

/** The two messages of one API. */
export interface Api<Q extends Message = Message, R extends Message = Message> {
  readonly key: number
  /** Kafka's name without the suffix, e.g. `Fetch`. */
  readonly name: string
  readonly request: Q
  readonly response: R
}

export type RequestOf<A extends Api> = InputOf<A['request']>
export type ResponseOf<A extends Api> = MessageOf<A['response']>

export function api<Q extends Message, R extends Message>(request: Q, response: R): Api<Q, R> {
  if (request.key !== response.key) throw new Error(`${request.name} and ${response.name} are not of one API`)
  return { key: request.key, name: request.name.replace(/Request$/, ''), request, response }
}
