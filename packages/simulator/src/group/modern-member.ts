import {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
  ErrorCode,
  errorName,
  type MessageOf,
} from '@ottla/protocol'
import type { SeededRandom, SimMachine } from '@ottla/runtime/sim'
import type { Commit, Floor } from '../check/committed.ts'
import type { GroupLedger, PartitionName } from '../check/group-ledger.ts'
import { Link } from '../client/link.ts'
import type { GroupPlan } from '../options.ts'
import type { World } from '../world.ts'
import { byTopic, commitOffsets, fetchOffsets, isPassing, mayBeWritten, nameOf, REQUEST_TIMEOUT_MS } from './offsets.ts'

/** Nobody is put out for being slow to give something up. */
const REBALANCE_TIMEOUT_MS = 120_000
const LEAVE_EPOCH = -1
const COMMIT_VERSION = 9
const STALE_OFFSET = 2_000_000_000
const RETRY_MS = 80
/** Clocks of two machines run apart, by so little. */
const CLOCK_SLACK_MS = 20

interface Owned {
  readonly reign: number
  /** Null until the committed offset is known. */
  position: number | null
}

/** A member of a group with the consumer protocol (KIP-848): it has what it was given, counts, and commits. */
export class ModernMember {
  readonly number: number
  /** Commits that were acked. */
  commits = 0
  /** -1 while its process does not run. */
  epoch = 0
  private readonly world: World
  private readonly ledger: GroupLedger
  private readonly plan: GroupPlan
  private readonly topicIds: ReadonlyMap<string, string>
  private readonly random: SeededRandom
  private readonly link: Link
  private processes = 0
  private memberId = ''
  private readonly partitions = new Map<PartitionName, Owned>()
  /** What the coordinator wants it to have has not been answered yet. */
  private mustConfirm = false
  /** An answer was lost, and with it perhaps an assignment: only who says everything is told everything again. */
  private mustSayAll = false
  private heartbeatDueMs = 0
  private heartbeatIntervalMs = 300
  /** It does not come back. */
  isGone = false

  constructor(
    world: World,
    machine: SimMachine,
    number: number,
    ledger: GroupLedger,
    plan: GroupPlan,
    topicIds: ReadonlyMap<string, string>,
  ) {
    this.world = world
    this.number = number
    this.ledger = ledger
    this.plan = plan
    this.topicIds = topicIds
    this.random = world.random(`client/${number}`)
    this.newProcess()
    this.link = new Link(
      world,
      machine.start(),
      `c${number}`,
      () => this.act(),
      () => {},
    )
    this.tick()
  }

  get owned(): PartitionName[] {
    return [...this.partitions.keys()]
  }

  get standing(): string {
    return `c${this.number} epoch ${this.epoch} ${this.owned.join(',')}`
  }

  private newProcess(): void {
    this.epoch = 0
    this.memberId = `m${this.number}-${this.processes++}`
  }

  crash(): void {
    this.world.say(`c${this.number} crashes`)
    this.world.fault('member crash')
    this.stop()
    this.link.drop()
  }

  /** For good. */
  vanish(): void {
    this.isGone = true
    this.crash()
  }

  private stop(): void {
    this.epoch = -1
    this.lose()
  }

  private restartAfter(delayMs: number): void {
    this.link.runtime.timers.setTimer(() => {
      if (this.isGone) return
      this.newProcess()
      this.heartbeatDueMs = 0
    }, delayMs)
  }

  /** It does nothing more with what it had. */
  private lose(): void {
    for (const name of this.owned) this.ledger.release(name, this.memberId)
    this.partitions.clear()
    this.mustConfirm = false
    this.mustSayAll = false
  }

  private tick(): void {
    this.act()
    this.link.runtime.timers.setTimer(() => this.tick(), this.random.between(60, 180))
  }

  private act(): void {
    if (!this.link.up || this.link.inFlight > 0 || this.epoch < 0) return
    const { random, world } = this
    if (this.mustConfirm || world.nowMs >= this.heartbeatDueMs) {
      this.heartbeat()
      return
    }
    if (this.epoch === 0) return
    if ([...this.partitions.values()].some(({ position }) => position === null)) {
      this.fetchPositions()
      return
    }
    if (world.phase === 'safety') {
      if (random.chance(0.012)) {
        this.leave()
        return
      }
      if (random.chance(0.012)) {
        this.crash()
        this.restartAfter(random.between(50, 2 * this.plan.sessionTimeoutMs))
        return
      }
      if (random.chance(0.02) && this.partitions.size > 0) {
        this.commitStale()
        return
      }
    }
    if (random.chance(0.6) && this.partitions.size > 0) this.commit()
  }

  // ---- membership

  private heartbeat(): void {
    const { world, memberId } = this
    const joins = this.epoch === 0
    const confirms = this.mustConfirm
    const all = joins || this.mustSayAll
    this.mustConfirm = false
    this.mustSayAll = false
    this.heartbeatDueMs = world.nowMs + this.heartbeatIntervalMs
    const owned = [...byTopic(this.owned)].map(([topic, partitions]) => ({
      topicId: this.topicIds.get(topic)!,
      partitions,
    }))
    const body = {
      groupId: this.ledger.groupId,
      memberId,
      memberEpoch: this.epoch,
      rebalanceTimeoutMs: all ? REBALANCE_TIMEOUT_MS : -1,
      subscribedTopicNames: all ? [...this.topicIds.keys()] : null,
      topicPartitions: all || confirms || this.random.chance(0.1) ? owned : null,
    }
    const sentMs = world.nowMs
    this.link.request(
      ConsumerGroupHeartbeatRequest,
      ConsumerGroupHeartbeatResponse,
      1,
      body,
      REQUEST_TIMEOUT_MS,
      (answer) => {
        if (this.memberId !== memberId || this.epoch < 0) return
        if (answer === null) {
          this.mustSayAll = true
          return
        }
        this.answered(answer, sentMs)
      },
    )
  }

  private answered(answer: MessageOf<typeof ConsumerGroupHeartbeatResponse>, sentMs: number): void {
    const { world } = this
    switch (answer.errorCode) {
      case ErrorCode.NONE:
        break
      case ErrorCode.UNKNOWN_MEMBER_ID:
      case ErrorCode.FENCED_MEMBER_EPOCH:
        world.say(`c${this.number} is put out: ${errorName(answer.errorCode)}`)
        this.lose()
        this.newProcess()
        this.heartbeatDueMs = world.nowMs + RETRY_MS
        return
      default:
        if (!isPassing(answer.errorCode))
          world.checks.fail('G6', `c${this.number} sends heartbeats as it should`, errorName(answer.errorCode))
        this.mustSayAll = true
        this.heartbeatDueMs = world.nowMs + RETRY_MS
        return
    }
    // An answer from before its session ran out says nothing about now.
    if (world.nowMs - sentMs >= this.plan.sessionTimeoutMs - CLOCK_SLACK_MS) {
      this.lose()
      this.newProcess()
      return
    }
    world.checks.met('G2')
    if (answer.memberEpoch < this.epoch)
      world.checks.fail('G2', `c${this.number} is at epoch ${this.epoch}`, `it is told ${answer.memberEpoch}`)
    this.epoch = answer.memberEpoch
    this.heartbeatIntervalMs = answer.heartbeatIntervalMs
    this.ledger.renew(this.memberId, sentMs)
    if (answer.assignment !== null) this.reconcile(answer.assignment.topicPartitions, sentMs)
  }

  private reconcile(
    target: readonly { readonly topicId: string; readonly partitions: readonly number[] }[],
    sentMs: number,
  ): void {
    const names = new Set<PartitionName>()
    for (const { topicId, partitions } of target) {
      const topic = [...this.topicIds].find(([, id]) => id === topicId)?.[0]
      if (topic === undefined)
        this.world.checks.fail(
          'G1',
          `c${this.number} is subscribed to ${[...this.topicIds.keys()]}`,
          `it is given ${topicId}`,
        )
      for (const index of partitions) names.add(nameOf(topic, index))
    }
    if (this.world.tracing) this.world.say(`c${this.number} at epoch ${this.epoch} is to have ${[...names].join(' ')}`)
    for (const name of this.owned)
      if (!names.has(name)) {
        this.partitions.delete(name)
        this.ledger.release(name, this.memberId)
      }
    for (const name of names) {
      if (this.partitions.has(name)) continue
      const sessionMs = this.plan.sessionTimeoutMs - CLOCK_SLACK_MS
      const reign = this.ledger.claim(name, this.memberId, this.world.nowMs, sentMs, sessionMs)
      this.partitions.set(name, { reign, position: null })
    }
    this.mustConfirm = true
  }

  private leave(): void {
    const { groupId } = this.ledger
    const body = { groupId, memberId: this.memberId, memberEpoch: LEAVE_EPOCH }
    this.world.fault('member leaves')
    this.stop()
    this.link.request(ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, 1, body, REQUEST_TIMEOUT_MS, () =>
      this.restartAfter(this.random.between(20, 1_500)),
    )
  }

  // ---- offsets

  private fetchPositions(): void {
    const { memberId } = this
    const wanted = [...this.partitions].filter(([, { position }]) => position === null)
    const floors = new Map<PartitionName, Floor>(wanted.map(([name]) => [name, this.ledger.offsets.get(name)!.floor()]))
    fetchOffsets(this.link, this.ledger.groupId, 8, [...floors.keys()], false, (answer) => {
      if (answer === null) return
      if (typeof answer === 'number') {
        if (!isPassing(answer)) this.world.checks.fail('G8', `c${this.number} asks for offsets`, errorName(answer))
        return
      }
      for (const [name, offset] of answer)
        this.ledger.offsets.get(name)!.observed(offset, floors.get(name)!, `c${this.number}`)
      if (this.memberId !== memberId) return
      for (const [name, owned] of wanted)
        if (this.partitions.get(name) === owned) owned.position = Math.max(0, answer.get(name)!)
    })
  }

  private commit(): void {
    const { memberId } = this
    const offsets = new Map<PartitionName, number>()
    const commits = new Map<PartitionName, Commit>()
    for (const [name, owned] of this.partitions) {
      if (owned.position === null || this.random.chance(0.3)) continue
      const value = owned.position + 1 + this.random.below(5)
      owned.position = value
      offsets.set(name, value)
      commits.set(name, this.ledger.offsets.get(name)!.begin(value, owned.reign))
    }
    if (offsets.size === 0) return
    this.world.tally.sent++
    if (this.world.tracing) this.world.say(`c${this.number} commits ${[...offsets].join(' ')}`)
    const identity = { generation: this.epoch, memberId, instanceId: null }
    commitOffsets(this.link, this.ledger.groupId, COMMIT_VERSION, identity, offsets, (errors) => {
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
        return
      }
      this.world.tally.failed++
      // The next heartbeat tells the epoch, or that it is out.
      if (failure === ErrorCode.STALE_MEMBER_EPOCH || failure === ErrorCode.UNKNOWN_MEMBER_ID) this.heartbeatDueMs = 0
      else if (!isPassing(failure))
        this.world.checks.fail('G6', `c${this.number} commits as a member may`, errorName(failure))
    })
  }

  /** G2: in the name of a member that is none. */
  private commitStale(): void {
    const name = this.owned[0]
    const identity = { generation: this.epoch, memberId: `${this.memberId}-nobody`, instanceId: null }
    const offsets = new Map([[name, STALE_OFFSET]])
    this.world.checks.met('G2')
    commitOffsets(this.link, this.ledger.groupId, COMMIT_VERSION, identity, offsets, (errors) => {
      if (errors?.get(name) === ErrorCode.NONE)
        this.world.checks.fail(
          'G2',
          `${identity.memberId} is no member of ${this.ledger.groupId}`,
          `its commit of ${name} is accepted`,
        )
    })
  }
}
