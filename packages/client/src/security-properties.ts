import type { TlsOptions } from '@ottla/runtime'
import { ConfigError } from './errors.ts'
import type { KafkaOptions } from './options.ts'

type Properties = ReadonlyMap<string, string>
export type ReadText = (path: string) => string

/** Whether a property is about who may listen or who we are; such a one is never ignored. */
export function isAboutSecurity(name: string): boolean {
  return /^(ssl|sasl|security|enable\.ssl|https|oauth)/.test(name)
}

/** For each of the options, the properties that hold PEM, and those that name a file of it. */
const pems = {
  ca: [
    ['ssl.ca.pem', 'ssl.truststore.certificates'],
    ['ssl.ca.location', 'ssl.truststore.location'],
  ],
  cert: [
    ['ssl.certificate.pem', 'ssl.keystore.certificate.chain'],
    ['ssl.certificate.location', 'ssl.keystore.location'],
  ],
  key: [
    ['ssl.key.pem', 'ssl.keystore.key'],
    ['ssl.key.location', 'ssl.keystore.location'],
  ],
} as const

const ofTls = new Set<string>([
  ...Object.values(pems).flat(2),
  ...['ssl.key.password', 'enable.ssl.certificate.verification', 'ssl.endpoint.identification.algorithm'],
  ...['ssl.truststore.type', 'ssl.keystore.type'],
])
const ofSasl = new Set(['sasl.mechanism', 'sasl.mechanisms', 'sasl.username', 'sasl.password', 'sasl.jaas.config'])

/** `tls` and `sasl` by Kafka's names and librdkafka's. Throws `ConfigError`, also for what would be without effect. */
export function securityFrom(properties: Properties, readText: ReadText): Pick<KafkaOptions, 'tls' | 'sasl'> {
  const protocol = (properties.get('security.protocol') ?? 'PLAINTEXT').toUpperCase()
  if (!['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'].includes(protocol)) {
    throw new ConfigError(`security.protocol is PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL, not ${protocol}`)
  }
  const isSecure = protocol.endsWith('SSL')
  const isNamed = protocol.startsWith('SASL')
  for (const name of properties.keys()) {
    if (!isAboutSecurity(name) || name === 'security.protocol') continue
    if (!ofTls.has(name) && !ofSasl.has(name)) throw new ConfigError(`${name} is not supported yet`)
    if (ofTls.has(name) ? !isSecure : !isNamed) {
      const others = ofTls.has(name) ? 'SSL or SASL_SSL' : 'SASL_PLAINTEXT or SASL_SSL'
      throw new ConfigError(`${name} has no effect with security.protocol ${protocol}, but with ${others}`)
    }
  }
  return {
    ...(isSecure ? { tls: tlsFrom(properties, readText) } : {}),
    ...(isNamed ? { sasl: saslFrom(properties) } : {}),
  }
}

function tlsFrom(properties: Properties, readText: ReadText): TlsOptions {
  for (const name of ['ssl.truststore.type', 'ssl.keystore.type']) {
    if ((properties.get(name) ?? 'PEM').toUpperCase() === 'PEM') continue
    throw new ConfigError(`${name} is PEM: Java's own stores are not read`)
  }
  const algorithm = properties.get('ssl.endpoint.identification.algorithm') ?? 'https'
  if (algorithm.toLowerCase() !== 'https') {
    throw new ConfigError('ssl.endpoint.identification.algorithm is https: the name of the broker is always compared')
  }
  const tls: { -readonly [Name in keyof TlsOptions]: TlsOptions[Name] } = {}
  for (const option of ['ca', 'cert', 'key'] as const) {
    const [texts, files] = pems[option]
    const text = texts.find((name) => properties.has(name))
    const file = files.find((name) => properties.has(name))
    if (text !== undefined) tls[option] = properties.get(text)
    else if (file !== undefined) tls[option] = readText(properties.get(file)!)
  }
  if (properties.has('ssl.key.password')) tls.passphrase = properties.get('ssl.key.password')
  const verifies = properties.get('enable.ssl.certificate.verification') ?? 'true'
  if (verifies !== 'true' && verifies !== 'false') {
    throw new ConfigError(`enable.ssl.certificate.verification is true or false, not ${JSON.stringify(verifies)}`)
  }
  if (verifies === 'false') tls.rejectUnauthorized = false
  return tls
}

function saslFrom(properties: Properties): NonNullable<KafkaOptions['sasl']> {
  const mechanism = (properties.get('sasl.mechanism') ?? properties.get('sasl.mechanisms') ?? '').toLowerCase()
  switch (mechanism) {
    case 'plain':
    case 'scram-sha-256':
    case 'scram-sha-512':
      break
    case 'oauthbearer':
      throw new ConfigError('sasl.mechanism OAUTHBEARER needs a function that gives tokens: the option sasl has one')
    default:
      throw new ConfigError(
        `sasl.mechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, not ${JSON.stringify(mechanism.toUpperCase())}`,
      )
  }
  const jaas = properties.get('sasl.jaas.config') ?? ''
  const said = (what: string): string => {
    const quoted = new RegExp(`\\b${what}\\s*=\\s*"((?:[^"\\\\]|\\\\.)*)"`).exec(jaas)?.[1]
    const given = properties.get(`sasl.${what}`) ?? quoted?.replaceAll(/\\(.)/g, '$1')
    if (given === undefined) throw new ConfigError(`sasl.${what} is missing`)
    return given
  }
  return { mechanism, username: said('username'), password: said('password') }
}
