import type { Clock, FileSystem, Timers } from '@ottla/runtime'

/** Removing 1 GiB takes some file systems tens of milliseconds; between files the event loop gets its turn after 5 ms. */
const SLICE_MS = 4

/** Removes deleted partitions' folders and deleted segments' files in the background, a slice at a time. */
export class FolderRemover {
  readonly #fs: FileSystem
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #failed: (path: string, error: Error) => void
  #queue: { readonly path: string; readonly folder: boolean }[] = []
  readonly #waiting = new Set<ReturnType<Timers['setTimer']>>()
  #scheduled = false
  #stopped = false

  constructor(
    runtime: { readonly fs: FileSystem; readonly clock: Clock; readonly timers: Timers },
    failed: (path: string, error: Error) => void,
  ) {
    this.#fs = runtime.fs
    this.#clock = runtime.clock
    this.#timers = runtime.timers
    this.#failed = failed
  }

  removeFolder(path: string, delayMs: number): void {
    this.#later(delayMs, [{ path, folder: true }])
  }

  removeFiles(paths: readonly string[], delayMs: number): void {
    this.#later(
      delayMs,
      paths.map((path) => ({ path, folder: false })),
    )
  }

  #later(delayMs: number, items: readonly { readonly path: string; readonly folder: boolean }[]): void {
    if (this.#stopped) return
    const timer = this.#timers.setTimer(
      () => {
        this.#waiting.delete(timer)
        this.#queue.push(...items)
        this.#schedule()
      },
      delayMs,
      { keepAlive: false },
    )
    this.#waiting.add(timer)
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped) return
    this.#scheduled = true
    this.#timers.immediate(() => {
      this.#scheduled = false
      if (!this.#stopped) this.#slice()
    })
  }

  #slice(): void {
    const endMs = this.#clock.monotonicMs() + SLICE_MS
    while (this.#queue.length > 0) {
      const item = this.#queue[0]
      try {
        if (!item.folder || this.#removeOneOf(item.path)) this.#queue.shift()
        if (!item.folder) this.#fs.unlink(item.path)
      } catch (error) {
        this.#queue.shift()
        this.#failed(item.path, error as Error)
      }
      if (this.#clock.monotonicMs() >= endMs) break
    }
    if (this.#queue.length > 0) this.#schedule()
  }

  /** Removes some files of the folder; true when the folder itself is gone. */
  #removeOneOf(path: string): boolean {
    const stat = this.#fs.stat(path)
    if (stat === null) return true
    const endMs = this.#clock.monotonicMs() + SLICE_MS
    for (const name of this.#fs.readdir(path)) {
      this.#fs.unlink(`${path}/${name}`)
      if (this.#clock.monotonicMs() >= endMs) return false
    }
    this.#fs.rmdir(path)
    return true
  }

  /** What has not been removed is found and removed after the next start. */
  stop(): void {
    this.#stopped = true
    for (const timer of this.#waiting) this.#timers.clearTimer(timer)
    this.#waiting.clear()
    this.#queue = []
  }
}
