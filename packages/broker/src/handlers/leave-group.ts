import type { GroupCoordinator } from '@ottla/coordinator'
import { ErrorCode, LeaveGroupRequest, LeaveGroupResponse } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'

/**
 * LeaveGroup (key 13), versions 0 to 5: members go, and the others share what they had.
 *
 * - Up to 2 one member, whose error is the answer's; 3: several, each with its own (KIP-345), and an operator may name a static
 *   member by its instance alone; 4: flexible; 5: reason.
 */
export function leaveGroupHandler({ groups }: { readonly groups: GroupCoordinator }): Handler {
  return defineHandler({
    request: LeaveGroupRequest,
    response: LeaveGroupResponse,
    minVersion: 0,
    maxVersion: 5,
    handle(request, body) {
      const one = request.apiVersion < BATCH_VERSION
      const members = one ? [{ memberId: body.memberId, groupInstanceId: null, reason: null }] : body.members
      groups.leave({ ...body, members }, (reply) => {
        const { errorCode } = reply
        const ofOne = errorCode === ErrorCode.NONE ? (reply.members[0]?.errorCode ?? errorCode) : errorCode
        request.respond(one ? { errorCode: ofOne } : reply)
      })
      return undefined
    },
    refuse: (_body, errorCode) => ({ errorCode }),
  })
}

const BATCH_VERSION = 3
