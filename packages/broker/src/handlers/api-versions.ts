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
      return { apiKeys: advertised(deps.handlers()), ...features(request.apiVersion) }
    },
    refuse: (_body, errorCode) => ({ errorCode }),
  })
}

/**
 * What clients read of the cluster's features: whether every transaction has an epoch of its own (KIP-890), and whether there
 * are groups of the consumer protocol (KIP-848).
 */
const FEATURES: readonly {
  readonly name: string
  readonly min: number
  readonly max: number
  readonly level: number
}[] = [
  { name: 'transaction.version', min: 0, max: 2, level: 2 },
  { name: 'group.version', min: 0, max: 1, level: 1 },
]

/** Clients of before version 4 do not expect ranges that begin at 0 (KAFKA-17011). */
const ZERO_RANGE_VERSION = 4

function features(version: number) {
  const supported = FEATURES.filter(({ min }) => min > 0 || version >= ZERO_RANGE_VERSION)
  return {
    supportedFeatures: supported.map(({ name, min, max }) => ({ name, minVersion: min, maxVersion: max })),
    finalizedFeaturesEpoch: 0,
    finalizedFeatures: FEATURES.map(({ name, level }) => ({ name, minVersionLevel: level, maxVersionLevel: level })),
  }
}

function advertised(handlers: Iterable<Handler>): { apiKey: number; minVersion: number; maxVersion: number }[] {
  return [...handlers]
    .map(({ request, minVersion, maxVersion }) => ({ apiKey: request.key, minVersion, maxVersion }))
    .sort((a, b) => a.apiKey - b.apiKey)
}
