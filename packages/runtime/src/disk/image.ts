import { diskError } from './errors.ts'
import { PagedBytes } from './paged-bytes.ts'

export type Ino = number

export interface FileInode {
  readonly kind: 'file'
  readonly bytes: PagedBytes
  modifiedMs: number
}

export interface DirectoryInode {
  readonly kind: 'directory'
  readonly entries: Map<string, Ino>
  modifiedMs: number
}

export type Inode = FileInode | DirectoryInode

export const rootIno: Ino = 1

/** Where a path leads: its folder, its last name, and what has that name now. */
export interface Located {
  readonly dir: Ino
  readonly name: string
  readonly ino: Ino | undefined
}

/**
 * A file tree held in memory, addressed by inode as a kernel does, so that a handle outlives the name of its file.
 * `fork` makes an independent copy at the price of one map: inodes, and the pages in them, are shared until one
 * side writes.
 */
export class DiskImage {
  #inodes = new Map<Ino, Inode>()
  /** The inodes no other image shares; only they may be changed in place. */
  #owned = new Set<Ino>()

  constructor() {
    this.#insert(rootIno, { kind: 'directory', entries: new Map(), modifiedMs: 0 })
  }

  fork(): DiskImage {
    const copy = new DiskImage()
    copy.#inodes = new Map(this.#inodes)
    copy.#owned = new Set()
    this.#owned.clear()
    return copy
  }

  has(ino: Ino): boolean {
    return this.#inodes.has(ino)
  }

  inos(): IterableIterator<Ino> {
    return this.#inodes.keys()
  }

  inode(ino: Ino): Inode {
    const inode = this.#inodes.get(ino)
    if (inode === undefined) throw new Error(`inode ${ino} is not in the image`)
    return inode
  }

  file(ino: Ino): FileInode {
    return this.inode(ino) as FileInode
  }

  directory(ino: Ino): DirectoryInode {
    return this.inode(ino) as DirectoryInode
  }

  /** The inode for changing. */
  ownFile(ino: Ino): FileInode {
    return this.#own(ino) as FileInode
  }

  ownDirectory(ino: Ino): DirectoryInode {
    return this.#own(ino) as DirectoryInode
  }

  insertFile(ino: Ino, modifiedMs: number): void {
    this.#insert(ino, { kind: 'file', bytes: new PagedBytes(), modifiedMs })
  }

  insertDirectory(ino: Ino, modifiedMs: number): void {
    this.#insert(ino, { kind: 'directory', entries: new Map(), modifiedMs })
  }

  drop(ino: Ino): void {
    this.#inodes.delete(ino)
    this.#owned.delete(ino)
  }

  #insert(ino: Ino, inode: Inode): void {
    this.#inodes.set(ino, inode)
    this.#owned.add(ino)
  }

  #own(ino: Ino): Inode {
    const inode = this.inode(ino)
    if (this.#owned.has(ino)) return inode
    const copy: Inode =
      inode.kind === 'file'
        ? { kind: 'file', bytes: inode.bytes.fork(), modifiedMs: inode.modifiedMs }
        : { kind: 'directory', entries: new Map(inode.entries), modifiedMs: inode.modifiedMs }
    this.#insert(ino, copy)
    return copy
  }

  /** Names from the root down; both slashes separate, `.` and `..` are resolved, a relative path starts at the root. */
  static namesOf(path: string): string[] {
    const names: string[] = []
    for (const name of path.split(/[/\\]+/)) {
      if (name === '' || name === '.') continue
      if (name === '..') names.pop()
      else names.push(name)
    }
    return names
  }

  /** `undefined` when nothing is there. */
  find(path: string): Ino | undefined {
    let ino = rootIno
    for (const name of DiskImage.namesOf(path)) {
      const inode = this.inode(ino)
      const next = inode.kind === 'directory' ? inode.entries.get(name) : undefined
      if (next === undefined) return undefined
      ino = next
    }
    return ino
  }

  /** The folder that holds `path`, which must exist; the entry itself need not. */
  locate(path: string, call: string): Located {
    const names = DiskImage.namesOf(path)
    const name = names.pop()
    if (name === undefined) throw diskError('EISDIR', call, path)
    let dir = rootIno
    for (const parent of names) {
      const inode = this.inode(dir)
      if (inode.kind !== 'directory') throw diskError('ENOTDIR', call, path)
      const next = inode.entries.get(parent)
      if (next === undefined) throw diskError('ENOENT', call, path)
      dir = next
    }
    const inode = this.inode(dir)
    if (inode.kind !== 'directory') throw diskError('ENOTDIR', call, path)
    return { dir, name, ino: inode.entries.get(name) }
  }

  /** Whether `ino` is `dir` itself or lies somewhere below it. */
  isWithin(ino: Ino, dir: Ino): boolean {
    if (ino === dir) return true
    for (const child of this.directory(dir).entries.values()) {
      if (this.inode(child).kind === 'directory' && this.isWithin(ino, child)) return true
    }
    return false
  }
}
