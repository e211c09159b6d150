import { BufferPool } from '@ottla/runtime'
import { LogCleaner } from './cleaner/log-cleaner.ts'
import { ioError, isOutOfDescriptors, isShortage, isSystemError, StorageError } from './errors.ts'
import type { DirectoryRecord } from './files/directory-record.ts'
import { FolderRemover } from './folder-remover.ts'
import type { LoadedLog } from './load/load-log.ts'
import { LockedDirectories, type LockOptions } from './locked-directories.ts'
import { PartitionLog } from './log.ts'
import { LogCore } from './log-core.ts'
import { failIfNoneIsLeft, LogDirectories } from './log-directories.ts'
import type { LogDirectory } from './log-directory.ts'
import { IndexMemory, type LogShared } from './log-shared.ts'
import type { DirectoryState, LogManagerOptions } from './manager-types.ts'
import { assertTopicName, type FolderFate, partitionDirectoryName } from './names.ts'
import { makingRoom, OpenFiles } from './open-files.ts'
import { openLogs } from './open-logs.ts'
import { PartitionFolders } from './partition-folders.ts'
import { Retention } from './retention.ts'
import { Segment } from './segment.ts'
import { SegmentList } from './segment-list.ts'
import { TailBudget } from './tail.ts'
import { TaskTimers } from './task-timers.ts'
import type { LogConfig, StorageRuntime } from './types.ts'

const TAIL_BYTES_MAX = 16 * 1024 * 1024
const INDEX_BYTES_MAX = 32 * 1024 * 1024
const OPEN_FILES_MAX = 512
const CHECKPOINT_INTERVAL_MS = 60_000
const RETENTION_CHECK_INTERVAL_MS = 300_000
const INITIAL_TASK_DELAY_MS = 30_000
const PRODUCER_ID_EXPIRATION_MS = 86_400_000
/** `producer.id.expiration.check.interval.ms`. */
const PRODUCER_EXPIRY_INTERVAL_MS = 600_000
/** Logs closed at the same time: each waits for the device. */
const CLOSING_MAX = 16

/** All logs of one broker over its `log.dirs`. */
export class LogManager {
  readonly #runtime: StorageRuntime
  readonly #options: LogManagerOptions
  readonly #directories: LogDirectories
  readonly #record: DirectoryRecord | null
  readonly #folders: PartitionFolders
  readonly #shared: LogShared
  readonly #logs = new Map<string, PartitionLog>()
  readonly #remover: FolderRemover
  readonly #retention: Retention
  readonly #cleaner: LogCleaner
  readonly #tasks: TaskTimers
  /** Topic by its name in lower case, where a disk cannot tell names apart by case. */
  readonly #topicsFolded = new Map<string, string>()
  /** Log directories with new folders that are not durable yet. */
  readonly #unsyncedFolders = new Set<string>()
  #clusterId: string | null = null
  #closed = false
  #recovered = false

  /** Locks and checks every directory. Throws `StorageError`; nothing foreign has been touched then. */
  static lock(runtime: StorageRuntime, options: LockOptions): LockedDirectories {
    return LockedDirectories.lock(runtime, options)
  }

  /**
   * Recovers what was not stopped cleanly, and opens every log. Throws `StorageError` when no directory can be used; the
   * directories are let go then.
   */
  static open(
    runtime: StorageRuntime,
    options: LogManagerOptions,
    locked = LogManager.lock(runtime, options),
  ): LogManager {
    try {
      const manager = new LogManager(runtime, options, locked)
      manager.#openAll(locked)
      return manager
    } catch (error) {
      locked.release()
      throw error instanceof StorageError ? error : ioError(options.directories.join(', '), error as Error)
    }
  }

  private constructor(system: StorageRuntime, options: LogManagerOptions, locked: LockedDirectories) {
    const openFiles = new OpenFiles(system.fs, options.openFilesMax ?? OPEN_FILES_MAX)
    const runtime = { ...system, fs: makingRoom(system.fs, openFiles) }
    this.#runtime = runtime
    this.#options = options
    this.#directories = new LogDirectories(locked.directories, locked.record)
    this.#record = locked.record
    this.#tasks = new TaskTimers(runtime.timers)
    this.#remover = new FolderRemover(runtime, (path, error) => {
      runtime.logger.warn('could not remove what was deleted', { path, error: error.message })
    })
    this.#folders = new PartitionFolders({
      runtime,
      remover: this.#remover,
      record: this.#record,
      topicIdOf: options.topicIdOf,
    })
    this.#retention = new Retention(runtime, (logs) => {
      const durable = new Set<LogDirectory>()
      for (const directory of new Set(logs.map((log) => this.#directoryOf(log)!)))
        if (directory.offline === null)
          this.#guard(directory, () => {
            directory.writeCriticalCheckpoints(this.#logsOf(directory))
            durable.add(directory)
          })
      return logs.filter((log) => durable.has(this.#directoryOf(log)!))
    })
    this.#cleaner = new LogCleaner(
      runtime,
      {
        logs: () => this.#logs.values(),
        lastCleanOffset: (log) => this.#directoryOf(log)?.lastCleanOffset(log.name),
        cleaned: (log, endOffset) => this.#setCleanOffset(log, endOffset),
      },
      options.cleaner,
    )
    const bufferPool = options.bufferPool ?? new BufferPool({ idleBytesMax: 0 })
    this.#shared = {
      runtime,
      listener: options.listener,
      openFiles,
      tailBudget: new TailBudget(options.tailBytesMax ?? TAIL_BYTES_MAX, bufferPool),
      bufferPool,
      indexMemory: new IndexMemory(INDEX_BYTES_MAX),
      producerIdExpirationMs: options.producerIdExpirationMs ?? PRODUCER_ID_EXPIRATION_MS,
      validateCompressed: options.validateCompressed ?? false,
      checkpointDirectoryOf: (log) => {
        const directory = this.#directoryOf(log)
        directory?.writeCriticalCheckpoints(this.#logsOf(directory))
      },
      diskFailed: (log, error) => {
        const directory = this.#directoryOf(log)
        if (directory !== undefined) this.#failDirectory(directory, error)
      },
      syncFolders: (path) => {
        if (!this.#unsyncedFolders.has(path)) return
        runtime.fs.syncDir(path)
        this.#unsyncedFolders.delete(path)
      },
      removeLater: (paths, delayMs) => this.#remover.removeFiles(paths, delayMs),
    }
  }

  /** Some directory with logs was not closed cleanly: what readers have seen of a lazy log may be gone with the power. */
  get recoveredFromCrash(): boolean {
    return this.#recovered
  }

  // ---- start

  #openAll(locked: LockedDirectories): void {
    const { nodeId } = this.#options
    this.#clusterId = this.#options.clusterId ?? locked.clusterId
    for (const directory of this.#directories) {
      if (directory.offline !== null) {
        this.#options.onDirectoryFailed?.(directory.path, directory.offline)
        continue
      }
      try {
        this.#openDirectory(directory, nodeId)
      } catch (error) {
        if (!isSystemError(error) || isOutOfDescriptors(error)) throw error
        this.#failDirectory(directory, error as Error)
      }
    }
    this.#settleFolders()
    failIfNoneIsLeft(this.#directories)
    this.#startTimers()
    this.#cleaner.start()
  }

  #openDirectory(directory: LogDirectory, nodeId: number): void {
    const left = directory.open(nodeId, this.#clusterId, this.#record?.directoryIdAt(directory.path))
    openLogs(directory, left, this.#shared, {
      configOf: this.#options.configOf,
      wanted: (topic, partition, path) => this.#isWanted(directory, topic, partition, path),
      opened: (topic, partition, loaded) => {
        this.#add(directory, topic, partition, loaded)
        if (left === null) this.#recovered = true
      },
      deleted: (path) => this.#remover.removeFolder(path, 0),
    })
    // Folders found after a kill may not be durable yet, though what recovery has kept in them is.
    if (left === null) this.#runtime.fs.syncDir(directory.path)
    directory.settle([...this.#logsOf(directory)])
  }

  /** Of two folders of one partition, one may be of a deleted topic. If neither is, a person has to choose. */
  #isWanted(directory: LogDirectory, topic: string, partition: number, path: string): boolean {
    const present = this.getLog(topic, partition)
    if (present === undefined) return true
    const fate = this.#folders.fateOfTwin(topic, partition, path)
    if (fate !== null) {
      this.#folders.moveAway(path, topic, partition, fate, 0)
      this.#runtime.fs.syncDir(directory.path)
      return false
    }
    const reachable = this.#directoryOf(present)?.offline === null
    const presentFate = reachable ? this.#folders.fateOfTwin(topic, partition, present.directory) : null
    if (presentFate === null)
      throw new StorageError(
        'ALREADY_EXISTS',
        `${present.name} is in two directories, ${present.directory} and ${path}: remove one.`,
      )
    this.#retire(present, presentFate)
    return true
  }

  /**
   * After a start that was out of the ordinary, lets go of what belongs to nobody; then writes down which directories there
   * are. It is not asked at every start: each answer costs the reading of a file.
   */
  #settleFolders(): void {
    const suspicious = this.#recovered || this.#directories.unread !== undefined || this.#folders.deletionsPending
    if (suspicious && this.#folders.canTell) {
      const before = this.#logs.size
      const unknown: string[] = []
      for (const log of [...this.#logs.values()]) {
        const fate = this.#folders.fateOf(log.topic, log.partition, log.topicId)
        if (fate !== null) this.#retire(log, fate)
        else if (this.#folders.isUnknown(log.topic)) unknown.push(log.directory)
      }
      if (unknown.length > 0)
        this.#runtime.logger.warn('logs of topics that nobody knows are left alone; --adopt takes them up', {
          logs: unknown.length,
          first: unknown[0],
        })
      if (this.#logs.size < before) this.#syncDirectories()
    }
    this.#directories.noteInRecord()
    this.#writeRecord()
  }

  #writeRecord(): void {
    const { home } = this.#directories
    if (home.offline === null) this.#guard(home, () => this.#record?.write())
  }

  #add(directory: LogDirectory, topic: string, partition: number, loaded: LoadedLog | StorageError): PartitionLog {
    const name = partitionDirectoryName(topic, partition)
    this.#foldTopic(directory, topic)
    const usable =
      loaded instanceof StorageError
        ? this.#emptyLog(`${directory.path}/${name}`, this.#options.configOf(topic))
        : loaded
    const log = new PartitionLog(topic, partition, this.#shared, usable)
    if (loaded instanceof StorageError) log.takeOffline(loaded)
    this.#logs.set(name, log)
    return log
  }

  #emptyLog(path: string, config: LogConfig): LoadedLog {
    const core = new LogCore({ directory: path, config, shared: this.#shared, snapshotOffsets: [] })
    core.segments = new SegmentList([Segment.planned(core.env, 0, this.#runtime.clock.nowMs())])
    return { core, recoveryPoint: 0 }
  }

  #foldTopic(directory: LogDirectory, topic: string): void {
    if (!directory.caseInsensitive) return
    const folded = topic.toLowerCase()
    const other = this.#topicsFolded.get(folded)
    if (other !== undefined && other !== topic)
      throw new StorageError(
        'CASE_COLLISION',
        `the disk of ${directory.path} cannot tell the topics ${other} and ${topic} apart: choose another name.`,
      )
    this.#topicsFolded.set(folded, topic)
  }

  // ---- what the broker asks

  /** Of `meta.properties`; null when the directories are new and no id was given. */
  get clusterId(): string | null {
    return this.#clusterId
  }

  get directories(): readonly DirectoryState[] {
    return this.#directories.states
  }

  getLog(topic: string, partition: number): PartitionLog | undefined {
    return this.#logs.get(partitionDirectoryName(topic, partition))
  }

  logs(): Iterable<PartitionLog> {
    return this.#logs.values()
  }

  /**
   * In the given directory, or in the usable one with the fewest logs. Throws `StorageError` (`ALREADY_EXISTS`,
   * `CASE_COLLISION`, `IO`).
   */
  createLog(
    topic: string,
    partition: number,
    topicId: string | null,
    config: LogConfig,
    directoryPath?: string,
  ): PartitionLog {
    assertTopicName(topic)
    const { fs } = this.#runtime
    const name = partitionDirectoryName(topic, partition)
    if (this.#logs.has(name)) throw new StorageError('ALREADY_EXISTS', `${name} exists already`)
    const failed = new Set<LogDirectory>()
    for (;;) {
      const directory = this.#directories.choose(this.#logs.values(), directoryPath, failed)
      const path = `${directory.path}/${name}`
      if (fs.exists(path)) throw new StorageError('ALREADY_EXISTS', `${path} exists already`)
      this.#foldTopic(directory, topic)
      try {
        this.#folders.make(path, topicId)
      } catch (error) {
        failed.add(directory)
        if ((error as NodeJS.ErrnoException).code === 'EIO') this.#failDirectory(directory, error as Error)
        if (directoryPath === undefined && this.#directories.usable(failed).length > 0) continue
        throw ioError(path, error as Error)
      }
      const loaded = this.#emptyLog(path, config)
      loaded.core.folderSynced = false
      this.#unsyncedFolders.add(directory.path)
      return this.#add(directory, topic, partition, loaded)
    }
  }

  /**
   * The log of a partition that is not new, though no directory that could be read has it: made anew, unless it may lie
   * in one that could not. Then it is offline until the next start (`LogManager.getOrCreateLog` in Apache Kafka).
   */
  restoreLog(topic: string, partition: number, topicId: string | null, config: LogConfig): PartitionLog {
    const name = partitionDirectoryName(topic, partition)
    const { unread } = this.#directories
    if (unread === undefined) {
      this.#runtime.logger.error('no log of a partition was found: it begins anew, empty', { log: name })
      return this.createLog(topic, partition, topicId, config)
    }
    const reason = `${unread.path}: the directory is offline, and may hold ${name}, which is in no other one`
    this.#runtime.logger.error('log offline', { log: name, error: reason })
    return this.#add(unread, topic, partition, new StorageError('IO', reason))
  }

  /** A log of another topic of this name, which nobody knows any more, makes room for a new one. */
  setAsideOther(topic: string, partition: number, topicId: string): void {
    const log = this.getLog(topic, partition)
    if (log !== undefined && log.topicId !== null && log.topicId !== topicId) this.#retire(log, 'stray')
  }

  /**
   * Renames the folder to `…-delete` at once, durably by the end of the turn; its files go after `file.delete.delay.ms`. What
   * lies in a directory that is offline is remembered by `topicId`, and goes when that is back.
   */
  deleteLog(topic: string, partition: number, topicId: string | null = null): void {
    const name = partitionDirectoryName(topic, partition)
    const log = this.#logs.get(name)
    if (log === undefined) throw new StorageError('NOT_FOUND', `${name} does not exist`)
    if (topicId !== null && this.#directoryOf(log)!.offline !== null) this.#record?.noteDeletion(name, topicId)
    this.#retire(log, 'delete')
  }

  #retire(log: PartitionLog, fate: FolderFate): void {
    const { topic, partition } = log
    const directory = this.#directoryOf(log)!
    this.#logs.delete(log.name)
    if (!this.#hasTopic(topic)) this.#topicsFolded.delete(topic.toLowerCase())
    log.abandon()
    this.#tasks.once('sync-deletions', 0, () => {
      this.#syncDirectories()
      this.#writeRecord()
    })
    if (directory.offline !== null) return
    this.#setCleanOffset(log, null)
    try {
      const { fileDeleteDelayMs } = log.config
      log.core.env.moveTo(this.#folders.moveAway(log.directory, topic, partition, fate, fileDeleteDelayMs))
    } catch (error) {
      this.#failDirectory(directory, error as Error)
    }
  }

  #hasTopic(topic: string): boolean {
    for (const log of this.#logs.values()) if (log.topic === topic) return true
    return false
  }

  #syncDirectories(): void {
    for (const directory of this.#directories) {
      if (directory.offline !== null) continue
      this.#guard(directory, () => {
        this.#runtime.fs.syncDir(directory.path)
        directory.writeCriticalCheckpoints(this.#logsOf(directory))
      })
    }
  }

  /** Writes the checkpoints of recovery points and log starts now. */
  checkpoint(): void {
    for (const directory of this.#directories)
      if (directory.offline === null) this.#guard(directory, () => directory.writeCheckpoints(this.#logsOf(directory)))
  }

  /** Begins a retention pass now; it goes on in slices. */
  runRetention(): void {
    this.#retention.start(this.#logs.values())
  }

  /** Compacts now what needs it, one log after the other, in slices. */
  runCleaner(): void {
    this.#cleaner.cleanDirtiest()
  }

  #setCleanOffset(log: PartitionLog, endOffset: number | null): void {
    const directory = this.#directoryOf(log)
    directory?.setCleanOffset(log.name, endOffset, (error) => this.#checkpointFailed(directory, error))
  }

  // ---- periodic work

  #startTimers(): void {
    const initialMs = this.#options.initialTaskDelayMs ?? INITIAL_TASK_DELAY_MS
    this.#tasks.every('checkpoints', initialMs, this.#options.checkpointIntervalMs ?? CHECKPOINT_INTERVAL_MS, () => {
      for (const directory of this.#directories)
        if (directory.offline === null)
          directory.writeCheckpointsInBackground(this.#logsOf(directory), (error) =>
            this.#checkpointFailed(directory, error),
          )
    })
    this.#tasks.every(
      'retention',
      initialMs,
      this.#options.retentionCheckIntervalMs ?? RETENTION_CHECK_INTERVAL_MS,
      () => this.runRetention(),
    )
    this.#tasks.every('producers', PRODUCER_EXPIRY_INTERVAL_MS, PRODUCER_EXPIRY_INTERVAL_MS, () => {
      const nowMs = this.#runtime.clock.nowMs()
      for (const log of this.#logs.values())
        log.core.loadedProducers?.removeExpired(nowMs, this.#shared.producerIdExpirationMs)
    })
  }

  #stopTimers(): void {
    this.#closed = true
    this.#tasks.stop()
    this.#remover.stop()
    this.#retention.stop()
  }

  // ---- directories

  #directoryOf(log: PartitionLog): LogDirectory | undefined {
    return this.#directories.of(log)
  }

  *#logsOf(directory: LogDirectory): Iterable<PartitionLog> {
    for (const log of this.#logs.values()) if (this.#directoryOf(log) === directory) yield log
  }

  #guard(directory: LogDirectory, action: () => void): void {
    try {
      action()
    } catch (error) {
      this.#checkpointFailed(directory, error as Error)
    }
  }

  /** On a full disk the old checkpoints stay: they cost a longer recovery, and retention may go on to make room. */
  #checkpointFailed(directory: LogDirectory, error: Error): void {
    if (!isShortage(error)) this.#failDirectory(directory, error)
    else this.#runtime.logger.warn('no room for the checkpoints', { directory: directory.path })
  }

  /** The directory's disk can no longer be trusted (S6): its logs go offline, and no marker will be written. */
  #failDirectory(directory: LogDirectory, error: Error): void {
    if (directory.offline !== null) return
    directory.fail(error)
    for (const log of this.#logsOf(directory)) log.takeOffline(error)
    this.#options.onDirectoryFailed?.(directory.path, error)
  }

  // ---- end

  /** Clean stop: everything on the device, checkpoints, marker, lock released. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#stopTimers()
    await new Promise<void>((resolve) => this.#cleaner.stop(resolve))
    await this.#closeLogs()
    this.#writeRecord()
    for (const directory of this.#directories) {
      const logs = [...this.#logsOf(directory)]
      if (directory.offline !== null || logs.some((log) => log.offline !== null)) {
        directory.abandon(true)
        continue
      }
      try {
        directory.closeCleanly(this.#logsOf(directory))
      } catch (error) {
        this.#failDirectory(directory, error as Error)
        directory.abandon(true)
      }
    }
    this.#shared.openFiles.closeAll()
  }

  #closeLogs(): Promise<void> {
    const logs = [...this.#logs.values()]
    return new Promise((resolve) => {
      let next = 0
      let open = logs.length
      if (open === 0) return resolve()
      const closeNext = (): void => {
        const log = logs[next++]
        log?.close(() => {
          open--
          if (open === 0) resolve()
          else this.#runtime.timers.immediate(closeNext)
        })
      }
      for (let i = 0; i < CLOSING_MAX && i < logs.length; i++) closeNext()
    })
  }

  /** Lets go of the handles and timers and writes nothing more: what a test calls instead of `kill -9`. */
  abandon(): void {
    this.#stopTimers()
    this.#cleaner.stop(() => {})
    for (const log of this.#logs.values()) log.abandon()
    for (const directory of this.#directories) directory.abandon(false)
    this.#shared.openFiles.closeAll()
  }
}
