import { array, boolean, int8, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * Replaces the whole dynamic configuration of a resource: what is not named goes back to its default.
 * IncrementalAlterConfigs took its place.
 */
const shape = { key: 33, name: 'AlterConfigs', versions: '0-2', flexible: '2+' } as const

export const AlterConfigsRequest = request(shape, () => ({
  resources: array({
    /** As in DescribeConfigs. */
    resourceType: int8({ key: true }),
    resourceName: string({ key: true }),
    configs: array({
      name: string({ key: true }),
      value: string({ nullable: '0+' }),
    }),
  }),
  validateOnly: boolean(),
}))

export const AlterConfigsResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  responses: array({
    errorCode: int16(),
    errorMessage: string({ nullable: '0+' }),
    resourceType: int8(),
    resourceName: string(),
  }),
}))
