import type { TopicPartition } from '../cluster/by-leader.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { findOffsets } from '../cluster/offsets.ts'
import type { KafkaError } from '../errors.ts'
import { type CommittedOffset, listGroupOffsets } from './group-offsets.ts'
import { byPartition, describeGroups, type GroupInfo, type GroupMember } from './groups.ts'
import type { ItemResult } from './results.ts'

export interface GroupLag extends ItemResult {
  /** Null with an error. */
  readonly group: GroupInfo | null
  /** What the group has offsets of or members for, sorted. */
  readonly partitions: readonly PartitionLag[]
}

export interface PartitionLag extends TopicPartition {
  /** The offset to read next; null when nothing is committed. */
  readonly committedOffset: number | null
  /** Where the log ends for this group's readers; null with an error. */
  readonly endOffset: number | null
  /** Records (and markers) still to be read; null when nothing is committed. Never below 0. */
  readonly lag: number | null
  /** What the consumer wrote beside the offset. */
  readonly metadata: string
  /** The member that has the partition. */
  readonly member: GroupMember | null
  readonly error: KafkaError | null
}

export async function groupLag(
  cluster: Cluster,
  groupIds: readonly string[],
  options: { readCommitted?: boolean },
): Promise<GroupLag[]> {
  const described = await describeGroups(cluster, groupIds)
  const existing = described.flatMap(({ name, error }) => (error === null ? [name] : []))
  const committed = await listGroupOffsets(cluster, existing, false)
  const rows = described.map(({ name, group }) => {
    const known = committed.find((c) => c.name === name)
    return group === null || known === undefined ? [] : merge(known.offsets, group)
  })
  // Groups may read the same topics: each partition is asked for once.
  const distinct = new Map(rows.flat().map((row) => [`${row.topic}-${row.partition}`, row]))
  const wanted = [...distinct.values()].map(({ topic, partition }) => ({ topic, partition, spec: 'latest' as const }))
  const found = await findOffsets(cluster, wanted, options)
  const ends = new Map([...distinct.keys()].map((key, i) => [key, found[i]]))
  return described.map(({ name, error, group }, i) => ({
    name,
    error: error ?? committed.find((c) => c.name === name)?.error ?? null,
    group,
    partitions: rows[i].map(({ topic, partition, stored, member }): PartitionLag => {
      const end = ends.get(`${topic}-${partition}`)
      const committedOffset = stored === null || stored.error !== null ? null : stored.offset
      const endOffset = end?.value?.offset ?? null
      return {
        topic,
        partition,
        committedOffset,
        endOffset,
        lag: committedOffset === null || endOffset === null ? null : Math.max(0, endOffset - committedOffset),
        metadata: stored?.metadata ?? '',
        member,
        error: stored?.error ?? end?.error ?? null,
      }
    }),
  }))
}

interface Row extends TopicPartition {
  readonly stored: CommittedOffset | null
  readonly member: GroupMember | null
}

function merge(offsets: readonly CommittedOffset[], group: GroupInfo): Row[] {
  const rows = new Map<string, Row>()
  for (const stored of offsets) {
    const { topic, partition } = stored
    rows.set(`${topic}-${partition}`, { topic, partition, stored, member: null })
  }
  for (const member of group.members) {
    for (const { topic, partition } of member.assignment ?? []) {
      const stored = rows.get(`${topic}-${partition}`)?.stored ?? null
      rows.set(`${topic}-${partition}`, { topic, partition, stored, member })
    }
  }
  return [...rows.values()].sort(byPartition)
}
