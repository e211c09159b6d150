import { diskError } from '../disk/errors.ts'
import { DiskImage, type Ino, rootIno } from '../disk/image.ts'
import { DiskTree } from '../disk/tree.ts'
import type { FileSystem } from '../ports/file-system.ts'
import { applyEvent, type DiskEvent, type DiskHistory } from './crash-states.ts'
import { SimFileSystem } from './disk-mount.ts'
import {
  type CrashModel,
  Durability,
  flipBits,
  prefixSurvival,
  randomSurvival,
  type Survival,
  sectorCount,
  uniformSurvival,
} from './durability.ts'
import type { SeededRandom } from './prng.ts'
import type { SimScheduler } from './scheduler.ts'

/** A range of milliseconds a duration is drawn from. */
export type DelayRange = readonly [lowMs: number, highMs: number]

export interface SimDiskOptions {
  readonly scheduler: SimScheduler
  readonly random: SeededRandom
  /** Number of the disk in the trace. Default 0. */
  readonly id?: number
  /** What it holds at the start. Default nothing. Taken over: hand in a fork to keep the original. */
  readonly image?: DiskImage
  /** Keep the history of all operations for `history()`. Default false. */
  readonly record?: boolean
  readonly readMs?: DelayRange
  readonly writeMs?: DelayRange
  readonly syncMs?: DelayRange
}

/** The calls a fault can hit. */
export type DiskCall =
  | 'open'
  | 'read'
  | 'write'
  | 'truncate'
  | 'sync'
  | 'rename'
  | 'unlink'
  | 'mkdir'
  | 'rmdir'
  | 'sync-dir'

/** What takes a while. */
export type DiskWait = 'read' | 'write' | 'sync' | 'remove'

export interface DiskFault {
  readonly call: DiskCall
  /** Default `EIO`. */
  readonly code?: string
  /** Only calls on these paths. Default all. */
  readonly path?: (path: string) => boolean
  /** Calls that still succeed before. Default 0. */
  readonly after?: number
  /** Calls that fail then. Default 1; `Infinity` for a disk that stays broken. */
  readonly times?: number
}

export interface CrashOptions {
  /** What survives of the changes that were not durable. */
  readonly keep: 'none' | 'all' | 'prefix' | 'subset'
  /** For `subset`. Default `ordered`. */
  readonly model?: CrashModel
}

interface ArmedFault {
  readonly fault: DiskFault
  skip: number
  left: number
}

/**
 * A write that was handed to the disk and has not been answered. Its memory is looked at when it takes effect and not
 * before, as a thread pool would: a caller that reuses a buffer too early finds the new contents in the file.
 */
export interface InFlightWrite {
  readonly ino: Ino
  readonly position: number
  readonly sources: readonly Uint8Array[]
}

export function joined(sources: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const source of sources) length += source.length
  const target = new Uint8Array(length)
  let at = 0
  for (const source of sources) {
    target.set(source, at)
    at += source.length
  }
  return target
}

/**
 * One machine's disk. What the running process sees is the image with everything applied; what a power cut leaves is
 * computed from the `Durability` beside it. A process reaches it through `mount()`; when that process dies
 * (`kill`, `crash`) its mount is dead and no operation of it ever calls back.
 */
export class SimDisk {
  readonly scheduler: SimScheduler
  readonly id: number
  /** Bytes all files together may take. Beyond it, writes fail with `ENOSPC`. */
  capacityBytes = Number.POSITIVE_INFINITY
  /** Multiplies every latency: 100 makes a slow disk. */
  slowFactor = 1
  tree: DiskTree
  readonly inFlight = new Set<InFlightWrite>()

  readonly #random: SeededRandom
  readonly #latencies: Readonly<Record<DiskWait, DelayRange>>
  #durability: Durability
  #faults: ArmedFault[] = []
  #mount: SimFileSystem | undefined
  readonly #record: boolean
  #historyStart: DiskImage
  #history: DiskEvent[] = []
  /** Faults that really happened, by call and code. */
  readonly faultCounts = new Map<string, number>()

  constructor(options: SimDiskOptions) {
    this.scheduler = options.scheduler
    this.id = options.id ?? 0
    this.#random = options.random
    this.#latencies = {
      read: options.readMs ?? [0.02, 0.2],
      write: options.writeMs ?? [0.01, 0.1],
      sync: options.syncMs ?? [0.5, 5],
      remove: options.syncMs ?? [0.5, 5],
    }
    this.#record = options.record ?? false
    const image = options.image ?? new DiskImage()
    this.#historyStart = this.#record ? image.fork() : image
    this.#durability = new Durability(image.fork())
    this.tree = this.#treeOver(image)
  }

  /** The file system of a process that starts now; an earlier one is dead from here on. */
  mount(): FileSystem {
    this.#mount?.die()
    this.#mount = new SimFileSystem(this)
    return this.#mount
  }

  /** How many events the history has: the operation index that names this moment. */
  get historyLength(): number {
    return this.#history.length
  }

  /** Everything that was asked of the disk since it was made or last crashed; needs `record`. */
  history(): DiskHistory {
    if (!this.#record) throw new Error('the disk was made without `record`')
    return { start: this.#historyStart, events: this.#history.slice() }
  }

  /** What the running process sees, as an independent copy. */
  imageNow(): DiskImage {
    return this.tree.image.fork()
  }

  /** How many changes a power cut could take back now. */
  get pendingChanges(): number {
    return this.#durability.pending.length
  }

  /** The process dies and the machine lives on: what was written is there, what was under way may be. */
  kill(): void {
    this.#mount?.die()
    this.#mount = undefined
    for (const { ino, position, sources } of this.inFlight) {
      const choice = this.#random.below(3)
      const bytes = joined(sources)
      const length = choice === 0 ? 0 : choice === 1 ? bytes.length : this.#random.below(bytes.length + 1)
      if (length === 0 || !this.tree.image.has(ino)) continue
      this.scheduler.note('disk/in-flight-written', this.id, length)
      this.tree.commit({ kind: 'write', ino, position, bytes: bytes.subarray(0, length) })
    }
    this.inFlight.clear()
    // The dead process's handles are closed with it.
    dropUnreachable(this.tree.image)
    this.tree = this.#treeOver(this.tree.image, this.tree.nextIno)
  }

  /** The power goes: the process dies and unsynced changes survive as `options` says. */
  crash(options: CrashOptions): void {
    this.kill()
    const survivals = this.#survivals(options)
    let lost = 0
    for (const survival of survivals) if (survival !== 'kept') lost += 1
    this.scheduler.note('disk/crash', this.id, lost)
    this.become(this.#durability.materialise(survivals))
  }

  #survivals(options: CrashOptions): Survival[] {
    const { pending } = this.#durability
    switch (options.keep) {
      case 'none':
        return uniformSurvival(pending, 'lost')
      case 'all':
        return uniformSurvival(pending, 'kept')
      case 'prefix': {
        const count = this.#random.below(pending.length + 1)
        const sectors = count < pending.length ? sectorCount(pending[count].op) : 0
        return prefixSurvival(pending, count, sectors > 1 ? this.#random.below(sectors) : 0)
      }
      case 'subset':
        return randomSurvival(pending, this.#random, options.model ?? 'ordered')
    }
  }

  /** Replaces the contents by an image, all of it durable: a state of `crashStates`, or a disk from elsewhere. */
  become(image: DiskImage): void {
    this.#mount?.die()
    this.#mount = undefined
    this.inFlight.clear()
    dropUnreachable(image)
    this.#historyStart = this.#record ? image.fork() : image
    this.#history = []
    this.#durability = new Durability(image.fork())
    this.tree = this.#treeOver(image)
  }

  /** Arms a fault; the result disarms it. */
  inject(fault: DiskFault): () => void {
    const armed: ArmedFault = { fault, skip: fault.after ?? 0, left: fault.times ?? 1 }
    this.#faults.push(armed)
    return () => {
      this.#faults = this.#faults.filter((other) => other !== armed)
    }
  }

  /** Flips the bits of `mask` in one byte of a file, in memory and on the device alike: bit rot. */
  flipBits(path: string, position: number, mask: number): void {
    const ino = this.tree.image.find(path)
    if (ino === undefined) throw diskError('ENOENT', 'flipBits', path)
    this.scheduler.note('disk/bit-rot', this.id, position)
    flipBits(this.tree.image, ino, position, mask)
    this.#durability.damage(ino, position, mask)
  }

  // What follows is for the mount.

  /** The error this call meets, if a fault is due. */
  faultFor(call: DiskCall, path: string): Error | null {
    for (const armed of this.#faults) {
      const { fault } = armed
      if (fault.call !== call || (fault.path !== undefined && !fault.path(path))) continue
      if (armed.skip > 0) {
        armed.skip -= 1
        continue
      }
      if (armed.left <= 0) continue
      armed.left -= 1
      const code = fault.code ?? 'EIO'
      const name = `${call} ${code}`
      this.faultCounts.set(name, (this.faultCounts.get(name) ?? 0) + 1)
      this.scheduler.note(`disk/fault ${name}`, this.id)
      return diskError(code, call, path)
    }
    return null
  }

  latencyMs(of: DiskWait): number {
    const [lowMs, highMs] = this.#latencies[of]
    return this.#random.between(lowMs, highMs) * this.slowFactor
  }

  /** How much of a failing write of `length` bytes was done. */
  partOf(length: number): number {
    return this.#random.below(length + 1)
  }

  /** Names this moment for `syncFile` and `dropFile`. */
  get recordedChanges(): number {
    return this.#durability.recorded
  }

  syncFile(ino: Ino, through: number): void {
    this.#happened({ kind: 'sync-file', ino, through })
  }

  syncDirectory(ino: Ino): void {
    this.#happened({ kind: 'sync-dir', ino })
  }

  dropFile(ino: Ino, through: number): void {
    this.#happened({ kind: 'drop-file', ino, through })
  }

  usedBytes(): number {
    let total = 0
    for (const ino of this.tree.image.inos()) {
      const inode = this.tree.image.inode(ino)
      if (inode.kind === 'file') total += inode.bytes.allocatedBytes
    }
    return total
  }

  #happened(event: DiskEvent): void {
    applyEvent(this.#durability, event)
    if (this.#record) this.#history.push(event)
  }

  #treeOver(image: DiskImage, nextIno?: Ino): DiskTree {
    return new DiskTree(
      image,
      () => simEpochMs + Math.floor(this.scheduler.nowMs),
      (op) => this.#happened({ kind: 'op', op }),
      nextIno,
    )
  }
}

/** Where simulated wall clocks start: 2026-01-01T00:00:00Z. */
export const simEpochMs = 1_767_225_600_000

function dropUnreachable(image: DiskImage): void {
  const reached = new Set<Ino>()
  const visit = (ino: Ino): void => {
    reached.add(ino)
    const inode = image.inode(ino)
    if (inode.kind === 'directory') for (const child of inode.entries.values()) visit(child)
  }
  visit(rootIno)
  for (const ino of [...image.inos()]) if (!reached.has(ino)) image.drop(ino)
}
