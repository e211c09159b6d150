import { array, bytes, int8, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Sets and deletes SCRAM credentials (KIP-554). Mechanisms as in DescribeUserScramCredentials. */
const shape = { key: 51, name: 'AlterUserScramCredentials', versions: '0', flexible: '0+' } as const

export const AlterUserScramCredentialsRequest = request(shape, () => ({
  deletions: array({
    name: string(),
    mechanism: int8(),
  }),
  upsertions: array({
    name: string(),
    mechanism: int8(),
    iterations: int32(),
    salt: bytes(),
    /** Computed by the client, so that the password does not travel. */
    saltedPassword: bytes(),
  }),
}))

export const AlterUserScramCredentialsResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  results: array({
    user: string(),
    errorCode: int16(),
    errorMessage: string({ nullable: '0+' }),
  }),
}))
