import type { Assignment, AssignorMember, AssignorTopic } from './assignor.ts'
import { Draft } from './draft.ts'

interface Place {
  readonly topicId: string
  readonly partition: number
}

interface Seat {
  readonly index: number
  readonly member: AssignorMember
  readonly draft: Draft
  owned: number
  /** How many more it is to have. */
  room: number
}

const NOBODY = -1

/** Indices of seats by partition, by topic id. */
type Owners = ReadonlyMap<string, Int32Array>

/**
 * For members that have all subscribed to the same: everyone keeps what it has up to its quota, and the rest is handed out
 * among those below theirs (`UniformHomogeneousAssignmentBuilder` in Apache Kafka). O(partitions + members).
 *
 * Beyond Kafka: the quotas that are one larger go to those who have that many already, so that no partition moves without
 * need; and of what is handed out, partitions with a replica in a member's rack go there first.
 */
export function assignEvenly(
  members: readonly AssignorMember[],
  topics: ReadonlyMap<string, AssignorTopic>,
): ReadonlyMap<string, Assignment> {
  const subscribed = [...members[0].topicIds].map((topicId) => topics.get(topicId)!)
  const seats = members.map((member, index) => ({
    index,
    member,
    draft: new Draft(member.target),
    owned: 0,
    room: 0,
  }))
  const owners: Owners = new Map(
    subscribed.map(({ topicId, partitions }) => [topicId, new Int32Array(partitions).fill(NOBODY)]),
  )
  for (const seat of seats) takeStock(seat, owners)
  setQuotas(seats, subscribed)
  for (const seat of seats) if (seat.room < 0) giveUp(seat, owners)
  handOut(seats, subscribed, owners)
  return new Map(seats.map(({ member, draft }) => [member.memberId, draft.finish()]))
}

/** Marks what the member has as taken, and drops what it may not have. */
function takeStock(seat: Seat, owners: Owners): void {
  for (const [topicId, partitions] of seat.member.target) {
    const of = owners.get(topicId)
    if (of === undefined) {
      seat.draft.removeTopic(topicId)
      continue
    }
    for (const partition of partitions) {
      if (of[partition] === NOBODY) {
        of[partition] = seat.index
        seat.owned++
      } else seat.draft.remove(topicId, partition)
    }
  }
}

function setQuotas(seats: readonly Seat[], subscribed: readonly AssignorTopic[]): void {
  let total = 0
  for (const { partitions } of subscribed) total += partitions
  const least = Math.floor(total / seats.length)
  let larger = total % seats.length
  for (const seat of seats) {
    const keepsOneMore = larger > 0 && seat.owned > least
    if (keepsOneMore) larger--
    seat.room = (keepsOneMore ? least + 1 : least) - seat.owned
  }
  for (const seat of seats) {
    if (larger === 0) break
    if (seat.owned > least) continue
    seat.room++
    larger--
  }
}

/** The last ones go. */
function giveUp(seat: Seat, owners: Owners): void {
  let kept = seat.owned + seat.room
  for (const [topicId, partitions] of seat.member.target) {
    const of = owners.get(topicId)
    if (of === undefined) continue
    for (const partition of partitions) {
      if (of[partition] !== seat.index) continue
      if (kept > 0) {
        kept--
        continue
      }
      seat.draft.remove(topicId, partition)
      of[partition] = NOBODY
    }
  }
  seat.room = 0
}

function handOut(seats: readonly Seat[], subscribed: readonly AssignorTopic[], owners: Owners): void {
  const left = byRack(seats, subscribed, owners)
  let next = 0
  for (const { topicId, partition } of left) {
    while (seats[next].room <= 0) next++
    seats[next].draft.add(topicId, partition)
    seats[next].room--
  }
}

/** Gives partitions to members in a rack of theirs, and returns those for which there was none. */
function byRack(seats: readonly Seat[], subscribed: readonly AssignorTopic[], owners: Owners): Place[] {
  const waiting = new Map<string, Seat[]>()
  for (const seat of seats) {
    const { rackId } = seat.member
    if (rackId === null || seat.room <= 0) continue
    const others = waiting.get(rackId)
    if (others === undefined) waiting.set(rackId, [seat])
    else others.push(seat)
  }
  const left: Place[] = []
  for (const { topicId, partitions, racks } of subscribed) {
    const of = owners.get(topicId)!
    for (let partition = 0; partition < partitions; partition++) {
      if (of[partition] !== NOBODY) continue
      const seat = waiting.size === 0 ? undefined : inOneOf(racks[partition] ?? [], waiting)
      if (seat === undefined) left.push({ topicId, partition })
      else {
        seat.draft.add(topicId, partition)
        seat.room--
      }
    }
  }
  return left
}

function inOneOf(racks: readonly string[], waiting: ReadonlyMap<string, Seat[]>): Seat | undefined {
  for (const rack of racks) {
    const seats = waiting.get(rack)
    if (seats === undefined) continue
    while (seats.length > 0 && seats[seats.length - 1].room <= 0) seats.pop()
    if (seats.length > 0) return seats[seats.length - 1]
  }
  return undefined
}
