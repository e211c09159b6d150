import type { FileStat, OpenMode } from '../ports/file-system.ts'
import { diskError } from './errors.ts'
import { DiskImage, type Ino, rootIno } from './image.ts'
import { applyOp, type DiskOp } from './operations.ts'

/** The path calls of a file system over a `DiskImage`: checks as POSIX does, then one `DiskOp` per change. */
export class DiskTree {
  image: DiskImage
  readonly #commit: (op: DiskOp) => void
  #nextIno: Ino
  readonly #opens = new Map<Ino, number>()

  /** `onOp` is told of every change before it is made. `nextIno`: the first number not used before on this disk. */
  constructor(image: DiskImage, nowMs: () => number, onOp?: (op: DiskOp) => void, nextIno?: Ino) {
    this.image = image
    this.#commit = (op) => {
      onOp?.(op)
      applyOp(this.image, op, nowMs())
    }
    let last = 0
    if (nextIno === undefined) for (const ino of image.inos()) last = Math.max(last, ino)
    this.#nextIno = nextIno ?? last + 1
  }

  get nextIno(): Ino {
    return this.#nextIno
  }

  commit(op: DiskOp): void {
    this.#commit(op)
  }

  open(path: string, mode: OpenMode): Ino {
    const at = this.image.locate(path, 'open')
    let ino = at.ino
    if (ino !== undefined) {
      if (mode === 'wx+') throw diskError('EEXIST', 'open', path)
      const inode = this.image.inode(ino)
      if (inode.kind === 'directory') throw diskError('EISDIR', 'open', path)
      if (mode === 'w+' && inode.bytes.size > 0) this.#commit({ kind: 'truncate', ino, length: 0 })
    } else {
      if (mode === 'r' || mode === 'r+') throw diskError('ENOENT', 'open', path)
      ino = this.#nextIno++
      this.#commit({ kind: 'create', dir: at.dir, name: at.name, ino, directory: false })
    }
    this.#opens.set(ino, (this.#opens.get(ino) ?? 0) + 1)
    return ino
  }

  close(ino: Ino, path: string): void {
    const left = (this.#opens.get(ino) ?? 1) - 1
    if (left > 0) this.#opens.set(ino, left)
    else {
      this.#opens.delete(ino)
      if (this.image.find(path) !== ino) this.#dropIfNameless(ino)
    }
  }

  stat(path: string): FileStat | null {
    const ino = this.image.find(path)
    if (ino === undefined) return null
    const inode = this.image.inode(ino)
    return { kind: inode.kind, size: inode.kind === 'file' ? inode.bytes.size : 0, modifiedMs: inode.modifiedMs }
  }

  readdir(path: string): string[] {
    return [...this.image.directory(this.directoryAt(path, 'scandir')).entries.keys()].sort()
  }

  directoryAt(path: string, call: string): Ino {
    const ino = DiskImage.namesOf(path).length === 0 ? rootIno : this.image.locate(path, call).ino
    if (ino === undefined) throw diskError('ENOENT', call, path)
    if (this.image.inode(ino).kind !== 'directory') throw diskError('ENOTDIR', call, path)
    return ino
  }

  mkdir(path: string): void {
    let below = ''
    for (const name of DiskImage.namesOf(path)) {
      below += `/${name}`
      const at = this.image.locate(below, 'mkdir')
      if (at.ino === undefined) {
        this.#commit({ kind: 'create', dir: at.dir, name, ino: this.#nextIno++, directory: true })
      } else if (this.image.inode(at.ino).kind !== 'directory') {
        throw diskError(below.length === path.length ? 'EEXIST' : 'ENOTDIR', 'mkdir', path)
      }
    }
  }

  rename(fromPath: string, toPath: string): void {
    const from = this.image.locate(fromPath, 'rename')
    const to = this.image.locate(toPath, 'rename')
    if (from.ino === undefined) throw diskError('ENOENT', 'rename', fromPath)
    if (from.ino === to.ino) return
    const moved = this.image.inode(from.ino)
    if (moved.kind === 'directory' && this.image.isWithin(to.dir, from.ino)) throw diskError('EINVAL', 'rename', toPath)
    if (to.ino !== undefined) {
      const replaced = this.image.inode(to.ino)
      if (replaced.kind === 'directory' && this.image.isWithin(from.dir, to.ino)) {
        throw diskError('ENOTEMPTY', 'rename', toPath)
      }
      if (moved.kind === 'file' && replaced.kind === 'directory') throw diskError('EISDIR', 'rename', toPath)
      if (moved.kind === 'directory' && replaced.kind === 'file') throw diskError('ENOTDIR', 'rename', toPath)
      if (replaced.kind === 'directory' && replaced.entries.size > 0) throw diskError('ENOTEMPTY', 'rename', toPath)
    }
    this.#commit({
      kind: 'rename',
      fromDir: from.dir,
      fromName: from.name,
      toDir: to.dir,
      toName: to.name,
      ino: from.ino,
      replaced: to.ino,
    })
    if (to.ino !== undefined) this.#dropUnlessOpen(to.ino)
  }

  unlink(path: string): void {
    const at = this.#locateIfThere(path, 'unlink')
    if (at?.ino === undefined) return
    if (this.image.inode(at.ino).kind === 'directory') throw diskError('EISDIR', 'unlink', path)
    this.#commit({ kind: 'remove', dir: at.dir, name: at.name, ino: at.ino })
    this.#dropUnlessOpen(at.ino)
  }

  rmdir(path: string): void {
    const at = this.#locateIfThere(path, 'rmdir')
    if (at?.ino === undefined) return
    const inode = this.image.inode(at.ino)
    if (inode.kind !== 'directory') throw diskError('ENOTDIR', 'rmdir', path)
    if (inode.entries.size > 0) throw diskError('ENOTEMPTY', 'rmdir', path)
    this.#commit({ kind: 'remove', dir: at.dir, name: at.name, ino: at.ino })
    this.image.drop(at.ino)
  }

  #locateIfThere(path: string, call: string) {
    try {
      return this.image.locate(path, call)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  #dropUnlessOpen(ino: Ino): void {
    if (!this.#opens.has(ino)) this.image.drop(ino)
  }

  /** The path a handle was opened by may be stale after a rename, so the whole tree decides. */
  #dropIfNameless(ino: Ino): void {
    for (const other of this.image.inos()) {
      const inode = this.image.inode(other)
      if (inode.kind !== 'directory') continue
      for (const child of inode.entries.values()) if (child === ino) return
    }
    this.image.drop(ino)
  }
}
