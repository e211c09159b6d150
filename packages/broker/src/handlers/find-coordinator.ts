import { ErrorCode, FindCoordinatorRequest, FindCoordinatorResponse } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'

/**
 * FindCoordinator (key 10), versions 0 to 6. There is no coordinator yet: every key answers COORDINATOR_NOT_AVAILABLE.
 * The API is advertised all the same, because librdkafka offers LZ4 only to brokers that have it.
 */

/** Group, transaction, share group (`FindCoordinatorRequest.CoordinatorType`). */
const KEY_TYPES: readonly number[] = [0, 1, 2]

const NOBODY = { nodeId: -1, host: '', port: -1 }

const MESSAGE = 'this broker has no group or transaction coordinator'

function unavailable(keys: readonly string[], errorCode: number, version: number): object {
  if (version < 4) return { ...NOBODY, errorCode, errorMessage: MESSAGE }
  return { coordinators: keys.map((key) => ({ ...NOBODY, key, errorCode, errorMessage: MESSAGE })) }
}

export function findCoordinatorHandler(): Handler {
  return defineHandler({
    request: FindCoordinatorRequest,
    response: FindCoordinatorResponse,
    minVersion: 0,
    maxVersion: 6,
    handle: (request, body) => {
      const errorCode = KEY_TYPES.includes(body.keyType)
        ? ErrorCode.COORDINATOR_NOT_AVAILABLE
        : ErrorCode.INVALID_REQUEST
      return unavailable(body.coordinatorKeys, errorCode, request.apiVersion)
    },
    refuse: (body, errorCode, version) => unavailable(body.coordinatorKeys, errorCode, version),
  })
}
