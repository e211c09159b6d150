import { apiName, type InputOf, type Message, type MessageOf } from '@ottla/protocol'

/** The two messages of one API. */
export interface Api<Q extends Message = Message, R extends Message = Message> {
  readonly key: number
  /** Kafka's name without the suffix, e.g. `Fetch`. */
  readonly name: string
  readonly request: Q
  readonly response: R
  /** The versions that may be sent. */
  readonly minVersion: number
  readonly maxVersion: number
}

export type RequestOf<A extends Api> = InputOf<A['request']>
export type ResponseOf<A extends Api> = MessageOf<A['response']>

export function api<Q extends Message, R extends Message>(request: Q, response: R): Api<Q, R> {
  if (request.key !== response.key) throw new Error(`${request.name} and ${response.name} are not of one API`)
  const { min, max } = request.versions
  return {
    key: request.key,
    name: apiName(request.key),
    request,
    response,
    minVersion: min,
    maxVersion: request.latestVersionUnstable ? max - 1 : max,
  }
}
