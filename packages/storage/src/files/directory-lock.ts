import type { File, FileSystem, Logger } from '@ottla/runtime'
import { StorageError } from '../errors.ts'
import type { ProcessIdentity } from '../manager-types.ts'
import { readWhole } from './whole-file.ts'

export const LOCK_FILE = '.lock'
const LOCK_BYTES_MAX = 4096

/** Directories held by this very process: its own identity in a lock file does not tell whether it still holds it. */
const heldHere = new WeakMap<FileSystem, Set<string>>()

function heldOn(fs: FileSystem): Set<string> {
  let held = heldHere.get(fs)
  if (held === undefined) heldHere.set(fs, (held = new Set()))
  return held
}

/**
 * One process per log directory. Node has no lock that dies with its process, so the file says who holds it: a pid that
 * lives, was started at that moment, since that boot. Anything else is a leftover of a killed process and is taken over.
 */
export class DirectoryLock {
  readonly #fs: FileSystem
  readonly #directory: string

  private constructor(fs: FileSystem, directory: string) {
    this.#fs = fs
    this.#directory = directory
  }

  /** Throws `StorageError` `DIRECTORY_LOCKED`. */
  static acquire(
    fs: FileSystem,
    logger: Logger,
    directory: string,
    identity: ProcessIdentity,
    isAlive: (identity: ProcessIdentity) => boolean,
  ): DirectoryLock {
    const path = `${directory}/${LOCK_FILE}`
    const held = heldOn(fs)
    const holder = readHolder(fs, path)
    if (holder !== null) {
      const own =
        holder.pid === identity.pid && holder.startedAt === identity.startedAt && holder.bootId === identity.bootId
      if (own ? held.has(directory) : isAlive(holder))
        throw new StorageError(
          'DIRECTORY_LOCKED',
          `${directory} is in use by ${own ? 'this process' : `the process ${holder.pid}`}: stop it first, or use another directory.`,
        )
      logger.info('took over the lock of a process that is gone', { directory, pid: holder.pid })
    }
    const file = fs.exists(path) ? fs.open(path, 'w+') : create(fs, path, directory)
    try {
      file.writeSync(Buffer.from(`${JSON.stringify(identity)}\n`), 0)
    } finally {
      file.close()
    }
    held.add(directory)
    return new DirectoryLock(fs, directory)
  }

  release(): void {
    this.abandon()
    this.#fs.unlink(`${this.#directory}/${LOCK_FILE}`)
  }

  /** As a killed process would: the file stays. */
  abandon(): void {
    heldOn(this.#fs).delete(this.#directory)
  }
}

/** Of two processes that find no lock at the same moment, one makes it. */
function create(fs: FileSystem, path: string, directory: string): File {
  try {
    return fs.open(path, 'wx+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new StorageError(
      'DIRECTORY_LOCKED',
      `${directory} has just been taken by another process: stop it first, or use another directory.`,
    )
  }
}

/** null when nobody says to hold it; Apache Kafka leaves an empty file behind. */
function readHolder(fs: FileSystem, path: string): ProcessIdentity | null {
  const bytes = readWhole(fs, path, LOCK_BYTES_MAX)
  if (bytes === null || bytes.length === 0) return null
  try {
    const { pid, startedAt, bootId } = JSON.parse(bytes.toString()) as Partial<ProcessIdentity>
    return typeof pid === 'number' && typeof startedAt === 'string' && typeof bootId === 'string'
      ? { pid, startedAt, bootId }
      : null
  } catch {
    return null
  }
}
