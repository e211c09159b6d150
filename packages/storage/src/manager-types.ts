import type { BufferPool } from '@ottla/runtime'
import type { LogConfig, LogListener } from './types.ts'

/** Who holds a directory: enough to tell a live process from one that reuses its pid. */
export interface ProcessIdentity {
  readonly pid: number
  /** Opaque; differs between two processes of the same pid (on Linux: start time in ticks since boot). */
  readonly startedAt: string
  /** Opaque; differs after a reboot. */
  readonly bootId: string
}

export interface LogManagerOptions {
  /** `log.dirs`, absolute paths. Created when missing. The first keeps what is to be known of the others. */
  readonly directories: readonly string[]
  readonly nodeId: number
  /** null: take the one of the directories, or make none up (the caller reads `clusterId` and decides). */
  readonly clusterId: string | null
  readonly identity: ProcessIdentity
  readonly isAlive: (identity: ProcessIdentity) => boolean
  /** Takes over directories which Apache Kafka wrote. */
  readonly adopt?: boolean
  readonly configOf: (topic: string) => LogConfig
  /**
   * The id (URL-safe base64) of a topic of the cluster, null when there is none of that name: so that a folder that a deleted
   * topic has left is not taken for one of its successor. Default: every folder is what it says.
   */
  readonly topicIdOf?: (topic: string) => string | null
  readonly listener: LogListener
  /**
   * Memory of appended frames and of reads. A slice that was read stays what it is only in the turn in which it came, or
   * while its reader retains it here. Default: a pool of its own that uses nothing again.
   */
  readonly bufferPool?: BufferPool
  /** Memory for the tails of all logs. Default 16 MiB. */
  readonly tailBytesMax?: number
  /** Files kept open. Default 512. */
  readonly openFilesMax?: number
  /** `log.flush.offset.checkpoint.interval.ms`. Default 60 000. */
  readonly checkpointIntervalMs?: number
  /** `log.retention.check.interval.ms`. Default 300 000. */
  readonly retentionCheckIntervalMs?: number
  /** `log.initial.task.delay.ms`. Default 30 000. */
  readonly initialTaskDelayMs?: number
  /** `producer.id.expiration.ms`. Default 86 400 000. */
  readonly producerIdExpirationMs?: number
  /** `log.record.validation=full`: walk the records of compressed batches too. Default false. */
  readonly validateCompressed?: boolean
  readonly cleaner?: CleanerOptions
  /** Called when a directory fails, or could not be used from the start; its logs are offline by then. */
  readonly onDirectoryFailed?: (directory: string, error: Error) => void
}

export interface CleanerOptions {
  /** `log.cleaner.enable`. Default true. */
  readonly enable?: boolean
  /** `log.cleaner.dedupe.buffer.size`. Default 134 217 728. */
  readonly dedupeBufferSize?: number
  /** `log.cleaner.io.buffer.load.factor`. Default 0.9. */
  readonly bufferLoadFactor?: number
  /** `log.cleaner.backoff.ms`. Default 15 000. */
  readonly backoffMs?: number
  /** `log.cleaner.io.max.bytes.per.second`: read and written together. Default `Infinity`. */
  readonly ioMaxBytesPerSecond?: number
}

export interface DirectoryState {
  readonly path: string
  readonly offline: Error | null
  /** `directory.id` of meta.properties: URL-safe base64. */
  readonly directoryId: string
}
