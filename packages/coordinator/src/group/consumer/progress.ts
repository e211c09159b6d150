import type { CoordinatorRecord } from '../../runtime/record.ts'
import { type Assignment, NO_PARTITIONS } from '../assignors/assignor.ts'
import type { GroupContext } from '../context.ts'
import type { PartitionList } from './assigned.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { type CurrentAssignment, isReconciled, NEWLY_JOINED, reconcile } from './current-assignment.ts'
import { NextEpoch } from './next-epoch.ts'
import { currentRecord, memberTombstones, subscriptionRecord, targetRecord } from './records.ts'
import { type Subscription, sameSubscription, wantsOtherTopics } from './subscription.ts'

/** A member as a request finds it. */
export interface Found {
  readonly memberId: string
  /** Null: it is new. */
  readonly subscription: Subscription | null
  readonly current: CurrentAssignment
  readonly target: Assignment
  /** The member id of the static member whose place it takes. */
  readonly replaced: string | null
}

export function newcomer(memberId: string): Found {
  return { memberId, subscription: null, current: NEWLY_JOINED, target: NO_PARTITIONS, replaced: null }
}

export function known(group: ConsumerGroup, memberId: string): Found {
  const subscription = group.subscriptions.get(memberId)!
  return { memberId, subscription, current: group.current(memberId), target: group.target(memberId), replaced: null }
}

/** Who comes in the place of a static member, whose partitions are its own. */
export function successor(group: ConsumerGroup, holder: string, memberId: string): Found {
  const { assigned } = group.current(holder)
  return { ...known(group, holder), memberId, current: { ...NEWLY_JOINED, assigned }, replaced: holder }
}

/**
 * A member's next step, and what it brings about in its group: a new epoch if the member wants something else, or the topics
 * are not what they were; a new target for everybody; and for the member itself what is free of it.
 */
export function advance(
  context: GroupContext,
  group: ConsumerGroup,
  found: Found,
  subscription: Subscription,
  named: PartitionList | null,
  nowMs: number,
): { readonly records: CoordinatorRecord[]; readonly current: CurrentAssignment; readonly isMoved: boolean } {
  const { groupId } = group
  const { memberId } = found
  const records = found.replaced === null ? [] : replacement(group, found)
  const isOther = found.subscription === null || !sameSubscription(found.subscription, subscription)
  if (isOther) records.push(subscriptionRecord(groupId, memberId, subscription))
  const { epoch, target, changes } = goalOf(context, group, found, subscription, nowMs)
  records.push(...changes)
  const isOwned = (topicId: string, partition: number): boolean => isOthers(group, found, topicId, partition)
  const current = isReconciled(found.current, epoch)
    ? found.current
    : reconcile(found.current, { epoch, target, isOwned }, named)
  const isMoved = current !== found.current || found.subscription === null
  if (isMoved) records.push(currentRecord(groupId, memberId, current))
  return { records, current, isMoved }
}

/** What the member is led to, and the records that change it for the group. */
function goalOf(
  context: GroupContext,
  group: ConsumerGroup,
  { memberId, subscription: before, target, replaced }: Found,
  subscription: Subscription,
  nowMs: number,
): { epoch: number; target: Assignment; changes: readonly CoordinatorRecord[] } {
  const isDue = before === null || wantsOtherTopics(before, subscription)
  const isAssigned = group.epoch === group.targetEpoch
  if (!isDue && isAssigned && group.checkedVersion === context.topics().version) {
    return { epoch: group.targetEpoch, target, changes: [] }
  }
  const members = new Map(group.subscriptions)
  if (replaced !== null) members.delete(replaced)
  members.set(memberId, subscription)
  const next = new NextEpoch(context, group, members, nowMs)
  next.raise(isDue)
  if (next.epoch === group.targetEpoch) return { epoch: group.targetEpoch, target, changes: next.records }
  const targets = next.assign((id) => (id === memberId ? target : group.target(id)))
  return { epoch: next.epoch, target: targets.get(memberId)!, changes: next.records }
}

/** What the one before had is the member's own. */
function isOthers(group: ConsumerGroup, { replaced }: Found, topicId: string, partition: number): boolean {
  if (!group.isOwned(topicId, partition)) return false
  return replaced === null || group.current(replaced).assigned.get(topicId)?.has(partition) !== true
}

/** The records by which a member takes the place of a static one. */
function replacement(group: ConsumerGroup, { memberId, subscription, current, target, replaced }: Found) {
  const { groupId } = group
  return [
    ...memberTombstones(groupId, replaced!),
    subscriptionRecord(groupId, memberId, subscription!),
    targetRecord(groupId, memberId, target),
    currentRecord(groupId, memberId, current),
  ]
}

/** The group goes on without these members. */
export function without(
  context: GroupContext,
  group: ConsumerGroup,
  memberIds: readonly string[],
  nowMs: number,
): CoordinatorRecord[] {
  const members = new Map(group.subscriptions)
  for (const memberId of memberIds) members.delete(memberId)
  const next = new NextEpoch(context, group, members, nowMs)
  next.raise(true)
  // Nobody is left who would ask for a target: this one says since when.
  if (members.size === 0) next.assign((id) => group.target(id))
  return [...memberIds.flatMap((memberId) => memberTombstones(group.groupId, memberId)), ...next.records]
}
