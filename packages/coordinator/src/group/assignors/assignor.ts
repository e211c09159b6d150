/** Partitions by topic id, in ascending order. Neither is ever changed in place. */
export type Assignment = ReadonlyMap<string, readonly number[]>

export const NO_PARTITIONS: Assignment = new Map()

/** What an assignor is told of a member. */
export interface AssignorMember {
  readonly memberId: string
  /** Null: no static member. */
  readonly instanceId: string | null
  readonly rackId: string | null
  /** Of topics that exist. */
  readonly topicIds: ReadonlySet<string>
  /** What it was meant to have so far. */
  readonly target: Assignment
}

export interface AssignorTopic {
  readonly topicId: string
  readonly partitions: number
  /** Racks of the replicas, by partition; empty where unknown. */
  readonly racks: readonly (readonly string[])[]
}

/**
 * Decides who is to have what (`ConsumerGroupPartitionAssignor` in Apache Kafka): every partition of a topic that somebody has
 * subscribed to goes to exactly one of those. Pure: the same input gives the same output.
 */
export type Assignor = (
  members: readonly AssignorMember[],
  topics: ReadonlyMap<string, AssignorTopic>,
) => ReadonlyMap<string, Assignment>

/** Whether all have subscribed to the same topics. */
export function isHomogeneous(members: readonly AssignorMember[]): boolean {
  const first = members[0].topicIds
  return members.every(({ topicIds }) => {
    if (topicIds === first) return true
    if (topicIds.size !== first.size) return false
    for (const topicId of topicIds) if (!first.has(topicId)) return false
    return true
  })
}

export function sameAssignment(a: Assignment, b: Assignment): boolean {
  if (a === b) return true
  if (a.size !== b.size) return false
  for (const [topicId, partitions] of a) {
    const others = b.get(topicId)
    if (others === undefined || others.length !== partitions.length) return false
    for (let i = 0; i < partitions.length; i++) if (partitions[i] !== others[i]) return false
  }
  return true
}
