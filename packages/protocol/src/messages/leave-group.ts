import { array, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Takes members out of a classic group: one up to version 2, several from version 3 on (KIP-345). */
const shape = { key: 13, name: 'LeaveGroup', versions: '0-5', flexible: '4+' } as const

export const LeaveGroupRequest = request(shape, () => ({
  groupId: string({ entity: 'groupId' }),
  memberId: string({ v: '0-2' }),
  members: array(
    {
      /** May be empty if the instance id is given, as when an operator removes a static member. */
      memberId: string(),
      groupInstanceId: string({ nullable: '3+', default: null }),
      /** For the broker's log (KIP-800). */
      reason: string({ v: '5+', nullable: '5+', default: null, ignorable: true }),
    },
    { v: '3+' },
  ),
}))

export const LeaveGroupResponse = response(shape, () => ({
  throttleTimeMs: int32({ v: '1+', ignorable: true }),
  errorCode: int16(),
  members: array(
    {
      memberId: string(),
      groupInstanceId: string({ nullable: '3+' }),
      errorCode: int16(),
    },
    { v: '3+' },
  ),
}))
