import { ErrorCode, type JoinGroupRequest, type LeaveGroupRequest, type MessageOf } from '@ottla/protocol'
import { Later } from '../../runtime/later.ts'
import { type Outcome, replyOnly } from '../../runtime/outcome.ts'
import { TimelineMap } from '../../runtime/timeline-map.ts'
import type { GroupContext } from '../context.ts'
import { groupMetadata } from '../records.ts'
import { ClassicGroup, type StoredGroup } from './classic-group.ts'
import { type JoinReply, joinRefusal, type MemberProtocol } from './member.ts'
import { Membership } from './membership.ts'
import { Rounds } from './rounds.ts'
import { Sessions } from './sessions.ts'

/** Who sends a request. */
export interface Caller {
  readonly apiVersion: number
  readonly clientId: string
  /** As Kafka prints it: `/127.0.0.1`. */
  readonly clientHost: string
}

export type JoinBody = MessageOf<typeof JoinGroupRequest>
export type LeaveBody = MessageOf<typeof LeaveGroupRequest>

/**
 * The classic groups of one shard: what is stored of them, changed by replay alone, and the groups as they live. See
 * `state.ts` for what happens when.
 */
export class ClassicGroups {
  readonly stored: TimelineMap<string, StoredGroup>
  readonly #live = new Map<string, ClassicGroup>()
  readonly rounds: Rounds
  readonly membership: Membership
  readonly #sessions: Sessions

  constructor(context: GroupContext) {
    this.stored = new TimelineMap(context.timeline)
    const sessions = new Sessions(context, (group, memberId, nowMs) =>
      this.membership.sessionOver(group, memberId, nowMs),
    )
    this.rounds = new Rounds(context, sessions)
    this.membership = new Membership(context, sessions, this.rounds)
    this.#sessions = sessions
  }

  get(groupId: string): ClassicGroup | undefined {
    return this.#live.get(groupId)
  }

  all(): Iterable<ClassicGroup> {
    return this.#live.values()
  }

  getOrCreate(groupId: string, nowMs: number): ClassicGroup {
    let group = this.#live.get(groupId)
    if (group === undefined) {
      group = new ClassicGroup(groupId, nowMs)
      this.#live.set(groupId, group)
    }
    return group
  }

  // ---- the life of the shard

  replay(groupId: string, stored: StoredGroup | null): void {
    if (stored === null) this.stored.delete(groupId)
    // What is read at the start lies in the log's buffer, which is not to be kept.
    else this.stored.set(groupId, this.stored.isLoading ? ownCopyOf(stored) : stored)
  }

  /** Sessions begin anew: whoever is alive says so in time. */
  loaded(): void {
    for (const [groupId, stored] of this.stored) {
      const group = ClassicGroup.restore(groupId, stored)
      this.#live.set(groupId, group)
      for (const member of group.members.values()) this.#sessions.heardOf(group, member)
    }
  }

  /** The coordinator is another: everybody who waits asks again there. */
  unloaded(): void {
    for (const group of this.#live.values()) {
      for (const member of group.members.values()) {
        member.awaitingJoin?.settle(joinRefusal(member.memberId, ErrorCode.NOT_COORDINATOR))
        member.awaitingSync?.settle({ errorCode: ErrorCode.NOT_COORDINATOR, assignment: Buffer.alloc(0) })
      }
    }
    this.#live.clear()
  }

  /**
   * The group is gone. Its record is the caller's to delete, and if that cannot be appended, `undo` brings the group
   * back, unless there is another of its name by now.
   */
  forget(groupId: string, nowMs: number): { undo(): void } {
    const group = this.#live.get(groupId)
    this.#live.delete(groupId)
    if (group === undefined) return { undo: () => undefined }
    group.enter('Dead', nowMs)
    return {
      undo: () => {
        if (this.#live.has(groupId)) return
        const stored = this.stored.get(groupId)
        const restored = stored === undefined ? new ClassicGroup(groupId, nowMs) : ClassicGroup.restore(groupId, stored)
        this.#live.set(groupId, restored)
      },
    }
  }

  /** A group that has been one of the consumer protocol, and has this to begin with; where it `rebalances` its members are to join. */
  adopt(groupId: string, stored: StoredGroup, rebalances: boolean, nowMs: number): { undo(): void } {
    const group = ClassicGroup.restore(groupId, stored)
    this.#live.set(groupId, group)
    for (const member of group.members.values()) this.#sessions.heardOf(group, member)
    if (rebalances) this.rounds.rebalance(group, nowMs, 'the last member of the consumer protocol has gone')
    return {
      undo: () => {
        group.enter('Dead', nowMs)
        if (this.#live.get(groupId) === group) this.#live.delete(groupId)
      },
    }
  }

  /** Whoever waits in a group that is one of the consumer protocol now has to join that. */
  askAgain(group: ClassicGroup): void {
    for (const member of group.members.values()) {
      member.awaitingJoin?.settle(joinRefusal(member.memberId, ErrorCode.REBALANCE_IN_PROGRESS))
      member.awaitingSync?.settle({ errorCode: ErrorCode.REBALANCE_IN_PROGRESS, assignment: Buffer.alloc(0) })
    }
  }

  // ---- requests

  join(caller: Caller, body: JoinBody, nowMs: number): Outcome<JoinReply> {
    const { groupId, memberId, protocolType } = body
    const isUnknown = memberId === ''
    if (!isUnknown && !this.#live.has(groupId)) {
      return replyOnly(joinRefusal(memberId, ErrorCode.UNKNOWN_MEMBER_ID))
    }
    const group = this.getOrCreate(groupId, nowMs)
    if (!this.membership.hasRoomFor(group, memberId)) {
      const member = group.members.get(memberId)
      if (member !== undefined) this.membership.drop(group, member)
      return replyOnly(joinRefusal('', ErrorCode.GROUP_MAX_SIZE_REACHED))
    }
    // The frame's memory is somebody else's once the request is answered.
    const protocols = body.protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) }))
    const problem = this.#joinProblem(group, memberId, protocolType, protocols)
    if (problem !== ErrorCode.NONE) return replyOnly(joinRefusal(memberId, problem))
    const joining = {
      caller,
      groupId,
      instanceId: body.groupInstanceId,
      protocolType,
      protocols,
      sessionTimeoutMs: body.sessionTimeoutMs,
      rebalanceTimeoutMs: body.rebalanceTimeoutMs === -1 ? body.sessionTimeoutMs : body.rebalanceTimeoutMs,
      reply: new Later<JoinReply>(),
    }
    return isUnknown
      ? this.membership.joinNew(group, joining, nowMs)
      : this.membership.joinAgain(group, memberId, joining, nowMs)
  }

  #joinProblem(
    group: ClassicGroup,
    memberId: string,
    protocolType: string,
    protocols: readonly MemberProtocol[],
  ): number {
    if (group.is('Dead')) return ErrorCode.COORDINATOR_NOT_AVAILABLE
    if (!group.supports(protocolType, protocols)) return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    if (memberId !== '' && group.is('Empty') && !group.pendingJoin.has(memberId)) return ErrorCode.UNKNOWN_MEMBER_ID
    return ErrorCode.NONE
  }

  leave(body: LeaveBody, nowMs: number): Outcome<LeaveReply> {
    const group = this.#live.get(body.groupId)
    if (group === undefined) {
      const members = body.members.map((member) => leaveResult(member, ErrorCode.UNKNOWN_MEMBER_ID))
      return replyOnly<LeaveReply>({ errorCode: ErrorCode.NONE, members })
    }
    if (group.is('Dead')) return replyOnly<LeaveReply>({ errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE, members: [] })
    const results: LeaveResult[] = []
    let hasLeft = false
    for (const member of body.members) {
      const errorCode = this.membership.leave(group, member.memberId, member.groupInstanceId, member.reason)
      if (errorCode === ErrorCode.NONE) hasLeft = true
      results.push(leaveResult(member, errorCode))
    }
    const reply: LeaveReply = { errorCode: ErrorCode.NONE, members: results }
    return hasLeft ? { ...this.rounds.afterDeparture(group, nowMs), reply } : replyOnly(reply)
  }

  /** What is to be appended so that the group is gone. */
  tombstone(groupId: string) {
    return groupMetadata.tombstone({ group: groupId })
  }
}

function ownCopyOf(stored: StoredGroup): StoredGroup {
  const members = stored.members.map((member) => ({
    ...member,
    subscription: Buffer.from(member.subscription),
    assignment: Buffer.from(member.assignment),
  }))
  return { ...stored, members }
}

interface LeaveResult {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly errorCode: number
}

export interface LeaveReply {
  readonly errorCode: number
  readonly members: LeaveResult[]
}

function leaveResult(
  { memberId, groupInstanceId }: { memberId: string; groupInstanceId: string | null },
  errorCode: number,
): LeaveResult {
  return { memberId, groupInstanceId, errorCode }
}
