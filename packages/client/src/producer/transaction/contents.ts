import type { TopicPartition } from '../../cluster/by-leader.ts'
import type { GroupMetadata } from '../../group-metadata.ts'
import type { OffsetToCommit } from './events.ts'

export interface PendingOffsets {
  readonly id: number
  readonly group: GroupMetadata
  offsets: readonly OffsetToCommit[]
}

/** What is in one transaction, and what is to come into it. */
export class TransactionContents {
  /** Whether the coordinator has it; maybe, when a request that would begin it has no good answer. */
  begun: 'no' | 'maybe' | 'yes' = 'no'
  /** A number of a sequence was used and given up: what follows needs a higher epoch. */
  mustRaise = false
  /** The coordinator would not take an EndTxn of this identity. */
  identityLost = false
  /** Their offsets partitions are announced. */
  readonly groups = new Set<string>()
  /** Not stored yet, oldest first. */
  readonly offsets: PendingOffsets[] = []
  private readonly entered = new Map<string, Set<number>>()
  private readonly wanted = new Map<string, Set<number>>()

  /** The partition is announced; if not, it will be. */
  admits(topic: string, partition: number): boolean {
    if (this.entered.get(topic)?.has(partition)) return true
    setOf(this.wanted, topic).add(partition)
    return false
  }

  toAnnounce(): TopicPartition[] {
    const list: TopicPartition[] = []
    for (const [topic, partitions] of this.wanted) for (const partition of partitions) list.push({ topic, partition })
    return list
  }

  announced(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      setOf(this.entered, topic).add(partition)
      this.wanted.get(topic)?.delete(partition)
    }
  }

  /** Drops what is to come. */
  discard(): void {
    this.wanted.clear()
    this.offsets.length = 0
  }
}

function setOf(map: Map<string, Set<number>>, topic: string): Set<number> {
  let partitions = map.get(topic)
  if (partitions === undefined) {
    partitions = new Set()
    map.set(topic, partitions)
  }
  return partitions
}
