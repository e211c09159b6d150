import type { Clock, FileSystem, Logger, Random, Timers } from '@ottla/runtime'
import type { SegmentRange } from './segment-range.ts'

/** What a log needs of the outside. */
export interface StorageRuntime {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly fs: FileSystem
  readonly logger: Logger
}

/**
 * The settings of one topic that a log obeys, resolved from topic and broker properties. Names are Kafka's topic
 * properties in camel case; "for ever" and "unbounded" are `Infinity`.
 */
export interface LogConfig {
  readonly segmentBytes: number
  readonly segmentMs: number
  readonly segmentJitterMs: number
  readonly segmentIndexBytes: number
  readonly indexIntervalBytes: number
  readonly retentionMs: number
  readonly retentionBytes: number
  readonly cleanupPolicy: { readonly delete: boolean; readonly compact: boolean }
  readonly minCleanableDirtyRatio: number
  readonly minCompactionLagMs: number
  readonly maxCompactionLagMs: number
  readonly deleteRetentionMs: number
  readonly fileDeleteDelayMs: number
  readonly maxMessageBytes: number
  readonly maxDecompressedMessageBytes: number
  readonly compressionType: 'producer' | 'uncompressed' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
  readonly compressionGzipLevel: number
  readonly compressionLz4Level: number
  readonly compressionZstdLevel: number
  readonly messageTimestampType: 'CreateTime' | 'LogAppendTime'
  readonly messageTimestampBeforeMaxMs: number
  readonly messageTimestampAfterMaxMs: number
  readonly flushMessages: number
  readonly flushMs: number
  readonly preallocate: boolean
}

/** Who appends, which decides what is checked and what is assigned (`AppendOrigin` in Apache Kafka). */
export type AppendOrigin =
  /** A producer: everything is checked, offsets are assigned, control batches are refused. */
  | 'client'
  /** The broker's own coordinators, transaction markers among them. */
  | 'coordinator'
  /** A follower copying its leader: offsets and epochs stay as they are. */
  | 'replication'

/** `errorCode` is Kafka's (0 none); offsets are -1 when it is not 0. */
export interface AppendResult {
  readonly errorCode: number
  readonly errorMessage: string | null
  /** Records that were refused, by their index in the batch (KIP-467). */
  readonly recordErrors: readonly { readonly batchIndex: number; readonly message: string }[]
  readonly baseOffset: number
  /** The first offset after the appended (or, for a duplicate, the earlier) batches: what must be written before the answer. */
  readonly nextOffset: number
  /** -1 unless the topic uses LogAppendTime. */
  readonly logAppendTimeMs: number
  readonly logStartOffset: number
  /** What the log grows by, as it is stored (which may be compressed otherwise than what came); 0 for a duplicate. */
  readonly appendedBytes: number
  /** The batch was already there (idempotent producer): offsets are those of the first append. */
  readonly duplicate: boolean
}

/**
 * Contiguous bytes of whole batches, ready to be sent; the last one may be cut when it exceeds what was asked for. Parts of
 * files only for who asked with `ranges`.
 */
export interface LogSlice {
  readonly chunks: readonly (Buffer | SegmentRange)[]
  readonly bytes: number
}

/** Told of what happens to a log after `append` returned. Never called from inside a call into the log. */
export interface LogListener {
  /** `log.writtenEndOffset` has risen: everything below it is in the operating system's hands. */
  onWritten(log: unknown): void
  /** Appends from `fromOffset` on were not written and are forgotten; the log is as it was before them, or offline. */
  onAppendFailed(log: unknown, fromOffset: number, error: Error): void
}
