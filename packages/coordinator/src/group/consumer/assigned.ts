/**
 * What a member has: by topic id and partition the epoch in which it was assigned (KIP-1251). In ascending order; never
 * changed in place.
 */
export type OwnedPartitions = ReadonlyMap<string, ReadonlyMap<number, number>>

export const OWNS_NOTHING: OwnedPartitions = new Map()

/** As requests name partitions. */
export type PartitionList = readonly { readonly topicId: string; readonly partitions: readonly number[] }[]

export function sameOwned(a: OwnedPartitions, b: OwnedPartitions): boolean {
  return a === b || (a.size === b.size && containsAll(a, b))
}

/** Whether every partition of `b` is in `a`, and each of these topics has as many in both. */
function containsAll(a: OwnedPartitions, b: OwnedPartitions): boolean {
  for (const [topicId, partitions] of b) {
    const others = a.get(topicId)
    if (others === undefined || others.size !== partitions.size) return false
    for (const partition of partitions.keys()) if (!others.has(partition)) return false
  }
  return true
}

/** Whether the list names nothing but what is owned. */
export function isWithin(list: PartitionList, owned: OwnedPartitions): boolean {
  return list.every(({ topicId, partitions }) => {
    const known = owned.get(topicId)
    return partitions.every((partition) => known?.has(partition) === true)
  })
}

/** Whether the list names something of what is owned. */
export function touches(list: PartitionList, owned: OwnedPartitions): boolean {
  return list.some(({ topicId, partitions }) => {
    const known = owned.get(topicId)
    return known !== undefined && partitions.some((partition) => known.has(partition))
  })
}

export function listOf(owned: OwnedPartitions): { topicId: string; partitions: number[] }[] {
  return [...owned].map(([topicId, partitions]) => ({ topicId, partitions: [...partitions.keys()] }))
}

/** From a record; those written before epochs were kept for each partition have the member's. */
export function restoreOwned(
  stored: readonly {
    readonly topicId: string
    readonly partitions: readonly number[]
    readonly assignmentEpochs: readonly number[] | null
  }[],
  memberEpoch: number,
): OwnedPartitions {
  if (stored.length === 0) return OWNS_NOTHING
  return new Map(
    stored.map(({ topicId, partitions, assignmentEpochs }) => [
      topicId,
      new Map(partitions.map((partition, i) => [partition, assignmentEpochs?.[i] ?? memberEpoch])),
    ]),
  )
}
