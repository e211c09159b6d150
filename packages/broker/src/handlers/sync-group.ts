import type { GroupCoordinator } from '@ottla/coordinator'
import { ErrorCode, SyncGroupRequest, SyncGroupResponse } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'

/**
 * SyncGroup (key 14), versions 0 to 5: the leader hands in who gets what, everybody learns what is theirs. Answered when
 * the leader's assignment is committed.
 *
 * - 3: static members; 4: flexible; 5: protocol type and name have to be there, and are checked (KIP-559).
 */
export function syncGroupHandler({ groups }: { readonly groups: GroupCoordinator }): Handler {
  return defineHandler({
    request: SyncGroupRequest,
    response: SyncGroupResponse,
    minVersion: 0,
    maxVersion: 5,
    handle(request, body) {
      const lacksProtocol = body.protocolType === null || body.protocolName === null
      if (request.apiVersion >= PROTOCOL_VERSION && lacksProtocol) {
        return { errorCode: ErrorCode.INCONSISTENT_GROUP_PROTOCOL, assignment: NO_BYTES }
      }
      groups.sync(body, (reply) => request.respond(reply))
      return undefined
    },
    refuse: (_body, errorCode) => ({ errorCode, assignment: NO_BYTES }),
  })
}

/** From here on the request says what the member takes the group's protocol to be. */
const PROTOCOL_VERSION = 5
const NO_BYTES = Buffer.alloc(0)
