import { array, int8, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Adds access control entries; one that exists is no error. Codes as in DescribeAcls. */
const shape = { key: 30, name: 'CreateAcls', versions: '0-3', flexible: '2+' } as const

export const CreateAclsRequest = request(shape, () => ({
  creations: array({
    resourceType: int8(),
    resourceName: string(),
    resourcePatternType: int8({ v: '1+', default: 3 }),
    principal: string(),
    host: string(),
    operation: int8(),
    permissionType: int8(),
  }),
}))

export const CreateAclsResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  results: array({
    errorCode: int16(),
    errorMessage: string({ nullable: '0+' }),
  }),
}))
