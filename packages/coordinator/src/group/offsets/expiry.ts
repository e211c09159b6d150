import type { CoordinatorRecord } from '../../runtime/record.ts'
import type { ClassicGroup } from '../classic/classic-group.ts'
import { type CommittedOffset, deleteRecord } from './committed-offset.ts'
import type { OffsetStore } from './offset-store.ts'

/**
 * The records that delete what an empty group has kept for longer than `retentionMs` since it was left, or, where it never had
 * members, since the commit. A group with members loses nothing (KIP-211); nor does a partition that an open transaction
 * is about to commit to. `isBare`: nothing is left of the group's offsets.
 */
export function expiredOffsets(
  store: OffsetStore,
  group: ClassicGroup,
  retentionMs: number,
  nowMs: number,
): { readonly records: CoordinatorRecord[]; readonly isBare: boolean } {
  const records: CoordinatorRecord[] = []
  let kept = 0
  for (const place of store.placesOf(group.groupId)) {
    const committed = store.latest(place)
    const isExpired =
      group.is('Empty') &&
      group.pendingJoin.size === 0 &&
      committed !== undefined &&
      !store.hasPending(place) &&
      isOver(committed, group, retentionMs, nowMs)
    if (isExpired) records.push(deleteRecord(place))
    else kept++
  }
  return { records, isBare: kept === 0 }
}

function isOver(committed: CommittedOffset, group: ClassicGroup, retentionMs: number, nowMs: number): boolean {
  if (committed.expireTimestampMs >= 0) return nowMs >= committed.expireTimestampMs
  const hadMembers = group.protocolType !== null && group.stateTimestampMs >= 0
  const sinceMs = hadMembers
    ? Math.max(group.stateTimestampMs, committed.commitTimestampMs)
    : committed.commitTimestampMs
  return nowMs - sinceMs >= retentionMs
}
