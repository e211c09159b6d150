import { array, bytes, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Hands in the leader's assignment and fetches one's own. Answered once the leader has handed in. */
const shape = { key: 14, name: 'SyncGroup', versions: '0-5', flexible: '4+' } as const

export const SyncGroupRequest = request(shape, () => ({
  groupId: string({ entity: 'groupId' }),
  generationId: int32(),
  memberId: string(),
  groupInstanceId: string({ v: '3+', nullable: '3+', default: null }),
  /** Checked against the group's when not null (KIP-559). */
  protocolType: string({ v: '5+', nullable: '5+', default: null, ignorable: true }),
  protocolName: string({ v: '5+', nullable: '5+', default: null, ignorable: true }),
  /** From the leader; empty from the others. */
  assignments: array({
    memberId: string(),
    assignment: bytes(),
  }),
}))

export const SyncGroupResponse = response(shape, () => ({
  throttleTimeMs: int32({ v: '1+', ignorable: true }),
  errorCode: int16(),
  protocolType: string({ v: '5+', nullable: '5+', default: null, ignorable: true }),
  protocolName: string({ v: '5+', nullable: '5+', default: null, ignorable: true }),
  /** Means something to the members only. */
  assignment: bytes(),
}))
