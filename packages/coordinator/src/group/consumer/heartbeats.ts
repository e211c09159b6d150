import { ErrorCode } from '@ottla/protocol'
import { CoordinatorError, type Outcome, replyOnly } from '../../runtime/outcome.ts'
import type { CoordinatorRecord } from '../../runtime/record.ts'
import { type Assignment, NO_PARTITIONS } from '../assignors/assignor.ts'
import type { Caller } from '../classic/classic-groups.ts'
import type { GroupContext } from '../context.ts'
import { listOf, sameOwned } from './assigned.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { ConsumerGroups } from './consumer-groups.ts'
import { type CurrentAssignment, isReconciled, NEWLY_JOINED, reconcile } from './current-assignment.ts'
import { NextEpoch } from './next-epoch.ts'
import { currentRecord, memberTombstones, subscriptionRecord, targetRecord } from './records.ts'
import { ConsumerSessions } from './sessions.ts'
import { type Subscription, sameSubscription, topicList, wantsOtherTopics } from './subscription.ts'
import {
  checkHeartbeat,
  checkMemberEpoch,
  type HeartbeatBody,
  JOIN_EPOCH,
  LEAVE_EPOCH,
  STATIC_LEAVE_EPOCH,
  unknownGroup,
  unknownMember,
} from './validation.ts'

export interface HeartbeatReply {
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly memberId: string | null
  readonly memberEpoch: number
  /** 0 where it does not matter. */
  readonly heartbeatIntervalMs: number
  /** Null: as it was. */
  readonly assignment: { topicPartitions: { topicId: string; partitions: number[] }[] } | null
}

export function heartbeatRefusal(errorCode: number, errorMessage: string | null = null): HeartbeatReply {
  return { errorCode, errorMessage, memberId: null, memberEpoch: 0, heartbeatIntervalMs: 0, assignment: null }
}

/** A member as a heartbeat finds it. */
interface Found {
  readonly memberId: string
  /** Null: it is new. */
  readonly subscription: Subscription | null
  readonly current: CurrentAssignment
  readonly target: Assignment
  /** The member id of the static member whose place it takes. */
  readonly replaced: string | null
}

/**
 * The one request of consumer groups: members join, stay, give up and take partitions, and leave by it
 * (`GroupMetadataManager.consumerGroupHeartbeat` in Apache Kafka).
 *
 * | member epoch | who                              | what becomes of it                                              |
 * |---|---|---|
 * | 0            | nobody knows it                  | joins; the group is made, its epoch raised                     |
 * | 0            | known, dynamic                   | begins again, as one who has given up everything                |
 * | 0            | static, its instance left by -2  | takes the place, and the partitions, of the one before          |
 * | 0            | static, its instance is there    | UNRELEASED_INSTANCE_ID                                          |
 * | its own      | known                            | goes on; a new subscription raises the epoch                    |
 * | the one before | known, names only what it has  | as its own: the last answer was lost                           |
 * | any other    | known                            | FENCED_MEMBER_EPOCH                                             |
 * | above 0      | unknown                          | UNKNOWN_MEMBER_ID; GROUP_ID_NOT_FOUND without a group           |
 * | any          | static, another has its instance | FENCED_INSTANCE_ID                                              |
 * | -1           | known                            | is out; the group's epoch is raised                             |
 * | -2           | static                           | is away: its partitions wait for it until its session is over   |
 */
export class Heartbeats {
  readonly #context: GroupContext
  readonly #groups: ConsumerGroups
  readonly sessions: ConsumerSessions

  constructor(context: GroupContext, groups: ConsumerGroups) {
    this.#context = context
    this.#groups = groups
    this.sessions = new ConsumerSessions(context, groups, (group, memberId, why, nowMs) => {
      context.log('member is put out of its consumer group', { group: group.groupId, member: memberId, why })
      return { records: this.#without(group, memberId, nowMs), reply: undefined }
    })
  }

  heartbeat(caller: Caller, body: HeartbeatBody, nowMs: number): Outcome<HeartbeatReply> {
    try {
      checkHeartbeat(body, caller.apiVersion, this.#context.config.consumer.assignors)
      const { memberEpoch } = body
      if (memberEpoch === LEAVE_EPOCH || memberEpoch === STATIC_LEAVE_EPOCH) return this.#leave(body, nowMs)
      return this.#stay(caller, body, nowMs)
    } catch (error) {
      if (error instanceof CoordinatorError) return replyOnly(heartbeatRefusal(error.errorCode, error.message))
      throw error
    }
  }

  // ---- join and stay

  #stay(caller: Caller, body: HeartbeatBody, nowMs: number): Outcome<HeartbeatReply> {
    const { groupId, topicPartitions } = body
    const group = this.#groupOf(body)
    const found = this.#find(group, body)
    const { memberId } = found
    const records = found.replaced === null ? [] : replacement(group, found)
    const subscription = subscribed(caller, body, found.subscription)
    const isOther = found.subscription === null || !sameSubscription(found.subscription, subscription)
    if (isOther) records.push(subscriptionRecord(groupId, memberId, subscription))

    const { goal, changes } = this.#goal(group, found, subscription, nowMs)
    records.push(...changes)
    const current = isReconciled(found.current, goal.epoch)
      ? found.current
      : reconcile(
          found.current,
          { ...goal, isOwned: (topicId, partition) => this.#isOwned(group, found, topicId, partition) },
          topicPartitions,
        )
    const isMoved = current !== found.current || found.subscription === null
    if (isMoved) records.push(currentRecord(groupId, memberId, current))
    this.sessions.heardOf(groupId, memberId)
    if (isMoved) this.sessions.awaitRevocation(groupId, memberId, current, subscription.rebalanceTimeoutMs)

    const isFull =
      body.memberEpoch === JOIN_EPOCH ||
      (body.rebalanceTimeoutMs !== -1 &&
        (body.subscribedTopicNames !== null || body.subscribedTopicRegex !== null) &&
        topicPartitions !== null)
    const isAssigned = isFull || !sameOwned(found.current.assigned, current.assigned)
    return {
      records,
      reply: {
        errorCode: ErrorCode.NONE,
        errorMessage: null,
        memberId,
        memberEpoch: current.memberEpoch,
        heartbeatIntervalMs: this.#context.config.consumer.heartbeatIntervalMs,
        assignment: isAssigned ? { topicPartitions: listOf(current.assigned) } : null,
      },
    }
  }

  #groupOf({ groupId, memberId, memberEpoch, instanceId }: HeartbeatBody): ConsumerGroup {
    const group = this.#groups.get(groupId)
    if (group === undefined && memberEpoch !== JOIN_EPOCH) throw unknownGroup(groupId)
    if (group === undefined) return this.#groups.getOrCreate(groupId)
    const { membersMax } = this.#context.config.consumer
    const isKnown = group.has(memberId) || (instanceId !== null && group.staticMemberId(instanceId) !== undefined)
    if (group.subscriptions.size >= membersMax && !isKnown) {
      throw new CoordinatorError(
        ErrorCode.GROUP_MAX_SIZE_REACHED,
        `The consumer group has reached its maximum capacity of ${membersMax} members.`,
      )
    }
    return group
  }

  #find(group: ConsumerGroup, body: HeartbeatBody): Found {
    const { instanceId, memberEpoch } = body
    if (instanceId !== null) return this.#findStatic(group, body, instanceId)
    const memberId = body.memberId === '' ? this.#context.newUuid() : body.memberId
    const subscription = group.subscriptions.get(memberId) ?? null
    if (subscription === null) {
      if (memberEpoch !== JOIN_EPOCH) throw unknownMember(group.groupId, memberId)
      return { memberId, subscription, current: NEWLY_JOINED, target: NO_PARTITIONS, replaced: null }
    }
    return known(group, memberId, subscription, body)
  }

  #findStatic(group: ConsumerGroup, body: HeartbeatBody, instanceId: string): Found {
    const { memberEpoch } = body
    const holder = group.staticMemberId(instanceId)
    if (holder === undefined) {
      if (memberEpoch !== JOIN_EPOCH) throw unknownInstance(instanceId)
      const memberId = body.memberId === '' ? this.#context.newUuid() : body.memberId
      return { memberId, subscription: null, current: NEWLY_JOINED, target: NO_PARTITIONS, replaced: null }
    }
    const subscription = group.subscriptions.get(holder)!
    if (memberEpoch !== JOIN_EPOCH) {
      if (holder !== body.memberId) throw fencedInstance(instanceId, body.memberId, holder)
      return known(group, holder, subscription, body)
    }
    const before = group.current(holder)
    if (before.memberEpoch !== STATIC_LEAVE_EPOCH) {
      throw new CoordinatorError(
        ErrorCode.UNRELEASED_INSTANCE_ID,
        `Static member ${body.memberId} with instance id ${instanceId} cannot join the group because the instance id ` +
          `is owned by ${holder} member.`,
      )
    }
    const memberId = body.memberId === '' ? this.#context.newUuid() : body.memberId
    return {
      memberId,
      subscription,
      current: { ...NEWLY_JOINED, assigned: before.assigned },
      target: group.target(holder),
      replaced: holder,
    }
  }

  /** What the member is led to, and the records that change it for the group. */
  #goal(
    group: ConsumerGroup,
    found: Found,
    subscription: Subscription,
    nowMs: number,
  ): { goal: { epoch: number; target: Assignment }; changes: readonly CoordinatorRecord[] } {
    const { memberId } = found
    const isDue = found.subscription === null || wantsOtherTopics(found.subscription, subscription)
    const isAssigned = group.epoch === group.targetEpoch
    if (!isDue && isAssigned && group.checkedVersion === this.#context.topics().version) {
      return { goal: { epoch: group.targetEpoch, target: found.target }, changes: [] }
    }
    const members = new Map(group.subscriptions)
    if (found.replaced !== null) members.delete(found.replaced)
    members.set(memberId, subscription)
    const next = new NextEpoch(this.#context, group, members, nowMs)
    next.raise(isDue)
    if (next.epoch === group.targetEpoch) {
      return { goal: { epoch: group.targetEpoch, target: found.target }, changes: next.records }
    }
    const targets = next.assign((id) => (id === memberId ? found.target : group.target(id)))
    return { goal: { epoch: next.epoch, target: targets.get(memberId)! }, changes: next.records }
  }

  /** What the one before had is the member's own. */
  #isOwned(group: ConsumerGroup, found: Found, topicId: string, partition: number): boolean {
    if (!group.isOwned(topicId, partition)) return false
    const before = found.replaced === null ? null : group.current(found.replaced)
    return before?.assigned.get(topicId)?.has(partition) !== true
  }

  // ---- leave

  #leave({ groupId, memberId, memberEpoch, instanceId }: HeartbeatBody, nowMs: number): Outcome<HeartbeatReply> {
    const group = this.#groups.get(groupId)
    if (group === undefined) throw new CoordinatorError(ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} not found.`)
    if (instanceId !== null) {
      const holder = group.staticMemberId(instanceId)
      if (holder === undefined) throw unknownInstance(instanceId)
      if (holder !== memberId) throw fencedInstance(instanceId, memberId, holder)
    } else if (!group.has(memberId)) throw unknownMember(groupId, memberId)
    const reply = { ...heartbeatRefusal(ErrorCode.NONE), memberId, memberEpoch }
    if (memberEpoch === LEAVE_EPOCH) {
      this.#context.log('member leaves its consumer group', { group: groupId, member: memberId })
      return { records: this.#without(group, memberId, nowMs), reply }
    }
    return { records: [currentRecord(groupId, memberId, away(group.current(memberId)))], reply }
  }

  /** The group goes on without the member. */
  #without(group: ConsumerGroup, memberId: string, nowMs: number): CoordinatorRecord[] {
    const members = new Map(group.subscriptions)
    members.delete(memberId)
    const next = new NextEpoch(this.#context, group, members, nowMs)
    next.raise(true)
    // Nobody is left who would ask for a target: this one says since when.
    if (members.size === 0) next.assign((id) => group.target(id))
    return [...memberTombstones(group.groupId, memberId), ...next.records]
  }
}

function known(
  group: ConsumerGroup,
  memberId: string,
  subscription: Subscription,
  { memberEpoch, topicPartitions }: HeartbeatBody,
): Found {
  const current = group.current(memberId)
  const found = { memberId, subscription, target: group.target(memberId), replaced: null }
  // Who begins again has nothing, and says so.
  if (memberEpoch !== JOIN_EPOCH) checkMemberEpoch(current, memberEpoch, topicPartitions)
  return { ...found, current }
}

/** The member's subscription with what the request says of it; what it leaves out is as before. */
function subscribed(caller: Caller, body: HeartbeatBody, before: Subscription | null): Subscription {
  return {
    instanceId: body.instanceId ?? before?.instanceId ?? null,
    rackId: body.rackId ?? before?.rackId ?? null,
    clientId: caller.clientId,
    clientHost: caller.clientHost,
    topicNames: body.subscribedTopicNames === null ? (before?.topicNames ?? []) : topicList(body.subscribedTopicNames),
    topicRegex: body.subscribedTopicRegex ?? before?.topicRegex ?? null,
    rebalanceTimeoutMs: body.rebalanceTimeoutMs === -1 ? (before?.rebalanceTimeoutMs ?? -1) : body.rebalanceTimeoutMs,
    serverAssignor: body.serverAssignor ?? before?.serverAssignor ?? null,
    classic: null,
  }
}

/** The records by which a member takes the place of a static one that is away. */
function replacement(group: ConsumerGroup, { memberId, subscription, current, target, replaced }: Found) {
  const { groupId } = group
  return [
    ...memberTombstones(groupId, replaced!),
    subscriptionRecord(groupId, memberId, subscription!),
    targetRecord(groupId, memberId, target),
    currentRecord(groupId, memberId, current),
  ]
}

function away(current: CurrentAssignment): CurrentAssignment {
  const { memberEpoch, assigned } = current
  return {
    ...NEWLY_JOINED,
    memberEpoch: STATIC_LEAVE_EPOCH,
    previousMemberEpoch: memberEpoch === STATIC_LEAVE_EPOCH ? current.previousMemberEpoch : memberEpoch,
    assigned,
  }
}

function unknownInstance(instanceId: string): CoordinatorError {
  return new CoordinatorError(ErrorCode.UNKNOWN_MEMBER_ID, `Instance id ${instanceId} is unknown.`)
}

function fencedInstance(instanceId: string, memberId: string, holder: string): CoordinatorError {
  return new CoordinatorError(
    ErrorCode.FENCED_INSTANCE_ID,
    `Static member ${memberId} with instance id ${instanceId} was fenced by member ${holder}.`,
  )
}
