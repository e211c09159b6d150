import { array, boolean, bytes, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * Enters a classic group, or enters it anew when it rebalances. Answered when all members have joined: the leader of
 * the generation learns the members and computes the assignment.
 *
 * From version 4 on a member without id first gets MEMBER_ID_REQUIRED with the id to come back with (KIP-394).
 * librdkafka before 2.11 takes version 0 for a sign that the broker has GSSAPI (KAFKA-19444).
 */
const shape = { key: 11, name: 'JoinGroup', versions: '0-9', flexible: '6+' } as const

export const JoinGroupRequest = request(shape, () => ({
  groupId: string({ entity: 'groupId' }),
  /** The member is out when it sends no heartbeat for this long, in milliseconds. */
  sessionTimeoutMs: int32(),
  /** How long a rebalance waits for this member, in milliseconds; -1, as in version 0, for the session timeout. */
  rebalanceTimeoutMs: int32({ v: '1+', default: -1, ignorable: true }),
  /** Empty when joining for the first time. */
  memberId: string(),
  /** Makes the member static: it may restart without a rebalance (KIP-345). */
  groupInstanceId: string({ v: '5+', nullable: '5+', default: null }),
  /** `consumer` for consumers; members of another type cannot enter. */
  protocolType: string(),
  /** In the order of preference; `metadata` means something to the members only. */
  protocols: array({
    name: string({ key: true }),
    metadata: bytes(),
  }),
  /** Why the member joins again, for the broker's log (KIP-800). */
  reason: string({ v: '8+', nullable: '8+', default: null, ignorable: true }),
}))

export const JoinGroupResponse = response(shape, () => ({
  throttleTimeMs: int32({ v: '2+', ignorable: true }),
  errorCode: int16(),
  generationId: int32({ default: -1 }),
  protocolType: string({ v: '7+', nullable: '7+', default: null, ignorable: true }),
  /** Chosen among those that all members have; null or empty with an error. */
  protocolName: string({ nullable: '7+' }),
  leader: string(),
  /** A static leader that came back keeps the assignment as it is (KIP-814). */
  skipAssignment: boolean({ v: '9+' }),
  memberId: string(),
  /** Given to the leader only. */
  members: array({
    memberId: string(),
    groupInstanceId: string({ v: '5+', nullable: '5+', default: null, ignorable: true }),
    metadata: bytes(),
  }),
}))
