import type { FileSystem, TimerHandle, Timers } from '@ottla/runtime'
import type { AppendGate } from './replica-manager.ts'

export interface DiskGuardOptions {
  /** Those in use: one that is offline takes no appends, whatever room it has. */
  readonly directories: () => readonly string[]
  /** Most bytes all logs together may take; `Infinity` for no such limit. */
  readonly maxLogBytes: number
  /** Room that must stay free on each volume, so that metadata, checkpoints and the operating system can go on. */
  readonly minFreeBytes: number
}

export interface DiskGuardDeps {
  readonly fs: FileSystem
  readonly timers: Timers
  /** Bytes of all logs, as far as they are written. */
  readonly logBytes: () => number
  /** Bytes on the way to the logs, which `logBytes` and the volumes do not know of. */
  readonly unwrittenBytes: () => number
  /** Told why producers are refused, when that begins, and `null` when it ends. */
  readonly onChange: (refusal: string | null) => void
}

/** How often the volumes are asked by itself: what others write to them, and what retention frees. */
const CHECK_INTERVAL_MS = 1000

/**
 * Refuses producers before the disk is full, and takes them back when retention or a person has made room. Between two
 * looks at the volumes it counts what is appended, as if all of it went to the fullest volume; when that uses up the room,
 * it looks again, since only some of it may have gone there.
 */
export class DiskGuard implements AppendGate {
  private readonly options: DiskGuardOptions
  private readonly deps: DiskGuardDeps
  /** Bytes that may be appended before the next look. */
  private roomBytes = Number.POSITIVE_INFINITY
  /** What bounds `roomBytes`, as the last look found it. */
  private bound = ''
  private appendedBytes = 0
  /** The least that was refused for want of room; 0 while nobody is refused. */
  private refusedBytes = 0
  private timer: TimerHandle | undefined

  constructor(options: DiskGuardOptions, deps: DiskGuardDeps) {
    this.options = options
    this.deps = deps
  }

  refusal(bytes: number): string | null {
    if (bytes <= this.roomBytes) return null
    if (this.appendedBytes > 0) {
      this.look()
      if (bytes <= this.roomBytes) return null
    }
    return this.refuse(bytes)
  }

  appended(bytes: number): void {
    this.appendedBytes += bytes
    this.roomBytes -= bytes
  }

  start(): void {
    this.check()
    this.timer = this.deps.timers.setTimer(() => this.start(), CHECK_INTERVAL_MS, { keepAlive: false })
  }

  stop(): void {
    this.deps.timers.clearTimer(this.timer)
  }

  check(): void {
    this.look()
    if (this.roomBytes <= 0) {
      this.refuse(1)
    } else if (this.refusedBytes > 0 && this.refusedBytes <= this.roomBytes) {
      this.refusedBytes = 0
      this.deps.onChange(null)
    }
  }

  private refuse(bytes: number): string {
    const reason = this.roomBytes <= 0 ? this.bound : `${this.bound}: no room for ${bytes} bytes more`
    const isFirst = this.refusedBytes === 0
    this.refusedBytes = isFirst ? bytes : Math.min(this.refusedBytes, bytes)
    if (isFirst) this.deps.onChange(reason)
    return reason
  }

  private look(): void {
    const { maxLogBytes, minFreeBytes } = this.options
    const unwrittenBytes = this.deps.unwrittenBytes()
    this.appendedBytes = 0
    this.roomBytes = Number.POSITIVE_INFINITY
    if (maxLogBytes !== Number.POSITIVE_INFINITY) {
      const used = this.deps.logBytes() + unwrittenBytes
      this.limitRoom(maxLogBytes - used, () => `logs take ${used} bytes, the limit is ${maxLogBytes}`)
    }
    for (const directory of this.options.directories()) {
      const free = this.freeBytes(directory) - unwrittenBytes
      this.limitRoom(free - minFreeBytes, () => `${directory} has ${free} bytes left, ${minFreeBytes} are kept free`)
    }
  }

  private limitRoom(bytes: number, bound: () => string): void {
    if (bytes >= this.roomBytes) return
    this.roomBytes = bytes
    this.bound = bound()
  }

  /** A directory that cannot be asked has failed, which is for its logs to say. */
  private freeBytes(directory: string): number {
    try {
      return this.deps.fs.statfs(directory).freeBytes
    } catch {
      return Number.POSITIVE_INFINITY
    }
  }
}
