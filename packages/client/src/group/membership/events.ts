import type { KafkaError } from '../../errors.ts'

/** Partitions, by the name of their topic in the classic protocol and by its id in the consumer protocol. */
export type Partitions = ReadonlyMap<string, readonly number[]>

/**
 * What the reader of a consumer has to do about its group:
 *
 * - `out`: it has lost its partitions, somebody else may have them already. Drop them, then `join`.
 * - `joining`: wait.
 * - `assigned`: give up what is not in the assignment, take what is new, then say what is `held`.
 * - `member`: read.
 * - `rebalancing`: give up what has to be given up before a rebalance, then `join`.
 * - `failed`: drop everything and end.
 * - `left`: end.
 */
export type MembershipState =
  | { readonly name: 'out' | 'joining' | 'member' | 'rebalancing' | 'left' }
  | { readonly name: 'assigned'; readonly assignment: Partitions }
  | { readonly name: 'failed'; readonly error: KafkaError }

/**
 * What is left of an assignment that is being taken over: nothing, or that which is being taken, or that of which the reader does
 * not know yet what it is, and wants to look at again later.
 */
export type Rest = 'none' | 'coming' | 'unknown'

export type MembershipEvent<Answer> =
  /** The reader wants to be a member; `owned` is what it keeps meanwhile. */
  | { readonly type: 'join'; readonly owned: Partitions }
  /** The reader holds these partitions now and no others. */
  | { readonly type: 'held'; readonly owned: Partitions; readonly rest: Rest }
  /** What is subscribed to, or what there is of it, has changed. */
  | { readonly type: 'topics-changed' }
  | { readonly type: 'answer'; readonly number: number; readonly answer: Answer }
  /** The request had no answer, or an error for one. */
  | { readonly type: 'failure'; readonly number: number; readonly error: KafkaError }
  /** The coordinator refused a commit of this membership. */
  | { readonly type: 'commit-refused'; readonly error: KafkaError }
  /** The reader has worked on a record for too long. */
  | { readonly type: 'overdue'; readonly reason: string }
  | { readonly type: 'leave'; readonly reason: string }
  /** The time that the effect `wait` named has come. */
  | { readonly type: 'time' }

export type MembershipEffect<Ask> =
  /** Answered by the event `answer` or `failure` with the same number; what comes after the next `ask` is not listened to. */
  | { readonly type: 'ask'; readonly number: number; readonly ask: Ask }
  /** Ask without an event in return: nobody waits for what comes of it. */
  | { readonly type: 'bid-farewell'; readonly ask: Ask }
  /** Send the event `time` then, and not at the time named before; null: not at all. */
  | { readonly type: 'wait'; readonly untilMs: number | null }
  | { readonly type: 'entered'; readonly state: MembershipState }
  /** It has been put out of the group. */
  | { readonly type: 'put-out'; readonly reason: string }

/** A consumer as a member of its group, without I/O: events and the time go in, effects come out. */
export interface MembershipMachine<Ask, Answer> {
  readonly state: MembershipState
  /**
   * Empty while there is none. Who is put out keeps it until it joins again: what it still commits is refused then, where a
   * commit without a name would be one from outside the group.
   */
  readonly memberId: string
  /** Generation of the classic protocol, epoch of the consumer protocol; -1 without. */
  readonly generation: number
  /** While it is the same, partitions that are held have not been anybody else's in between. */
  readonly term: number
  on(event: MembershipEvent<Answer>, nowMs: number): MembershipEffect<Ask>[]
}

export interface MembershipOptions {
  readonly isStatic: boolean
  /** How long a join is tried again after failures that may heal, in ms since the coordinator was last heard of. */
  readonly joinTimeoutMs: number
  /** Ms to wait after something has failed `failures` times in a row (at least 1). */
  waitMs(failures: number): number
}

/** Whether both are the same partitions, whatever their order. */
export function samePartitions(a: Partitions, b: Partitions): boolean {
  return holdsAll(a, b) && holdsAll(b, a)
}

/** Whether every one of `some` is among `all`. */
export function holdsAll(all: Partitions, some: Partitions): boolean {
  for (const [topic, partitions] of some) {
    const known = all.get(topic)
    for (const partition of partitions) if (!known?.includes(partition)) return false
  }
  return true
}

export function union(a: Partitions, b: Partitions): Partitions {
  if (a.size === 0) return b
  const all = new Map(a)
  for (const [topic, partitions] of b) all.set(topic, [...new Set([...(all.get(topic) ?? []), ...partitions])])
  return all
}
