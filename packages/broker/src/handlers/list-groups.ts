import type { GroupCoordinator } from '@ottla/coordinator'
import { ListGroupsRequest, ListGroupsResponse } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'

/**
 * ListGroups (key 16), versions 0 to 5: the groups this broker coordinates.
 *
 * - 3: flexible; 4: states, and a filter by them (KIP-518); 5: types, and a filter by them (KIP-848). Filters take any case.
 */
export function listGroupsHandler({ groups }: { readonly groups: GroupCoordinator }): Handler {
  return defineHandler({
    request: ListGroupsRequest,
    response: ListGroupsResponse,
    minVersion: 0,
    maxVersion: 5,
    handle(_request, { statesFilter, typesFilter }) {
      const { errorCode, groups: all } = groups.list()
      const inState = filterOf(statesFilter)
      const ofType = filterOf(typesFilter)
      const wanted = all.filter(({ state, type }) => inState(state) && ofType(type))
      return {
        errorCode,
        groups: wanted.map(({ groupId, protocolType, state, type }) => ({
          groupId,
          protocolType,
          groupState: state,
          groupType: type.toLowerCase(),
        })),
      }
    },
    refuse: (_body, errorCode) => ({ errorCode, groups: [] }),
  })
}

function filterOf(wanted: readonly string[]): (text: string) => boolean {
  if (wanted.length === 0) return () => true
  const names = new Set(wanted.map((text) => text.toLowerCase()))
  return (text) => names.has(text.toLowerCase())
}
