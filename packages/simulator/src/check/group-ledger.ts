import { CommittedOffset } from './committed.ts'
import type { Checks } from './invariants.ts'

/** A partition, as text: `topic-index`. */
export type PartitionName = string

interface Claim {
  readonly member: string
  /** When the newest heartbeat that was answered well had left. */
  lastHeartbeatMs: number
}

/** What the members of one group were told, all together. */
export class GroupLedger {
  readonly groupId: string
  readonly offsets = new Map<PartitionName, CommittedOffset>()
  private readonly checks: Checks
  /** By generation: who has what of it. */
  private readonly generations = new Map<number, Map<PartitionName, string>>()
  /** By generation: what its leaders made of it, one after the other. */
  private readonly plans = new Map<number, ReadonlyMap<string, readonly PartitionName[]>[]>()
  private readonly claims = new Map<PartitionName, Claim>()
  /** Counts the owners of a partition, one after the other. */
  private readonly reigns = new Map<PartitionName, number>()

  constructor(groupId: string, partitions: readonly PartitionName[], checks: Checks) {
    this.groupId = groupId
    this.checks = checks
    for (const name of partitions) this.offsets.set(name, new CommittedOffset(`${groupId}/${name}`, checks))
  }

  get partitions(): PartitionName[] {
    return [...this.offsets.keys()]
  }

  // ---- classic: by generation

  /** A leader is about to tell the coordinator who gets what. */
  planned(generation: number, plan: ReadonlyMap<string, readonly PartitionName[]>): void {
    const plans = this.plans.get(generation)
    if (plans === undefined) this.plans.set(generation, [plan])
    else plans.push(plan)
  }

  /** G1: a member was told what it has. `who` stays the same when a static member comes back. */
  synced(generation: number, who: string, memberId: string, partitions: readonly PartitionName[]): void {
    const { checks } = this
    checks.met('G1')
    const plans = this.plans.get(generation) ?? []
    const asPlanned = plans.some((plan) =>
      [plan.get(memberId), plan.get(who)].some((planned) => planned !== undefined && sameNames(planned, partitions)),
    )
    if (!asPlanned)
      checks.fail(
        'G1',
        `generation ${generation} of ${this.groupId} was planned ${plans.map((plan) => JSON.stringify([...plan])).join(' or ')}`,
        `${memberId} is given ${partitions.join(' ') || 'nothing'}`,
      )
    let owners = this.generations.get(generation)
    if (owners === undefined) {
      owners = new Map()
      this.generations.set(generation, owners)
    }
    for (const name of partitions) {
      const owner = owners.get(name)
      if (owner !== undefined && owner !== who)
        checks.fail(
          'G1',
          `in generation ${generation} of ${this.groupId} ${owner} has ${name}`,
          `${who} is given it too`,
        )
      owners.set(name, who)
    }
  }

  // ---- the consumer protocol: by ownership

  /** G5: takes a partition; returns the number of its reign. */
  claim(name: PartitionName, member: string, nowMs: number, sentMs: number, sessionMs: number): number {
    const { checks } = this
    checks.met('G5')
    const claim = this.claims.get(name)
    if (claim !== undefined && claim.member !== member && nowMs < claim.lastHeartbeatMs + sessionMs)
      checks.fail(
        'G5',
        `${claim.member} owns ${name} of ${this.groupId}: its heartbeat of ${claim.lastHeartbeatMs.toFixed(0)} ms was answered, the session is ${sessionMs} ms`,
        `${member} is given it at ${nowMs.toFixed(0)} ms`,
      )
    this.claims.set(name, { member, lastHeartbeatMs: sentMs })
    const reign = (this.reigns.get(name) ?? 0) + 1
    this.reigns.set(name, reign)
    return reign
  }

  /** A heartbeat of the owner was answered well. */
  renew(member: string, sentMs: number): void {
    for (const claim of this.claims.values()) if (claim.member === member) claim.lastHeartbeatMs = sentMs
  }

  release(name: PartitionName, member: string): void {
    if (this.claims.get(name)?.member === member) this.claims.delete(name)
  }
}

function sameNames(a: readonly PartitionName[], b: readonly PartitionName[]): boolean {
  return a.length === b.length && [...a].sort().join() === [...b].sort().join()
}
