import type { FileSystem } from '@ottla/runtime'
import { encodeOffsetCheckpoint, type OffsetsByPartition } from './offset-checkpoint.ts'
import { writeAtomically } from './whole-file.ts'

/**
 * Writes a directory's checkpoint files, at once or in the background. A background write that has been overtaken is
 * dropped before its rename, so that an older state never replaces a newer one.
 */
export class CheckpointWriter {
  readonly #fs: FileSystem
  readonly #directory: string
  /** What each file holds. */
  readonly #written = new Map<string, string>()
  readonly #versions = new Map<string, number>()
  readonly #busy = new Set<string>()
  #stopped = false

  constructor(fs: FileSystem, directory: string) {
    this.#fs = fs
    this.#directory = directory
  }

  write(name: string, offsets: OffsetsByPartition): void {
    const content = encodeOffsetCheckpoint(offsets)
    this.#versions.set(name, (this.#versions.get(name) ?? 0) + 1)
    if (this.#written.get(name) === content) return
    this.#written.delete(name)
    writeAtomically(this.#fs, this.#directory, name, content)
    this.#written.set(name, content)
  }

  /** Skipped while the last one is still under way: the next interval catches up. */
  writeInBackground(name: string, offsets: OffsetsByPartition, failed: (error: Error) => void): void {
    const content = encodeOffsetCheckpoint(offsets)
    if (this.#stopped || this.#busy.has(name) || this.#written.get(name) === content) return
    const version = (this.#versions.get(name) ?? 0) + 1
    this.#versions.set(name, version)
    const path = `${this.#directory}/${name}`
    const temporary = `${path}.background.tmp`
    let file: ReturnType<FileSystem['open']>
    try {
      file = this.#fs.open(temporary, 'w+')
    } catch (error) {
      failed(error as Error)
      return
    }
    this.#busy.add(name)
    const finish = (error: Error | null): void => {
      this.#busy.delete(name)
      file.close()
      if (error !== null) {
        failed(error)
        return
      }
      if (this.#stopped || this.#versions.get(name) !== version) return
      try {
        this.#fs.rename(temporary, path)
        this.#fs.syncDir(this.#directory)
        this.#written.set(name, content)
      } catch (failure) {
        failed(failure as Error)
      }
    }
    file.writev([Buffer.from(content)], 0, (error) => {
      if (error !== null) finish(error)
      else file.sync(finish)
    })
  }

  stop(): void {
    this.#stopped = true
  }
}
