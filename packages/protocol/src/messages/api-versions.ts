import { array, boolean, int16, int32, int64, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * The first request of most connections: which APIs, in which versions, and with which features.
 *
 * The response header is version 0 at every version (KIP-511), so that a client can read the answer to a version the
 * broker does not know; such an answer is in version 0 with UNSUPPORTED_VERSION.
 */
const shape = { key: 18, name: 'ApiVersions', versions: '0-5', flexible: '3+' } as const

export const ApiVersionsRequest = request(shape, () => ({
  clientSoftwareName: string({ v: '3+', ignorable: true }),
  clientSoftwareVersion: string({ v: '3+', ignorable: true }),
  /** The cluster the client believes it talks to; null when it only bootstraps (KIP-1242). */
  clusterId: string({ v: '5+', nullable: '5+', default: null, ignorable: true }),
  nodeId: int32({ v: '5+', default: -1, ignorable: true }),
}))

export const ApiVersionsResponse = response(shape, () => ({
  errorCode: int16(),
  apiKeys: array({
    apiKey: int16({ key: true }),
    minVersion: int16(),
    maxVersion: int16(),
  }),
  throttleTimeMs: int32({ v: '1+', ignorable: true }),
  supportedFeatures: array(
    {
      name: string({ v: '3+', key: true }),
      minVersion: int16({ v: '3+' }),
      maxVersion: int16({ v: '3+' }),
    },
    { v: '3+', tag: 0, tagged: '3+', ignorable: true },
  ),
  /** -1 tells the client to ignore the finalized features. */
  finalizedFeaturesEpoch: int64({ v: '3+', tag: 1, tagged: '3+', default: -1, ignorable: true }),
  finalizedFeatures: array(
    {
      name: string({ v: '3+', key: true }),
      maxVersionLevel: int16({ v: '3+' }),
      minVersionLevel: int16({ v: '3+' }),
    },
    { v: '3+', tag: 2, tagged: '3+', ignorable: true },
  ),
  zkMigrationReady: boolean({ v: '3+', tag: 3, tagged: '3+', ignorable: true }),
}))
