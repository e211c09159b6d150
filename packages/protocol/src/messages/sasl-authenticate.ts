import { bytes, int16, int64, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * Carries the tokens of the mechanism, as many rounds as it needs. The same connection comes back to it before its
 * session ends (KIP-368).
 */
const shape = { key: 36, name: 'SaslAuthenticate', versions: '0-2', flexible: '2+' } as const

export const SaslAuthenticateRequest = request(shape, () => ({
  authBytes: bytes(),
}))

export const SaslAuthenticateResponse = response(shape, () => ({
  errorCode: int16(),
  errorMessage: string({ nullable: '0+' }),
  /** The mechanism's answer; empty with an error. */
  authBytes: bytes(),
  /** Milliseconds after which the broker closes the connection unless it authenticates again; 0 for never. */
  sessionLifetimeMs: int64({ v: '1+', ignorable: true }),
}))
