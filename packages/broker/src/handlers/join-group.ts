import type { GroupCoordinator } from '@ottla/coordinator'
import { JoinGroupRequest, JoinGroupResponse } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'
import { callerOf } from './caller.ts'

/**
 * JoinGroup (key 11), versions 0 to 9: enters a classic group. Answered when the round is over.
 *
 * - 1: rebalance timeout; 4: MEMBER_ID_REQUIRED (KIP-394); 5: static members (KIP-345); 6: flexible; 7: protocol type in the answer;
 *   8: reason; 9: skipAssignment (KIP-814).
 * - A member of versions before 4 that loses its connection while it waits stays a member until its session is over.
 */
export function joinGroupHandler({ groups }: { readonly groups: GroupCoordinator }): Handler {
  return defineHandler({
    request: JoinGroupRequest,
    response: JoinGroupResponse,
    minVersion: 0,
    maxVersion: 9,
    handle(request, body) {
      groups.join(callerOf(request), body, (reply) => {
        request.respond({ ...reply, protocolName: reply.protocolName ?? noName(request.apiVersion) })
      })
      return undefined
    },
    refuse: ({ memberId }, errorCode, version) => {
      return { errorCode, memberId, protocolName: noName(version), leader: '', members: [] }
    },
  })
}

/** Before version 7 there is always a name. */
function noName(version: number): '' | null {
  return version < 7 ? '' : null
}
