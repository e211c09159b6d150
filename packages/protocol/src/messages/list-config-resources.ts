import { array, int8, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * Lists the resources that have a configuration (KIP-1142). Version 0, then named ListClientMetricsResources, lists
 * client metrics only.
 */
const shape = { key: 74, name: 'ListConfigResources', versions: '0-1', flexible: '0+' } as const

export const ListConfigResourcesRequest = request(shape, () => ({
  /** As in DescribeConfigs; empty for all. */
  resourceTypes: array(int8(), { v: '1+' }),
}))

export const ListConfigResourcesResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16(),
  configResources: array({
    resourceName: string(),
    resourceType: int8({ v: '1+', default: 16, ignorable: true }),
  }),
}))
