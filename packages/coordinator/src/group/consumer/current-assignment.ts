import type { Assignment } from '../assignors/assignor.ts'
import { OWNS_NOTHING, type OwnedPartitions, type PartitionList, touches } from './assigned.ts'

/**
 * How far a member is on its way to its target (`MemberState`, `CurrentAssignmentBuilder` in Apache Kafka).
 *
 * ```
 *               target changes, nothing to give up          ┌──────────────────────────────┐
 *   ┌───────────────────────────────────────────────────┐   │ some partitions have become  │
 *   │                                                   ▼   │ free, or the target changes  │
 * Stable ◀──────────── all are free ─────────────── UnreleasedPartitions ◀─────────────────┘
 *   │  ▲                                                │   ▲
 *   │  └────────── given up, all are free ──────┐       │   │ given up, but some belong
 *   │                                           │       │   │ to others still
 *   └──── target lacks what it has ──▶ UnrevokedPartitions ─┘
 *                                        ▲      ▲       │
 *                                        └──────┴───────┘ target lacks what it has
 * ```
 *
 * | event                              | Stable                    | UnrevokedPartitions          | UnreleasedPartitions    |
 * |---|---|---|---|
 * | heartbeat, target as before        | as it is                  | as it is until the member    | takes what is free; Stable when nothing is missing |
 * |                                    |                           | no longer names what it gives up; then on, an epoch further | |
 * | target changes, nothing to give up | Stable with what is free; else UnreleasedPartitions | as above | as above              |
 * | target lacks what it has           | UnrevokedPartitions, in its old epoch | as above; then UnrevokedPartitions | UnrevokedPartitions |
 * | heartbeat without a list           | as it is                  | as it is                     | as above                |
 * | rebalance timeout                  | -                         | the member is put out        | -                       |
 * | static leave                       | epoch -2, keeps what it has | epoch -2, Stable           | epoch -2, Stable        |
 *
 * What a member is to give up stays its own, and nobody else's, until it says so: no partition has two owners.
 */
export type MemberState = 'Stable' | 'UnrevokedPartitions' | 'UnreleasedPartitions' | 'Unknown'

const STATES: readonly (readonly [MemberState, number])[] = [
  ['Stable', 1],
  ['UnrevokedPartitions', 2],
  ['UnreleasedPartitions', 3],
  ['Unknown', 127],
]

/** As records have it. */
export function stateNumber(state: MemberState): number {
  return STATES.find(([name]) => name === state)![1]
}

export function stateOf(number: number): MemberState {
  return STATES.find(([, n]) => n === number)?.[0] ?? 'Unknown'
}

/** Never changed in place. */
export interface CurrentAssignment {
  /** 0 before the first assignment; -2 for a static member that is away. */
  readonly memberEpoch: number
  /** The epoch before: that of a heartbeat whose answer was lost. */
  readonly previousMemberEpoch: number
  readonly state: MemberState
  readonly assigned: OwnedPartitions
  /** Still with the member until it says otherwise. */
  readonly pendingRevocation: OwnedPartitions
}

export const NEWLY_JOINED: CurrentAssignment = {
  memberEpoch: 0,
  previousMemberEpoch: 0,
  state: 'Stable',
  assigned: OWNS_NOTHING,
  pendingRevocation: OWNS_NOTHING,
}

export function isReconciled({ state, memberEpoch }: CurrentAssignment, targetEpoch: number): boolean {
  return state === 'Stable' && memberEpoch === targetEpoch
}

/** What a member is led to. */
export interface Goal {
  readonly epoch: number
  readonly target: Assignment
  /** Whether anybody, the member included, has the partition now. */
  readonly isOwned: (topicId: string, partition: number) => boolean
}

/** The next step; the same object if there is none. `named` is what the member says it has, null when it does not say. */
export function reconcile(current: CurrentAssignment, goal: Goal, named: PartitionList | null): CurrentAssignment {
  const { memberEpoch, state, pendingRevocation } = current
  switch (state) {
    case 'Stable':
      return memberEpoch === goal.epoch ? current : next(current, memberEpoch, goal, named)
    case 'UnrevokedPartitions':
      if (named === null || touches(named, pendingRevocation)) return current
      return next(current, memberEpoch + 1, goal, named)
    case 'UnreleasedPartitions':
      return next(current, memberEpoch, goal, named)
    // A later release wrote it: the heartbeat has seen to it that the member has nothing.
    case 'Unknown':
      return next(current, goal.epoch, goal, named)
  }
}

function next(
  current: CurrentAssignment,
  memberEpoch: number,
  { epoch, target, isOwned }: Goal,
  named: PartitionList | null,
): CurrentAssignment {
  const { kept, lost } = split(current.assigned, target)
  if (lost.size > 0 && (named === null || touches(named, lost))) {
    return step(current, { memberEpoch, state: 'UnrevokedPartitions', assigned: kept, pendingRevocation: lost })
  }
  const { assigned, isWaiting } = takeFree(kept, target, epoch, (topicId, partition) => {
    // What it has just given up, and is to have after all, is its own in the books until this step is taken.
    return isOwned(topicId, partition) && current.pendingRevocation.get(topicId)?.has(partition) !== true
  })
  const nextState = isWaiting ? 'UnreleasedPartitions' : 'Stable'
  return step(current, { memberEpoch: epoch, state: nextState, assigned, pendingRevocation: OWNS_NOTHING })
}

function step(before: CurrentAssignment, after: Omit<CurrentAssignment, 'previousMemberEpoch'>): CurrentAssignment {
  const isSame =
    before.memberEpoch === after.memberEpoch &&
    before.state === after.state &&
    before.assigned === after.assigned &&
    before.pendingRevocation === after.pendingRevocation
  return isSame ? before : { ...after, previousMemberEpoch: before.memberEpoch }
}

/** What the target leaves a member of what it has (the same object if all of it), and what it does not. */
function split(assigned: OwnedPartitions, target: Assignment): { kept: OwnedPartitions; lost: OwnedPartitions } {
  const kept = new Map<string, ReadonlyMap<number, number>>()
  const lost = new Map<string, ReadonlyMap<number, number>>()
  for (const [topicId, partitions] of assigned) {
    const wanted = new Set(target.get(topicId))
    const gone = new Map([...partitions].filter(([partition]) => !wanted.has(partition)))
    if (gone.size === 0) {
      kept.set(topicId, partitions)
      continue
    }
    lost.set(topicId, gone)
    if (gone.size === partitions.size) continue
    kept.set(topicId, new Map([...partitions].filter(([partition]) => wanted.has(partition))))
  }
  return lost.size === 0 ? { kept: assigned, lost: OWNS_NOTHING } : { kept, lost }
}

function takeFree(
  kept: OwnedPartitions,
  target: Assignment,
  epoch: number,
  isOwned: (topicId: string, partition: number) => boolean,
): { assigned: OwnedPartitions; isWaiting: boolean } {
  let isWaiting = false
  let assigned: Map<string, ReadonlyMap<number, number>> | null = null
  for (const [topicId, partitions] of target) {
    const has = kept.get(topicId)
    const free: number[] = []
    for (const partition of partitions) {
      if (has?.has(partition) === true) continue
      if (isOwned(topicId, partition)) isWaiting = true
      else free.push(partition)
    }
    if (free.length === 0) continue
    assigned ??= new Map(kept)
    const both = [...(has ?? []), ...free.map((partition) => [partition, epoch] as const)]
    assigned.set(topicId, new Map(both.sort(([a], [b]) => a - b)))
  }
  return { assigned: assigned ?? kept, isWaiting }
}
