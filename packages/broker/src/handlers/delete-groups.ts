import type { GroupCoordinator } from '@ottla/coordinator'
import { DeleteGroupsRequest, DeleteGroupsResponse } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'

/**
 * DeleteGroups (key 42), versions 0 to 3: groups without members, with their offsets. Answered when all are gone, or refused
 * (NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND). 2: flexible; 3: messages.
 */
export function deleteGroupsHandler({ groups }: { readonly groups: GroupCoordinator }): Handler {
  return defineHandler({
    request: DeleteGroupsRequest,
    response: DeleteGroupsResponse,
    minVersion: 0,
    maxVersion: 3,
    handle(request, { groupsNames }) {
      const results = [...new Set(groupsNames)].map((groupId) => ({ groupId, errorCode: 0 }))
      let left = results.length
      if (left === 0) return { results }
      for (const result of results) {
        groups.deleteGroup(result.groupId, (errorCode) => {
          result.errorCode = errorCode
          if (--left === 0) request.respond({ results })
        })
      }
      return undefined
    },
    refuse: ({ groupsNames }, errorCode) => ({
      results: [...new Set(groupsNames)].map((groupId) => ({ groupId, errorCode })),
    }),
  })
}
