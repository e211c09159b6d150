import type { GroupCoordinator } from '@ottla/coordinator'
import { SyncGroupRequest, SyncGroupResponse } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'

/**
 * SyncGroup (key 14), versions 0 to 5: the leader hands in who gets what, everybody learns what is theirs. Answered when
 * the leader's assignment is committed.
 *
 * - 3: static members; 4: flexible; 5: protocol type and name are checked (KIP-559).
 */
export function syncGroupHandler({ groups }: { readonly groups: GroupCoordinator }): Handler {
  return defineHandler({
    request: SyncGroupRequest,
    response: SyncGroupResponse,
    minVersion: 0,
    maxVersion: 5,
    handle(request, body) {
      groups.sync(body, (reply) => request.respond(reply))
      return undefined
    },
    refuse: (_body, errorCode) => ({ errorCode, assignment: NO_BYTES }),
  })
}

const NO_BYTES = Buffer.alloc(0)
