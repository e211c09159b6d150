import { ErrorCode, type GroupMetadataValue, type MessageOf } from '@ottla/protocol'
import { type ClassicMember, type MemberProtocol, metadataFor } from './member.ts'
import { type ClassicState, mayFollow } from './state.ts'

export type StoredGroup = MessageOf<typeof GroupMetadataValue>

/** The protocol type of consumers, whose metadata names their topics. */
export const CONSUMER_PROTOCOL_TYPE = 'consumer'

/**
 * A classic group as it lives between two of its records: who is a member, who has joined the round that is under way, who
 * waits for what (`ClassicGroup` in Apache Kafka). What lasts of it is one record per generation.
 */
export class ClassicGroup {
  readonly groupId: string
  readonly members = new Map<string, ClassicMember>()
  /** Ids given out with MEMBER_ID_REQUIRED that have not come back yet. */
  readonly pendingJoin = new Set<string>()
  /** Those of this generation who have not asked for their assignment. */
  readonly pendingSync = new Set<string>()
  readonly #staticIds = new Map<string, string>()
  /** How many members offer each way of assigning. */
  readonly #offers = new Map<string, number>()
  #state: ClassicState = 'Empty'
  #previous: ClassicState = 'Empty'
  /** ms since the epoch of the last change of state; -1 unknown. */
  stateTimestampMs: number
  generation = 0
  /** Null until somebody joins. */
  protocolType: string | null = null
  /** How this generation assigns; null without members. */
  protocol: string | null = null
  leaderId: string | null = null
  /** The generation whose assignment the leader has handed in, so that it is decided although not committed yet; else -1. */
  assigningGeneration = -1
  /** Somebody has joined since the first round's delay was last prolonged. */
  newMemberAdded = false

  constructor(groupId: string, nowMs: number) {
    this.groupId = groupId
    this.stateTimestampMs = nowMs
  }

  /** As its record says: stable, or empty. */
  static restore(groupId: string, stored: StoredGroup): ClassicGroup {
    const group = new ClassicGroup(groupId, stored.currentStateTimestamp)
    group.generation = stored.generation
    group.protocolType = stored.protocolType === '' ? null : stored.protocolType
    group.protocol = stored.protocol
    group.leaderId = stored.leader
    for (const member of stored.members) {
      group.add({
        memberId: member.memberId,
        instanceId: member.groupInstanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        rebalanceTimeoutMs: member.rebalanceTimeout === -1 ? member.sessionTimeout : member.rebalanceTimeout,
        sessionTimeoutMs: member.sessionTimeout,
        protocols: stored.protocol === null ? [] : [{ name: stored.protocol, metadata: member.subscription }],
        assignment: member.assignment,
        awaitingJoin: null,
        awaitingSync: null,
        isNew: false,
      })
    }
    // Nobody moves into these states: it is where the record was written.
    if (group.members.size > 0) group.#state = 'Stable'
    group.#previous = group.#state
    return group
  }

  /** What its record says now, with these assignments. */
  stored(assignmentOf: (member: ClassicMember) => Buffer): StoredGroup {
    return {
      protocolType: this.protocolType ?? '',
      generation: this.generation,
      protocol: this.protocol,
      leader: this.leaderId,
      currentStateTimestamp: this.stateTimestampMs,
      members: [...this.members.values()].map((member) => ({
        memberId: member.memberId,
        groupInstanceId: member.instanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        rebalanceTimeout: member.rebalanceTimeoutMs,
        sessionTimeout: member.sessionTimeoutMs,
        subscription: metadataFor(member, this.protocol),
        assignment: assignmentOf(member),
      })),
    }
  }

  // ---- state

  get state(): ClassicState {
    return this.#state
  }

  get previousState(): ClassicState {
    return this.#previous
  }

  is(...states: ClassicState[]): boolean {
    return states.includes(this.#state)
  }

  enter(state: ClassicState, nowMs: number): void {
    if (!mayFollow(state, this.#state)) throw new Error(`group ${this.groupId}: ${state} after ${this.#state}`)
    this.#previous = this.#state
    this.#state = state
    this.stateTimestampMs = nowMs
  }

  // ---- members

  isLeader(memberId: string): boolean {
    return this.leaderId === memberId
  }

  staticMemberId(instanceId: string): string | undefined {
    return this.#staticIds.get(instanceId)
  }

  /** The first one leads. */
  add(member: ClassicMember): void {
    this.leaderId ??= member.memberId
    this.members.set(member.memberId, member)
    this.#count(member, 1)
    if (member.instanceId !== null) this.#staticIds.set(member.instanceId, member.memberId)
  }

  remove(member: ClassicMember): void {
    this.members.delete(member.memberId)
    this.#count(member, -1)
    this.pendingSync.delete(member.memberId)
    if (member.instanceId !== null && this.#staticIds.get(member.instanceId) === member.memberId) {
      this.#staticIds.delete(member.instanceId)
    }
    if (!this.isLeader(member.memberId)) return
    this.leaderId = this.members.size === 0 ? null : this.members.keys().next().value!
  }

  /** The same instance under a new member id: what it was assigned, and its being the leader, go on. */
  replace(old: ClassicMember, memberId: string): ClassicMember {
    const wasLeader = this.isLeader(old.memberId)
    const member: ClassicMember = { ...old, memberId, awaitingJoin: null, awaitingSync: null }
    this.remove(old)
    this.add(member)
    if (wasLeader) this.leaderId = memberId
    return member
  }

  offer(member: ClassicMember, protocols: readonly MemberProtocol[]): void {
    this.#count(member, -1)
    member.protocols = protocols
    this.#count(member, 1)
  }

  #count({ protocols }: ClassicMember, by: 1 | -1): void {
    // Who names one twice still counts as one.
    const names = new Set(protocols.map(({ name }) => name))
    for (const name of names) this.#offers.set(name, (this.#offers.get(name) ?? 0) + by)
  }

  /** FENCED_INSTANCE_ID: another has taken the place of this static member. */
  memberProblem(memberId: string, instanceId: string | null): number {
    if (instanceId !== null) {
      const known = this.#staticIds.get(instanceId)
      if (known === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
      if (known !== memberId) return ErrorCode.FENCED_INSTANCE_ID
    }
    return this.members.has(memberId) ? ErrorCode.NONE : ErrorCode.UNKNOWN_MEMBER_ID
  }

  get rebalanceTimeoutMs(): number {
    let longest = 0
    for (const { rebalanceTimeoutMs } of this.members.values()) longest = Math.max(longest, rebalanceTimeoutMs)
    return longest
  }

  // ---- the round

  get awaitingJoin(): number {
    let count = 0
    for (const member of this.members.values()) if (member.awaitingJoin !== null) count++
    return count
  }

  get hasEverybodyJoined(): boolean {
    if (this.pendingJoin.size > 0) return false
    for (const member of this.members.values()) if (member.awaitingJoin === null) return false
    return true
  }

  notYetRejoined(): ClassicMember[] {
    return [...this.members.values()].filter(({ awaitingJoin }) => awaitingJoin === null)
  }

  /** The leader is one who has joined the round; false when nobody has. */
  electJoinedLeader(): boolean {
    const leader = this.leaderId === null ? undefined : this.members.get(this.leaderId)
    if (leader !== undefined && leader.awaitingJoin !== null) return true
    for (const member of this.members.values()) {
      if (member.awaitingJoin === null) continue
      this.leaderId = member.memberId
      return true
    }
    return false
  }

  /** All have joined who will: the next generation begins. */
  beginGeneration(nowMs: number): void {
    this.generation++
    this.pendingSync.clear()
    if (this.members.size === 0) {
      this.protocol = null
      this.leaderId = null
      this.enter('Empty', nowMs)
      return
    }
    this.protocol = this.selectProtocol()
    this.enter('CompletingRebalance', nowMs)
    for (const memberId of this.members.keys()) this.pendingSync.add(memberId)
  }

  // ---- protocols

  /** A group without members takes anything; else the type must be the same and one way of assigning common to all. */
  supports(protocolType: string, protocols: readonly MemberProtocol[]): boolean {
    if (this.is('Empty') || this.members.size === 0) return protocolType !== '' && protocols.length > 0
    return protocolType === this.protocolType && protocols.some((protocol) => this.#isCommon(protocol))
  }

  /** Every member votes for the first of its list that all have. */
  selectProtocol(): string {
    const votes = new Map<string, number>()
    for (const { protocols } of this.members.values()) {
      const { name } = protocols.find((protocol) => this.#isCommon(protocol))!
      votes.set(name, (votes.get(name) ?? 0) + 1)
    }
    let chosen = ''
    for (const [name, count] of votes) if (count > (votes.get(chosen) ?? 0)) chosen = name
    return chosen
  }

  #isCommon({ name }: MemberProtocol): boolean {
    return this.#offers.get(name) === this.members.size
  }
}
