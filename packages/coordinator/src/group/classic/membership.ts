import { ErrorCode, type HeartbeatRequest, type MessageOf } from '@ottla/protocol'
import type { Later } from '../../runtime/later.ts'
import { NOTHING, type Outcome, replyOnly } from '../../runtime/outcome.ts'
import type { GroupContext } from '../context.ts'
import type { ClassicGroup } from './classic-group.ts'
import type { Caller } from './classic-groups.ts'
import {
  type ClassicMember,
  type JoinReply,
  joinRefusal,
  type MemberProtocol,
  metadataFor,
  NO_BYTES,
  offersSame,
} from './member.ts'
import { type Rounds, syncRefusal } from './rounds.ts'
import type { Sessions } from './sessions.ts'
import { wantsOther } from './subscription.ts'

export type HeartbeatBody = MessageOf<typeof HeartbeatRequest>

/** A join request, read. */
export interface Joining {
  readonly caller: Caller
  readonly groupId: string
  readonly instanceId: string | null
  readonly protocolType: string
  readonly protocols: readonly MemberProtocol[]
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  /** Settled when the round is over. */
  readonly reply: Later<JoinReply>
}

/** From here on a new member without an instance id has to come back with the id it was given (KIP-394). */
const MEMBER_ID_REQUIRED_VERSION = 4
/** From here on a static leader is told that it need not assign (KIP-814). */
const SKIP_ASSIGNMENT_VERSION = 9

/** Who comes into a classic group, who stays, and who goes. */
export class Membership {
  readonly #context: GroupContext
  readonly #sessions: Sessions
  readonly #rounds: Rounds

  constructor(context: GroupContext, sessions: Sessions, rounds: Rounds) {
    this.#context = context
    this.#sessions = sessions
    this.#rounds = rounds
  }

  /** `group.max.size`: those who are in have their place, unless more are in than may be. */
  hasRoomFor(group: ClassicGroup, memberId: string): boolean {
    const max = this.#context.config.membersMax
    const member = group.members.get(memberId)
    if (group.is('PreparingRebalance')) {
      return (member !== undefined && member.awaitingJoin !== null) || group.awaitingJoin < max
    }
    if (group.is('CompletingRebalance', 'Stable')) return member !== undefined || group.members.size < max
    // Nobody is in; how many ids are given out is `joinNew`'s to see.
    return true
  }

  // ---- coming

  joinNew(group: ClassicGroup, joining: Joining, nowMs: number): Outcome<JoinReply> {
    const { instanceId, caller } = joining
    const memberId = `${instanceId ?? caller.clientId}-${this.#context.newUuid()}`
    if (instanceId === null) {
      if (caller.apiVersion < MEMBER_ID_REQUIRED_VERSION) return this.#enter(group, memberId, joining, nowMs)
      if (group.pendingJoin.size >= this.#context.config.membersMax) {
        return replyOnly(joinRefusal('', ErrorCode.GROUP_MAX_SIZE_REACHED))
      }
      group.pendingJoin.add(memberId)
      this.#sessions.awaitComingBack(group, memberId, joining.sessionTimeoutMs)
      return replyOnly(joinRefusal(memberId, ErrorCode.MEMBER_ID_REQUIRED))
    }
    const oldId = group.staticMemberId(instanceId)
    if (oldId === undefined) return this.#enter(group, memberId, joining, nowMs)
    return this.#comeBack(group, group.members.get(oldId)!, memberId, joining, nowMs)
  }

  joinAgain(group: ClassicGroup, memberId: string, joining: Joining, nowMs: number): Outcome<JoinReply> {
    if (group.pendingJoin.has(memberId)) {
      if (joining.instanceId !== null) return replyOnly(joinRefusal(memberId, ErrorCode.UNKNOWN_MEMBER_ID))
      return this.#enter(group, memberId, joining, nowMs)
    }
    const problem = group.memberProblem(memberId, joining.instanceId)
    if (problem !== ErrorCode.NONE) return replyOnly(joinRefusal(memberId, problem))
    const member = group.members.get(memberId)!
    const same = offersSame(member, joining.protocols)
    // It may not have got the answer: the same again.
    const isRepeat = same && (group.is('CompletingRebalance') || (group.is('Stable') && !group.isLeader(memberId)))
    if (isRepeat) return replyOnly(this.#rounds.generationOf(group, member))
    const reason = same ? 'the leader joined again' : 'a member changed what it says about itself'
    this.#update(group, member, joining)
    return this.#thenRebalance(group, joining, nowMs, reason)
  }

  #enter(group: ClassicGroup, memberId: string, joining: Joining, nowMs: number): Outcome<JoinReply> {
    const member: ClassicMember = {
      memberId,
      instanceId: joining.instanceId,
      clientId: joining.caller.clientId,
      clientHost: joining.caller.clientHost,
      rebalanceTimeoutMs: joining.rebalanceTimeoutMs,
      sessionTimeoutMs: joining.sessionTimeoutMs,
      protocols: joining.protocols,
      assignment: NO_BYTES,
      awaitingJoin: joining.reply,
      awaitingSync: null,
      isNew: true,
    }
    // The first round is prolonged as long as somebody comes.
    if (group.is('PreparingRebalance') && group.previousState === 'Empty') group.newMemberAdded = true
    if (group.members.size === 0) group.protocolType = joining.protocolType
    group.pendingJoin.delete(memberId)
    group.add(member)
    this.#sessions.awaitFirstGeneration(group, member)
    return this.#thenRebalance(group, joining, nowMs, 'a member joined')
  }

  #update(group: ClassicGroup, member: ClassicMember, joining: Joining): void {
    group.offer(member, joining.protocols)
    member.clientId = joining.caller.clientId
    member.clientHost = joining.caller.clientHost
    member.sessionTimeoutMs = joining.sessionTimeoutMs
    member.rebalanceTimeoutMs = joining.rebalanceTimeoutMs
    // Asked twice: the first request is one that nobody waits for any more.
    member.awaitingJoin?.settle(joinRefusal(member.memberId, ErrorCode.REBALANCE_IN_PROGRESS))
    member.awaitingJoin = joining.reply
  }

  #thenRebalance(group: ClassicGroup, { reply }: Joining, nowMs: number, reason: string): Outcome<JoinReply> {
    return { ...this.#rounds.rebalance(group, nowMs, reason), reply }
  }

  // ---- static members

  /** An instance that was restarted: the one before is fenced, and with the same protocol nobody has to rebalance. */
  #comeBack(
    group: ClassicGroup,
    old: ClassicMember,
    memberId: string,
    joining: Joining,
    nowMs: number,
  ): Outcome<JoinReply> {
    const leaderBefore = group.leaderId ?? ''
    const metadataBefore = metadataFor(old, group.protocol)
    old.awaitingJoin?.settle(joinRefusal(old.memberId, ErrorCode.FENCED_INSTANCE_ID))
    old.awaitingSync?.settle(syncRefusal(ErrorCode.FENCED_INSTANCE_ID))
    const member = group.replace(old, memberId)
    this.#sessions.forget(group, old.memberId)
    const { sessionTimeoutMs, rebalanceTimeoutMs, clientId, clientHost, protocols } = old
    this.#update(group, member, joining)
    this.#sessions.heardOf(group, member)
    if (!group.is('Stable')) return this.#thenRebalance(group, joining, nowMs, 'a static member came back')
    // The metadata as a whole differs in any case: it says what the member has at the moment.
    const isChanged = group.selectProtocol() !== group.protocol || wantsOther(group, metadataBefore, member)
    if (isChanged) return this.#thenRebalance(group, joining, nowMs, 'a static member came back changed')
    member.awaitingJoin = null
    const outcome = this.#sameGeneration(group, member, joining, leaderBefore)
    return {
      records: [this.#rounds.recordOf(group)],
      reply: outcome,
      onAppended: (errorCode) => {
        if (errorCode === ErrorCode.NONE || group.members.get(memberId) !== member) return
        // As if it had not come back: it will try again.
        const restored = group.replace(member, old.memberId)
        group.offer(restored, protocols)
        Object.assign(restored, { sessionTimeoutMs, rebalanceTimeoutMs, clientId, clientHost })
        this.#sessions.forget(group, memberId)
        this.#sessions.heardOf(group, restored)
      },
    }
  }

  /** A leader of before KIP-814 would assign anew: it is told that the leader is the one it was itself. */
  #sameGeneration(group: ClassicGroup, member: ClassicMember, joining: Joining, leaderBefore: string): JoinReply {
    const isLeader = group.isLeader(member.memberId)
    const skips = joining.caller.apiVersion >= SKIP_ASSIGNMENT_VERSION
    return {
      ...this.#rounds.generationOf(group, member),
      leader: skips ? (group.leaderId ?? '') : leaderBefore,
      members: skips && isLeader ? this.#rounds.membersOf(group) : [],
      skipAssignment: skips && isLeader,
    }
  }

  // ---- staying

  heartbeat(group: ClassicGroup | undefined, body: HeartbeatBody): number {
    if (group === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
    if (group.is('Dead')) return ErrorCode.COORDINATOR_NOT_AVAILABLE
    const problem = group.memberProblem(body.memberId, body.groupInstanceId)
    if (problem !== ErrorCode.NONE) return problem
    if (body.generationId !== group.generation) return ErrorCode.ILLEGAL_GENERATION
    if (group.is('Empty')) return ErrorCode.UNKNOWN_MEMBER_ID
    this.#sessions.heardOf(group, group.members.get(body.memberId)!)
    return group.is('PreparingRebalance') ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE
  }

  /** A commit shows that its member is alive, but for the time in which it should join. */
  heardByCommit(group: ClassicGroup, memberId: string): void {
    const member = group.members.get(memberId)
    if (member !== undefined && group.is('Stable', 'PreparingRebalance')) this.#sessions.heardOf(group, member)
  }

  // ---- going

  sessionOver(group: ClassicGroup, memberId: string, nowMs: number): Outcome<void> {
    if (group.pendingJoin.delete(memberId)) return this.#rounds.joinedPerhaps(group, nowMs)
    const member = group.members.get(memberId)
    if (member === undefined) return NOTHING
    // It waits for an answer of ours: its session begins anew with that.
    if (!member.isNew && (member.awaitingJoin !== null || member.awaitingSync !== null)) return NOTHING
    this.#context.log('member was not heard of in time', { group: group.groupId, member: memberId })
    this.drop(group, member)
    return this.#rounds.afterDeparture(group, nowMs, 'a member was not heard of in time')
  }

  /** The member is out; whether the others rebalance is the caller's to see. */
  drop(group: ClassicGroup, member: ClassicMember): void {
    this.#rounds.release(member)
    this.#sessions.forget(group, member.memberId)
    group.remove(member)
  }

  /** An operator removes a static member by its instance id alone. */
  leave(group: ClassicGroup, memberId: string, instanceId: string | null, reason: string | null): number {
    if (memberId === '' && instanceId !== null) {
      const staticId = group.staticMemberId(instanceId)
      if (staticId === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
      this.#left(group, group.members.get(staticId)!, reason)
      return ErrorCode.NONE
    }
    if (group.pendingJoin.delete(memberId)) {
      this.#sessions.forget(group, memberId)
      return ErrorCode.NONE
    }
    const problem = group.memberProblem(memberId, instanceId)
    if (problem === ErrorCode.NONE) this.#left(group, group.members.get(memberId)!, reason)
    return problem
  }

  #left(group: ClassicGroup, member: ClassicMember, reason: string | null): void {
    this.#context.log('member left', { group: group.groupId, member: member.memberId, reason })
    this.drop(group, member)
  }
}
