import { array, int16, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * Agrees on a SASL mechanism. After version 0 the tokens follow as bare frames, an int32 length and bytes; after
 * version 1 inside SaslAuthenticate.
 */
const shape = { key: 17, name: 'SaslHandshake', versions: '0-1' } as const

export const SaslHandshakeRequest = request(shape, () => ({
  mechanism: string(),
}))

export const SaslHandshakeResponse = response(shape, () => ({
  errorCode: int16(),
  /** What the broker offers on this listener; sent with every answer. */
  mechanisms: array(string()),
}))
