import type { TopicPartitions } from './context.ts'
import type { StoredTransaction } from './records.ts'

type Stored = StoredTransaction['transactionPartitions']

/** The partitions of both; null when all of `added` are there already. */
export function withPartitions(present: Stored, added: readonly TopicPartitions[]): NonNullable<Stored> | null {
  const topics = new Map((present ?? []).map(({ topic, partitionIds }) => [topic, new Set(partitionIds)] as const))
  let isNew = false
  for (const { topic, partitionIds } of added) {
    let ids = topics.get(topic)
    if (ids === undefined) {
      ids = new Set()
      topics.set(topic, ids)
    }
    for (const id of partitionIds) {
      if (ids.has(id)) continue
      ids.add(id)
      isNew = true
    }
  }
  if (!isNew) return null
  return [...topics].map(([topic, ids]) => ({ topic, partitionIds: [...ids] }))
}

export function hasPartition(present: Stored, topic: string, partition: number): boolean {
  return present?.some((entry) => entry.topic === topic && entry.partitionIds.includes(partition)) ?? false
}
