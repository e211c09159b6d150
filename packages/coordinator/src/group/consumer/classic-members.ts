import { ErrorCode } from '@ottla/protocol'
import { type Outcome, replyOnly } from '../../runtime/outcome.ts'
import { CONSUMER_PROTOCOL_TYPE } from '../classic/classic-group.ts'
import type { Caller, JoinBody, LeaveBody, LeaveReply } from '../classic/classic-groups.ts'
import { type JoinReply, joinRefusal, type SyncReply } from '../classic/member.ts'
import type { HeartbeatBody } from '../classic/membership.ts'
import { type SyncBody, syncRefusal } from '../classic/rounds.ts'
import type { GroupContext } from '../context.ts'
import type { PartitionList } from './assigned.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { Departures } from './departures.ts'
import { classicAssignment } from './downgrade.ts'
import { advance, type Found, known, newcomer, successor } from './progress.ts'
import type { ConsumerSessions } from './sessions.ts'
import { type ClassicSide, type Subscription, topicList } from './subscription.ts'
import { type ClassicSubscription, subscriptionIn } from './upgrade.ts'

/** From here on a new member without an instance id has to come back with the id it was given (KIP-394). */
const MEMBER_ID_REQUIRED_VERSION = 4

/**
 * Members of the classic protocol in a group of the consumer protocol, while the others are moving one by one (KIP-848). The
 * coordinator assigns; such a member goes on by joining again, and is told to by REBALANCE_IN_PROGRESS whenever that would
 * bring it further. Its generation is its epoch, and nobody leads.
 *
 * | request   | what becomes of it                                                                                  |
 * |---|---|
 * | join      | a heartbeat of the other protocol with what it says it owns; at once, since nobody is waited for     |
 * | sync      | what it has; REBALANCE_IN_PROGRESS if the group has gone on meanwhile                                 |
 * | heartbeat | REBALANCE_IN_PROGRESS if the group has gone on, it is to give something up, or something has become free |
 * | leave     | it is out, whichever protocol it speaks: operators remove members so                               |
 */
export class ClassicMembers {
  readonly #context: GroupContext
  readonly #sessions: ConsumerSessions
  readonly #departures: Departures

  constructor(context: GroupContext, sessions: ConsumerSessions, departures: Departures) {
    this.#context = context
    this.#sessions = sessions
    this.#departures = departures
  }

  join(group: ConsumerGroup, caller: Caller, body: JoinBody, nowMs: number): Outcome<JoinReply> {
    const { groupId, groupInstanceId: instanceId, sessionTimeoutMs } = body
    const { membersMax } = this.#context.config.consumer
    const holder = instanceId === null ? undefined : group.staticMemberId(instanceId)
    const isKnown = group.has(body.memberId) || holder !== undefined
    if (group.subscriptions.size >= membersMax && !isKnown) {
      return replyOnly(joinRefusal('', ErrorCode.GROUP_MAX_SIZE_REACHED))
    }
    // The frame's memory is somebody else's once the request is answered.
    const protocols = body.protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) }))
    const said = protocols.length === 0 ? null : subscriptionIn(protocols[0].metadata)
    const fits = body.protocolType === CONSUMER_PROTOCOL_TYPE && hasCommon(group, body.memberId, protocols)
    if (said === null || !fits) return replyOnly(joinRefusal(body.memberId, ErrorCode.INCONSISTENT_GROUP_PROTOCOL))
    const memberId =
      body.memberId === '' ? `${instanceId ?? caller.clientId}-${this.#context.newUuid()}` : body.memberId
    if (body.memberId === '' && instanceId === null && caller.apiVersion >= MEMBER_ID_REQUIRED_VERSION) {
      return replyOnly(joinRefusal(memberId, ErrorCode.MEMBER_ID_REQUIRED))
    }
    const found = find(group, memberId, body.memberId, instanceId)
    if (typeof found === 'number') return replyOnly(joinRefusal(memberId, found))
    const named = this.#owned(said)
    // It has been put out, and does not know: what it goes on with may be another's by now.
    const isLate = found.subscription === null && named.length > 0
    if (isLate) return replyOnly(joinRefusal(memberId, ErrorCode.UNKNOWN_MEMBER_ID))
    const rebalanceTimeoutMs = body.rebalanceTimeoutMs === -1 ? sessionTimeoutMs : body.rebalanceTimeoutMs
    const subscription: Subscription = {
      instanceId,
      rackId: said.rackId ?? found.subscription?.rackId ?? null,
      clientId: caller.clientId,
      clientHost: caller.clientHost,
      topicNames: topicList(said.topics),
      topicRegex: null,
      rebalanceTimeoutMs,
      serverAssignor: null,
      classic: { sessionTimeoutMs, protocols },
    }
    const back = this.#departures.comeBack(group, found, subscription, nowMs)
    if (back !== null) {
      const { generation, protocol } = back.stored
      return { ...back.outcome, reply: joined(memberId, generation, protocol) }
    }
    const { records, current } = advance(this.#context, group, found, subscription, named, nowMs)
    this.#sessions.heardOf(groupId, memberId, sessionTimeoutMs)
    this.#sessions.awaitSync(groupId, memberId, rebalanceTimeoutMs)
    return { records, reply: joined(memberId, current.memberEpoch, protocols[0].name) }
  }

  #owned({ ownedPartitions }: ClassicSubscription): PartitionList {
    const topics = this.#context.topics()
    return ownedPartitions.flatMap(({ topic: name, partitions }) => {
      const topic = topics.topic(name)
      return topic === undefined ? [] : [{ topicId: topic.topicId, partitions }]
    })
  }

  sync(group: ConsumerGroup, body: SyncBody): Outcome<SyncReply> {
    const { groupId, memberId, protocolType, protocolName } = body
    const side = this.#sideOf(group, memberId, body.groupInstanceId)
    if (typeof side === 'number') return replyOnly(syncRefusal(side))
    const { memberEpoch, state, assigned } = group.current(memberId)
    if (body.generationId !== memberEpoch) return replyOnly(syncRefusal(ErrorCode.ILLEGAL_GENERATION))
    const differs =
      (protocolType !== null && protocolType !== CONSUMER_PROTOCOL_TYPE) ||
      (protocolName !== null && protocolName !== side.protocols[0].name)
    if (differs) return replyOnly(syncRefusal(ErrorCode.INCONSISTENT_GROUP_PROTOCOL))
    if (group.epoch > memberEpoch && state !== 'UnrevokedPartitions') {
      this.#sessions.awaitJoin(groupId, memberId, group.subscriptions.get(memberId)!.rebalanceTimeoutMs)
      return replyOnly(syncRefusal(ErrorCode.REBALANCE_IN_PROGRESS))
    }
    this.#sessions.synced(groupId, memberId)
    this.#sessions.heardOf(groupId, memberId, side.sessionTimeoutMs)
    const has = new Map([...assigned].map(([topicId, partitions]) => [topicId, [...partitions.keys()]]))
    return replyOnly<SyncReply>({
      errorCode: ErrorCode.NONE,
      protocolType,
      protocolName,
      assignment: classicAssignment(has, side.protocols[0].metadata, this.#context.topics()),
    })
  }

  heartbeat(group: ConsumerGroup, { groupId, memberId, groupInstanceId, generationId }: HeartbeatBody): number {
    const side = this.#sideOf(group, memberId, groupInstanceId)
    if (typeof side === 'number') return side
    const { memberEpoch, state } = group.current(memberId)
    if (generationId !== memberEpoch) return ErrorCode.ILLEGAL_GENERATION
    this.#sessions.heardOf(groupId, memberId, side.sessionTimeoutMs)
    const isBehind =
      memberEpoch < group.epoch ||
      state === 'UnrevokedPartitions' ||
      (state === 'UnreleasedPartitions' && !isWaiting(group, memberId))
    if (!isBehind) return ErrorCode.NONE
    this.#sessions.awaitJoin(groupId, memberId, group.subscriptions.get(memberId)!.rebalanceTimeoutMs)
    return ErrorCode.REBALANCE_IN_PROGRESS
  }

  leave(group: ConsumerGroup, { members }: LeaveBody, nowMs: number): Outcome<LeaveReply> {
    const gone = new Set<string>()
    const results = members.map(({ memberId, groupInstanceId }) => {
      const holder = groupInstanceId === null ? undefined : group.staticMemberId(groupInstanceId)
      // An operator removes a static member by its instance id alone, and members of either protocol.
      const id = memberId === '' && holder !== undefined ? holder : memberId
      const errorCode = gone.has(id) ? ErrorCode.UNKNOWN_MEMBER_ID : memberProblem(group, id, groupInstanceId)
      if (errorCode !== ErrorCode.NONE) return { memberId, groupInstanceId, errorCode }
      gone.add(id)
      return { memberId, groupInstanceId, errorCode: ErrorCode.NONE }
    })
    // Their timers go off and find nobody; where the records cannot be appended they are what puts them out.
    return {
      ...this.#departures.depart(group, [...gone], nowMs),
      reply: { errorCode: ErrorCode.NONE, members: results },
    }
  }

  /** What the member says of itself as a classic one; or why it is none. */
  #sideOf(group: ConsumerGroup, memberId: string, instanceId: string | null): ClassicSide | number {
    const problem = memberProblem(group, memberId, instanceId)
    if (problem !== ErrorCode.NONE) return problem
    return group.subscriptions.get(memberId)?.classic ?? ErrorCode.UNKNOWN_MEMBER_ID
  }
}

/** Nobody leads: who joins has nothing to assign. */
function joined(memberId: string, generationId: number, protocolName: string | null): JoinReply {
  const protocolType = CONSUMER_PROTOCOL_TYPE
  return { errorCode: ErrorCode.NONE, memberId, generationId, protocolType, protocolName, leader: '', members: [] }
}

/** FENCED_INSTANCE_ID: another has taken the place of this static member. */
function memberProblem(group: ConsumerGroup, memberId: string, instanceId: string | null): number {
  if (instanceId !== null) {
    const holder = group.staticMemberId(instanceId)
    if (holder === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
    if (holder !== memberId) return ErrorCode.FENCED_INSTANCE_ID
  }
  return group.has(memberId) ? ErrorCode.NONE : ErrorCode.UNKNOWN_MEMBER_ID
}

/** An instance without a member id takes the place of the one before, whichever protocol that spoke. */
function find(group: ConsumerGroup, memberId: string, given: string, instanceId: string | null): Found | number {
  if (instanceId === null) return group.has(memberId) ? known(group, memberId) : newcomer(memberId)
  const holder = group.staticMemberId(instanceId)
  if (given === '') return holder === undefined ? newcomer(memberId) : successor(group, holder, memberId)
  if (holder === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
  return holder === given ? known(group, holder) : ErrorCode.FENCED_INSTANCE_ID
}

/** Whether all classic members, but the one that joins, offer one of these. */
function hasCommon(group: ConsumerGroup, memberId: string, protocols: ClassicSide['protocols']): boolean {
  return protocols.some(({ name }) => {
    for (const [id, { classic }] of group.subscriptions) {
      if (id === memberId || classic === null) continue
      if (!classic.protocols.some((protocol) => protocol.name === name)) return false
    }
    return true
  })
}

/** Whether everything that the member lacks of its target is somebody else's still. */
function isWaiting(group: ConsumerGroup, memberId: string): boolean {
  const { assigned } = group.current(memberId)
  for (const [topicId, partitions] of group.target(memberId)) {
    const has = assigned.get(topicId)
    if (partitions.some((p) => has?.has(p) !== true && !group.isOwned(topicId, p))) return false
  }
  return true
}
