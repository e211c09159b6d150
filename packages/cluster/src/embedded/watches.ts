import type { WatchEvent, Watcher, WatchMode } from '../metadata-store.ts'
import { parentPath } from './paths.ts'

type Table = Map<string, Set<Watcher>>

/** The watches of one session, with ZooKeeper's rules for what each kind reports. */
export class Watches {
  /** Left by `get` and `exists`. */
  readonly #data: Table = new Map()
  /** Left by `children`. */
  readonly #children: Table = new Map()
  readonly #persistent: Table = new Map()
  readonly #recursive: Table = new Map()

  addData(path: string, watcher: Watcher): void {
    add(this.#data, path, watcher)
  }

  addChildren(path: string, watcher: Watcher): void {
    add(this.#children, path, watcher)
  }

  add(path: string, mode: WatchMode, watcher: Watcher): void {
    add(this.#lasting(mode), path, watcher)
  }

  remove(path: string, mode: WatchMode, watcher: Watcher): void {
    const table = this.#lasting(mode)
    const watchers = table.get(path)
    watchers?.delete(watcher)
    if (watchers?.size === 0) table.delete(path)
  }

  clear(): void {
    for (const table of [this.#data, this.#children, this.#persistent, this.#recursive]) table.clear()
  }

  /** Whom the event concerns, each once; one-shot watches among them are used up. */
  trigger(event: WatchEvent): Set<Watcher> {
    const { type, path } = event
    const found = new Set<Watcher>()
    if (type === 'childrenChanged') {
      take(this.#children, path, found)
      collect(this.#persistent, path, found)
      return found
    }
    take(this.#data, path, found)
    if (type === 'deleted') take(this.#children, path, found)
    collect(this.#persistent, path, found)
    if (this.#recursive.size > 0) {
      for (let at = path; ; at = parentPath(at)) {
        collect(this.#recursive, at, found)
        if (at === '/') break
      }
    }
    return found
  }

  #lasting(mode: WatchMode): Table {
    return mode === 'persistent' ? this.#persistent : this.#recursive
  }
}

function add(table: Table, path: string, watcher: Watcher): void {
  const watchers = table.get(path)
  if (watchers === undefined) table.set(path, new Set([watcher]))
  else watchers.add(watcher)
}

function collect(table: Table, path: string, into: Set<Watcher>): void {
  const watchers = table.get(path)
  if (watchers !== undefined) for (const watcher of watchers) into.add(watcher)
}

function take(table: Table, path: string, into: Set<Watcher>): void {
  collect(table, path, into)
  table.delete(path)
}
