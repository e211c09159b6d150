import type { Assignment, AssignorMember, AssignorTopic } from './assignor.ts'
import { Draft } from './draft.ts'
import { NumberHeap } from './number-heap.ts'

/** How often the topics are gone through for a better balance: subscriptions that overlap in a chain take several times. */
const ROUNDS_MAX = 16

interface Plan {
  readonly topicId: string
  /** Indices of members. */
  readonly subscribers: readonly number[]
  /** By partition; -1 nobody. */
  readonly owners: Int32Array
}

/**
 * For members with different subscriptions (`UniformHeterogeneousAssignmentBuilder` in Apache Kafka): everyone keeps what it
 * may have; what is free goes to the subscriber who has least; then partitions of a topic move from who has most to who has
 * least among its subscribers until these differ by one at most, topic by topic, the one with most partitions for each
 * subscriber first, as long as that changes anything.
 */
export function assignMixed(
  members: readonly AssignorMember[],
  topics: ReadonlyMap<string, AssignorTopic>,
): ReadonlyMap<string, Assignment> {
  const mix = new Mix(members, topics)
  mix.assignFree()
  mix.balance()
  return mix.result()
}

class Mix {
  readonly #members: readonly AssignorMember[]
  readonly #drafts: readonly Draft[]
  readonly #loads: Int32Array
  readonly #plans: readonly Plan[]

  constructor(members: readonly AssignorMember[], topics: ReadonlyMap<string, AssignorTopic>) {
    this.#members = members
    this.#drafts = members.map(({ target }) => new Draft(target))
    this.#loads = new Int32Array(members.length)
    this.#plans = plansOf(members, topics)
    const byId = new Map(this.#plans.map((plan) => [plan.topicId, plan]))
    members.forEach((member, index) => {
      this.#keep(member, index, byId)
    })
  }

  #keep({ target, topicIds }: AssignorMember, index: number, plans: ReadonlyMap<string, Plan>): void {
    for (const [topicId, partitions] of target) {
      const plan = topicIds.has(topicId) ? plans.get(topicId) : undefined
      if (plan === undefined) {
        this.#drafts[index].removeTopic(topicId)
        continue
      }
      for (const partition of partitions) {
        if (plan.owners[partition] === -1) {
          plan.owners[partition] = index
          this.#loads[index]++
        } else this.#drafts[index].remove(topicId, partition)
      }
    }
  }

  assignFree(): void {
    for (const plan of this.#plans) {
      if (!plan.owners.includes(-1)) continue
      const least = this.#leastFirst(plan)
      for (let partition = 0; partition < plan.owners.length; partition++) {
        if (plan.owners[partition] !== -1) continue
        const index = this.#memberOf(least.pop())
        this.#give(plan, partition, index)
        least.push(this.#ascending(index))
      }
    }
  }

  balance(): void {
    const shared = this.#plans.filter(({ subscribers }) => subscribers.length > 1)
    let unchanged = 0
    for (let round = 0; round < ROUNDS_MAX; round++) {
      for (const plan of shared) {
        if (unchanged === shared.length) return
        unchanged = this.#balance(plan) ? 0 : unchanged + 1
      }
    }
  }

  /** Whether anything moved. */
  #balance(plan: Plan): boolean {
    const { subscribers, owners } = plan
    let least = Number.POSITIVE_INFINITY
    let most = 0
    for (const index of subscribers) {
      least = Math.min(least, this.#loads[index])
      most = Math.max(most, this.#loads[index])
    }
    if (most - least <= 1) return false
    const has = new Map<number, number[]>()
    owners.forEach((index, partition) => {
      const partitions = has.get(index)
      if (partitions === undefined) has.set(index, [partition])
      else partitions.push(partition)
    })
    const poorest = this.#leastFirst(plan)
    const richest = new NumberHeap()
    for (const index of has.keys()) richest.push(this.#descending(index))
    let moved = false
    for (;;) {
      const from = this.#current(richest, (index) => this.#descending(index), has)
      const to = this.#current(poorest, (index) => this.#ascending(index), null)
      if (from === -1 || this.#loads[from] - this.#loads[to] <= 1) return moved
      const partition = has.get(from)!.pop()!
      this.#take(plan, partition)
      this.#give(plan, partition, to)
      for (const index of [from, to]) {
        richest.push(this.#descending(index))
        poorest.push(this.#ascending(index))
      }
      moved = true
    }
  }

  /** The member on top whose load is still what it was when it was put there, and who has any of `has`; -1: there is none. */
  #current(heap: NumberHeap, key: (index: number) => number, has: ReadonlyMap<number, number[]> | null): number {
    while (heap.size > 0) {
      const index = this.#memberOf(heap.peek())
      const isCurrent = key(index) === heap.peek()
      if (isCurrent && (has === null || (has.get(index)?.length ?? 0) > 0)) return index
      heap.pop()
    }
    return -1
  }

  #leastFirst({ subscribers }: Plan): NumberHeap {
    const heap = new NumberHeap()
    for (const index of subscribers) heap.push(this.#ascending(index))
    return heap
  }

  #ascending(index: number): number {
    return this.#loads[index] * this.#members.length + index
  }

  #descending(index: number): number {
    return (0x7fff_ffff - this.#loads[index]) * this.#members.length + index
  }

  #memberOf(key: number): number {
    return key % this.#members.length
  }

  #give({ topicId, owners }: Plan, partition: number, index: number): void {
    owners[partition] = index
    this.#loads[index]++
    this.#drafts[index].add(topicId, partition)
  }

  #take({ topicId, owners }: Plan, partition: number): void {
    const index = owners[partition]
    this.#loads[index]--
    this.#drafts[index].remove(topicId, partition)
  }

  result(): ReadonlyMap<string, Assignment> {
    return new Map(this.#members.map(({ memberId }, index) => [memberId, this.#drafts[index].finish()]))
  }
}

/** Most partitions for each subscriber first, then fewest subscribers, then by id. */
function plansOf(members: readonly AssignorMember[], topics: ReadonlyMap<string, AssignorTopic>): Plan[] {
  const subscribers = new Map<string, number[]>()
  members.forEach(({ topicIds }, index) => {
    for (const topicId of topicIds) {
      const others = subscribers.get(topicId)
      if (others === undefined) subscribers.set(topicId, [index])
      else others.push(index)
    }
  })
  const plans = [...subscribers].map(([topicId, indices]) => ({
    topicId,
    subscribers: indices,
    owners: new Int32Array(topics.get(topicId)!.partitions).fill(-1),
  }))
  return plans.sort((a, b) => {
    const share = b.owners.length / b.subscribers.length - a.owners.length / a.subscribers.length
    if (share !== 0) return share
    return a.subscribers.length - b.subscribers.length || (a.topicId < b.topicId ? -1 : 1)
  })
}
