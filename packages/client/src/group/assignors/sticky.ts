import { type AssigningMember, type Assignment, type Assignor, compare, Shares, sortMembers } from './assignor.ts'
import { decodeStickyData, encodeStickyData } from './sticky-data.ts'

interface Place {
  readonly topic: string
  readonly partition: number
}

/**
 * As even as can be, and as many partitions as can be stay where they are (`AbstractStickyAssignor`): first all keep what they
 * have, as far as they read it and nobody newer claims it; then what is left goes to those with least; then who has two or more
 * above another gives one up that the other reads, until nobody has.
 */
function stickyAssignment(
  members: readonly AssigningMember[],
  partitions: ReadonlyMap<string, number>,
): Map<string, Place[]> {
  const sorted = sortMembers(members)
  const readers = new Map<string, readonly string[]>()
  for (const topic of [...partitions.keys()].sort(compare)) {
    readers.set(
      topic,
      sorted.filter(({ topics }) => topics.includes(topic)).map(({ memberId }) => memberId),
    )
  }
  const shares = new Map<string, Place[]>(sorted.map(({ memberId }) => [memberId, []]))
  const owners = rightfulOwners(sorted, partitions)
  for (const [topic, who] of readers) {
    if (who.length === 0) continue
    for (let partition = 0; partition < partitions.get(topic)!; partition++) {
      const owner = owners.get(keyOf(topic, partition))
      if (owner !== undefined && who.includes(owner)) shares.get(owner)!.push({ topic, partition })
    }
  }
  for (const [topic, who] of readers) {
    if (who.length === 0) continue
    for (let partition = 0; partition < partitions.get(topic)!; partition++) {
      const owner = owners.get(keyOf(topic, partition))
      if (owner === undefined || !who.includes(owner)) shares.get(poorest(who, shares))!.push({ topic, partition })
    }
  }
  while (moveOne(shares, readers));
  return shares
}

/** Of two who claim the same partition, the one of the later generation has it; of the same, nobody. */
function rightfulOwners(
  members: readonly AssigningMember[],
  partitions: ReadonlyMap<string, number>,
): Map<string, string> {
  const claims = new Map<string, { memberId: string | null; generation: number }>()
  for (const { memberId, owned, ownedGeneration: generation } of members) {
    for (const [topic, list] of owned) {
      for (const partition of list) {
        if (partition >= (partitions.get(topic) ?? 0)) continue
        const key = keyOf(topic, partition)
        const known = claims.get(key)
        if (known === undefined || known.generation < generation) claims.set(key, { memberId, generation })
        else if (known.generation === generation) known.memberId = null
      }
    }
  }
  const owners = new Map<string, string>()
  for (const [key, { memberId }] of claims) if (memberId !== null) owners.set(key, memberId)
  return owners
}

function poorest(who: readonly string[], shares: ReadonlyMap<string, readonly Place[]>): string {
  let least = who[0]
  for (const memberId of who) if (shares.get(memberId)!.length < shares.get(least)!.length) least = memberId
  return least
}

/** From the richest to the poorest who can take one of its partitions; false when that would make nothing more even. */
function moveOne(shares: Map<string, Place[]>, readers: ReadonlyMap<string, readonly string[]>): boolean {
  const byWealth = [...shares].sort((a, b) => b[1].length - a[1].length)
  for (const [rich, places] of byWealth) {
    for (let i = places.length - 1; i >= 0; i--) {
      const { topic } = places[i]
      const poor = poorest(readers.get(topic)!, shares)
      if (poor === rich || places.length - shares.get(poor)!.length < 2) continue
      shares.get(poor)!.push(...places.splice(i, 1))
      return true
    }
  }
  return false
}

function keyOf(topic: string, partition: number): string {
  return `${partition} ${topic}`
}

function asAssignments(members: readonly AssigningMember[], shares: ReadonlyMap<string, readonly Place[]>) {
  const result = new Shares(members)
  for (const [memberId, places] of shares) {
    for (const { topic, partition } of places) result.give(memberId, topic, partition)
  }
  return result.result()
}

/**
 * The sticky assignment in one step, among members that give everything up before they join (KIP-54): what they had is what they
 * remember, and say beside their topics.
 */
export const stickyAssignor: Assignor = {
  name: 'sticky',
  cooperative: false,
  assign(members, partitions) {
    const remembering = members.map((member) => {
      const last = member.userData === null ? null : decodeStickyData(member.userData)
      return { ...member, owned: last?.assignment ?? new Map(), ownedGeneration: last?.generation ?? -1 }
    })
    return asAssignments(members, stickyAssignment(remembering, partitions))
  },
  userData: (last) => (last === null ? null : encodeStickyData(last)),
}

/**
 * The sticky assignment in two steps (KIP-429): what moves from one member to another is first given up by the one, and handed
 * to the other in the rebalance that follows. So nobody ever has what another has not let go of.
 */
export const cooperativeStickyAssignor: Assignor = {
  name: 'cooperative-sticky',
  cooperative: true,
  assign(members, partitions): Map<string, Assignment> {
    const shares = stickyAssignment(members, partitions)
    const owners = rightfulOwners(members, partitions)
    const settled = new Map<string, Place[]>()
    for (const [memberId, places] of shares) {
      const isFree = ({ topic, partition }: Place): boolean => {
        const owner = owners.get(keyOf(topic, partition))
        return owner === undefined || owner === memberId
      }
      settled.set(memberId, places.filter(isFree))
    }
    return asAssignments(members, settled)
  },
}
