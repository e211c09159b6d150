import type { Assignment, Assignor, AssignorMember } from './assignor.ts'

/** How one topic is cut up among its subscribers. */
interface Cut {
  readonly partitions: number
  subscribers: number
  /** How many have had their share. */
  served: number
  next: number
}

/**
 * `range`: each topic is cut into ranges of equal length, the first ones one longer where it does not come out even, and its
 * subscribers take them in the order of their names, static members first (`RangeAssignor` in Apache Kafka). Topics with as
 * many partitions and the same subscribers are cut alike, so that partitions of one number meet in one member.
 */
export const assignRange: Assignor = (members, topics) => {
  const cuts = new Map<string, Cut>()
  for (const { topicIds } of members) {
    for (const topicId of topicIds) {
      const cut = cuts.get(topicId)
      if (cut !== undefined) cut.subscribers++
      else cuts.set(topicId, { partitions: topics.get(topicId)!.partitions, subscribers: 1, served: 0, next: 0 })
    }
  }
  const assignments = new Map<string, Assignment>()
  for (const { memberId, topicIds } of [...members].sort(byName)) {
    const assignment = new Map<string, readonly number[]>()
    for (const topicId of topicIds) {
      const range = nextRange(cuts.get(topicId)!)
      if (range.length > 0) assignment.set(topicId, range)
    }
    assignments.set(memberId, assignment)
  }
  return assignments
}

function nextRange(cut: Cut): number[] {
  const share = Math.floor(cut.partitions / cut.subscribers)
  const extra = cut.served < cut.partitions % cut.subscribers ? 1 : 0
  const start = cut.next
  cut.served++
  cut.next = start + share + extra
  return Array.from({ length: share + extra }, (_, i) => start + i)
}

function byName(a: AssignorMember, b: AssignorMember): number {
  if (a.instanceId !== null && b.instanceId !== null) return compare(a.instanceId, b.instanceId)
  if (a.instanceId !== null) return -1
  if (b.instanceId !== null) return 1
  return compare(a.memberId, b.memberId)
}

/** By UTF-16 units, as Java compares strings. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
