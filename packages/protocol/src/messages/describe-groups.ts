import { array, boolean, bytes, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * State and members of classic groups. Version 6 answers GROUP_ID_NOT_FOUND for a group that does not exist, earlier
 * ones a dead group.
 */
const shape = { key: 15, name: 'DescribeGroups', versions: '0-6', flexible: '5+' } as const

export const DescribeGroupsRequest = request(shape, () => ({
  groups: array(string(), { entity: 'groupId' }),
  includeAuthorizedOperations: boolean({ v: '3+' }),
}))

export const DescribeGroupsResponse = response(shape, () => ({
  throttleTimeMs: int32({ v: '1+', ignorable: true }),
  groups: array({
    errorCode: int16(),
    errorMessage: string({ v: '6+', nullable: '6+', default: null }),
    groupId: string({ entity: 'groupId' }),
    /** `PreparingRebalance`, `CompletingRebalance`, `Stable`, `Empty` or `Dead`. */
    groupState: string(),
    protocolType: string(),
    /** Name of the chosen protocol; empty if the group is not stable. */
    protocolData: string(),
    members: array({
      memberId: string(),
      groupInstanceId: string({ v: '4+', nullable: '4+', default: null, ignorable: true }),
      clientId: string(),
      clientHost: string(),
      memberMetadata: bytes(),
      memberAssignment: bytes(),
    }),
    /** One bit per `AclOperation` code; the minimum int32 if not asked for. */
    authorizedOperations: int32({ v: '3+', default: -0x80000000 }),
  }),
}))
