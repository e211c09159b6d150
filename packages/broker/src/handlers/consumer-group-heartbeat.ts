import type { GroupCoordinator } from '@ottla/coordinator'
import { ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, ErrorCode } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'
import { callerOf } from './caller.ts'

export interface ConsumerGroupHeartbeatDeps {
  readonly groups: GroupCoordinator
  /** `group.coordinator.rebalance.protocols` has `consumer`. */
  readonly consumerProtocolEnabled: () => boolean
}

/**
 * ConsumerGroupHeartbeat (key 68), versions 0 and 1: members of consumer groups join, stay, give up and take partitions, and
 * leave by it (KIP-848).
 *
 * - 1: subscriptions by a pattern; members choose their ids themselves.
 * - UNSUPPORTED_VERSION where the protocol is switched off.
 */
export function consumerGroupHeartbeatHandler({
  groups,
  consumerProtocolEnabled,
}: ConsumerGroupHeartbeatDeps): Handler {
  return defineHandler({
    request: ConsumerGroupHeartbeatRequest,
    response: ConsumerGroupHeartbeatResponse,
    minVersion: 0,
    maxVersion: 1,
    handle(request, body) {
      if (!consumerProtocolEnabled()) return { errorCode: ErrorCode.UNSUPPORTED_VERSION }
      groups.consumerHeartbeat(callerOf(request), body, (reply) => request.respond(reply))
      return undefined
    },
    refuse: (_body, errorCode) => ({ errorCode }),
  })
}
