import type { GroupCoordinator } from '@ottla/coordinator'
import { HeartbeatRequest, HeartbeatResponse } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'

/**
 * Heartbeat (key 12), versions 0 to 4: a member of a classic group is alive, and learns by REBALANCE_IN_PROGRESS that it
 * has to join again.
 *
 * - 3: static members; 4: flexible.
 * - While the coordinator reads its state it answers as if all were well: nobody is put out meanwhile.
 */
export function heartbeatHandler({ groups }: { readonly groups: GroupCoordinator }): Handler {
  return defineHandler({
    request: HeartbeatRequest,
    response: HeartbeatResponse,
    minVersion: 0,
    maxVersion: 4,
    handle(request, body) {
      groups.heartbeat(body, (errorCode) => request.respond({ errorCode }))
      return undefined
    },
    refuse: (_body, errorCode) => ({ errorCode }),
  })
}
