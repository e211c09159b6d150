import { int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Has a KRaft cluster forget a broker that is gone for good. */
const shape = { key: 64, name: 'UnregisterBroker', versions: '0', flexible: '0+' } as const

export const UnregisterBrokerRequest = request(shape, () => ({
  brokerId: int32({ entity: 'brokerId' }),
}))

export const UnregisterBrokerResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: '0+' }),
}))
