import { ErrorCode, ListConfigResourcesRequest, ListConfigResourcesResponse } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'
import type { Topics } from '../topics/topics.ts'
import { type ConfigStore, ResourceType } from './config-resources.ts'

/**
 * ListConfigResources (key 74), versions 0 and 1: what can have a configuration. Version 0 lists client metrics only,
 * of which there are none; version 1 takes the types wanted, none for all (KIP-1142).
 */
export interface ListConfigResourcesDeps {
  readonly topics: Topics
  readonly store: ConfigStore
  readonly nodeId: number
}

const KNOWN_TYPES: ReadonlySet<number> = new Set(Object.values(ResourceType))

export function listConfigResourcesHandler({ topics, store, nodeId }: ListConfigResourcesDeps): Handler {
  return defineHandler({
    request: ListConfigResourcesRequest,
    response: ListConfigResourcesResponse,
    minVersion: 0,
    maxVersion: 1,
    handle(request, body) {
      if (request.apiVersion === 0) return {}
      if (body.resourceTypes.some((type) => !KNOWN_TYPES.has(type))) return { errorCode: ErrorCode.UNSUPPORTED_VERSION }
      const wanted = (type: number) => body.resourceTypes.length === 0 || body.resourceTypes.includes(type)
      const configResources: { resourceName: string; resourceType: number }[] = []
      if (wanted(ResourceType.topic)) {
        for (const { name } of topics.all())
          configResources.push({ resourceName: name, resourceType: ResourceType.topic })
      }
      for (const resourceType of [ResourceType.broker, ResourceType.brokerLogger]) {
        if (wanted(resourceType)) configResources.push({ resourceName: String(nodeId), resourceType })
      }
      if (wanted(ResourceType.group)) {
        for (const resourceName of store.groupConfigs().keys())
          configResources.push({ resourceName, resourceType: ResourceType.group })
      }
      return { configResources }
    },
    refuse: (_body, errorCode) => ({ errorCode }),
  })
}
