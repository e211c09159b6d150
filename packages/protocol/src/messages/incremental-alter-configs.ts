import { array, boolean, int8, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Changes single dynamic configurations and leaves the others alone (KIP-339). */
const shape = { key: 44, name: 'IncrementalAlterConfigs', versions: '0-1', flexible: '1+' } as const

export const IncrementalAlterConfigsRequest = request(shape, () => ({
  resources: array({
    /** As in DescribeConfigs. */
    resourceType: int8({ key: true }),
    resourceName: string({ key: true }),
    configs: array({
      name: string({ key: true }),
      /** 0: set; 1: delete, back to the default; 2: append to a list; 3: subtract from a list. */
      configOperation: int8({ key: true }),
      /** Null when deleting. */
      value: string({ nullable: '0+' }),
    }),
  }),
  validateOnly: boolean(),
}))

export const IncrementalAlterConfigsResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  responses: array({
    errorCode: int16(),
    errorMessage: string({ nullable: '0+' }),
    resourceType: int8(),
    resourceName: string(),
  }),
}))
