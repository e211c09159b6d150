import type { File, FileSystem, OpenMode } from '@ottla/runtime'
import { isOutOfDescriptors } from './errors.ts'

/**
 * Keeps at most `openFilesMax` log files open, closing the one used longest ago. A file is pinned while an operation
 * on it is under way, so that its handle is not closed, or handed to another file, under a read.
 */
export class OpenFiles {
  readonly #fs: FileSystem
  readonly #openFilesMax: number
  /** In order of use: the first key is the oldest. */
  readonly #handles = new Map<string, Handle>()

  constructor(fs: FileSystem, openFilesMax: number) {
    this.#fs = fs
    this.#openFilesMax = openFilesMax
  }

  /** Opens for reading and writing; the file must exist unless `mode` says otherwise. Pair with `release`. */
  acquire(path: string, mode: OpenMode = 'r+'): Handle {
    let handle = this.#handles.get(path)
    if (handle !== undefined) {
      if (this.#handles.size > this.#openFilesMax >> 1) {
        this.#handles.delete(path)
        this.#handles.set(path, handle)
      }
    } else {
      this.#makeRoom()
      const file = this.opening(() => this.#fs.open(path, mode))
      handle = { path, file, pins: 0, detached: false }
      this.#handles.set(path, handle)
    }
    handle.pins++
    return handle
  }

  release(handle: Handle): void {
    handle.pins--
    if (handle.detached && handle.pins === 0) handle.file.close()
  }

  /** The path is about to be renamed or removed: operations under way end on the old handle. */
  detach(path: string): void {
    const handle = this.#handles.get(path)
    if (handle === undefined) return
    this.#handles.delete(path)
    handle.detached = true
    if (handle.pins === 0) handle.file.close()
  }

  get size(): number {
    return this.#handles.size
  }

  closeAll(): void {
    for (const path of [...this.#handles.keys()]) this.detach(path)
  }

  #makeRoom(): void {
    // With every file in use at this instant, going over the soft limit is better than refusing.
    while (this.#handles.size >= this.#openFilesMax && this.#closeOldest());
  }

  /** Where descriptors run out below our own bound, because connections have taken them, files make room for files. */
  opening<T>(open: () => T): T {
    for (;;) {
      try {
        return open()
      } catch (error) {
        if (!isOutOfDescriptors(error) || !this.#closeOldest()) throw error
      }
    }
  }

  /** False when every file is in use. */
  #closeOldest(): boolean {
    for (const handle of this.#handles.values()) {
      if (handle.pins > 0) continue
      this.detach(handle.path)
      return true
    }
    return false
  }
}

export interface Handle {
  readonly path: string
  readonly file: File
  pins: number
  detached: boolean
}

/** The same file system, for files that are open for a moment only: kept ones nobody uses make room for those, too. */
export function makingRoom(fs: FileSystem, files: OpenFiles): FileSystem {
  return {
    open: (path, mode): File => files.opening(() => fs.open(path, mode)),
    exists: (path) => fs.exists(path),
    stat: (path) => fs.stat(path),
    readdir: (path) => files.opening(() => fs.readdir(path)),
    mkdir: (path) => fs.mkdir(path),
    rename: (from, to) => fs.rename(from, to),
    unlink: (path) => fs.unlink(path),
    remove: (path, done) => fs.remove(path, done),
    rmdir: (path) => fs.rmdir(path),
    syncDir: (path) => files.opening(() => fs.syncDir(path)),
    statfs: (path) => fs.statfs(path),
  }
}
