/**
 * The disk. Control-plane work (start-up, recovery, topic creation, segment roll) is synchronous: it is short, and
 * its order is then the order of the code. The two hot operations, appending to a log and reading from one, and the
 * slow one, waiting for the device, are asynchronous with a callback, so that a partition costs no promise.
 *
 * Errors are Node's system errors: an `Error` with `code` such as `ENOENT`, `ENOSPC`, `EIO`, `EACCES`, `EMFILE`.
 */
export interface FileSystem {
  /**
   * `r`: must exist. `r+`: must exist, writable. `a+`: created when missing, writable, never truncated.
   * `w+`: created, or truncated to nothing. `wx+`: created; `EEXIST` when it is there.
   * Positions are always explicit: no handle has a cursor.
   */
  open(path: string, mode: OpenMode): File
  exists(path: string): boolean
  stat(path: string): FileStat | null
  /** Names in the folder, sorted by code unit, without `.` and `..`. */
  readdir(path: string): string[]
  /** Creates missing parents; a folder that exists is no error. */
  mkdir(path: string): void
  /** Atomic within one file system; replaces an existing file. Durable only after `syncDir` of the parent(s). */
  rename(from: string, to: string): void
  /** Removes a file; a missing one is no error. */
  unlink(path: string): void
  /**
   * As `unlink`, without waiting for it: to free the blocks of 1 GiB takes some file systems hundreds of milliseconds.
   * What `done` gets is what `unlink` would have thrown.
   */
  remove(path: string, done: WriteDone): void
  /** Removes an empty folder; a missing one is no error. */
  rmdir(path: string): void
  /** Makes the folder's entries (creations, renames, removals) durable. A no-op where the platform has no such call. */
  syncDir(path: string): void
  statfs(path: string): DiskSpace
}

export type OpenMode = 'r' | 'r+' | 'a+' | 'w+' | 'wx+'

export interface FileStat {
  readonly kind: 'file' | 'directory' | 'other'
  /** Bytes. */
  readonly size: number
  /** Wall-clock milliseconds since the epoch. */
  readonly modifiedMs: number
}

export interface DiskSpace {
  readonly freeBytes: number
  readonly totalBytes: number
}

/** An open file. After `close` every other call throws: a bug of the caller. */
export interface File {
  readonly path: string
  /** Bytes, read from the operating system at each call. */
  size(): number
  /** Reads up to `length` bytes; returns how many were there (fewer only at the end of the file). */
  readSync(target: Uint8Array, targetOffset: number, length: number, position: number): number
  /** Writes all of it or throws; a throw may leave a prefix written. */
  writeSync(source: Uint8Array, position: number): void
  writevSync(sources: readonly Uint8Array[], position: number): void
  truncateSync(length: number): void
  /** Waits until data and size are on the device. After an error nothing may be assumed about earlier writes. */
  syncSync(): void
  read(target: Uint8Array, targetOffset: number, length: number, position: number, done: ReadDone): void
  /** Writes all of `sources` in order from `position`, then calls back; an error may leave a prefix written. */
  writev(sources: readonly Uint8Array[], position: number, done: WriteDone): void
  sync(done: WriteDone): void
  /**
   * Whether a socket can send these bytes as a `FileRange` without copying them into this process and without waiting
   * for the device. Absent where that is never so.
   */
  isSendable?(position: number, length: number): boolean
  /** The caller has no operation under way. Idempotent. */
  close(): void
}

/** A part of a file, to be sent as it is. The file must stay open, and the part must stay what it is, until it has left. */
export interface FileRange {
  readonly file: File
  readonly position: number
  /** Bytes. */
  readonly length: number
}

export type ReadDone = (error: Error | null, bytesRead: number) => void
export type WriteDone = (error: Error | null) => void
