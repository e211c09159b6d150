import type { LastAssignment } from './sticky-data.ts'

/** A member of a group as its leader sees it. */
export interface AssigningMember {
  readonly memberId: string
  readonly instanceId: string | null
  readonly topics: readonly string[]
  /** What it says it has; of members that know no more than that, nothing. */
  readonly owned: ReadonlyMap<string, readonly number[]>
  /** The generation in which it had that; -1 if it does not say. */
  readonly ownedGeneration: number
  /** What else its assignor has told. */
  readonly userData: Buffer | null
}

/** Partitions by topic. */
export type Assignment = ReadonlyMap<string, readonly number[]>

/**
 * A way of sharing partitions among the members of a group: a pure function, carried out by the leader alone. `partitions`:
 * how many each topic has; topics that do not exist are left out. A member that the result leaves out gets nothing. All members of the
 * group know it by its name.
 */
export interface Assignor {
  readonly name: string
  /** Members keep what stays theirs while the group rebalances (KIP-429). */
  readonly cooperative: boolean
  assign(members: readonly AssigningMember[], partitions: ReadonlyMap<string, number>): ReadonlyMap<string, Assignment>
  /** What a member tells the leader besides its topics, for `assign` to see. `last`: what it was given before, if anything. */
  userData?(last: LastAssignment | null): Buffer | null
}

/** Members by what Kafka sorts them by: static ones by their instance, before the others by their member id. */
export function sortMembers<M extends Pick<AssigningMember, 'memberId' | 'instanceId'>>(members: readonly M[]): M[] {
  return [...members].sort((a, b) => {
    if (a.instanceId !== null && b.instanceId !== null) return compare(a.instanceId, b.instanceId)
    if (a.instanceId !== null) return -1
    if (b.instanceId !== null) return 1
    return compare(a.memberId, b.memberId)
  })
}

/** By UTF-16 units, as Java compares strings. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Who gets what, while it is being found out. */
export class Shares {
  readonly #byMember = new Map<string, Map<string, number[]>>()

  constructor(members: readonly AssigningMember[]) {
    for (const { memberId } of members) this.#byMember.set(memberId, new Map())
  }

  give(memberId: string, topic: string, partition: number): void {
    const topics = this.#byMember.get(memberId)!
    const partitions = topics.get(topic)
    if (partitions === undefined) topics.set(topic, [partition])
    else partitions.push(partition)
  }

  result(): Map<string, Assignment> {
    for (const topics of this.#byMember.values()) for (const list of topics.values()) list.sort((a, b) => a - b)
    return this.#byMember
  }
}
