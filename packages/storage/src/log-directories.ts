import { ioError, StorageError } from './errors.ts'
import type { DirectoryRecord } from './files/directory-record.ts'
import type { LogDirectory } from './log-directory.ts'
import type { DirectoryState } from './manager-types.ts'

/** Anything that lies in one of the directories. */
export interface Placed {
  /** Its folder. */
  readonly directory: string
}

/** The `log.dirs` together, in their configured order: which of them can be used, and for what. */
export class LogDirectories implements Iterable<LogDirectory> {
  readonly #all: readonly LogDirectory[]
  readonly #record: DirectoryRecord | null

  constructor(all: readonly LogDirectory[], record: DirectoryRecord | null) {
    this.#all = all
    this.#record = record
  }

  [Symbol.iterator](): Iterator<LogDirectory> {
    return this.#all.values()
  }

  /** Where the record is kept. */
  get home(): LogDirectory {
    return this.#all[0]
  }

  get states(): readonly DirectoryState[] {
    return this.#all.map(({ path, offline, meta }) => ({ path, offline, directoryId: meta?.directoryId ?? '' }))
  }

  /** One that cannot be used, in which there may be anything. */
  get unread(): LogDirectory | undefined {
    return this.#all.find(({ offline }) => offline !== null)
  }

  of({ directory }: Placed): LogDirectory | undefined {
    return this.#all.find(({ path }) => directory.startsWith(path) && directory.indexOf('/', path.length + 1) < 0)
  }

  usable(without: ReadonlySet<LogDirectory>): LogDirectory[] {
    return this.#all.filter((directory) => directory.offline === null && !without.has(directory))
  }

  /** The one with the given path, or the one in which the fewest of `logs` lie. Throws `StorageError`. */
  choose(logs: Iterable<Placed>, path: string | undefined, without: ReadonlySet<LogDirectory>): LogDirectory {
    const usable = this.usable(without)
    if (path !== undefined) {
      const wanted = usable.find((directory) => directory.path === path)
      if (wanted === undefined) throw new StorageError('NOT_FOUND', `${path} is no usable log directory`)
      return wanted
    }
    if (usable.length === 0) throw new StorageError('IO', 'no log directory is usable')
    if (usable.length === 1) return usable[0]
    const counts = new Map(usable.map((directory) => [directory, 0]))
    for (const log of logs) {
      const directory = this.of(log)
      if (directory !== undefined && counts.has(directory)) counts.set(directory, counts.get(directory)! + 1)
    }
    return usable.reduce((best, next) => (counts.get(next)! < counts.get(best)! ? next : best))
  }

  /** In memory: what is behind each path from now on. One that cannot be used is expected to be what it was. */
  noteInRecord(): void {
    if (this.#record === null) return
    const ids = new Map<string, string>()
    for (const { path, offline, meta } of this.#all) {
      const id = (offline === null ? meta?.directoryId : null) ?? this.#record.directoryIdAt(path)
      if (id !== undefined) ids.set(path, id)
    }
    this.#record.noteDirectories(ids, this.#all.length > 1)
    if (this.unread === undefined) this.#record.forgetDeletions()
  }
}

/** Throws the `StorageError` of a broker that has no directory to use. */
export function failIfNoneIsLeft(directories: Iterable<LogDirectory>): void {
  const all = [...directories]
  if (all.some(({ offline }) => offline === null)) return
  const last = all.at(-1)?.offline
  if (last instanceof StorageError) throw last
  throw ioError(all.map(({ path }) => path).join(', '), last ?? new Error('there is no log directory'))
}
