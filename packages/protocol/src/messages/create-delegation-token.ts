import { array, bytes, int16, int32, int64, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Creates a token with which others may act as its owner (KIP-48). */
const shape = { key: 38, name: 'CreateDelegationToken', versions: '0-3', flexible: '2+' } as const

export const CreateDelegationTokenRequest = request(shape, () => ({
  /** Null for the caller (KIP-373). */
  ownerPrincipalType: string({ v: '3+', nullable: '3+' }),
  ownerPrincipalName: string({ v: '3+', nullable: '3+' }),
  /** Who may renew the token besides its owner. */
  renewers: array({
    principalType: string(),
    principalName: string(),
  }),
  /** Milliseconds; -1 for the broker's maximum. */
  maxLifetimeMs: int64(),
}))

export const CreateDelegationTokenResponse = response(shape, () => ({
  errorCode: int16(),
  principalType: string(),
  principalName: string(),
  tokenRequesterPrincipalType: string({ v: '3+' }),
  tokenRequesterPrincipalName: string({ v: '3+' }),
  issueTimestampMs: int64(),
  expiryTimestampMs: int64(),
  maxTimestampMs: int64(),
  tokenId: string(),
  /** The secret. */
  hmac: bytes(),
  throttleTimeMs: int32(),
}))
