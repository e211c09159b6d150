import type { Clock, FileSystem, Timers } from '@ottla/runtime'

/** After this time the event loop gets its turn; with the file that is being removed then, 5 ms. */
const SLICE_MS = 4
/** A larger file is not waited for: to remove 100 MB takes some file systems 35 ms. */
const INLINE_BYTES_MAX = 1 << 20

/** Removes deleted partitions' folders and deleted segments' files in the background, a slice at a time. */
export class FolderRemover {
  readonly #fs: FileSystem
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #failed: (path: string, error: Error) => void
  #queue: { readonly path: string; readonly folder: boolean }[] = []
  readonly #waiting = new Set<ReturnType<Timers['setTimer']>>()
  /** A slice is to come, or a removal is under way. */
  #goesOn = false
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
    if (this.#goesOn || this.#stopped) return
    this.#goesOn = true
    this.#timers.immediate(() => {
      this.#goesOn = false
      if (!this.#stopped) this.#slice()
    })
  }

  #slice(): void {
    const endMs = this.#clock.monotonicMs() + SLICE_MS
    while (this.#queue.length > 0) {
      const { path, folder } = this.#queue[0]
      try {
        const progress = folder ? this.#removeOneOf(path, endMs) : this.#removeFile(path)
        if (progress === 'waits') return
        if (progress === 'done') this.#queue.shift()
      } catch (error) {
        this.#queue.shift()
        this.#failed(path, error as Error)
      }
      if (this.#clock.monotonicMs() >= endMs) break
    }
    if (this.#queue.length > 0) this.#schedule()
  }

  #removeFile(path: string): 'done' | 'waits' {
    const stat = this.#fs.stat(path)
    if (stat === null) return 'done'
    if (stat.size <= INLINE_BYTES_MAX) {
      this.#fs.unlink(path)
      return 'done'
    }
    this.#goesOn = true
    this.#fs.remove(path, (error) => {
      if (this.#stopped) return
      if (error !== null) this.#failed(this.#queue.shift()!.path, error)
      this.#goesOn = false
      this.#schedule()
    })
    return 'waits'
  }

  /** Removes some files of the folder; `done` when the folder itself is gone. */
  #removeOneOf(path: string, endMs: number): 'done' | 'more' | 'waits' {
    if (this.#fs.stat(path) === null) return 'done'
    for (const name of this.#fs.readdir(path)) {
      if (this.#removeFile(`${path}/${name}`) === 'waits') return 'waits'
      if (this.#clock.monotonicMs() >= endMs) return 'more'
    }
    this.#fs.rmdir(path)
    return 'done'
  }

  /** What has not been removed is found and removed after the next start. */
  stop(): void {
    this.#stopped = true
    for (const timer of this.#waiting) this.#timers.clearTimer(timer)
    this.#waiting.clear()
    this.#queue = []
  }
}
