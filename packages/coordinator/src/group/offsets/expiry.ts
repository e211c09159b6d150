import type { CoordinatorRecord } from '../../runtime/record.ts'
import { type CommittedOffset, deleteRecord } from './committed-offset.ts'
import type { OffsetStore } from './offset-store.ts'

/** A group as far as its offsets' expiry depends on it. */
export interface GroupInUse {
  readonly groupId: string
  /** Somebody is a member, or about to be. */
  readonly isInUse: boolean
  /** ms since the epoch of the last member's leaving; -1 if there never was one, or where it is not known. */
  readonly leftMs: number
}

/**
 * The records that delete what an empty group has kept for longer than `retentionMs` since it was left, or, where it never had
 * members, since the commit. A group with members loses nothing (KIP-211); nor does a partition that an open transaction
 * is about to commit to. `isBare`: nothing is left of the group's offsets.
 */
export function expiredOffsets(
  store: OffsetStore,
  group: GroupInUse,
  retentionMs: number,
  nowMs: number,
): { readonly records: CoordinatorRecord[]; readonly isBare: boolean } {
  const records: CoordinatorRecord[] = []
  let kept = 0
  for (const place of store.placesOf(group.groupId)) {
    const committed = store.latest(place)
    const isExpired =
      !group.isInUse &&
      committed !== undefined &&
      !store.hasPending(place) &&
      isOver(committed, group.leftMs, retentionMs, nowMs)
    if (isExpired) records.push(deleteRecord(place))
    else kept++
  }
  return { records, isBare: kept === 0 }
}

function isOver(committed: CommittedOffset, leftMs: number, retentionMs: number, nowMs: number): boolean {
  if (committed.expireTimestampMs >= 0) return nowMs >= committed.expireTimestampMs
  return nowMs - Math.max(leftMs, committed.commitTimestampMs) >= retentionMs
}
