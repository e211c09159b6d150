import type { BackOffOptions } from '@ottla/net'
import type { TlsOptions } from '@ottla/runtime'
import { checkOptions, LARGEST_INT32, milliseconds, type OptionRule, whole } from './check-options.ts'
import { ConfigError } from './errors.ts'
import { checkSasl, type SaslOptions, tlsOf } from './security.ts'

export interface KafkaOptions {
  /** `host:port`, several separated by commas or as a list; IPv6 in brackets. `bootstrap.servers`. */
  readonly bootstrap: string | readonly string[]
  /** Names this client in the broker's logs and quotas. Default `ottla`. `client.id`. */
  readonly clientId?: string
  /** Connects over TLS: true, or whom to trust and who we are. Default false. `security.protocol`, `ssl.*`. */
  readonly tls?: boolean | TlsOptions
  /** Says who this client is. Default: not at all. `sasl.*`. */
  readonly sasl?: SaslOptions
  /** Until a connection is made and negotiated, in ms. Default 10 000. `socket.connection.setup.timeout.ms`. */
  readonly connectTimeoutMs?: number
  /** From a request to its response, in ms. Default 30 000. `request.timeout.ms`. */
  readonly requestTimeoutMs?: number
  /** Of one whole operation with its retries, in ms. Default 60 000. `default.api.timeout.ms`. */
  readonly apiTimeoutMs?: number
  /** How long to look for a first broker that answers, in ms. Default: `apiTimeoutMs`. */
  readonly bootstrapTimeoutMs?: number
  /** The first wait before a retry, in ms. Default 100. `retry.backoff.ms`. */
  readonly retryBackOffMs?: number
  /** The longest wait before a retry, in ms. Default 1000. `retry.backoff.max.ms`. */
  readonly retryBackOffMaxMs?: number
  /** Age at which metadata is asked for again, in ms. Default 300 000. `metadata.max.age.ms`. */
  readonly metadataMaxAgeMs?: number
  /** How often a topic that the cluster does not know is asked for again before that is an error. Default 4. */
  readonly unknownTopicRetries?: number
  /** The largest response that is accepted, in bytes. Default 104 857 600. */
  readonly maxResponseBytes?: number
}

export interface Address {
  readonly host: string
  readonly port: number
}

/** What connections need of the options. */
export interface ConnectionSettings {
  readonly bootstrap: readonly Address[]
  readonly clientId: string
  readonly tls: TlsOptions | undefined
  readonly sasl: SaslOptions | undefined
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly maxResponseBytes: number | undefined
  readonly reconnectBackOff: BackOffOptions
}

/** The options with their defaults. */
export interface Settings extends ConnectionSettings {
  readonly apiTimeoutMs: number
  readonly bootstrapTimeoutMs: number
  readonly backOff: BackOffOptions
  readonly metadataMaxAgeMs: number
  readonly unknownTopicRetries: number
}

export const PORT_DEFAULT = 9092

const isText = (value: unknown) => typeof value === 'string'
const isObject = (value: unknown) => typeof value === 'object' && value !== null

const rules: Readonly<Record<keyof KafkaOptions, OptionRule>> = {
  bootstrap: {
    allowed: "'host:port', or a list of them",
    accepts: (value) => isText(value) || (Array.isArray(value) && value.every(isText)),
  },
  clientId: { allowed: 'a text', accepts: isText },
  tls: { allowed: 'true, false or an object', accepts: (value) => typeof value === 'boolean' || isObject(value) },
  sasl: { allowed: 'an object with a mechanism', accepts: isObject },
  connectTimeoutMs: milliseconds(1),
  requestTimeoutMs: milliseconds(1),
  apiTimeoutMs: milliseconds(1),
  bootstrapTimeoutMs: milliseconds(0),
  retryBackOffMs: milliseconds(0),
  retryBackOffMaxMs: milliseconds(0),
  metadataMaxAgeMs: milliseconds(0),
  unknownTopicRetries: whole(0),
  maxResponseBytes: whole(1, LARGEST_INT32, 'bytes'),
}

/** Throws `ConfigError`, which names the option, its value, and what is allowed. */
export function settingsOf(options: KafkaOptions): Settings {
  checkOptions('a client', options, rules)
  if (options.bootstrap === undefined) throw new ConfigError('bootstrap is missing: give at least one host:port')
  checkSasl(options.sasl)
  const apiTimeoutMs = options.apiTimeoutMs ?? 60_000
  return {
    bootstrap: parseBootstrap(options.bootstrap),
    clientId: options.clientId ?? 'ottla',
    tls: tlsOf(options.tls),
    sasl: options.sasl,
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
    maxResponseBytes: options.maxResponseBytes,
    reconnectBackOff: { initialMs: 50, maxMs: 1000 },
    apiTimeoutMs,
    bootstrapTimeoutMs: options.bootstrapTimeoutMs ?? apiTimeoutMs,
    backOff: { initialMs: options.retryBackOffMs ?? 100, maxMs: options.retryBackOffMaxMs ?? 1000 },
    metadataMaxAgeMs: options.metadataMaxAgeMs ?? 300_000,
    unknownTopicRetries: options.unknownTopicRetries ?? 4,
  }
}

export function parseBootstrap(bootstrap: string | readonly string[]): Address[] {
  const texts = (typeof bootstrap === 'string' ? bootstrap.split(',') : bootstrap).map((t) => t.trim()).filter(Boolean)
  if (texts.length === 0) throw new ConfigError('bootstrap names no broker: give at least one host:port')
  return texts.map(parseAddress)
}

function parseAddress(text: string): Address {
  const match =
    /^(?:[a-z_]+:\/\/)?(?:\[([0-9a-f:.%a-z]+)\]|([^:[\]\s/]+))(?::(\d+))?$/i.exec(text) ??
    /^()([0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*)()$/i.exec(text)
  const port = match?.[3] ? Number(match[3]) : PORT_DEFAULT
  if (match === null || port < 1 || port > 65535) {
    throw new ConfigError(`bootstrap: ${JSON.stringify(text)} is not host:port`)
  }
  return { host: match[1] || match[2], port }
}
