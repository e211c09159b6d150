import { ErrorCode, FindCoordinatorRequest, FindCoordinatorResponse } from '@ottla/protocol'
import type { Endpoints } from '../server/endpoints.ts'
import { defineHandler, type Handler } from '../server/handler.ts'

/**
 * FindCoordinator (key 10), versions 0 to 6: which broker keeps a group, or a transactional id. The first that asks
 * has the internal topic made; with one broker it is always this one.
 *
 * - 1: key types; 3: flexible; 4: several keys at once; 6: share groups, of which there are none: COORDINATOR_NOT_AVAILABLE.
 * - The keys say nothing about whether there is such a group: that is for the coordinator to know.
 */

/** What a coordinator keeps, by `FindCoordinatorRequest.CoordinatorType`. */
export const KeyType = { GROUP: 0, TRANSACTION: 1, SHARE: 2 } as const

const NOBODY = { nodeId: -1, host: '', port: -1 }

/** Where the internal topic of one type of key comes from. */
export interface CoordinatorTopic {
  /** Makes it unless it is there; 0, or why not. */
  ensure(): Promise<number>
  readonly exists: boolean
}

export interface FindCoordinatorDeps {
  readonly endpoints: Endpoints
  readonly nodeId: number
  /** By key type; none: nobody coordinates that. */
  readonly coordinatorTopics: ReadonlyMap<number, CoordinatorTopic>
}

export function findCoordinatorHandler(deps: FindCoordinatorDeps): Handler {
  return defineHandler({
    request: FindCoordinatorRequest,
    response: FindCoordinatorResponse,
    minVersion: 0,
    maxVersion: 6,
    handle(request, { keyType, key, coordinatorKeys }) {
      const version = request.apiVersion
      const keys = version < 4 ? [key] : coordinatorKeys
      if (keyType < KeyType.GROUP || keyType > KeyType.SHARE)
        return unavailable(keys, ErrorCode.INVALID_REQUEST, version)
      const topic = deps.coordinatorTopics.get(keyType)
      if (topic === undefined) return unavailable(keys, ErrorCode.COORDINATOR_NOT_AVAILABLE, version)
      const here = { nodeId: deps.nodeId, ...deps.endpoints.of(request.connection.listenerName) }
      if (topic.exists) return available(keys, here, version)
      return topic
        .ensure()
        .then((errorCode) =>
          errorCode === ErrorCode.NONE
            ? available(keys, here, version)
            : unavailable(keys, ErrorCode.COORDINATOR_NOT_AVAILABLE, version),
        )
    },
    refuse: ({ key, coordinatorKeys }, errorCode, version) =>
      unavailable(version < 4 ? [key] : coordinatorKeys, errorCode, version),
  })
}

function available(keys: readonly string[], here: { nodeId: number; host: string; port: number }, version: number) {
  const answer = { ...here, errorCode: ErrorCode.NONE as number, errorMessage: version < 4 ? 'NONE' : null }
  return version < 4 ? answer : { coordinators: keys.map((key) => ({ ...answer, key })) }
}

function unavailable(keys: readonly string[], errorCode: number, version: number) {
  const errorMessage =
    errorCode === ErrorCode.COORDINATOR_NOT_AVAILABLE
      ? 'no coordinator can be had for this at the moment'
      : 'there is no coordinator for this type of key'
  const answer = { ...NOBODY, errorCode, errorMessage }
  return version < 4 ? answer : { coordinators: keys.map((key) => ({ ...answer, key })) }
}
