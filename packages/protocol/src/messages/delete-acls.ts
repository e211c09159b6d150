import { array, int8, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Deletes the access control entries that match filters and says which they were. Codes as in DescribeAcls. */
const shape = { key: 31, name: 'DeleteAcls', versions: '0-3', flexible: '2+' } as const

export const DeleteAclsRequest = request(shape, () => ({
  filters: array({
    resourceTypeFilter: int8(),
    resourceNameFilter: string({ nullable: '0+' }),
    patternTypeFilter: int8({ v: '1+', default: 3 }),
    principalFilter: string({ nullable: '0+' }),
    hostFilter: string({ nullable: '0+' }),
    operation: int8(),
    permissionType: int8(),
  }),
}))

export const DeleteAclsResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  filterResults: array({
    errorCode: int16(),
    errorMessage: string({ nullable: '0+' }),
    matchingAcls: array({
      errorCode: int16(),
      errorMessage: string({ nullable: '0+' }),
      resourceType: int8(),
      resourceName: string(),
      patternType: int8({ v: '1+', default: 3 }),
      principal: string(),
      host: string(),
      operation: int8(),
      permissionType: int8(),
    }),
  }),
}))
