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
 * lives, was started at that moment, since that boot. Anything else is a leftover of a killed process and is taken over, by
 * one of those who try.
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
    const found = readWhole(fs, path, LOCK_BYTES_MAX)
    const holder = holderOf(found)
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
    if (found !== null || fs.exists(path)) takeAway(fs, path, found, `${path}.${identity.pid}`, directory)
    const content = Buffer.from(`${JSON.stringify(identity)}\n`)
    const file = create(fs, path, directory)
    try {
      file.writeSync(content, 0)
    } finally {
      file.close()
    }
    // Who saw it while it was empty may have taken it away.
    if (!isSame(readWhole(fs, path, LOCK_BYTES_MAX), content)) throw justTaken(directory)
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

/**
 * Takes away a lock file that is nobody's. It may have become somebody's since it was read: one file can be moved by one
 * process only, and what was moved is looked at again. `aside` is a name of this process alone.
 */
function takeAway(fs: FileSystem, path: string, found: Buffer | null, aside: string, directory: string): void {
  try {
    fs.rename(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw justTaken(directory)
    throw error
  }
  if (!isSame(readWhole(fs, aside, LOCK_BYTES_MAX), found)) {
    fs.rename(aside, path)
    throw justTaken(directory)
  }
  fs.unlink(aside)
}

function isSame(one: Buffer | null, other: Buffer | null): boolean {
  return one === null || other === null ? one === other : one.equals(other)
}

/** Of two processes that find no lock at the same moment, one makes it. */
function create(fs: FileSystem, path: string, directory: string): File {
  try {
    return fs.open(path, 'wx+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw justTaken(directory)
    throw error
  }
}

function justTaken(directory: string): StorageError {
  return new StorageError(
    'DIRECTORY_LOCKED',
    `${directory} has just been taken by another process: stop it first, or use another directory.`,
  )
}

/** null when nobody says to hold it; Apache Kafka leaves an empty file behind. */
function holderOf(bytes: Buffer | null): ProcessIdentity | null {
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
