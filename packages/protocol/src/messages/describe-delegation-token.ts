import { array, bytes, int16, int32, int64, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Delegation tokens, by owner. */
const shape = { key: 41, name: 'DescribeDelegationToken', versions: '0-3', flexible: '2+' } as const

export const DescribeDelegationTokenRequest = request(shape, () => ({
  /** Null for all that the caller may see. */
  owners: array(
    {
      principalType: string(),
      principalName: string(),
    },
    { nullable: '0+' },
  ),
}))

export const DescribeDelegationTokenResponse = response(shape, () => ({
  errorCode: int16(),
  tokens: array({
    principalType: string(),
    principalName: string(),
    tokenRequesterPrincipalType: string({ v: '3+' }),
    tokenRequesterPrincipalName: string({ v: '3+' }),
    issueTimestamp: int64(),
    expiryTimestamp: int64(),
    maxTimestamp: int64(),
    tokenId: string(),
    hmac: bytes(),
    renewers: array({
      principalType: string(),
      principalName: string(),
    }),
  }),
  throttleTimeMs: int32(),
}))
