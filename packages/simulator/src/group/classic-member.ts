import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  decodeVersionedLeniently,
  ErrorCode,
  encodeVersioned,
  errorName,
  HeartbeatRequest,
  HeartbeatResponse,
  JoinGroupRequest,
  JoinGroupResponse,
  LeaveGroupRequest,
  LeaveGroupResponse,
  type MessageOf,
  SyncGroupRequest,
  SyncGroupResponse,
} from '@ottla/protocol'
import type { SeededRandom, SimMachine } from '@ottla/runtime/sim'
import type { Commit, Floor } from '../check/committed.ts'
import type { GroupLedger, PartitionName } from '../check/group-ledger.ts'
import { Link } from '../client/link.ts'
import type { GroupPlan } from '../options.ts'
import type { World } from '../world.ts'
import {
  byTopic,
  commitOffsets,
  fetchOffsets,
  type Identity,
  isPassing,
  mayBeWritten,
  nameOf,
  REQUEST_TIMEOUT_MS,
} from './offsets.ts'

const PROTOCOL = 'range'
const REBALANCE_TIMEOUT_MS = 3_000
const RETRY_MS = 80
/** Far above what any member counts up to: only a commit that was to be refused has it. */
const STALE_OFFSET = 1_000_000_000

type State =
  /** Not in the group, as far as it knows: it joins as soon as it can. */
  | { readonly kind: 'out' }
  /** Waits for an answer to JoinGroup or SyncGroup. */
  | { readonly kind: 'joining' }
  | { readonly kind: 'member'; readonly generation: number }
  /** Its process does not run. */
  | { readonly kind: 'down' }

/**
 * A member of a classic group. It reads nothing: it goes on from the committed offset of what it was given, counts, and
 * commits what it has counted. Every generation's leader hands partitions out in turn.
 */
export class ClassicMember {
  readonly number: number
  readonly isStatic: boolean
  /** Commits that were acked. */
  commits = 0
  private readonly world: World
  private readonly ledger: GroupLedger
  private readonly plan: GroupPlan
  private readonly random: SeededRandom
  private readonly link: Link
  private readonly instanceId: string | null
  private readonly versions: Readonly<Record<'join' | 'sync' | 'heartbeat' | 'leave' | 'commit' | 'fetch', number>>
  private state: State = { kind: 'out' }
  private memberId = ''
  /** What it owns, and how far it has counted; null until the committed offset is known. */
  private positions = new Map<PartitionName, number | null>()
  /** The generation of which it was told last, for a commit out of its grave. */
  private former: Identity | null = null
  /** It does not come back. */
  isGone = false
  private heartbeatDueMs = 0
  private fetching = false

  constructor(
    world: World,
    machine: SimMachine,
    number: number,
    ledger: GroupLedger,
    plan: GroupPlan,
    isStatic: boolean,
  ) {
    this.world = world
    this.number = number
    this.ledger = ledger
    this.plan = plan
    this.random = world.random(`client/${number}`)
    this.isStatic = isStatic
    this.instanceId = isStatic ? `i${number}` : null
    const { random } = this
    // Static members exist from these versions on; a leader must be told of them.
    this.versions = {
      join: plan.classicMembers.includes(true) ? 5 + random.below(5) : random.below(10),
      sync: isStatic ? 3 + random.below(3) : random.below(6),
      heartbeat: isStatic ? 3 + random.below(2) : random.below(5),
      leave: random.below(6),
      commit: isStatic ? 7 + random.below(3) : 1 + random.below(9),
      fetch: 1 + random.below(9),
    }
    this.link = new Link(
      world,
      machine.start(),
      `c${number}`,
      () => this.act(),
      () => this.onDown(),
    )
    this.tick()
  }

  /** The generation it is a member of; -1 for none. */
  get generation(): number {
    return this.state.kind === 'member' ? this.state.generation : -1
  }

  get owned(): PartitionName[] {
    return [...this.positions.keys()]
  }

  get standing(): string {
    return `c${this.number} ${this.state.kind} ${this.generation} ${this.owned.join(',')}`
  }

  private get name(): string {
    return this.instanceId ?? this.memberId
  }

  private get identity(): Identity {
    return { generation: this.generation, memberId: this.memberId, instanceId: this.instanceId }
  }

  /** Its process ends without a word. */
  crash(): void {
    this.world.say(`c${this.number} crashes`)
    this.world.fault('member crash')
    this.state = { kind: 'down' }
    this.memberId = ''
    this.positions.clear()
    this.former = null
    this.link.drop()
  }

  /** Another process of its kind starts. */
  restart(): void {
    if (this.state.kind !== 'down' || this.isGone) return
    this.world.say(`c${this.number} starts again`)
    this.state = { kind: 'out' }
  }

  /** For good. */
  vanish(): void {
    this.isGone = true
    this.crash()
  }

  private tick(): void {
    this.act()
    this.link.runtime.timers.setTimer(() => this.tick(), this.random.between(60, 180))
  }

  private later(): void {
    this.link.runtime.timers.setTimer(() => this.act(), RETRY_MS)
  }

  private onDown(): void {
    if (this.state.kind === 'joining') this.state = { kind: 'out' }
    this.fetching = false
  }

  private act(): void {
    if (!this.link.up || this.link.inFlight > 0) return
    if (this.state.kind === 'out') this.join()
    else if (this.state.kind === 'member') this.work(this.state.generation)
  }

  // ---- membership

  private join(): void {
    this.state = { kind: 'joining' }
    const sessionTimeoutMs = this.plan.sessionTimeoutMs
    const topics = this.plan.topics.map(({ name }) => name)
    const metadata = encodeVersioned(ConsumerProtocolSubscription, 0, { topics, userData: null, ownedPartitions: [] })
    const body = {
      groupId: this.ledger.groupId,
      sessionTimeoutMs,
      rebalanceTimeoutMs: this.versions.join === 0 ? -1 : REBALANCE_TIMEOUT_MS,
      memberId: this.memberId,
      groupInstanceId: this.instanceId,
      protocolType: 'consumer',
      protocols: [{ name: PROTOCOL, metadata }],
    }
    const timeoutMs = REBALANCE_TIMEOUT_MS + this.plan.initialDelayMs + REQUEST_TIMEOUT_MS
    this.link.request(JoinGroupRequest, JoinGroupResponse, this.versions.join, body, timeoutMs, (answer) => {
      if (answer === null || this.state.kind !== 'joining') return
      if (answer.errorCode === ErrorCode.NONE) {
        this.memberId = answer.memberId
        this.sync(answer)
        return
      }
      this.state = { kind: 'out' }
      switch (answer.errorCode) {
        case ErrorCode.MEMBER_ID_REQUIRED:
          this.memberId = answer.memberId
          this.join()
          return
        case ErrorCode.UNKNOWN_MEMBER_ID:
          this.memberId = ''
          this.positions.clear()
          break
        // A request of the process before this one was carried out late: it has taken the place, and this one takes it back.
        case ErrorCode.FENCED_INSTANCE_ID:
          this.memberId = ''
          this.positions.clear()
          break
        case ErrorCode.REBALANCE_IN_PROGRESS:
          break
        default:
          this.passing(answer.errorCode, 'JoinGroup')
      }
      this.later()
    })
  }

  private sync(joined: MessageOf<typeof JoinGroupResponse>): void {
    const { generationId } = joined
    const isLeader = joined.leader === this.memberId
    let assignments: { memberId: string; assignment: Buffer }[] = []
    if (isLeader && !joined.skipAssignment) {
      const plan = this.handOut(joined.members)
      this.ledger.planned(generationId, plan)
      assignments = joined.members.map(({ memberId }) => ({ memberId, assignment: encode(plan.get(memberId) ?? []) }))
    }
    const body = {
      groupId: this.ledger.groupId,
      generationId,
      memberId: this.memberId,
      groupInstanceId: this.instanceId,
      protocolType: 'consumer',
      protocolName: PROTOCOL,
      assignments,
    }
    this.link.request(
      SyncGroupRequest,
      SyncGroupResponse,
      this.versions.sync,
      body,
      2 * REQUEST_TIMEOUT_MS,
      (answer) => {
        if (answer === null || this.state.kind !== 'joining') return
        if (answer.errorCode === ErrorCode.NONE) {
          this.enter(generationId, decode(answer.assignment))
          return
        }
        this.state = { kind: 'out' }
        this.afterError(answer.errorCode, 'SyncGroup')
      },
    )
  }

  /** By the names under which members stay the same; the members' ids change with each process. */
  private handOut(members: MessageOf<typeof JoinGroupResponse>['members']): Map<string, PartitionName[]> {
    const sorted = [...members].sort((a, b) => (nameOfMember(a) < nameOfMember(b) ? -1 : 1))
    const plan = new Map<string, PartitionName[]>(sorted.map(({ memberId }) => [memberId, []]))
    // Members of before version 5 are not told who is static.
    const aliases = new Map(sorted.map((member) => [member.memberId, nameOfMember(member)]))
    for (const [i, name] of this.ledger.partitions.entries()) plan.get(sorted[i % sorted.length].memberId)!.push(name)
    for (const [memberId, alias] of aliases) plan.set(alias, plan.get(memberId)!)
    return plan
  }

  private enter(generation: number, partitions: readonly PartitionName[]): void {
    this.world.scheduler.note('sim/generation', this.number, generation)
    if (this.world.tracing)
      this.world.say(`c${this.number} is in generation ${generation} with ${partitions.join(' ')}`)
    this.ledger.synced(generation, this.name, this.memberId, partitions)
    const before = this.former
    if (before !== null && generation < before.generation && before.memberId === this.memberId)
      this.world.checks.fail(
        'G2',
        `c${this.number} was in generation ${before.generation} of ${this.ledger.groupId}`,
        `it is in generation ${generation} now`,
      )
    this.world.checks.met('G2')
    this.state = { kind: 'member', generation }
    this.positions = new Map(partitions.map((name) => [name, null]))
    this.heartbeatDueMs = this.world.nowMs + this.plan.sessionTimeoutMs / 3
    this.fetchPositions(generation)
  }

  private afterError(errorCode: number, what: string): void {
    switch (errorCode) {
      case ErrorCode.REBALANCE_IN_PROGRESS:
        // Eager: everything is given back before it joins.
        this.rejoin()
        return
      case ErrorCode.ILLEGAL_GENERATION:
        this.rejoin()
        return
      case ErrorCode.UNKNOWN_MEMBER_ID:
      case ErrorCode.FENCED_INSTANCE_ID:
        this.memberId = ''
        this.rejoin()
        return
      default:
        this.passing(errorCode, what)
        this.later()
    }
  }

  private rejoin(): void {
    if (this.state.kind === 'member') this.former = this.identity
    this.state = { kind: 'out' }
    this.positions.clear()
    this.later()
  }

  private passing(errorCode: number, what: string): void {
    if (!isPassing(errorCode))
      this.world.checks.fail('G6', `c${this.number} is answered ${what} as a member may be`, errorName(errorCode))
  }

  // ---- a member's day

  private work(generation: number): void {
    const { random, world } = this
    if (world.nowMs >= this.heartbeatDueMs) {
      this.heartbeat(generation)
      return
    }
    if ([...this.positions.values()].includes(null)) {
      this.fetchPositions(generation)
      return
    }
    if (world.phase === 'safety') {
      if (random.chance(0.012)) {
        this.leave()
        return
      }
      if (random.chance(0.012)) {
        const downMs = random.between(50, 2 * this.plan.sessionTimeoutMs)
        this.crash()
        this.link.runtime.timers.setTimer(() => this.restart(), downMs)
        return
      }
      if (random.chance(0.03) && this.former !== null && this.former.generation < generation) {
        this.commitStale()
        return
      }
    }
    if (random.chance(0.6) && this.positions.size > 0) this.commit(generation)
  }

  private heartbeat(generation: number): void {
    this.heartbeatDueMs = this.world.nowMs + this.plan.sessionTimeoutMs / 3
    const { groupId } = this.ledger
    const body = { groupId, generationId: generation, memberId: this.memberId, groupInstanceId: this.instanceId }
    this.link.request(
      HeartbeatRequest,
      HeartbeatResponse,
      this.versions.heartbeat,
      body,
      REQUEST_TIMEOUT_MS,
      (answer) => {
        if (answer === null || this.generation !== generation) return
        if (answer.errorCode !== ErrorCode.NONE) this.afterError(answer.errorCode, 'Heartbeat')
      },
    )
  }

  private fetchPositions(generation: number): void {
    if (this.fetching || this.positions.size === 0) return
    this.fetching = true
    const floors = new Map<PartitionName, Floor>(
      this.owned.map((name) => [name, this.ledger.offsets.get(name)!.floor()]),
    )
    fetchOffsets(this.link, this.ledger.groupId, this.versions.fetch, this.owned, false, (answer) => {
      this.fetching = false
      if (answer === null) return
      if (typeof answer === 'number') {
        this.passing(answer, 'OffsetFetch')
        return
      }
      for (const [name, offset] of answer)
        this.ledger.offsets.get(name)!.observed(offset, floors.get(name)!, `c${this.number}`)
      if (this.generation !== generation) return
      for (const [name, offset] of answer) this.positions.set(name, Math.max(0, offset))
    })
  }

  private commit(generation: number): void {
    const offsets = new Map<PartitionName, number>()
    const commits = new Map<PartitionName, Commit>()
    for (const [name, position] of this.positions) {
      if (position === null || this.random.chance(0.3)) continue
      const value = position + 1 + this.random.below(5)
      this.positions.set(name, value)
      offsets.set(name, value)
      commits.set(name, this.ledger.offsets.get(name)!.begin(value, generation))
    }
    if (offsets.size === 0) return
    this.world.tally.sent++
    if (this.world.tracing) this.world.say(`c${this.number} commits ${[...offsets].join(' ')}`)
    commitOffsets(this.link, this.ledger.groupId, this.versions.commit, this.identity, offsets, (errors) => {
      if (errors === null) {
        this.world.tally.unknown++
        return
      }
      let failure = 0
      for (const [name, errorCode] of errors) {
        const offset = this.ledger.offsets.get(name)!
        if (errorCode === ErrorCode.NONE) offset.acked(commits.get(name)!)
        else if (!mayBeWritten(errorCode)) offset.refused(commits.get(name)!)
        if (errorCode !== ErrorCode.NONE) failure = errorCode
      }
      if (failure !== 0 && this.world.tracing) this.world.say(`c${this.number}: commit refused, ${errorName(failure)}`)
      if (failure === 0) {
        this.commits++
        this.world.tally.ok++
      } else this.world.tally.failed++
      if (failure !== 0 && this.generation === generation) this.afterError(failure, 'OffsetCommit')
    })
  }

  /** G2: as if a commit of an earlier generation had been under way all the time. */
  private commitStale(): void {
    const former = this.former!
    this.former = null
    const offsets = new Map(this.ledger.partitions.map((name) => [name, STALE_OFFSET + former.generation]))
    this.world.checks.met('G2')
    commitOffsets(this.link, this.ledger.groupId, this.versions.commit, former, offsets, (errors) => {
      for (const [name, errorCode] of errors ?? [])
        if (errorCode === ErrorCode.NONE)
          this.world.checks.fail(
            'G2',
            `c${this.number} is past generation ${former.generation} of ${this.ledger.groupId}`,
            `a commit of ${name} out of that generation is accepted`,
          )
    })
  }

  private leave(): void {
    const { groupId } = this.ledger
    const { memberId, instanceId } = this
    const body =
      this.versions.leave >= 3
        ? { groupId, members: [{ memberId, groupInstanceId: instanceId }] }
        : { groupId, memberId }
    this.world.fault('member leaves')
    this.positions.clear()
    this.former = null
    this.state = { kind: 'down' }
    const downMs = this.random.between(20, 1_500)
    this.link.request(LeaveGroupRequest, LeaveGroupResponse, this.versions.leave, body, REQUEST_TIMEOUT_MS, () => {
      this.memberId = ''
      this.link.runtime.timers.setTimer(() => this.restart(), downMs)
    })
  }
}

function nameOfMember(member: { readonly memberId: string; readonly groupInstanceId: string | null }): string {
  return member.groupInstanceId ?? member.memberId
}

function encode(names: readonly PartitionName[]): Buffer {
  const assignedPartitions = [...byTopic(names)].map(([topic, partitions]) => ({ topic, partitions }))
  return encodeVersioned(ConsumerProtocolAssignment, 0, { assignedPartitions, userData: null })
}

function decode(bytes: Buffer): PartitionName[] {
  if (bytes.length === 0) return []
  const { assignedPartitions } = decodeVersionedLeniently(ConsumerProtocolAssignment, bytes)
  return assignedPartitions.flatMap(({ topic, partitions }) => partitions.map((index) => nameOf(topic, index)))
}
