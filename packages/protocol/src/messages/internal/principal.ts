import { boolean, string } from '../../codec/fields.ts'
import { data } from '../../codec/message.ts'

/** A principal as brokers hand it on in forwarded requests, behind its int16 version. */
export const DefaultPrincipalData = data({ name: 'DefaultPrincipalData', versions: '0', flexible: '0+' }, () => ({
  type: string(),
  name: string(),
  tokenAuthenticated: boolean(),
}))
