import type { FileSystem } from '@ottla/runtime'
import { readWhole, writeAtomically } from './whole-file.ts'

/**
 * `ottla.directories`, in the first of several log directories: which directory was behind each path when it was last in
 * use, so that an empty mount point is not taken for a new directory; and the partitions that were deleted while their
 * directory could not be reached, so that what is left of them goes when it can be. A file that cannot be understood counts
 * as missing.
 */
export const DIRECTORY_RECORD = 'ottla.directories'
const FILE_BYTES_MAX = 16 * 1024 * 1024
/** What is over is forgotten, the oldest first: it is left in its directory then, and served to nobody. */
const DELETIONS_MAX = 10_000

interface Content {
  /** Directory id by path. */
  readonly directories: Readonly<Record<string, string>>
  /** Topic id by `<topic>-<partition>`. */
  readonly deleted: Readonly<Record<string, string>>
}

export class DirectoryRecord {
  readonly #fs: FileSystem
  readonly #home: string
  #written: string | null
  #directories: Map<string, string>
  #deleted: Map<string, string>
  #several = false

  /** Throws the system's errors. */
  constructor(fs: FileSystem, home: string) {
    this.#fs = fs
    this.#home = home
    const bytes = readWhole(fs, `${home}/${DIRECTORY_RECORD}`, FILE_BYTES_MAX)
    this.#written = bytes === null ? null : bytes.toString()
    const { directories, deleted } = parse(this.#written)
    this.#directories = new Map(Object.entries(directories))
    this.#deleted = new Map(Object.entries(deleted))
  }

  directoryIdAt(path: string): string | undefined {
    return this.#directories.get(path)
  }

  /** Some deletion has not reached its directory yet. */
  get hasDeletions(): boolean {
    return this.#deleted.size > 0
  }

  /** `name`: `<topic>-<partition>`. */
  isDeleted(name: string, topicId: string): boolean {
    return this.#deleted.get(name) === topicId
  }

  /** In memory; `write` makes it durable. */
  noteDeletion(name: string, topicId: string): void {
    this.#deleted.delete(name)
    this.#deleted.set(name, topicId)
    for (const oldest of this.#deleted.keys()) {
      if (this.#deleted.size <= DELETIONS_MAX) break
      this.#deleted.delete(oldest)
    }
  }

  /** In memory: what is behind each of the paths in use, as far as it is known, and whether there are several. */
  noteDirectories(directories: ReadonlyMap<string, string>, several: boolean): void {
    this.#directories = new Map(directories)
    this.#several = several
  }

  /** In memory: every directory has been there to be cleared. */
  forgetDeletions(): void {
    this.#deleted.clear()
  }

  /** Durable afterwards; does nothing when nothing has changed. With one directory there is nothing to remember. */
  write(): void {
    const wanted = this.#several ? this.#text() : null
    if (wanted === this.#written) return
    if (wanted === null) {
      this.#fs.unlink(`${this.#home}/${DIRECTORY_RECORD}`)
      this.#fs.syncDir(this.#home)
    } else writeAtomically(this.#fs, this.#home, DIRECTORY_RECORD, wanted)
    this.#written = wanted
  }

  #text(): string {
    const content: Content = {
      directories: Object.fromEntries(this.#directories),
      deleted: Object.fromEntries(this.#deleted),
    }
    return `${JSON.stringify(content)}\n`
  }
}

function parse(text: string | null): Content {
  if (text !== null) {
    try {
      const { directories, deleted } = JSON.parse(text) as Partial<Content>
      if (isStrings(directories) && isStrings(deleted)) return { directories, deleted }
    } catch {
      // Damaged: as if it were missing.
    }
  }
  return { directories: {}, deleted: {} }
}

function isStrings(value: unknown): value is Readonly<Record<string, string>> {
  return typeof value === 'object' && value !== null && Object.values(value).every((one) => typeof one === 'string')
}
