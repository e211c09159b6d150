import type { Random } from '@ottla/runtime'
import { murmur2 } from './murmur2.ts'

/** The partition of a key: as Java's default partitioner, over all partitions, whether they have a leader or not. */
export function partitionOfKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount
}

/** A sticky run ends after so many records, so that a topic of few records is spread too. */
export const STICKY_RECORDS_MAX = 200
/** Nor is a run longer than this part of all records so far: a seventh of a partition's share, where there are six. */
const RUN_SHARE = 1 / 42

/**
 * Spreads records without a key over one topic: a run of them sticks to a partition, so that batches fill, until
 * `batchBytes` or `STICKY_RECORDS_MAX` have gone there (KIP-794); the next run goes to the next partition in turn, so
 * that the spread is even by construction. Runs begin short and grow with what has been sent, so that it is even for few
 * records as well. Partitions without a leader are passed over while others have one.
 */
export class StickySpread {
  private readonly batchBytes: number
  private current: number
  private records = 0
  private bytes = 0
  private total = 0
  private run = 1

  constructor(batchBytes: number, random: Random) {
    this.batchBytes = batchBytes
    // Many producers that start together must not all begin at partition 0.
    this.current = random.uint32()
  }

  /** The partition of the next record, of about `bytes` bytes. */
  next(partitionCount: number, bytes: number, available: (partition: number) => boolean): number {
    if (this.records >= this.run || this.bytes >= this.batchBytes) this.advance()
    let partition = this.current % partitionCount
    for (let tried = 1; tried < partitionCount && !available(partition); tried++) {
      this.advance()
      partition = this.current % partitionCount
    }
    this.records += 1
    this.total += 1
    this.bytes += bytes
    return partition
  }

  private advance(): void {
    this.current = (this.current + 1) >>> 0
    this.records = 0
    this.bytes = 0
    this.run = Math.min(STICKY_RECORDS_MAX, Math.max(1, Math.floor(this.total * RUN_SHARE)))
  }
}
