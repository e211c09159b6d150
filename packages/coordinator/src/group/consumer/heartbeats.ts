import { ErrorCode } from '@ottla/protocol'
import { CoordinatorError, type Outcome, replyOnly } from '../../runtime/outcome.ts'
import type { Caller } from '../classic/classic-groups.ts'
import type { GroupContext } from '../context.ts'
import { listOf, sameOwned } from './assigned.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { ConsumerGroups } from './consumer-groups.ts'
import { type CurrentAssignment, NEWLY_JOINED } from './current-assignment.ts'
import type { Departures } from './departures.ts'
import { advance, type Found, known, newcomer, successor } from './progress.ts'
import { currentRecord } from './records.ts'
import type { ConsumerSessions } from './sessions.ts'
import { type Subscription, topicList } from './subscription.ts'
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
  readonly #sessions: ConsumerSessions
  readonly #departures: Departures

  constructor(context: GroupContext, groups: ConsumerGroups, sessions: ConsumerSessions, departures: Departures) {
    this.#context = context
    this.#groups = groups
    this.#sessions = sessions
    this.#departures = departures
  }

  /** `becoming`: the group as it will be, where this request makes it one of the consumer protocol. */
  heartbeat(
    caller: Caller,
    body: HeartbeatBody,
    nowMs: number,
    becoming: ConsumerGroup | null = null,
  ): Outcome<HeartbeatReply> {
    try {
      checkHeartbeat(body, caller.apiVersion, this.#context.config.consumer.assignors)
      const { memberEpoch } = body
      if (memberEpoch === LEAVE_EPOCH || memberEpoch === STATIC_LEAVE_EPOCH) return this.#leave(body, nowMs)
      return this.#stay(caller, body, becoming, nowMs)
    } catch (error) {
      if (error instanceof CoordinatorError) return replyOnly(heartbeatRefusal(error.errorCode, error.message))
      throw error
    }
  }

  // ---- join and stay

  #stay(caller: Caller, body: HeartbeatBody, becoming: ConsumerGroup | null, nowMs: number): Outcome<HeartbeatReply> {
    const { groupId, topicPartitions } = body
    const group = becoming ?? this.#groupOf(body)
    this.#checkRoom(group, body)
    const found = this.#find(group, body)
    const { memberId } = found
    const subscription = subscribed(caller, body, found.subscription)
    const { records, current, isMoved } = advance(this.#context, group, found, subscription, topicPartitions, nowMs)
    this.#sessions.heardOf(groupId, memberId)
    if (isMoved) this.#sessions.awaitRevocation(groupId, memberId, current, subscription.rebalanceTimeoutMs)

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
        heartbeatIntervalMs: this.#context.config.consumer.heartbeatIntervalMs(groupId),
        assignment: isAssigned ? { topicPartitions: listOf(current.assigned) } : null,
      },
    }
  }

  #groupOf({ groupId, memberEpoch }: HeartbeatBody): ConsumerGroup {
    const group = this.#groups.get(groupId)
    if (group === undefined && memberEpoch !== JOIN_EPOCH) throw unknownGroup(groupId)
    return group ?? this.#groups.getOrCreate(groupId)
  }

  #checkRoom(group: ConsumerGroup, { memberId, instanceId }: HeartbeatBody): void {
    const { membersMax } = this.#context.config.consumer
    const isKnown = group.has(memberId) || (instanceId !== null && group.staticMemberId(instanceId) !== undefined)
    if (group.subscriptions.size < membersMax || isKnown) return
    throw new CoordinatorError(
      ErrorCode.GROUP_MAX_SIZE_REACHED,
      `The consumer group has reached its maximum capacity of ${membersMax} members.`,
    )
  }

  #find(group: ConsumerGroup, body: HeartbeatBody): Found {
    const { instanceId, memberEpoch } = body
    if (instanceId !== null) return this.#findStatic(group, body, instanceId)
    const memberId = this.#idOf(body)
    if (group.has(memberId)) return checked(known(group, memberId), body)
    if (memberEpoch !== JOIN_EPOCH) throw unknownMember(group.groupId, memberId)
    return newcomer(memberId)
  }

  #findStatic(group: ConsumerGroup, body: HeartbeatBody, instanceId: string): Found {
    const { memberEpoch } = body
    const holder = group.staticMemberId(instanceId)
    if (holder === undefined) {
      if (memberEpoch !== JOIN_EPOCH) throw unknownInstance(instanceId)
      return newcomer(this.#idOf(body))
    }
    if (memberEpoch !== JOIN_EPOCH) {
      if (holder !== body.memberId) throw fencedInstance(instanceId, body.memberId, holder)
      return checked(known(group, holder), body)
    }
    const isClassic = group.subscriptions.get(holder)!.classic !== null
    if (!isClassic && group.current(holder).memberEpoch !== STATIC_LEAVE_EPOCH) {
      throw new CoordinatorError(
        ErrorCode.UNRELEASED_INSTANCE_ID,
        `Static member ${body.memberId} with instance id ${instanceId} cannot join the group because the instance id ` +
          `is owned by ${holder} member.`,
      )
    }
    return successor(group, holder, this.#idOf(body))
  }

  #idOf({ memberId }: HeartbeatBody): string {
    return memberId === '' ? this.#context.newUuid() : memberId
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
      return { ...this.#departures.depart(group, [memberId], nowMs), reply }
    }
    return { records: [currentRecord(groupId, memberId, away(group.current(memberId)))], reply }
  }
}

/** Who begins again has nothing, and says so; of any other the epoch must be right. */
function checked(found: Found, { memberEpoch, topicPartitions }: HeartbeatBody): Found {
  if (memberEpoch !== JOIN_EPOCH) checkMemberEpoch(found.current, memberEpoch, topicPartitions)
  return found
}

/**
 * The member's subscription with what the request says of it; what it leaves out is as before. Who joins says all: a static
 * member does not inherit what it no longer wants from the one before it, as it does in Kafka.
 */
function subscribed(caller: Caller, body: HeartbeatBody, earlier: Subscription | null): Subscription {
  const before = body.memberEpoch === JOIN_EPOCH ? null : earlier
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
