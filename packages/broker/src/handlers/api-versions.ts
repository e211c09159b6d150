import { ApiVersionsRequest, ApiVersionsResponse, ErrorCode } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'

/**
 * ApiVersions (key 18), versions 0 to 5: what this broker can do, read off the table of its handlers.
 *
 * - 3: flexible, features, the client's software; names must match the pattern of KIP-511, else INVALID_REQUEST.
 * - 5: the client says which cluster and node it means; another one answers REBOOTSTRAP_REQUIRED (KIP-1242).
 * - A version we do not know is answered by the dispatcher, in version 0.
 */

const SOFTWARE_NAME = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

export interface ApiVersionsDeps {
  readonly clusterId: string
  readonly nodeId: number
  /** All handlers, this one included; read when the first request comes. */
  readonly handlers: () => Iterable<Handler>
}

export function apiVersionsHandler(deps: ApiVersionsDeps): Handler {
  return defineHandler({
    request: ApiVersionsRequest,
    response: ApiVersionsResponse,
    minVersion: 0,
    maxVersion: 5,
    handle(request, body) {
      if (request.apiVersion >= 3) {
        const { clientSoftwareName: name, clientSoftwareVersion: version } = body
        if (!SOFTWARE_NAME.test(name) || !SOFTWARE_NAME.test(version)) return { errorCode: ErrorCode.INVALID_REQUEST }
        request.connection.clientSoftware = `${name} ${version}`
      }
      const meansAnother =
        body.clusterId !== null &&
        (body.clusterId !== deps.clusterId || (body.nodeId >= 0 && body.nodeId !== deps.nodeId))
      if (meansAnother) return { errorCode: ErrorCode.REBOOTSTRAP_REQUIRED }
      return { apiKeys: advertised(deps.handlers()), finalizedFeaturesEpoch: 0 }
    },
    refuse: (_body, errorCode) => ({ errorCode }),
  })
}

function advertised(handlers: Iterable<Handler>): { apiKey: number; minVersion: number; maxVersion: number }[] {
  return [...handlers]
    .map(({ request, minVersion, maxVersion }) => ({ apiKey: request.key, minVersion, maxVersion }))
    .sort((a, b) => a.apiKey - b.apiKey)
}
