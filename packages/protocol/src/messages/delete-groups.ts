import { array, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Deletes groups without members, with their offsets. */
const shape = { key: 42, name: 'DeleteGroups', versions: '0-3', flexible: '2+' } as const

export const DeleteGroupsRequest = request(shape, () => ({
  groupsNames: array(string(), { entity: 'groupId' }),
}))

export const DeleteGroupsResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  results: array({
    groupId: string({ entity: 'groupId', key: true }),
    errorCode: int16(),
    errorMessage: string({ v: '3+', nullable: '3+', default: null, ignorable: true }),
  }),
}))
