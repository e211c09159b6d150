import type { DiskSpace, File, FileStat, FileSystem, OpenMode, WriteDone } from '@ottla/runtime'

/** Seeded numbers for tests. */
export function seeded(seed: number): (bound: number) => number {
  let state = seed >>> 0 || 1
  return (bound) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state % bound
  }
}

/** Thrown by every call of a disk whose machine has stopped. */
export class MachineStopped extends Error {}

type Change =
  | { readonly type: 'write'; readonly at: number; readonly bytes: Buffer }
  | { readonly type: 'truncate'; readonly length: number }
type DirectoryChange =
  | { readonly type: 'add'; readonly path: string; readonly inode: Inode }
  | { readonly type: 'remove'; readonly path: string }
  | { readonly type: 'rename'; readonly from: string; readonly to: string }
  | { readonly type: 'mkdir'; readonly path: string }

class Inode {
  current: Buffer = Buffer.alloc(0)
  durable: Buffer = Buffer.alloc(0)
  unsynced: Change[] = []

  apply(change: Change): void {
    this.current = applied(this.current, change)
    this.unsynced.push(change)
  }

  sync(): void {
    this.durable = this.current
    this.unsynced = []
  }
}

function applied(content: Buffer, change: Change): Buffer {
  if (change.type === 'truncate') {
    const cut = Buffer.alloc(change.length)
    content.copy(cut)
    return cut
  }
  const grown = Buffer.alloc(Math.max(content.length, change.at + change.bytes.length))
  content.copy(grown)
  change.bytes.copy(grown, change.at)
  return grown
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/'

/**
 * A disk that forgets what was not synced. Content and directory entries are durable only after `sync` and `syncDir`;
 * a power cut keeps any subset of the rest, the last write of a file perhaps in part.
 */
export class FaultDisk implements FileSystem {
  /** Operations that change something, so far. */
  operations = 0
  /** The machine stops in the middle of the operation with this number. */
  stopAt = Number.POSITIVE_INFINITY
  stopped = false
  /** Answers an operation with an error instead: name of the call and its path in, error code out. */
  fault: ((call: string, path: string) => string | null) | null = null
  #files = new Map<string, Inode>()
  #dirs = new Set(['/'])
  #durableFiles = new Map<string, Inode>()
  #durableDirs = new Set(['/'])
  #directoryChanges: DirectoryChange[] = []

  /** The disk as a new process finds it: after `kill -9` everything written is there. */
  afterKill(): FaultDisk {
    const disk = new FaultDisk()
    for (const dir of this.#dirs) disk.#addDurableDir(dir)
    for (const [path, inode] of this.#files) {
      const copy = new Inode()
      // The page cache is whole, but it is still only a cache.
      copy.current = inode.current
      copy.durable = inode.durable
      copy.unsynced = [...inode.unsynced]
      disk.#files.set(path, copy)
      if (this.#durableFiles.get(path) === inode) disk.#durableFiles.set(path, copy)
      else disk.#directoryChanges.push({ type: 'add', path, inode: copy })
    }
    for (const path of this.#durableFiles.keys()) {
      if (!this.#files.has(path)) disk.#directoryChanges.push({ type: 'remove', path })
    }
    for (const [path, inode] of this.#durableFiles)
      if (!disk.#durableFiles.has(path)) disk.#durableFiles.set(path, inode)
    return disk
  }

  /** The disk after a power cut: any subset of what was not synced is lost. */
  afterPowerCut(below: (bound: number) => number): FaultDisk {
    const disk = new FaultDisk()
    const files = new Map(this.#durableFiles)
    const dirs = new Set(this.#durableDirs)
    for (const change of this.#directoryChanges) {
      if (below(2) === 0) continue
      if (change.type === 'add') files.set(change.path, change.inode)
      else if (change.type === 'remove') files.delete(change.path)
      else if (change.type === 'mkdir') dirs.add(change.path)
      else {
        const inode = files.get(change.from)
        if (inode === undefined) continue
        files.delete(change.from)
        files.set(change.to, inode)
      }
    }
    for (const dir of dirs) disk.#addDurableDir(dir)
    for (const [path, inode] of files) {
      if (!dirs.has(parentOf(path))) continue
      const copy = new Inode()
      let content = inode.durable
      for (const change of inode.unsynced) {
        const luck = below(4)
        if (luck === 0) continue
        if (luck === 1 && change.type === 'write') {
          // Torn: the file has its new length, and only some of the bytes.
          const kept = below(change.bytes.length + 1)
          content = applied(content, { ...change, bytes: Buffer.alloc(change.bytes.length) })
          content = applied(content, { ...change, bytes: change.bytes.subarray(0, kept) })
        } else {
          content = applied(content, change)
        }
      }
      copy.current = content
      copy.sync()
      disk.#files.set(path, copy)
      disk.#durableFiles.set(path, copy)
    }
    return disk
  }

  /** Reads a file whole, without counting. */
  content(path: string): Buffer {
    return this.#inode(path).current
  }

  /** Writes a file whole and durably, without counting. */
  put(path: string, bytes: Buffer): void {
    const inode = new Inode()
    inode.current = bytes
    inode.sync()
    this.#files.set(path, inode)
    this.#durableFiles.set(path, inode)
  }

  /** Counts one changing operation; `false` when the machine stops before it is done. */
  step(call: string, path: string): boolean {
    if (this.stopped) throw new MachineStopped()
    const code = this.fault?.(call, path) ?? null
    if (code !== null) throw Object.assign(new Error(`${code}: ${call} '${path}'`), { code })
    if (this.operations++ !== this.stopAt) return true
    this.stopped = true
    return false
  }

  open(path: string, mode: OpenMode): File {
    if (this.stopped) throw new MachineStopped()
    const found = this.#files.get(path)
    if (mode === 'r' || mode === 'r+') return new FaultFile(this, path, this.#inode(path))
    if (mode === 'wx+' && found !== undefined) throw Object.assign(new Error('EEXIST'), { code: 'EEXIST' })
    if (found !== undefined && mode === 'a+') return new FaultFile(this, path, found)
    if (!this.step('open', path)) throw new MachineStopped()
    const inode = found ?? new Inode()
    if (found === undefined) {
      this.#files.set(path, inode)
      this.#directoryChanges.push({ type: 'add', path, inode })
    } else {
      inode.apply({ type: 'truncate', length: 0 })
    }
    return new FaultFile(this, path, inode)
  }

  exists(path: string): boolean {
    return this.#files.has(path) || this.#dirs.has(path)
  }

  stat(path: string): FileStat | null {
    const inode = this.#files.get(path)
    if (inode !== undefined) return { kind: 'file', size: inode.current.length, modifiedMs: 0 }
    return this.#dirs.has(path) ? { kind: 'directory', size: 0, modifiedMs: 0 } : null
  }

  readdir(path: string): string[] {
    const names = [...this.#files.keys(), ...this.#dirs].filter((name) => name !== '/' && parentOf(name) === path)
    return names.map((name) => name.slice(name.lastIndexOf('/') + 1)).sort()
  }

  mkdir(path: string): void {
    if (this.#dirs.has(path)) return
    this.mkdir(parentOf(path))
    if (!this.step('mkdir', path)) throw new MachineStopped()
    this.#dirs.add(path)
    this.#directoryChanges.push({ type: 'mkdir', path })
  }

  rename(from: string, to: string): void {
    const whole = this.step('rename', from)
    this.#directoryChanges.push({ type: 'rename', from, to })
    const inode = this.#inode(from)
    this.#files.delete(from)
    this.#files.set(to, inode)
    if (!whole) throw new MachineStopped()
  }

  unlink(path: string): void {
    if (!this.#files.has(path)) return
    const whole = this.step('unlink', path)
    this.#files.delete(path)
    this.#directoryChanges.push({ type: 'remove', path })
    if (!whole) throw new MachineStopped()
  }

  remove(path: string, done: (error: Error | null) => void): void {
    this.unlink(path)
    queueMicrotask(() => done(null))
  }

  rmdir(path: string): void {
    this.#dirs.delete(path)
  }

  syncDir(path: string): void {
    if (!this.step('syncDir', path)) throw new MachineStopped()
    const rest: DirectoryChange[] = []
    for (const change of this.#directoryChanges) {
      if (parentOf(change.type === 'rename' ? change.to : change.path) !== path) rest.push(change)
      else if (change.type === 'mkdir') this.#durableDirs.add(change.path)
    }
    this.#directoryChanges = rest
    for (const name of [...this.#durableFiles.keys()]) if (parentOf(name) === path) this.#durableFiles.delete(name)
    for (const [name, inode] of this.#files) if (parentOf(name) === path) this.#durableFiles.set(name, inode)
  }

  statfs(): DiskSpace {
    return { freeBytes: 1e12, totalBytes: 1e12 }
  }

  #inode(path: string): Inode {
    const inode = this.#files.get(path)
    if (inode === undefined) throw Object.assign(new Error(`ENOENT: '${path}'`), { code: 'ENOENT' })
    return inode
  }

  #addDurableDir(path: string): void {
    this.#dirs.add(path)
    this.#durableDirs.add(path)
  }
}

class FaultFile implements File {
  readonly path: string
  readonly #disk: FaultDisk
  readonly #inode: Inode

  constructor(disk: FaultDisk, path: string, inode: Inode) {
    this.path = path
    this.#disk = disk
    this.#inode = inode
  }

  size(): number {
    return this.#inode.current.length
  }

  readSync(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    const source = this.#inode.current.subarray(position, position + length)
    target.set(source, targetOffset)
    return source.length
  }

  writeSync(source: Uint8Array, position: number): void {
    this.writevSync([source], position)
  }

  writevSync(sources: readonly Uint8Array[], position: number): void {
    const whole = this.#disk.step('write', this.path)
    const bytes = Buffer.concat(sources)
    this.#inode.apply({ type: 'write', at: position, bytes: whole ? bytes : bytes.subarray(0, bytes.length >> 1) })
    if (!whole) throw new MachineStopped()
  }

  truncateSync(length: number): void {
    if (!this.#disk.step('truncate', this.path)) throw new MachineStopped()
    this.#inode.apply({ type: 'truncate', length })
  }

  syncSync(): void {
    if (!this.#disk.step('sync', this.path)) throw new MachineStopped()
    this.#inode.sync()
  }

  read(
    target: Uint8Array,
    offset: number,
    length: number,
    position: number,
    done: (e: Error | null, n: number) => void,
  ) {
    setImmediate(() => done(null, this.readSync(target, offset, length, position)))
  }

  writev(sources: readonly Uint8Array[], position: number, done: WriteDone): void {
    this.#later(() => this.writevSync(sources, position), done)
  }

  sync(done: WriteDone): void {
    this.#later(() => this.syncSync(), done)
  }

  close(): void {}

  /** A stopped machine never calls back. */
  #later(run: () => void, done: WriteDone): void {
    setImmediate(() => {
      let error: Error | null = null
      try {
        run()
      } catch (thrown) {
        if (thrown instanceof MachineStopped) return
        error = thrown as Error
      }
      done(error)
    })
  }
}
