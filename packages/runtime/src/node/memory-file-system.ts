import { diskError } from '../disk/errors.ts'
import { DiskImage, type Ino } from '../disk/image.ts'
import { DiskTree } from '../disk/tree.ts'
import type { DiskSpace, File, FileStat, FileSystem, OpenMode, ReadDone, WriteDone } from '../ports/file-system.ts'
import { realNowMs, realQueueMicrotask } from './globals.ts'

export interface MemoryFileSystemOptions {
  /** Bytes all files together may take; beyond it a write fails with `ENOSPC`. Default 1 GiB. */
  readonly capacityBytes?: number
}

const capacityBytesDefault = 1024 ** 3

class MemoryFile implements File {
  readonly path: string
  readonly #disk: MemoryFileSystem
  readonly #ino: Ino
  readonly #writable: boolean
  #closed = false

  constructor(disk: MemoryFileSystem, path: string, ino: Ino, writable: boolean) {
    this.path = path
    this.#disk = disk
    this.#ino = ino
    this.#writable = writable
  }

  #file() {
    if (this.#closed) throw new Error(`${this.path} was used after close`)
    return this.#disk.tree.image.ownFile(this.#ino)
  }

  size(): number {
    return this.#file().bytes.size
  }

  readSync(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    return this.#file().bytes.read(target, targetOffset, length, position)
  }

  writeSync(source: Uint8Array, position: number): void {
    const file = this.#file()
    if (source.length === 0) return
    if (!this.#writable) throw diskError('EBADF', 'write', this.path)
    const beforeBytes = file.bytes.allocatedBytes
    this.#disk.reserve(source.length, this.path)
    file.bytes.write(source, position)
    file.modifiedMs = realNowMs()
    this.#disk.usedBytes += file.bytes.allocatedBytes - beforeBytes
  }

  writevSync(sources: readonly Uint8Array[], position: number): void {
    let at = position
    for (const source of sources) {
      this.writeSync(source, at)
      at += source.length
    }
  }

  truncateSync(length: number): void {
    const file = this.#file()
    if (!this.#writable) throw diskError('EINVAL', 'ftruncate', this.path)
    const beforeBytes = file.bytes.allocatedBytes
    file.bytes.truncate(length)
    file.modifiedMs = realNowMs()
    this.#disk.usedBytes += file.bytes.allocatedBytes - beforeBytes
  }

  syncSync(): void {
    this.#file()
  }

  read(target: Uint8Array, targetOffset: number, length: number, position: number, done: ReadDone): void {
    const count = this.readSync(target, targetOffset, length, position)
    realQueueMicrotask(() => done(null, count))
  }

  writev(sources: readonly Uint8Array[], position: number, done: WriteDone): void {
    let failure: Error | null = null
    this.#file()
    try {
      this.writevSync(sources, position)
    } catch (error) {
      failure = error as Error
    }
    realQueueMicrotask(() => done(failure))
  }

  sync(done: WriteDone): void {
    this.#file()
    realQueueMicrotask(() => done(null))
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#disk.release(this.#ino, this.path)
  }
}

class MemoryFileSystem implements FileSystem {
  readonly tree = new DiskTree(new DiskImage(), realNowMs)
  readonly #capacityBytes: number
  usedBytes = 0

  constructor(capacityBytes: number) {
    this.#capacityBytes = capacityBytes
  }

  /** Counts what a write may allocate at most; the exact figure is taken after it. */
  reserve(byteLength: number, path: string): void {
    if (this.usedBytes + byteLength > this.#capacityBytes) throw diskError('ENOSPC', 'write', path)
  }

  release(ino: Ino, path: string): void {
    this.#accountFor(ino, () => this.tree.close(ino, path))
  }

  /** Gives back the bytes of a file that `change` took out of the tree. */
  #accountFor(ino: Ino | undefined, change: () => void): void {
    const inode = ino !== undefined && this.tree.image.has(ino) ? this.tree.image.inode(ino) : undefined
    change()
    if (inode?.kind === 'file' && !this.tree.image.has(ino!)) this.usedBytes -= inode.bytes.allocatedBytes
  }

  open(path: string, mode: OpenMode): File {
    const before = mode === 'w+' ? this.#allocatedAt(path) : 0
    const ino = this.tree.open(path, mode)
    this.usedBytes -= before
    return new MemoryFile(this, path, ino, mode !== 'r')
  }

  #allocatedAt(path: string): number {
    const ino = this.tree.image.find(path)
    const inode = ino === undefined ? undefined : this.tree.image.inode(ino)
    return inode?.kind === 'file' ? inode.bytes.allocatedBytes : 0
  }

  exists(path: string): boolean {
    return this.tree.image.find(path) !== undefined
  }

  stat(path: string): FileStat | null {
    return this.tree.stat(path)
  }

  readdir(path: string): string[] {
    return this.tree.readdir(path)
  }

  mkdir(path: string): void {
    this.tree.mkdir(path)
  }

  rename(from: string, to: string): void {
    this.#accountFor(this.tree.image.find(to), () => this.tree.rename(from, to))
  }

  unlink(path: string): void {
    this.#accountFor(this.tree.image.find(path), () => this.tree.unlink(path))
  }

  remove(path: string, done: WriteDone): void {
    let failure: Error | null = null
    try {
      this.unlink(path)
    } catch (error) {
      failure = error as Error
    }
    realQueueMicrotask(() => done(failure))
  }

  rmdir(path: string): void {
    this.tree.rmdir(path)
  }

  syncDir(path: string): void {
    this.tree.directoryAt(path, 'open')
  }

  statfs(_path: string): DiskSpace {
    return { freeBytes: Math.max(0, this.#capacityBytes - this.usedBytes), totalBytes: this.#capacityBytes }
  }
}

/**
 * A whole file system in the memory of this process, for brokers without a folder. Everything is gone when it is
 * dropped; `sync` has nothing to wait for.
 */
export function memoryFileSystem(options: MemoryFileSystemOptions = {}): FileSystem {
  return new MemoryFileSystem(options.capacityBytes ?? capacityBytesDefault)
}
