/** Why a directory cannot be used; each has its heading in `docs/errors.md`. */
export type StorageErrorCode =
  /** Another live process holds the directory. */
  | 'DIRECTORY_LOCKED'
  /** Apache Kafka wrote it, and `adopt` was not given. */
  | 'FOREIGN_DIRECTORY'
  /** Written by a newer Ottla. */
  | 'NEWER_FORMAT'
  /** meta.properties names another node or cluster. */
  | 'WRONG_IDENTITY'
  /** Two topics that the disk cannot tell apart. */
  | 'CASE_COLLISION'
  /** The operating system refused (permission, full disk, broken device). */
  | 'IO'
  /** Records of before Kafka 0.11. */
  | 'OLD_MESSAGE_FORMAT'
  /** A batch fails its checksum. */
  | 'CORRUPT'
  | 'ALREADY_EXISTS'
  | 'NOT_FOUND'

export class StorageError extends Error {
  readonly code: StorageErrorCode

  constructor(code: StorageErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'StorageError'
    this.code = code
  }
}

/**
 * There is no room on the disk, or no file descriptor: nothing is broken, and it goes on when there is. A wait for the
 * device that fails is never of this kind, whatever its code: what it has dropped, a later one does not bring back (S6).
 */
export function isShortage(error: unknown): boolean {
  return isDiskFull(error) || isOutOfDescriptors(error)
}

/** The disk or the quota is full. */
function isDiskFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return (code === 'ENOSPC' || code === 'EDQUOT') && !isFailedSync(error)
}

/** A file could not be opened, because the process or the system has too many open. Nothing has been done to it. */
export function isOutOfDescriptors(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return (code === 'EMFILE' || code === 'ENFILE') && !isFailedSync(error)
}

function isFailedSync(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).syscall?.includes('sync') === true
}

/** The system refused something: what the directory lies on can no longer be trusted (S6). Anything else is a bug. */
export function isSystemError(error: unknown): boolean {
  return !(error instanceof StorageError) && (error as NodeJS.ErrnoException).code !== undefined
}

export function ioError(path: string, error: Error): StorageError {
  const { code } = error as NodeJS.ErrnoException
  const what =
    code === 'EACCES' || code === 'EPERM'
      ? 'no permission to use it'
      : code === 'ENOSPC'
        ? 'the disk is full'
        : isOutOfDescriptors(error)
          ? 'no file descriptor is left: raise the limit of open files (ulimit -n)'
          : error.message
  return new StorageError('IO', `${path}: ${what}`, { cause: error })
}
