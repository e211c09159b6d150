import { KafkaError } from '@ottla/net'
import { errorInfo, errorName, isRetriable } from '@ottla/protocol'

export { ConnectionError, type ConnectionErrorCode, KafkaError } from '@ottla/net'

/** The broker answered with an error code; `code` is Kafka's name of it, e.g. `TOPIC_ALREADY_EXISTS`. */
export class BrokerError extends KafkaError {
  /** Kafka's number. */
  readonly errorCode: number

  /** `what` says on what the error fell, e.g. `topic orders`. */
  constructor(errorCode: number, what: string, detail?: string | null) {
    const name = errorName(errorCode)
    const text = detail || errorInfo(errorCode)?.description || name
    // The broker may have said it: `topic orders already exists`.
    super(name, text.includes(what) ? text : `${what}: ${text}`, {
      retriable: isRetriable(errorCode),
    })
    this.name = 'BrokerError'
    this.errorCode = errorCode
  }
}

/** An option has a value that cannot be. Code `CONFIG`. */
export class ConfigError extends KafkaError {
  constructor(message: string) {
    super('CONFIG', message)
    this.name = 'ConfigError'
  }
}

/** The client, producer or consumer is closed. Code `CLOSED`. */
export class ClosedError extends KafkaError {
  constructor(message: string) {
    super('CLOSED', message)
    this.name = 'ClosedError'
  }
}

/** Something did not happen in its time. Code `TIMEOUT`; the same call may succeed later. */
export class TimeoutError extends KafkaError {
  constructor(message: string, cause?: unknown) {
    super('TIMEOUT', message, { retriable: true, cause })
    this.name = 'TimeoutError'
  }
}

/** The cluster has no such topic or partition. Code `UNKNOWN_TOPIC_OR_PARTITION`. */
export class UnknownTopicError extends KafkaError {
  readonly topic: string

  constructor(topic: string, partition?: number) {
    super(
      'UNKNOWN_TOPIC_OR_PARTITION',
      partition === undefined ? `topic ${topic} does not exist` : `topic ${topic} has no partition ${partition}`,
    )
    this.name = 'UnknownTopicError'
    this.topic = topic
  }
}

/**
 * A transaction has failed. `code` is that of the `cause`; `retriable` says whether the whole transaction may go through
 * when it is run again.
 */
export class TransactionError extends KafkaError {
  declare readonly cause: KafkaError
  /** The producer can do nothing more: close it, and make another if this one was not replaced. */
  readonly fatal: boolean

  constructor(cause: KafkaError, options: { readonly fatal: boolean; readonly retriable: boolean }) {
    const then = options.fatal ? 'the producer can no longer be used' : 'the transaction can only be aborted'
    super(cause.code, `${cause.message}; ${then}`, { retriable: options.retriable, cause })
    this.name = 'TransactionError'
    this.fatal = options.fatal
  }
}
