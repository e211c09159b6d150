import { type OAuthToken, oauthBearer, plain, type SaslMechanism, scram } from '@ottla/net'
import type { SecureRandom, TlsOptions } from '@ottla/runtime'
import { checkOptions, type OptionRule, oneOf, someText, yesOrNo } from './check-options.ts'
import { ConfigError } from './errors.ts'

/** How the client says who it is. `sasl.mechanism` and what belongs to it. */
export type SaslOptions =
  /** The password goes over the connection as it is: use it with `tls`. */
  | { readonly mechanism: 'plain'; readonly username: string; readonly password: string }
  | { readonly mechanism: 'scram-sha-256' | 'scram-sha-512'; readonly username: string; readonly password: string }
  /** `token` is called for each connection, and again before a session ends. */
  | { readonly mechanism: 'oauthbearer'; readonly token: () => OAuthToken | Promise<OAuthToken> }
  /** One of your own. */
  | SaslMechanism

const secret = (rule: OptionRule): OptionRule => ({ ...rule, isSecret: true })
const account = { username: someText, password: secret(someText) }

const rules: Readonly<Record<string, Readonly<Record<string, OptionRule>>>> = {
  plain: account,
  'scram-sha-256': account,
  'scram-sha-512': account,
  oauthbearer: {
    token: { allowed: 'a function that gives { token }', accepts: (value) => typeof value === 'function' },
  },
}

const pem: OptionRule = {
  allowed: 'PEM as a text or a Buffer',
  accepts: (value) => (typeof value === 'string' && value.includes('-----BEGIN ')) || value instanceof Uint8Array,
}
const pems: OptionRule = {
  allowed: `${pem.allowed}, or a list of them`,
  accepts: (value) => (Array.isArray(value) ? value.every(pem.accepts) : pem.accepts(value)),
}
const tlsRules: Readonly<Record<keyof TlsOptions, OptionRule>> = {
  ca: pems,
  cert: pem,
  key: secret(pem),
  passphrase: secret(someText),
  servername: someText,
  rejectUnauthorized: yesOrNo,
}

/** Throws `ConfigError`. */
export function tlsOf(tls: boolean | TlsOptions | undefined): TlsOptions | undefined {
  if (tls === undefined || tls === false) return undefined
  if (tls === true) return {}
  checkOptions('tls', tls, tlsRules)
  if ((tls.cert === undefined) !== (tls.key === undefined))
    throw new ConfigError('tls needs both cert and key, or none')
  return tls
}

/** Throws `ConfigError`. */
export function checkSasl(sasl: SaslOptions | undefined): void {
  if (sasl === undefined || isMechanism(sasl)) return
  const { mechanism, ...others } = Object(sasl) as { mechanism?: string }
  const names = Object.keys(rules)
  if (mechanism === undefined || !names.includes(mechanism)) {
    throw new ConfigError(`the mechanism of sasl is ${oneOf(...names).allowed}, not ${JSON.stringify(mechanism)}`)
  }
  const ofMechanism = rules[mechanism]!
  checkOptions(`sasl with ${mechanism}`, others, ofMechanism)
  for (const name of Object.keys(ofMechanism)) {
    if ((others as Record<string, unknown>)[name] === undefined) {
      throw new ConfigError(`sasl with ${mechanism} needs ${name}`)
    }
  }
}

export function mechanismOf(sasl: SaslOptions, random: SecureRandom): SaslMechanism {
  if (isMechanism(sasl)) return sasl
  switch (sasl.mechanism) {
    case 'plain':
      return plain(sasl.username, sasl.password)
    case 'scram-sha-256':
      return scram('sha256', sasl.username, sasl.password, random)
    case 'scram-sha-512':
      return scram('sha512', sasl.username, sasl.password, random)
    case 'oauthbearer':
      return oauthBearer(sasl.token)
  }
}

function isMechanism(sasl: SaslOptions): sasl is SaslMechanism {
  return typeof (sasl as Partial<SaslMechanism> | null)?.authenticate === 'function'
}
