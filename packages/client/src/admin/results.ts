import { ErrorCode } from '@ottla/protocol'
import { BrokerError, KafkaError } from '../errors.ts'

/** What one item of a batched call came to. */
export interface ItemResult {
  readonly name: string
  /** Null when it succeeded. */
  readonly error: KafkaError | null
}

export interface Answered {
  readonly errorCode: number
  readonly errorMessage?: string | null
}

export function itemResult(name: string, what: string, item: Answered | undefined): ItemResult {
  return { name, error: resultError(what, item) }
}

/** The broker's verdict on `what`; it must have given one. */
export function resultError(what: string, item: Answered | undefined): KafkaError | null {
  if (item === undefined) return leftOut(what)
  return item.errorCode === 0 ? null : new BrokerError(item.errorCode, what, item.errorMessage)
}

export function leftOut(what: string): BrokerError {
  return new BrokerError(ErrorCode.UNKNOWN_SERVER_ERROR, what, 'the broker did not answer for it')
}

/** The broker's versions of an API do not know `what` was asked for. */
export function tooOld(what: string): BrokerError {
  return new BrokerError(ErrorCode.UNSUPPORTED_VERSION, what, `${what}: the broker is too old for it`)
}

/** Anything but a `KafkaError` is a bug, and thrown. */
export function asKafkaError(error: unknown): KafkaError {
  if (error instanceof KafkaError) return error
  throw error
}

export function byName<T>(nameOf: (item: T) => string): (a: T, b: T) => number {
  return (a, b) => {
    const [left, right] = [nameOf(a), nameOf(b)]
    return left < right ? -1 : left > right ? 1 : 0
  }
}
