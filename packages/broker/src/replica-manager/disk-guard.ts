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
  readonly logBytes: () => number
  readonly onChange: (refusal: string | null) => void
}

/** How often the volumes are asked. Appends of one interval may exceed a limit; the log itself handles a full disk. */
const CHECK_INTERVAL_MS = 1000

/** Refuses producers before the disk is full, and takes them back when retention or a person has made room. */
export class DiskGuard implements AppendGate {
  private readonly options: DiskGuardOptions
  private readonly deps: DiskGuardDeps
  private reason: string | null = null
  private timer: TimerHandle | undefined

  constructor(options: DiskGuardOptions, deps: DiskGuardDeps) {
    this.options = options
    this.deps = deps
  }

  refusal(): string | null {
    return this.reason
  }

  start(): void {
    this.check()
    this.timer = this.deps.timers.setTimer(() => this.start(), CHECK_INTERVAL_MS, { keepAlive: false })
  }

  stop(): void {
    this.deps.timers.clearTimer(this.timer)
  }

  check(): void {
    const reason = this.findReason()
    if (reason === this.reason) return
    const changed = (reason === null) !== (this.reason === null)
    this.reason = reason
    if (changed) this.deps.onChange(reason)
  }

  private findReason(): string | null {
    if (this.options.maxLogBytes !== Number.POSITIVE_INFINITY) {
      const used = this.deps.logBytes()
      if (used >= this.options.maxLogBytes) return `logs take ${used} bytes, the limit is ${this.options.maxLogBytes}`
    }
    for (const directory of this.options.directories()) {
      const free = this.freeBytes(directory)
      if (free < this.options.minFreeBytes) {
        return `${directory} has ${free} bytes left, ${this.options.minFreeBytes} are kept free`
      }
    }
    return null
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
