import { array, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** The groups of one coordinator; for all of them, ask every broker. */
const shape = { key: 16, name: 'ListGroups', versions: '0-5', flexible: '3+' } as const

export const ListGroupsRequest = request(shape, () => ({
  /** Empty for groups in any state (KIP-518). */
  statesFilter: array(string(), { v: '4+' }),
  /** Of `classic`, `consumer`, `share` and `streams`; empty for any (KIP-848). */
  typesFilter: array(string(), { v: '5+' }),
}))

export const ListGroupsResponse = response(shape, () => ({
  throttleTimeMs: int32({ v: '1+', ignorable: true }),
  errorCode: int16(),
  groups: array({
    groupId: string({ entity: 'groupId' }),
    protocolType: string(),
    groupState: string({ v: '4+', ignorable: true }),
    groupType: string({ v: '5+', ignorable: true }),
  }),
}))
