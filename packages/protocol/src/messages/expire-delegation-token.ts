import { bytes, int16, int32, int64 } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Changes the expiry of a delegation token. */
const shape = { key: 40, name: 'ExpireDelegationToken', versions: '0-2', flexible: '2+' } as const

export const ExpireDelegationTokenRequest = request(shape, () => ({
  hmac: bytes(),
  /** Milliseconds from now; negative to end it at once. */
  expiryTimePeriodMs: int64(),
}))

export const ExpireDelegationTokenResponse = response(shape, () => ({
  errorCode: int16(),
  expiryTimestampMs: int64(),
  throttleTimeMs: int32(),
}))
