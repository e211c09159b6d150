import type { BufferPool } from '@ottla/runtime'
import type { PartitionLog } from './log.ts'
import type { OpenFiles } from './open-files.ts'
import type { Segment } from './segment.ts'
import type { TailBudget } from './tail.ts'
import type { LogListener, StorageRuntime } from './types.ts'

/** What all logs of a broker share. */
export interface LogShared {
  readonly runtime: StorageRuntime
  readonly listener: LogListener
  readonly openFiles: OpenFiles
  readonly tailBudget: TailBudget
  /** Of reads from disk, and of the frames that appends are views on. */
  readonly bufferPool: BufferPool
  readonly indexMemory: IndexMemory
  /** `producer.id.expiration.ms`. */
  readonly producerIdExpirationMs: number
  /** `log.record.validation=full`. */
  readonly validateCompressed: boolean
  /** Writes the checkpoints of the log's directory now, so that a truncation or deletion is not undone by a crash. */
  checkpointDirectoryOf(log: PartitionLog): void
  /** Makes the folders of all partitions created so far in a log directory durable; one wait serves many. */
  syncFolders(directory: string): void
  /** Removes files in the background, after a delay; if the process ends before, the next start does. */
  removeLater(paths: readonly string[], delayMs: number): void
  /** The log's disk has failed. */
  diskFailed(log: PartitionLog, error: Error): void
}

/**
 * Bounds the memory of the indexes of sealed segments: those used longest ago are dropped and read again when needed.
 */
export class IndexMemory {
  readonly #bytesMax: number
  readonly #segments = new Set<Segment>()
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** The segment has just loaded its indexes. */
  note(segment: Segment): void {
    if (!segment.sealed) return
    this.#segments.delete(segment)
    this.#segments.add(segment)
    this.#bytes += segment.indexBytes
    if (this.#bytes <= this.#bytesMax) return
    for (const oldest of this.#segments) {
      if (oldest === segment) break
      this.#segments.delete(oldest)
      oldest.forgetIndexes()
      // Sizes may have changed since they were counted (a segment that became active again).
      this.#bytes = this.#recount()
      if (this.#bytes <= this.#bytesMax) break
    }
  }

  #recount(): number {
    let total = 0
    for (const segment of this.#segments) total += segment.indexBytes
    return total
  }
}
