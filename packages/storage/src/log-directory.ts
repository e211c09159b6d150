import type { FileSystem, Random } from '@ottla/runtime'
import { isOutOfDescriptors, isSystemError, StorageError } from './errors.ts'
import { CheckpointWriter } from './files/checkpoint-writer.ts'
import {
  type CleanShutdown,
  readCleanShutdown,
  removeCleanShutdown,
  writeCleanShutdown,
} from './files/clean-shutdown.ts'
import { DirectoryLock } from './files/directory-lock.ts'
import { type DirectoryOrigin, inspectDirectory, stampDirectory } from './files/format-stamp.ts'
import { type MetaProperties, readMetaProperties, writeMetaProperties } from './files/meta-properties.ts'
import {
  CLEANER_CHECKPOINT,
  HIGH_WATERMARK_CHECKPOINT,
  LOG_START_CHECKPOINT,
  type OffsetsByPartition,
  RECOVERY_POINT_CHECKPOINT,
  readOffsetCheckpoint,
} from './files/offset-checkpoint.ts'
import { parentOf } from './log-core.ts'
import type { LogManagerOptions } from './manager-types.ts'
import { classifyDirectory } from './names.ts'
import type { StorageRuntime } from './types.ts'

/** What the files of a directory say of one log. */
export interface Checkpointed {
  readonly recoveryPoints: OffsetsByPartition
  readonly logStarts: OffsetsByPartition
}

/** Who must not share a directory with whom, and whose it is. */
type LockRules = Pick<LogManagerOptions, 'identity' | 'isAlive' | 'adopt' | 'nodeId' | 'clusterId'>

/** What a look at a directory has told. */
interface Found {
  readonly origin: DirectoryOrigin
  /** null: it could not be used, and is not held. */
  readonly lock: DirectoryLock | null
  readonly meta: MetaProperties | null
  readonly caseInsensitive: boolean
}

const UNUSABLE: Found = { origin: 'new', lock: null, meta: null, caseInsensitive: false }

/**
 * One of the `log.dirs`: locked, checked and stamped, with its checkpoints. Its logs are the manager's.
 */
export class LogDirectory {
  readonly path: string
  readonly origin: DirectoryOrigin
  readonly #runtime: StorageRuntime
  readonly #lock: DirectoryLock | null
  readonly #checkpoints: CheckpointWriter
  meta: MetaProperties | null
  #offline: Error | null = null
  #cleaned: OffsetsByPartition | null = null
  /** The disk does not tell `a` from `A`. */
  readonly caseInsensitive: boolean
  /** How the directory was left; taken when it was opened. */
  #left: CleanShutdown | null = null

  private constructor(runtime: StorageRuntime, path: string, found: Found) {
    this.#runtime = runtime
    this.path = path
    this.origin = found.origin
    this.#lock = found.lock
    this.#checkpoints = new CheckpointWriter(runtime.fs, path)
    this.meta = found.meta
    this.caseInsensitive = found.caseInsensitive
  }

  /**
   * Looks first: a directory that must not be used is not modified in any way. Throws `StorageError` for one that is not
   * ours to use; one that the system does not let us use, or whose own files are damaged, comes back offline. That no
   * file descriptor is left is not the directory's fault, and thrown as it is.
   */
  static lock(runtime: StorageRuntime, path: string, rules: LockRules): LogDirectory {
    try {
      return new LogDirectory(runtime, path, acquire(runtime, path, rules))
    } catch (error) {
      if (isOutOfDescriptors(error)) throw error
      if (!isSystemError(error) && (error as StorageError).code !== 'IO') throw error
      const directory = new LogDirectory(runtime, path, UNUSABLE)
      directory.fail(error as Error)
      return directory
    }
  }

  get offline(): Error | null {
    return this.#offline
  }

  /** Out of use until the next start. */
  fail(error: Error): void {
    if (this.#offline !== null) return
    this.#offline = error
    this.#checkpoints.stop()
    this.#runtime.logger.error('log directory failed', { directory: this.path, error: error.message })
  }

  /** Some partition has a folder in here. Throws the system's errors. */
  holdsLogs(): boolean {
    return this.#runtime.fs.readdir(this.path).some((name) => classifyDirectory(name).kind === 'partition')
  }

  /**
   * Brings the format up to date, completes `meta.properties`, and tells how the directory was left (null: in disorder).
   * `directoryId` is what it was known by, should its own file be lost.
   */
  open(nodeId: number, clusterId: string | null, directoryId?: string): CleanShutdown | null {
    const { fs, random } = this.#runtime
    if (this.origin !== 'foreign') stampDirectory(fs, this.path)
    this.identify(nodeId, clusterId, directoryId ?? randomId(random))
    this.#left = readCleanShutdown(fs, this.path)
    return this.#left
  }

  /**
   * The logs are open: what recovery has found is written down, and from here on a crash is a crash. An adopted directory
   * is stamped last: as long as it has no stamp its logs are taken for Kafka's, which may have gaps above the recovery
   * point.
   */
  settle(logs: readonly CheckpointedLog[]): void {
    const { fs } = this.#runtime
    if (logs.length > 0 && (this.#left === null || this.origin === 'foreign')) this.writeCheckpoints(logs)
    if (this.#left !== null) removeCleanShutdown(fs, this.path)
    if (this.origin === 'foreign') stampDirectory(fs, this.path)
  }

  /** Writes `meta.properties` where something of it is missing. */
  private identify(nodeId: number, clusterId: string | null, directoryId: string): void {
    const present = this.meta
    const wanted: MetaProperties = {
      version: present?.version ?? 1,
      nodeId,
      clusterId: clusterId ?? present?.clusterId ?? null,
      directoryId: present?.directoryId ?? directoryId,
    }
    const complete =
      present !== null &&
      present.nodeId === wanted.nodeId &&
      present.clusterId === wanted.clusterId &&
      present.directoryId === wanted.directoryId
    if (!complete && wanted.clusterId !== null) writeMetaProperties(this.#runtime.fs, this.path, wanted)
    this.meta = wanted
  }

  readCheckpoints(): Checkpointed {
    const { fs } = this.#runtime
    return {
      recoveryPoints: readOffsetCheckpoint(fs, this.path, RECOVERY_POINT_CHECKPOINT),
      logStarts: readOffsetCheckpoint(fs, this.path, LOG_START_CHECKPOINT),
    }
  }

  /** Waits for the device. Throws the system's error. */
  writeCheckpoints(logs: Iterable<CheckpointedLog>): void {
    const { recoveryPoints, logStarts, highWatermarks } = collect(logs)
    this.#checkpoints.write(LOG_START_CHECKPOINT, logStarts)
    this.#checkpoints.write(RECOVERY_POINT_CHECKPOINT, recoveryPoints)
    this.#checkpoints.write(HIGH_WATERMARK_CHECKPOINT, highWatermarks)
  }

  /** Recovery points and log starts only, for what must not be undone by a crash. */
  writeCriticalCheckpoints(logs: Iterable<CheckpointedLog>): void {
    const { recoveryPoints, logStarts } = collect(logs)
    this.#checkpoints.write(LOG_START_CHECKPOINT, logStarts)
    this.#checkpoints.write(RECOVERY_POINT_CHECKPOINT, recoveryPoints)
  }

  /** How far the cleaner has come in a log; undefined when it never has. */
  lastCleanOffset(name: string): number | undefined {
    return this.#cleanOffsets().get(name)
  }

  /** A lost update costs a second cleaning. */
  setCleanOffset(name: string, offset: number | null, failed: (error: Error) => void): void {
    const offsets = this.#cleanOffsets()
    if (offset === null && !offsets.delete(name)) return
    if (offset !== null) offsets.set(name, offset)
    this.#checkpoints.writeInBackground(CLEANER_CHECKPOINT, offsets, failed)
  }

  #cleanOffsets(): OffsetsByPartition {
    this.#cleaned ??= readOffsetCheckpoint(this.#runtime.fs, this.path, CLEANER_CHECKPOINT)
    return this.#cleaned
  }

  /** Without blocking the event loop on the device; what has not changed is not written. */
  writeCheckpointsInBackground(logs: Iterable<CheckpointedLog>, failed: (error: Error) => void): void {
    const { recoveryPoints, logStarts, highWatermarks } = collect(logs)
    this.#checkpoints.writeInBackground(LOG_START_CHECKPOINT, logStarts, failed)
    this.#checkpoints.writeInBackground(RECOVERY_POINT_CHECKPOINT, recoveryPoints, failed)
    this.#checkpoints.writeInBackground(HIGH_WATERMARK_CHECKPOINT, highWatermarks, failed)
  }

  /** Everything of every log is on the device: says so, and lets go. */
  closeCleanly(logs: Iterable<CheckpointedLog>): void {
    const list = [...logs]
    this.writeCheckpoints(list)
    this.#checkpoints.stop()
    writeCleanShutdown(this.#runtime.fs, this.path, collect(list).recoveryPoints)
    this.#lock?.release()
  }

  /** Lets go without a word, as a killed process does; with `unlock`, after a stop that was not clean. */
  abandon(unlock: boolean): void {
    this.#checkpoints.stop()
    if (!unlock) {
      this.#lock?.abandon()
      return
    }
    try {
      this.#lock?.release()
    } catch {
      // The disk is broken; the next start finds the lock stale.
      this.#lock?.abandon()
    }
  }
}

/** What the checkpoints keep of a log. */
export interface CheckpointedLog {
  readonly name: string
  readonly recoveryPoint: number
  readonly logStartOffset: number
  readonly writtenEndOffset: number
}

function collect(logs: Iterable<CheckpointedLog>): {
  recoveryPoints: OffsetsByPartition
  logStarts: OffsetsByPartition
  highWatermarks: OffsetsByPartition
} {
  const recoveryPoints: OffsetsByPartition = new Map()
  const logStarts: OffsetsByPartition = new Map()
  const highWatermarks: OffsetsByPartition = new Map()
  for (const log of logs) {
    recoveryPoints.set(log.name, log.recoveryPoint)
    highWatermarks.set(log.name, log.writtenEndOffset)
    if (log.logStartOffset > 0) logStarts.set(log.name, log.logStartOffset)
  }
  return { recoveryPoints, logStarts, highWatermarks }
}

function acquire(runtime: StorageRuntime, path: string, rules: LockRules): Found {
  const { fs, logger } = runtime
  const origin = inspectDirectory(fs, path)
  if (origin === 'foreign' && rules.adopt !== true)
    throw new StorageError(
      'FOREIGN_DIRECTORY',
      `${path} was written by Apache Kafka. Stop that broker and start with --adopt to take its data over; without it nothing in there is touched.`,
    )
  checkIdentity(path, origin, readMetaProperties(fs, path), rules)
  makeDurably(fs, path)
  const lock = DirectoryLock.acquire(fs, logger, path, rules.identity, rules.isAlive)
  try {
    return { origin, lock, meta: readMetaProperties(fs, path), caseInsensitive: fs.exists(`${path}/.LOCK`) }
  } catch (error) {
    lock.abandon()
    throw error
  }
}

function checkIdentity(
  path: string,
  origin: DirectoryOrigin,
  meta: MetaProperties | null,
  options: Pick<LogManagerOptions, 'nodeId' | 'clusterId'>,
): void {
  if (meta === null) return
  if (meta.nodeId !== null && meta.nodeId !== options.nodeId)
    throw new StorageError(
      'WRONG_IDENTITY',
      `${path} belongs to node ${meta.nodeId}, and this is node ${options.nodeId}: set node.id, or use another directory.`,
    )
  // A directory that is being adopted leaves its cluster by that.
  if (
    origin === 'ours' &&
    options.clusterId !== null &&
    meta.clusterId !== null &&
    meta.clusterId !== options.clusterId
  )
    throw new StorageError(
      'WRONG_IDENTITY',
      `${path} belongs to the cluster ${meta.clusterId}, and this is ${options.clusterId}: use another directory.`,
    )
}

/** Creates the folder and its parents; a folder that is not found after a power cut keeps nothing. */
function makeDurably(fs: FileSystem, path: string): void {
  const parent = parentOf(path)
  if (fs.exists(path) || parent === path) return
  if (parent !== '') makeDurably(fs, parent)
  fs.mkdir(path)
  fs.syncDir(parent === '' ? '/' : parent)
}

function randomId(random: Random): string {
  const bytes = Buffer.allocUnsafe(16)
  for (let at = 0; at < 16; at += 4) bytes.writeUInt32BE(random.uint32(), at)
  // RFC 4122, version 4, as Apache Kafka makes them.
  bytes[6] = (bytes[6] & 0x0f) | 0x40
  bytes[8] = (bytes[8] & 0x3f) | 0x80
  return bytes.toString('base64url')
}
