import type { Timeline } from '../../runtime/timeline.ts'
import { TimelineMap } from '../../runtime/timeline-map.ts'
import { type Assignment, NO_PARTITIONS } from '../assignors/assignor.ts'
import type { OwnedPartitions } from './assigned.ts'
import { type CurrentAssignment, isReconciled, NEWLY_JOINED } from './current-assignment.ts'
import type { ResolvedRegex } from './regex.ts'
import type { Subscription } from './subscription.ts'

/**
 * - `Empty`: no members.
 * - `Assigning`: the target is of an older epoch than the group.
 * - `Reconciling`: some member is on its way to the target.
 * - `Stable`: everybody has what it is meant to have.
 */
export type ConsumerGroupState = 'Empty' | 'Assigning' | 'Reconciling' | 'Stable'

interface GroupEpoch {
  readonly epoch: number
  /** Of the topics the epoch's target is, or will be, made for. */
  readonly metadataHash: number
}

interface TargetEpoch {
  readonly epoch: number
  /** ms since the epoch. */
  readonly timestampMs: number
}

/** Of a member, as of now or as committed. */
export interface MemberView {
  readonly memberId: string
  readonly subscription: Subscription
  readonly current: CurrentAssignment
  readonly target: Assignment
}

/** A group as of its last commit. */
export interface GroupView {
  readonly epoch: number
  readonly targetEpoch: number
  readonly state: ConsumerGroupState
  readonly members: readonly MemberView[]
}

const ONE = 'one'

/**
 * A group of the consumer protocol (KIP-848; `ConsumerGroup` in Apache Kafka): everything in it comes of replaying records.
 */
export class ConsumerGroup {
  readonly groupId: string
  readonly subscriptions: TimelineMap<string, Subscription>
  readonly regexes: TimelineMap<string, ResolvedRegex>
  readonly #currents: TimelineMap<string, CurrentAssignment>
  readonly #targets: TimelineMap<string, Assignment>
  readonly #epoch: TimelineMap<typeof ONE, GroupEpoch>
  readonly #targetEpoch: TimelineMap<typeof ONE, TargetEpoch>
  readonly #staticIds: TimelineMap<string, { readonly memberId: string }>
  /** By `ownerKey`: who has a partition, or is still to give it up. */
  readonly #owners: TimelineMap<string, { readonly memberId: string }>
  /** Version of the topics for which the group is known to need no new epoch; -1 for none. Nothing that lasts. */
  checkedVersion = -1
  /** ms since the epoch: when patterns were last resolved. Nothing that lasts. */
  regexesResolvedMs = Number.NEGATIVE_INFINITY

  constructor(groupId: string, timeline: Timeline) {
    this.groupId = groupId
    this.subscriptions = new TimelineMap(timeline)
    this.regexes = new TimelineMap(timeline)
    this.#currents = new TimelineMap(timeline)
    this.#targets = new TimelineMap(timeline)
    this.#epoch = new TimelineMap(timeline)
    this.#targetEpoch = new TimelineMap(timeline)
    this.#staticIds = new TimelineMap(timeline)
    this.#owners = new TimelineMap(timeline)
  }

  // ---- now

  get exists(): boolean {
    return this.#epoch.has(ONE)
  }

  get isForgotten(): boolean {
    return [this.#epoch, this.subscriptions, this.#currents, this.#targets, this.regexes, this.#targetEpoch].every(
      (map) => map.isForgotten,
    )
  }

  get epoch(): number {
    return this.#epoch.get(ONE)?.epoch ?? 0
  }

  get metadataHash(): number {
    return this.#epoch.get(ONE)?.metadataHash ?? 0
  }

  get targetEpoch(): number {
    return this.#targetEpoch.get(ONE)?.epoch ?? 0
  }

  get isEmpty(): boolean {
    return this.subscriptions.size === 0
  }

  /** ms since the epoch: when the last member left, of a group that is empty. */
  get leftMs(): number {
    return this.#targetEpoch.get(ONE)?.timestampMs ?? -1
  }

  has(memberId: string): boolean {
    return this.subscriptions.has(memberId)
  }

  current(memberId: string): CurrentAssignment {
    return this.#currents.get(memberId) ?? NEWLY_JOINED
  }

  target(memberId: string): Assignment {
    return this.#targets.get(memberId) ?? NO_PARTITIONS
  }

  hasTarget(memberId: string): boolean {
    return this.#targets.has(memberId)
  }

  staticMemberId(instanceId: string): string | undefined {
    return this.#staticIds.get(instanceId)?.memberId
  }

  isOwned(topicId: string, partition: number): boolean {
    return this.#owners.has(ownerKey(topicId, partition))
  }

  // ---- committed

  /** Null: there is no such group. */
  committed(): GroupView | null {
    const head = this.#epoch.committed(ONE)
    if (head === undefined) return null
    const targetEpoch = this.#targetEpoch.committed(ONE)?.epoch ?? 0
    const members = [...this.subscriptions.committedEntries()].map(([memberId, subscription]) => ({
      memberId,
      subscription,
      current: this.#currents.committed(memberId) ?? NEWLY_JOINED,
      target: this.#targets.committed(memberId) ?? NO_PARTITIONS,
    }))
    return { epoch: head.epoch, targetEpoch, state: stateOf(head.epoch, targetEpoch, members), members }
  }

  committedCurrent(memberId: string): CurrentAssignment | undefined {
    if (this.subscriptions.committed(memberId) === undefined) return undefined
    return this.#currents.committed(memberId) ?? NEWLY_JOINED
  }

  get isCommitted(): boolean {
    return this.#epoch.committed(ONE) !== undefined
  }

  // ---- replay; null: a tombstone

  replayEpoch(value: GroupEpoch | null): void {
    if (value === null) this.#epoch.delete(ONE)
    else this.#epoch.set(ONE, value)
  }

  replayTargetEpoch(value: TargetEpoch | null): void {
    if (value === null) this.#targetEpoch.delete(ONE)
    else this.#targetEpoch.set(ONE, value)
  }

  replaySubscription(memberId: string, value: Subscription | null): void {
    const before = this.subscriptions.get(memberId)
    const instanceId = before?.instanceId ?? null
    if (instanceId !== null && instanceId !== value?.instanceId && this.staticMemberId(instanceId) === memberId) {
      this.#staticIds.delete(instanceId)
    }
    if (value === null) {
      this.subscriptions.delete(memberId)
      return
    }
    this.subscriptions.set(memberId, value)
    if (value.instanceId !== null && this.staticMemberId(value.instanceId) !== memberId) {
      this.#staticIds.set(value.instanceId, { memberId })
    }
  }

  replayTarget(memberId: string, value: Assignment | null): void {
    if (value === null) this.#targets.delete(memberId)
    else this.#targets.set(memberId, value)
  }

  replayCurrent(memberId: string, value: CurrentAssignment | null): void {
    const before = this.#currents.get(memberId)
    if (value === null) this.#currents.delete(memberId)
    else this.#currents.set(memberId, value)
    const owner = { memberId }
    for (const key of keysOf(before)) {
      if (!hasKey(value, key) && this.#owners.get(key.name)?.memberId === memberId) this.#owners.delete(key.name)
    }
    for (const key of keysOf(value ?? undefined)) {
      if (this.#owners.get(key.name)?.memberId !== memberId) this.#owners.set(key.name, owner)
    }
  }

  replayRegex(regex: string, value: ResolvedRegex | null): void {
    if (value === null) this.regexes.delete(regex)
    else this.regexes.set(regex, value)
  }
}

export function stateOf(
  epoch: number,
  targetEpoch: number,
  members: readonly { readonly current: CurrentAssignment }[],
): ConsumerGroupState {
  if (members.length === 0) return 'Empty'
  if (epoch > targetEpoch) return 'Assigning'
  return members.every(({ current }) => isReconciled(current, targetEpoch)) ? 'Stable' : 'Reconciling'
}

interface Key {
  readonly topicId: string
  readonly partition: number
  readonly name: string
}

function ownerKey(topicId: string, partition: number): string {
  return `${topicId}:${partition}`
}

function* keysOf(current: CurrentAssignment | undefined): Iterable<Key> {
  if (current === undefined) return
  for (const owned of [current.assigned, current.pendingRevocation]) yield* keysIn(owned)
}

function* keysIn(owned: OwnedPartitions): Iterable<Key> {
  for (const [topicId, partitions] of owned) {
    for (const partition of partitions.keys()) yield { topicId, partition, name: ownerKey(topicId, partition) }
  }
}

function hasKey(current: CurrentAssignment | null, { topicId, partition }: Key): boolean {
  if (current === null) return false
  return (
    current.assigned.get(topicId)?.has(partition) === true ||
    current.pendingRevocation.get(topicId)?.has(partition) === true
  )
}
