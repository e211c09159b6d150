/** The root of every error that the client throws on purpose: a stable `code`, and whether a retry may succeed. */
export class KafkaError extends Error {
  readonly code: string
  /** The same call may succeed when it is made again. */
  readonly retriable: boolean

  constructor(code: string, message: string, options: { retriable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'KafkaError'
    this.code = code
    this.retriable = options.retriable ?? false
  }
}

/** What can go wrong between two ends of a connection. */
export type ConnectionErrorCode =
  /** Nothing listens at the address. Retriable. */
  | 'CONNECTION_REFUSED'
  /** The name does not resolve. Retriable: name servers recover. */
  | 'HOST_NOT_FOUND'
  /** No connection within the connect timeout. Retriable. */
  | 'CONNECT_TIMEOUT'
  /** Any other failure to connect, or a connection cut with an error. Retriable. */
  | 'CONNECTION_FAILED'
  /** The peer closed an established connection, or we did with requests under way. Retriable. */
  | 'CONNECTION_CLOSED'
  /** No response within the request timeout; the connection is closed, since responses come in order. Retriable. */
  | 'REQUEST_TIMEOUT'
  /** What came is not a response of the protocol. Not retriable. */
  | 'MALFORMED_RESPONSE'
  /** The peer and we have no version of the API in common. Not retriable. */
  | 'UNSUPPORTED_API'
  /** The ends do not come to terms over TLS: one does not trust the other, or does not speak it. Not retriable. */
  | 'TLS_FAILED'
  /** The broker does not take us for who we say we are. Not retriable. */
  | 'SASL_AUTHENTICATION_FAILED'
  /** The broker does not offer the mechanism. Not retriable. */
  | 'UNSUPPORTED_SASL_MECHANISM'

const notRetriable: ReadonlySet<ConnectionErrorCode> = new Set([
  'MALFORMED_RESPONSE',
  'UNSUPPORTED_API',
  'TLS_FAILED',
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
])

/** What OpenSSL and Node say of certificates, and of bytes that are none of TLS. */
const ofTls = /^(ERR_SSL_|ERR_TLS_|ERR_OSSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_)/

export class ConnectionError extends KafkaError {
  declare readonly code: ConnectionErrorCode
  /** `host:port` of the peer. */
  readonly peer: string

  constructor(code: ConnectionErrorCode, peer: string, message: string, cause?: unknown) {
    super(code, message, { retriable: !notRetriable.has(code), cause })
    this.name = 'ConnectionError'
    this.peer = peer
  }
}

/** Turns the system's error of a socket into ours. */
export function connectionError(peer: string, cause: Error): ConnectionError {
  if (cause instanceof ConnectionError) return cause
  switch ((cause as { code?: string }).code) {
    case 'ECONNREFUSED':
      return new ConnectionError('CONNECTION_REFUSED', peer, `connection to ${peer} refused`, cause)
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new ConnectionError('HOST_NOT_FOUND', peer, `host of ${peer} not found`, cause)
    case 'ETIMEDOUT':
      return new ConnectionError('CONNECT_TIMEOUT', peer, `no connection to ${peer}: timed out`, cause)
    case 'FRAME_SIZE':
      return new ConnectionError('MALFORMED_RESPONSE', peer, `${peer} does not speak Kafka: ${cause.message}`, cause)
    default:
      if (ofTls.test(String((cause as { code?: string }).code))) {
        return new ConnectionError('TLS_FAILED', peer, `no TLS with ${peer}: ${cause.message}`, cause)
      }
      return new ConnectionError('CONNECTION_FAILED', peer, `connection to ${peer} failed: ${cause.message}`, cause)
  }
}
