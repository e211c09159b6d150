import { int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Keeps a member of a classic group alive, and tells it by REBALANCE_IN_PROGRESS to join again. */
const shape = { key: 12, name: 'Heartbeat', versions: '0-4', flexible: '4+' } as const

export const HeartbeatRequest = request(shape, () => ({
  groupId: string({ entity: 'groupId' }),
  generationId: int32(),
  memberId: string(),
  groupInstanceId: string({ v: '3+', nullable: '3+', default: null }),
}))

export const HeartbeatResponse = response(shape, () => ({
  throttleTimeMs: int32({ v: '1+', ignorable: true }),
  errorCode: int16(),
}))
