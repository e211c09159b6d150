import { diskError } from '../disk/errors.ts'
import type { Ino } from '../disk/image.ts'
import type { DiskSpace, File, FileStat, FileSystem, OpenMode, ReadDone, WriteDone } from '../ports/file-system.ts'
import { type DiskCall, type DiskWait, type InFlightWrite, joined, type SimDisk } from './disk.ts'

class SimFile implements File {
  readonly path: string
  readonly #fs: SimFileSystem
  readonly #disk: SimDisk
  readonly #ino: Ino
  readonly #writable: boolean
  #closed = false

  constructor(fs: SimFileSystem, path: string, ino: Ino, writable: boolean) {
    this.path = path
    this.#fs = fs
    this.#disk = fs.disk
    this.#ino = ino
    this.#writable = writable
  }

  #check(): void {
    this.#fs.checkAlive()
    if (this.#closed) throw new Error(`${this.path} was used after close`)
  }

  #bytes() {
    return this.#disk.tree.image.file(this.#ino).bytes
  }

  #fault(call: DiskCall): void {
    const error = this.#disk.faultFor(call, this.path)
    if (error !== null) throw error
  }

  size(): number {
    this.#check()
    return this.#bytes().size
  }

  readSync(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    this.#check()
    this.#fault('read')
    return this.#bytes().read(target, targetOffset, length, position)
  }

  writeSync(source: Uint8Array, position: number): void {
    this.#check()
    this.#commitWrite(source.slice(), position)
  }

  writevSync(sources: readonly Uint8Array[], position: number): void {
    this.#check()
    this.#commitWrite(joined(sources), position)
  }

  /** `bytes` are the disk's own. */
  #commitWrite(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return
    if (!this.#writable) throw diskError('EBADF', 'write', this.path)
    const disk = this.#disk
    const fault = disk.faultFor('write', this.path)
    // A failed write may have written its beginning.
    let length = fault === null ? bytes.length : disk.partOf(bytes.length)
    let error = fault
    if (disk.capacityBytes !== Number.POSITIVE_INFINITY) {
      const roomBytes = Math.max(0, disk.capacityBytes - disk.usedBytes())
      const growth = Math.max(0, position + bytes.length - this.#bytes().size)
      if (growth > roomBytes) {
        length = Math.min(length, bytes.length - growth + roomBytes)
        error ??= diskError('ENOSPC', 'write', this.path)
      }
    }
    if (length > 0) {
      disk.tree.commit({ kind: 'write', ino: this.#ino, position, bytes: bytes.subarray(0, length) })
    }
    if (error !== null) throw error
  }

  truncateSync(length: number): void {
    this.#check()
    if (!this.#writable) throw diskError('EINVAL', 'ftruncate', this.path)
    this.#fault('truncate')
    this.#disk.tree.commit({ kind: 'truncate', ino: this.#ino, length })
  }

  syncSync(): void {
    this.#check()
    const error = this.#sync(this.#disk.recordedChanges)
    if (error !== null) throw error
  }

  #sync(through: number): Error | null {
    const error = this.#disk.faultFor('sync', this.path)
    if (error === null) this.#disk.syncFile(this.#ino, through)
    else this.#disk.dropFile(this.#ino, through)
    return error
  }

  read(target: Uint8Array, targetOffset: number, length: number, position: number, done: ReadDone): void {
    this.#check()
    this.#fs.later('read', this.#ino, () => {
      const error = this.#disk.faultFor('read', this.path)
      if (error !== null) done(error, 0)
      else done(null, this.#bytes().read(target, targetOffset, length, position))
    })
  }

  writev(sources: readonly Uint8Array[], position: number, done: WriteDone): void {
    this.#check()
    const inFlight: InFlightWrite = { ino: this.#ino, position, sources }
    if (this.#writable) this.#disk.inFlight.add(inFlight)
    this.#fs.later('write', this.#ino, () => {
      this.#disk.inFlight.delete(inFlight)
      let failure: Error | null = null
      try {
        this.#commitWrite(joined(sources), position)
      } catch (error) {
        failure = error as Error
      }
      done(failure)
    })
  }

  /** Covers what was written when it was asked for, and no more. */
  sync(done: WriteDone): void {
    this.#check()
    const through = this.#disk.recordedChanges
    this.#fs.later('sync', this.#ino, () => done(this.#sync(through)))
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#fs.alive) this.#disk.tree.close(this.#ino, this.path)
  }
}

/** A process's view of a `SimDisk`. Dead with its process: then calls throw, and nothing calls back. */
export class SimFileSystem implements FileSystem {
  readonly disk: SimDisk
  #alive = true

  constructor(disk: SimDisk) {
    this.disk = disk
  }

  get alive(): boolean {
    return this.#alive
  }

  die(): void {
    this.#alive = false
  }

  checkAlive(): void {
    if (!this.#alive) throw new Error('the simulated process that used this disk is dead')
  }

  later(what: DiskWait, ino: Ino, fn: () => void): void {
    this.disk.scheduler.schedule(this.disk.latencyMs(what), `disk/${what}`, this.disk.id, ino, () => {
      if (this.#alive) fn()
    })
  }

  #begin(call: DiskCall, path: string): void {
    this.checkAlive()
    const error = this.disk.faultFor(call, path)
    if (error !== null) throw error
  }

  open(path: string, mode: OpenMode): File {
    this.#begin('open', path)
    return new SimFile(this, path, this.disk.tree.open(path, mode), mode !== 'r')
  }

  exists(path: string): boolean {
    this.checkAlive()
    return this.disk.tree.image.find(path) !== undefined
  }

  stat(path: string): FileStat | null {
    this.checkAlive()
    return this.disk.tree.stat(path)
  }

  readdir(path: string): string[] {
    this.checkAlive()
    return this.disk.tree.readdir(path)
  }

  mkdir(path: string): void {
    this.#begin('mkdir', path)
    this.disk.tree.mkdir(path)
  }

  rename(from: string, to: string): void {
    this.#begin('rename', from)
    this.disk.tree.rename(from, to)
  }

  unlink(path: string): void {
    this.#begin('unlink', path)
    this.disk.tree.unlink(path)
  }

  remove(path: string, done: WriteDone): void {
    this.checkAlive()
    this.later('remove', this.disk.tree.image.find(path) ?? 0, () => {
      let failure: Error | null = null
      try {
        this.unlink(path)
      } catch (error) {
        failure = error as Error
      }
      done(failure)
    })
  }

  rmdir(path: string): void {
    this.#begin('rmdir', path)
    this.disk.tree.rmdir(path)
  }

  syncDir(path: string): void {
    this.#begin('sync-dir', path)
    this.disk.syncDirectory(this.disk.tree.directoryAt(path, 'open'))
  }

  statfs(_path: string): DiskSpace {
    this.checkAlive()
    const { capacityBytes } = this.disk
    // A disk without a bound claims a petabyte.
    if (capacityBytes === Number.POSITIVE_INFINITY) return { freeBytes: 2 ** 50, totalBytes: 2 ** 50 }
    return { freeBytes: Math.max(0, capacityBytes - this.disk.usedBytes()), totalBytes: capacityBytes }
  }
}
