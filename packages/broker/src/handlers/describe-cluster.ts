import { DescribeClusterRequest, DescribeClusterResponse, ErrorCode } from '@ottla/protocol'
import type { Endpoints } from '../server/endpoints.ts'
import { defineHandler, type Handler } from '../server/handler.ts'
import { CLUSTER_OPERATIONS } from './metadata.ts'

/**
 * DescribeCluster (key 60), versions 0 to 2. Version 1 may ask for controllers (endpoint type 2): there are none to
 * talk to, which Kafka's brokers answer with MISMATCHED_ENDPOINT_TYPE; any other type with UNSUPPORTED_ENDPOINT_TYPE.
 */

const BROKERS = 1
const CONTROLLERS = 2
const NOT_ASKED = -0x8000_0000

export interface DescribeClusterDeps {
  readonly endpoints: Endpoints
  readonly nodeId: number
  readonly clusterId: string
  readonly rack: string | null
}

export function describeClusterHandler({ endpoints, nodeId, clusterId, rack }: DescribeClusterDeps): Handler {
  return defineHandler({
    request: DescribeClusterRequest,
    response: DescribeClusterResponse,
    minVersion: 0,
    maxVersion: 2,
    handle(request, body) {
      if (body.endpointType !== BROKERS) {
        const errorCode =
          body.endpointType === CONTROLLERS ? ErrorCode.MISMATCHED_ENDPOINT_TYPE : ErrorCode.UNSUPPORTED_ENDPOINT_TYPE
        return { errorCode, errorMessage: 'this listener serves brokers', clusterId }
      }
      return {
        clusterId,
        controllerId: nodeId,
        brokers: [{ brokerId: nodeId, ...endpoints.of(request.connection.listenerName), rack }],
        clusterAuthorizedOperations: body.includeClusterAuthorizedOperations ? CLUSTER_OPERATIONS : NOT_ASKED,
      }
    },
    refuse: (_body, errorCode) => ({ errorCode, clusterId }),
  })
}
