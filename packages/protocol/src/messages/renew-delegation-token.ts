import { bytes, int16, int32, int64 } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Postpones the expiry of a delegation token, within its maximum lifetime. */
const shape = { key: 39, name: 'RenewDelegationToken', versions: '0-2', flexible: '2+' } as const

export const RenewDelegationTokenRequest = request(shape, () => ({
  hmac: bytes(),
  /** Milliseconds from now; -1 for the broker's setting. */
  renewPeriodMs: int64(),
}))

export const RenewDelegationTokenResponse = response(shape, () => ({
  errorCode: int16(),
  expiryTimestampMs: int64(),
  throttleTimeMs: int32(),
}))
