import fs from 'node:fs'
import { dirname } from 'node:path'
import type { DiskSpace, File, FileStat, FileSystem, OpenMode, ReadDone, WriteDone } from '../ports/file-system.ts'
import { realMonotonicMs, realQueueMicrotask } from './globals.ts'
import { zeroCopy } from './zero-copy.ts'

const { O_RDONLY, O_RDWR, O_CREAT, O_TRUNC, O_EXCL } = fs.constants

/** `a+` is not O_APPEND: on Linux that flag would ignore the position of every write. */
const flagsOf: Readonly<Record<OpenMode, number>> = {
  r: O_RDONLY,
  'r+': O_RDWR,
  'a+': O_RDWR | O_CREAT,
  'w+': O_RDWR | O_CREAT | O_TRUNC,
  'wx+': O_RDWR | O_CREAT | O_EXCL,
}

/** The kernel refuses more buffers than this in one call (IOV_MAX of Linux, macOS and the BSDs). */
const buffersPerCallMax = 1024

/**
 * What one call in the thread pool writes. Linux sizes the page cache's folios by the call: four batches of 1 MiB in
 * one call took 5.4 ms, in four calls 4 times 0.35 ms, as folios of 2 MiB come from memory that nobody has touched yet.
 */
const bytesPerCallMax = 1024 * 1024

/**
 * Up to this many bytes an asynchronous write is one synchronous call into the page cache, with `done` in a
 * microtask. The way through the thread pool costs some 40 µs of CPU more per call, whatever its size, where the
 * copy itself takes 10 µs for 16 KiB and 80 µs for 256 KiB. Larger writes go to the pool, where they overlap with
 * the event loop.
 */
const inlineWriteBytesMax = 256 * 1024

/** Up to this many bytes, it costs less to copy what is written inline into one piece than to hand over each. */
const joinedBytesMax = 16 * 1024
/** Read before the call that fills it returns. */
let joinedScratch = Buffer.alloc(0)

/** Good until the next call. */
function joined(sources: readonly Uint8Array[], byteLength: number): Uint8Array {
  if (joinedScratch.length === 0) joinedScratch = Buffer.allocUnsafeSlow(joinedBytesMax)
  let at = 0
  for (let i = 0; i < sources.length; i++) {
    joinedScratch.set(sources[i], at)
    at += sources[i].length
  }
  return joinedScratch.subarray(0, byteLength)
}

/**
 * A page-cache write that takes this long was made to wait for the device (dirty-page throttling, a slow mount).
 * The event loop must not pay for the next one: writes go through the pool for a while.
 */
const stalledWriteMs = 4
const avoidInlineMs = 1_000
let inlineFromMs = 0

function byteLengthOf(sources: readonly Uint8Array[]): number {
  let total = 0
  for (let i = 0; i < sources.length; i++) total += sources[i].byteLength
  return total
}

/** What is left of `sources` when the first `written` bytes have gone: at most `bytesMax` and one call's buffers. */
function remainder(sources: readonly Uint8Array[], written: number, bytesMax: number): readonly Uint8Array[] {
  let skip = written
  let first = 0
  while (first < sources.length && skip >= sources[first].byteLength) skip -= sources[first++].byteLength
  const rest: Uint8Array[] = []
  let room = bytesMax
  for (let i = first; i < sources.length && rest.length < buffersPerCallMax && room > 0; i++) {
    const source = sources[i]
    const from = i === first ? skip : 0
    const to = Math.min(source.byteLength, from + room)
    rest.push(from === 0 && to === source.byteLength ? source : source.subarray(from, to))
    room -= to - from
  }
  return rest
}

function noProgress(path: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`EIO: the operating system wrote nothing to '${path}'`)
  error.code = 'EIO'
  error.path = path
  return error
}

/**
 * With those it lies in. Node's own recursive `mkdir` says ENOENT where the file system is read-only, and never ends
 * where nothing can be made at all, as in /proc.
 */
function makeFolder(path: string): void {
  try {
    fs.mkdirSync(path)
  } catch (error) {
    if (isFolder(path)) return
    const parent = dirname(path)
    if (codeOf(error) !== 'ENOENT' || parent === path || fs.existsSync(parent)) throw error
    makeFolder(parent)
    makeInside(path)
  }
}

/** Somebody else may have been faster. */
function makeInside(path: string): void {
  try {
    fs.mkdirSync(path)
  } catch (error) {
    if (!isFolder(path)) throw error
  }
}

function isFolder(path: string): boolean {
  try {
    return fs.statSync(path).isDirectory()
  } catch {
    return false
  }
}

export class NodeFile implements File {
  readonly path: string
  #fd: number

  constructor(path: string, fd: number) {
    this.path = path
    this.#fd = fd
  }

  /** For `sendfile`. */
  get descriptor(): number {
    return this.#open()
  }

  isSendable(position: number, length: number): boolean {
    return zeroCopy()?.isCached(this.#open(), position, length) ?? false
  }

  #open(): number {
    if (this.#fd < 0) throw new Error(`${this.path} was used after close`)
    return this.#fd
  }

  size(): number {
    return fs.fstatSync(this.#open()).size
  }

  readSync(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    const fd = this.#open()
    let total = 0
    while (total < length) {
      const count = fs.readSync(fd, target, targetOffset + total, length - total, position + total)
      if (count === 0) break
      total += count
    }
    return total
  }

  writeSync(source: Uint8Array, position: number): void {
    const fd = this.#open()
    let total = 0
    while (total < source.byteLength) {
      const count = fs.writeSync(fd, source, total, source.byteLength - total, position + total)
      if (count === 0) throw noProgress(this.path)
      total += count
    }
  }

  writevSync(sources: readonly Uint8Array[], position: number): void {
    if (sources.length === 1) this.writeSync(sources[0], position)
    else this.#writevAll(sources, position, byteLengthOf(sources))
  }

  #writevAll(sources: readonly Uint8Array[], position: number, byteLength: number): void {
    const fd = this.#open()
    let total = 0
    while (total < byteLength) {
      const next = remainder(sources, total, byteLength)
      const count = fs.writevSync(fd, next, position + total)
      if (count === 0) throw noProgress(this.path)
      total += count
    }
  }

  truncateSync(length: number): void {
    fs.ftruncateSync(this.#open(), length)
  }

  syncSync(): void {
    fs.fdatasyncSync(this.#open())
  }

  read(target: Uint8Array, targetOffset: number, length: number, position: number, done: ReadDone): void {
    const fd = this.#open()
    let total = 0
    const next = (error: NodeJS.ErrnoException | null, count = 0): void => {
      total += count
      if (error !== null || count === 0 || total === length) done(error, total)
      else fs.read(fd, target, targetOffset + total, length - total, position + total, next)
    }
    fs.read(fd, target, targetOffset, length, position, next)
  }

  writev(sources: readonly Uint8Array[], position: number, done: WriteDone): void {
    const byteLength = byteLengthOf(sources)
    const startMs = realMonotonicMs()
    if (byteLength <= inlineWriteBytesMax && startMs >= inlineFromMs)
      this.#writevInline(sources, position, byteLength, startMs, done)
    else this.#writevPooled(sources, position, byteLength, done)
  }

  #writevInline(
    sources: readonly Uint8Array[],
    position: number,
    byteLength: number,
    startMs: number,
    done: WriteDone,
  ): void {
    this.#open()
    let failure: Error | null = null
    try {
      if (sources.length === 1) this.writeSync(sources[0], position)
      else if (byteLength <= joinedBytesMax) this.writeSync(joined(sources, byteLength), position)
      else this.#writevAll(sources, position, byteLength)
    } catch (error) {
      failure = error as Error
    }
    const endMs = realMonotonicMs()
    if (endMs - startMs >= stalledWriteMs) inlineFromMs = endMs + avoidInlineMs
    realQueueMicrotask(() => done(failure))
  }

  #writevPooled(sources: readonly Uint8Array[], position: number, byteLength: number, done: WriteDone): void {
    const fd = this.#open()
    let total = 0
    const next = (error: NodeJS.ErrnoException | null, count = 0): void => {
      total += count
      if (error !== null || total === byteLength) done(error)
      else if (count === 0) done(noProgress(this.path))
      else fs.writev(fd, remainder(sources, total, bytesPerCallMax), position + total, next)
    }
    fs.writev(fd, remainder(sources, 0, bytesPerCallMax), position, next)
  }

  sync(done: WriteDone): void {
    fs.fdatasync(this.#open(), done)
  }

  close(): void {
    if (this.#fd < 0) return
    const fd = this.#fd
    this.#fd = -1
    fs.closeSync(fd)
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | null)?.code
}

export const nodeFileSystem: FileSystem = {
  open(path: string, mode: OpenMode): File {
    return new NodeFile(path, fs.openSync(path, flagsOf[mode], 0o644))
  },

  exists(path: string): boolean {
    return fs.existsSync(path)
  },

  stat(path: string): FileStat | null {
    let stats: fs.Stats | undefined
    try {
      stats = fs.statSync(path, { throwIfNoEntry: false })
    } catch (error) {
      if (codeOf(error) === 'ENOTDIR') return null
      throw error
    }
    if (stats === undefined) return null
    const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other'
    return { kind, size: stats.size, modifiedMs: stats.mtimeMs }
  },

  readdir(path: string): string[] {
    return fs.readdirSync(path).sort()
  },

  mkdir(path: string): void {
    makeFolder(path)
  },

  rename(from: string, to: string): void {
    fs.renameSync(from, to)
  },

  unlink(path: string): void {
    try {
      fs.unlinkSync(path)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
    }
  },

  remove(path: string, done: WriteDone): void {
    fs.unlink(path, (error) => done(codeOf(error) === 'ENOENT' ? null : error))
  },

  rmdir(path: string): void {
    try {
      fs.rmdirSync(path)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
    }
  },

  syncDir(path: string): void {
    // Windows cannot open a folder for this; NTFS journals its entries by itself.
    if (process.platform === 'win32') return
    const fd = fs.openSync(path, O_RDONLY)
    try {
      fs.fsyncSync(fd)
    } finally {
      fs.closeSync(fd)
    }
  },

  statfs(path: string): DiskSpace {
    const stats = fs.statfsSync(path)
    return { freeBytes: stats.bavail * stats.bsize, totalBytes: stats.blocks * stats.bsize }
  },
}
