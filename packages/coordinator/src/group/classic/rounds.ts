import { ErrorCode, type MessageOf, type SyncGroupRequest } from '@ottla/protocol'
import { Later } from '../../runtime/later.ts'
import { NOTHING, type Outcome, replyOnly } from '../../runtime/outcome.ts'
import type { GroupContext } from '../context.ts'
import { groupMetadata } from '../records.ts'
import type { ClassicGroup } from './classic-group.ts'
import { type ClassicMember, type JoinReply, joinRefusal, metadataFor, NO_BYTES, type SyncReply } from './member.ts'
import type { Sessions } from './sessions.ts'
import { joinKey, syncKey } from './timer-keys.ts'

export type SyncBody = MessageOf<typeof SyncGroupRequest>

/**
 * The rounds in which a classic group comes to its next generation: all join, the first of them assigns, all learn what is
 * theirs. See `state.ts`.
 */
export class Rounds {
  readonly #context: GroupContext
  readonly #sessions: Sessions

  constructor(context: GroupContext, sessions: Sessions) {
    this.#context = context
    this.#sessions = sessions
  }

  // ---- joining

  /** Something has changed that calls for a new generation. */
  rebalance(group: ClassicGroup, nowMs: number, reason: string): Outcome<void> {
    if (group.is('PreparingRebalance')) return this.joinedPerhaps(group, nowMs)
    if (!group.is('Stable', 'CompletingRebalance', 'Empty')) return NOTHING
    const { timers, config, log } = this.#context
    const { groupId } = group
    if (group.is('CompletingRebalance')) this.#refuseAssignments(group, ErrorCode.REBALANCE_IN_PROGRESS)
    timers.cancel(syncKey(groupId))
    const isFirst = group.is('Empty')
    group.enter('PreparingRebalance', nowMs)
    log('group rebalances', { group: groupId, generation: group.generation, members: group.members.size, reason })
    if (!isFirst) return this.#completeOrWait(group, nowMs)
    const delayMs = config.initialRebalanceDelayMs
    const leftMs = Math.max(group.rebalanceTimeoutMs - delayMs, 0)
    timers.schedule(joinKey(groupId), delayMs, (now) => this.#firstDelayOver(group, delayMs, leftMs, now))
    return NOTHING
  }

  /** A member has joined, or one that was waited for will not: the others may be complete. */
  joinedPerhaps(group: ClassicGroup, nowMs: number): Outcome<void> {
    // The first round lasts as long as its delay, since who else will come is not known.
    const isComplete = group.is('PreparingRebalance') && group.previousState !== 'Empty' && group.hasEverybodyJoined
    return isComplete ? this.#completeJoin(group, nowMs) : NOTHING
  }

  /** Members have gone. */
  afterDeparture(group: ClassicGroup, nowMs: number, reason = 'a member left'): Outcome<void> {
    if (group.is('Stable', 'CompletingRebalance')) return this.rebalance(group, nowMs, reason)
    return this.joinedPerhaps(group, nowMs)
  }

  #completeOrWait(group: ClassicGroup, nowMs: number): Outcome<void> {
    if (group.hasEverybodyJoined) return this.#completeJoin(group, nowMs)
    this.#awaitJoins(group)
    return NOTHING
  }

  #awaitJoins(group: ClassicGroup): void {
    this.#context.timers.schedule(joinKey(group.groupId), group.rebalanceTimeoutMs, (now) =>
      group.is('PreparingRebalance') ? this.#completeJoin(group, now) : NOTHING,
    )
  }

  /** As long as more come, up to the rebalance timeout in all. */
  #firstDelayOver(group: ClassicGroup, delayMs: number, leftMs: number, nowMs: number): Outcome<void> {
    if (!group.is('PreparingRebalance')) return NOTHING
    if (!group.newMemberAdded || leftMs === 0) return this.#completeJoin(group, nowMs)
    group.newMemberAdded = false
    const nextMs = Math.min(this.#context.config.initialRebalanceDelayMs, leftMs)
    const stillLeftMs = Math.max(leftMs - delayMs, 0)
    this.#context.timers.schedule(joinKey(group.groupId), nextMs, (now) =>
      this.#firstDelayOver(group, nextMs, stillLeftMs, now),
    )
    return NOTHING
  }

  /** Those who have joined make the next generation; the others are out, but for static ones, who may come back. */
  #completeJoin(group: ClassicGroup, nowMs: number): Outcome<void> {
    const { timers, log } = this.#context
    timers.cancel(joinKey(group.groupId))
    for (const member of group.notYetRejoined()) {
      if (member.instanceId !== null) continue
      group.remove(member)
      this.#sessions.forget(group, member.memberId)
      log('member did not rejoin in time', { group: group.groupId, member: member.memberId })
    }
    if (group.members.size > 0 && !group.electJoinedLeader()) {
      // Static members alone, and none has joined: until their sessions are over, or one of them has.
      this.#awaitJoins(group)
      return NOTHING
    }
    group.beginGeneration(nowMs)
    if (group.is('Empty')) {
      log('group is empty', { group: group.groupId, generation: group.generation })
      return { records: [this.#record(group, () => NO_BYTES)], reply: undefined }
    }
    for (const member of group.members.values()) this.#tellGeneration(group, member)
    const { generation } = group
    timers.schedule(syncKey(group.groupId), group.rebalanceTimeoutMs, (now) =>
      this.#syncTimeOver(group, generation, now),
    )
    log('group has a generation', {
      group: group.groupId,
      generation,
      members: group.members.size,
      protocol: group.protocol,
    })
    return NOTHING
  }

  #tellGeneration(group: ClassicGroup, member: ClassicMember): void {
    member.awaitingJoin?.settle(this.generationOf(group, member))
    member.awaitingJoin = null
    member.isNew = false
    this.#sessions.heardOf(group, member)
  }

  /** What the group's present generation is, for one of its members. */
  generationOf(group: ClassicGroup, { memberId }: ClassicMember): JoinReply {
    return {
      errorCode: ErrorCode.NONE,
      memberId,
      generationId: group.generation,
      protocolType: group.protocolType,
      protocolName: group.protocol,
      leader: group.leaderId ?? '',
      skipAssignment: false,
      members: group.isLeader(memberId) ? this.membersOf(group) : [],
    }
  }

  membersOf(group: ClassicGroup): NonNullable<JoinReply['members']> {
    return [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      metadata: metadataFor(member, group.protocol),
    }))
  }

  // ---- assigning

  sync(group: ClassicGroup | undefined, body: SyncBody, nowMs: number): Outcome<SyncReply> {
    const problem = group === undefined ? ErrorCode.UNKNOWN_MEMBER_ID : syncProblem(group, body)
    if (group === undefined || problem !== ErrorCode.NONE) return replyOnly(syncRefusal(problem))
    const member = group.members.get(body.memberId)!
    if (group.is('Stable')) {
      this.#synced(group, member)
      return replyOnly(assigned(group, member))
    }
    const reply = new Later<SyncReply>()
    member.awaitingSync?.settle(syncRefusal(ErrorCode.REBALANCE_IN_PROGRESS))
    member.awaitingSync = reply
    this.#synced(group, member)
    // A leader that asks again waits for what it has handed in first: another record would be told to nobody.
    if (!group.isLeader(member.memberId) || group.assigningGeneration === group.generation) return replyOnly(reply)
    const assignments = new Map(
      body.assignments.map(({ memberId, assignment }) => [memberId, Buffer.from(assignment)] as const),
    )
    const assignmentOf = ({ memberId }: ClassicMember): Buffer => assignments.get(memberId) ?? NO_BYTES
    const { generation } = group
    group.assigningGeneration = generation
    return {
      records: [this.#record(group, assignmentOf)],
      reply,
      onAppended: (errorCode) => {
        if (group.assigningGeneration === generation) group.assigningGeneration = -1
        // Somebody may have come meanwhile, and another round begun.
        if (!group.is('CompletingRebalance') || group.generation !== generation) return
        if (errorCode === ErrorCode.NONE) this.#assign(group, assignmentOf, nowMs)
        else this.#notStored(group, errorCode, nowMs)
      },
    }
  }

  #synced(group: ClassicGroup, { memberId }: ClassicMember): void {
    group.pendingSync.delete(memberId)
    if (group.pendingSync.size === 0) this.#context.timers.cancel(syncKey(group.groupId))
  }

  #assign(group: ClassicGroup, assignmentOf: (member: ClassicMember) => Buffer, nowMs: number): void {
    group.enter('Stable', nowMs)
    for (const member of group.members.values()) {
      member.assignment = assignmentOf(member)
      const waiting = member.awaitingSync
      member.awaitingSync = null
      if (waiting === null) continue
      this.#sessions.heardOf(group, member)
      waiting.settle(assigned(group, member))
    }
  }

  /** What was assigned could not be stored: nobody has it, and all join again. */
  #notStored(group: ClassicGroup, errorCode: number, nowMs: number): void {
    this.#refuseAssignments(group, errorCode)
    // Without records: nobody has joined the round that begins, so it cannot be over.
    this.rebalance(group, nowMs, 'the assignment could not be stored')
  }

  #refuseAssignments(group: ClassicGroup, errorCode: number): void {
    for (const member of group.members.values()) {
      member.assignment = NO_BYTES
      const waiting = member.awaitingSync
      member.awaitingSync = null
      if (waiting === null) continue
      this.#sessions.heardOf(group, member)
      waiting.settle(syncRefusal(errorCode))
    }
  }

  /** Whoever has not asked for its assignment by now is out. */
  #syncTimeOver(group: ClassicGroup, generation: number, nowMs: number): Outcome<void> {
    if (group.generation !== generation || !group.is('CompletingRebalance', 'Stable')) return NOTHING
    if (group.pendingSync.size === 0) return NOTHING
    for (const memberId of [...group.pendingSync]) {
      const member = group.members.get(memberId)
      group.pendingSync.delete(memberId)
      if (member === undefined) continue
      group.remove(member)
      this.#sessions.forget(group, memberId)
    }
    return this.rebalance(group, nowMs, 'members did not ask for their assignment in time')
  }

  /** The record of the group with these assignments. */
  #record(group: ClassicGroup, assignmentOf: (member: ClassicMember) => Buffer) {
    return groupMetadata.put({ group: group.groupId }, group.stored(assignmentOf))
  }

  /** The record of the group as it is. */
  recordOf(group: ClassicGroup) {
    return this.#record(group, ({ assignment }) => assignment)
  }

  /** A member that leaves the group while it waits is answered. */
  release(member: ClassicMember): void {
    member.awaitingJoin?.settle(joinRefusal('', ErrorCode.UNKNOWN_MEMBER_ID))
    member.awaitingJoin = null
    member.awaitingSync?.settle(syncRefusal(ErrorCode.UNKNOWN_MEMBER_ID))
    member.awaitingSync = null
  }
}

export function syncRefusal(errorCode: number): SyncReply {
  return { errorCode, assignment: NO_BYTES }
}

function assigned({ protocol, protocolType }: ClassicGroup, { assignment }: ClassicMember): SyncReply {
  return { errorCode: ErrorCode.NONE, protocolType, protocolName: protocol, assignment }
}

function syncProblem(group: ClassicGroup, body: SyncBody): number {
  if (group.is('Dead')) return ErrorCode.COORDINATOR_NOT_AVAILABLE
  const problem = group.memberProblem(body.memberId, body.groupInstanceId)
  if (problem !== ErrorCode.NONE) return problem
  if (body.generationId !== group.generation) return ErrorCode.ILLEGAL_GENERATION
  const { protocolType, protocolName } = body
  const differs =
    (protocolType !== null && protocolType !== group.protocolType) ||
    (protocolName !== null && protocolName !== group.protocol)
  if (differs) return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
  if (group.is('Empty')) return ErrorCode.UNKNOWN_MEMBER_ID
  return group.is('PreparingRebalance') ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE
}
