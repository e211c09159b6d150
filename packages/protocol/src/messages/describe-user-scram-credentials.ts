import { array, int8, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Which SCRAM credentials users have, without the secrets (KIP-554). */
const shape = { key: 50, name: 'DescribeUserScramCredentials', versions: '0', flexible: '0+' } as const

export const DescribeUserScramCredentialsRequest = request(shape, () => ({
  /** Null or empty for all. */
  users: array(
    {
      name: string(),
    },
    { nullable: '0+' },
  ),
}))

export const DescribeUserScramCredentialsResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: '0+' }),
  results: array({
    user: string(),
    errorCode: int16(),
    errorMessage: string({ nullable: '0+' }),
    credentialInfos: array({
      /** 1: SCRAM-SHA-256; 2: SCRAM-SHA-512. */
      mechanism: int8(),
      iterations: int32(),
    }),
  }),
}))
