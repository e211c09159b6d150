import { array, int8, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Access control entries that match a filter. */
const shape = { key: 29, name: 'DescribeAcls', versions: '0-3', flexible: '2+' } as const

export const DescribeAclsRequest = request(shape, () => ({
  /** 1: any; 2: topic; 3: group; 4: cluster; 5: transactional id; 6: delegation token; 7: user. */
  resourceTypeFilter: int8(),
  /** Null for any. */
  resourceNameFilter: string({ nullable: '0+' }),
  /** 1: any; 2: whatever would apply to the name; 3: literal; 4: prefixed. */
  patternTypeFilter: int8({ v: '1+', default: 3 }),
  principalFilter: string({ nullable: '0+' }),
  hostFilter: string({ nullable: '0+' }),
  /** An `AclOperation` code; 1 for any. */
  operation: int8(),
  /** 1: any; 2: deny; 3: allow. */
  permissionType: int8(),
}))

export const DescribeAclsResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: '0+' }),
  resources: array({
    resourceType: int8(),
    resourceName: string(),
    patternType: int8({ v: '1+', default: 3 }),
    acls: array({
      principal: string(),
      host: string(),
      operation: int8(),
      permissionType: int8(),
    }),
  }),
}))
