import type { GroupCoordinator } from '@ottla/coordinator'
import { DescribeGroupsRequest, DescribeGroupsResponse, ErrorCode } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'

/**
 * DescribeGroups (key 15), versions 0 to 6: state and members of classic groups. What members say and are assigned is
 * told while the group is stable. A group that is named several times is told of once: it may be large.
 *
 * - 3: authorized operations; 4: instance ids; 5: flexible; 6: GROUP_ID_NOT_FOUND, where earlier versions tell of a dead group.
 */

/** No authorizer: every operation on a group is allowed (bits of `AclOperation`). */
export const GROUP_OPERATIONS = 0b1101_0100_1000
export const NOT_ASKED = -0x8000_0000
const NOT_FOUND_VERSION = 6

export function describeGroupsHandler({ groups }: { readonly groups: GroupCoordinator }): Handler {
  return defineHandler({
    request: DescribeGroupsRequest,
    response: DescribeGroupsResponse,
    minVersion: 0,
    maxVersion: 6,
    handle(request, body) {
      const operations = body.includeAuthorizedOperations ? GROUP_OPERATIONS : NOT_ASKED
      return {
        groups: [...new Set(body.groups)].map((groupId) => {
          const { errorCode, group } = groups.describe(groupId)
          if (errorCode !== ErrorCode.NONE) return failed(groupId, errorCode, '')
          if (group === null) return { ...missing(groupId, request.apiVersion), authorizedOperations: operations }
          return {
            groupId,
            errorCode,
            groupState: group.state,
            protocolType: group.protocolType,
            protocolData: group.protocol,
            members: [...group.members],
            authorizedOperations: operations,
          }
        }),
      }
    },
    refuse: (body, errorCode) => ({ groups: body.groups.map((groupId) => failed(groupId, errorCode, '')) }),
  })
}

function missing(groupId: string, version: number) {
  if (version < NOT_FOUND_VERSION) return failed(groupId, ErrorCode.NONE, 'Dead')
  return {
    ...failed(groupId, ErrorCode.GROUP_ID_NOT_FOUND, 'Dead'),
    errorMessage: `Group ${groupId} not found.`,
  }
}

function failed(groupId: string, errorCode: number, groupState: string) {
  return { groupId, errorCode, groupState, protocolType: '', protocolData: '', members: [] }
}
