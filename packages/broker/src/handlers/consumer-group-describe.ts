import { ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ErrorCode } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'
import type { ConsumerGroupHeartbeatDeps } from './consumer-group-heartbeat.ts'
import { GROUP_OPERATIONS, NOT_ASKED } from './describe-groups.ts'

/**
 * ConsumerGroupDescribe (key 69), versions 0 and 1: state and members of consumer groups, as committed. A classic group, or none
 * at all, is GROUP_ID_NOT_FOUND. A group that is named several times is told of once: it may be large.
 *
 * - 1: which protocol each member speaks.
 */
export function consumerGroupDescribeHandler({ groups, consumerProtocolEnabled }: ConsumerGroupHeartbeatDeps): Handler {
  return defineHandler({
    request: ConsumerGroupDescribeRequest,
    response: ConsumerGroupDescribeResponse,
    minVersion: 0,
    maxVersion: 1,
    handle(_request, { groupIds, includeAuthorizedOperations }) {
      const authorizedOperations = includeAuthorizedOperations ? GROUP_OPERATIONS : NOT_ASKED
      return {
        groups: [...new Set(groupIds)].map((groupId) => {
          if (!consumerProtocolEnabled()) return failed(groupId, ErrorCode.UNSUPPORTED_VERSION, null)
          const { errorCode, group } = groups.describeConsumer(groupId)
          if (errorCode !== ErrorCode.NONE) return failed(groupId, errorCode, null)
          if (group === null) {
            return failed(groupId, ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} not found.`)
          }
          return { errorCode, errorMessage: null, groupId, ...group, authorizedOperations }
        }),
      }
    },
    refuse: ({ groupIds }, errorCode) => ({ groups: groupIds.map((groupId) => failed(groupId, errorCode, null)) }),
  })
}

function failed(groupId: string, errorCode: number, errorMessage: string | null) {
  return {
    errorCode,
    errorMessage,
    groupId,
    groupState: '',
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: '',
    members: [],
    authorizedOperations: NOT_ASKED,
  }
}
