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

/** A serializer would not make bytes of a key or value; `cause` is what it threw. Code `SERIALIZATION`. */
export class SerializationError extends KafkaError {
  readonly topic: string
  readonly part: 'key' | 'value'

  constructor(topic: string, part: 'key' | 'value', cause: unknown) {
    super('SERIALIZATION', `the ${part} of a record for ${topic} cannot be serialized: ${reasonOf(cause)}`, { cause })
    this.name = 'SerializationError'
    this.topic = topic
    this.part = part
  }
}

/** A deserializer would not take the bytes of a key or value; `cause` is what it threw. Code `DESERIALIZATION`. */
export class DeserializationError extends KafkaError {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly part: 'key' | 'value'

  constructor(at: { topic: string; partition: number; offset: number }, part: 'key' | 'value', cause: unknown) {
    const where = `record ${at.offset} of partition ${at.topic}-${at.partition}`
    super('DESERIALIZATION', `the ${part} of ${where} cannot be deserialized: ${reasonOf(cause)}`, { cause })
    this.name = 'DeserializationError'
    this.topic = at.topic
    this.partition = at.partition
    this.offset = at.offset
    this.part = part
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
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
