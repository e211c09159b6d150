import { ioError, isOutOfDescriptors, StorageError } from './errors.ts'
import { DirectoryRecord } from './files/directory-record.ts'
import { failIfNoneIsLeft } from './log-directories.ts'
import { LogDirectory } from './log-directory.ts'
import type { LogManagerOptions } from './manager-types.ts'
import type { StorageRuntime } from './types.ts'

/** What locking needs to know; an id of the cluster is compared with that of the directories. */
export type LockOptions = Pick<
  LogManagerOptions,
  'directories' | 'identity' | 'isAlive' | 'adopt' | 'nodeId' | 'clusterId'
>

/**
 * All `log.dirs` of a broker, held by this process and not yet read. Whoever keeps other files in them opens those now,
 * then `LogManager.open` takes over. What the system does not let us use is offline; that is no error as long as one is left.
 */
export class LockedDirectories {
  readonly directories: readonly LogDirectory[]
  /** Of the first directory; null while that is offline. */
  readonly record: DirectoryRecord | null

  /** Throws `StorageError`; nothing foreign has been touched then, and nothing is held. */
  static lock(runtime: StorageRuntime, options: LockOptions): LockedDirectories {
    const directories: LogDirectory[] = []
    try {
      for (const path of options.directories) directories.push(LogDirectory.lock(runtime, path, options))
      const record = readRecord(runtime, directories[0])
      if (record !== null) failReplaced(directories, record)
      checkOneCluster(directories)
      failIfNoneIsLeft(directories)
      return new LockedDirectories(directories, record)
    } catch (error) {
      for (const directory of directories) directory.abandon(true)
      throw error instanceof StorageError ? error : ioError(options.directories.join(', '), error as Error)
    }
  }

  private constructor(directories: readonly LogDirectory[], record: DirectoryRecord | null) {
    this.directories = directories
    this.record = record
  }

  /** As the directories say; `null` when none of them has been used before. */
  get clusterId(): string | null {
    return this.directories.find((directory) => directory.meta?.clusterId != null)?.meta?.clusterId ?? null
  }

  /** Throws `StorageError` `IO` when this directory, without which nothing can be served, is offline. */
  demand(path: string): void {
    const offline = this.directories.find((directory) => directory.path === path)?.offline ?? null
    if (offline !== null)
      throw new StorageError(
        'IO',
        `${path} cannot be used, and the metadata of all topics is in it: ${offline.message}`,
        {
          cause: offline,
        },
      )
  }

  /** There are logs, or the first is new and another one is not: somebody has served from them. Throws the system's errors. */
  wereInUse(): boolean {
    const usable = this.directories.filter(({ offline }) => offline === null)
    const [home] = this.directories
    return (
      usable.some((directory) => directory.holdsLogs()) ||
      (home.origin === 'new' && usable.some(({ origin }) => origin !== 'new'))
    )
  }

  release(): void {
    for (const directory of this.directories) directory.abandon(true)
  }
}

function readRecord(runtime: StorageRuntime, home: LogDirectory): DirectoryRecord | null {
  if (home.offline !== null) return null
  try {
    return new DirectoryRecord(runtime.fs, home.path)
  } catch (error) {
    if (isOutOfDescriptors(error)) throw error
    home.fail(error as Error)
    return null
  }
}

/**
 * Behind a path there is not the directory that was there: a volume is not mounted, and what is found is its empty mount
 * point; or another one is mounted. What it held would be made anew, empty (the directory ids of KIP-858 serve Apache Kafka
 * for this).
 */
function failReplaced(directories: readonly LogDirectory[], record: DirectoryRecord): void {
  for (const directory of directories) {
    const expected = record.directoryIdAt(directory.path)
    if (directory.offline !== null || expected === undefined) continue
    const present = directory.meta?.directoryId ?? null
    // A used directory without an id has lost its meta.properties, which is written anew.
    if (present === null && directory.origin !== 'new') continue
    if (directories.some(({ meta }) => meta?.directoryId === expected)) continue
    const what = present === null ? 'is empty' : `is the directory ${present}`
    directory.fail(
      new StorageError(
        'IO',
        `${directory.path} was in use as the directory ${expected}, and now ${what}: is its volume mounted? If what was in it is lost for good, start once without it in log.dirs.`,
      ),
    )
  }
}

/** Foreign ones leave their cluster by being adopted. */
function checkOneCluster(directories: readonly LogDirectory[]): void {
  const used = directories.filter(
    ({ origin, offline, meta }) => origin === 'ours' && offline === null && meta?.clusterId,
  )
  const other = used.find(({ meta }) => meta!.clusterId !== used[0].meta!.clusterId)
  if (other !== undefined)
    throw new StorageError(
      'WRONG_IDENTITY',
      `${other.path} belongs to the cluster ${other.meta!.clusterId}, and ${used[0].path} to ${used[0].meta!.clusterId}: use another directory.`,
    )
}
