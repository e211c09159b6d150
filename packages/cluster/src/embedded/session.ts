import type { Timers } from '@ottla/runtime'
import type {
  Children,
  Created,
  CreateMode,
  MetadataStore,
  MultiOutcome,
  Operation,
  OperationResult,
  Outcome,
  SessionState,
  Stat,
  StoreErrorCode,
  WatchEvent,
  Watcher,
  WatchMode,
  ZnodeData,
} from '../metadata-store.ts'
import { isValidPath } from './paths.ts'
import { sortedChildren, type Tree } from './tree.ts'
import { Watches } from './watches.ts'

/** What a session asks of the store that made it. Everything is carried out in one order for all sessions. */
export interface SessionHost {
  /** The tree, when nothing is under way; else `null`, and `read` waits for its turn. */
  readableTree(): Tree | null
  /** Runs `read` on a tree without undurable changes. `failed` instead, when the store is closed or its queue is full. */
  read(session: EmbeddedSession, read: (tree: Tree) => void, failed: (code: StoreErrorCode) => void): void
  change(session: EmbeddedSession, operations: readonly Operation[], done: (outcome: MultiOutcome) => void): void
  /** Removes the session's ephemerals, sets its state, then calls `done`. */
  end(session: EmbeddedSession, state: 'closed' | 'expired', done: () => void): void
}

type Delivery = { readonly type: 'answer' | 'event'; readonly run: () => void }

/**
 * One session of an embedded store.
 *
 * Answers and events leave through one queue. An event waits for the turn after the answers before it, so that whoever
 * awaits such an answer has gone on when the event comes; answers behind it wait with it. That is the order which
 * ZooKeeper's client gives: the answer that set the watch, the event, the new data.
 */
export class EmbeddedSession implements MetadataStore {
  readonly sessionId: bigint
  readonly #host: SessionHost
  readonly #timers: Timers
  readonly #watches = new Watches()
  readonly #stateListeners = new Set<(state: SessionState) => void>()
  #state: SessionState = 'connected'
  #deliveries: Delivery[] = []
  #deliveryScheduled = false
  #closing: Promise<void> | null = null

  constructor(sessionId: bigint, deps: { host: SessionHost; timers: Timers }) {
    this.sessionId = sessionId
    this.#host = deps.host
    this.#timers = deps.timers
  }

  get state(): SessionState {
    return this.#state
  }

  onState(listener: (state: SessionState) => void): () => void {
    this.#stateListeners.add(listener)
    return () => this.#stateListeners.delete(listener)
  }

  create(path: string, data: Buffer | null, mode: CreateMode = 'persistent'): Promise<Outcome<Created>> {
    return this.#change({ type: 'create', path, data, mode }, (result) => {
      if (result.type !== 'create') throw new Error('a create was answered as something else')
      return { path: result.path, stat: result.stat }
    })
  }

  set(path: string, data: Buffer | null, expectedVersion: number): Promise<Outcome<Stat>> {
    return this.#change({ type: 'set', path, data, expectedVersion }, (result) => {
      if (result.type !== 'set') throw new Error('a set was answered as something else')
      return result.stat
    })
  }

  delete(path: string, expectedVersion: number): Promise<Outcome<null>> {
    return this.#change({ type: 'delete', path, expectedVersion }, () => null)
  }

  multi(operations: readonly Operation[]): Promise<MultiOutcome> {
    return new Promise((resolve) => this.#request(operations, resolve))
  }

  get(path: string, watcher?: Watcher): Promise<Outcome<ZnodeData>> {
    return this.#read(path, (tree) => {
      const node = tree.nodes.get(path)
      if (node === undefined) return failure('noNode', path)
      if (watcher !== undefined) this.#watches.addData(path, watcher)
      return { ok: true, value: { data: node.data, stat: tree.stat(path) as Stat } }
    })
  }

  exists(path: string, watcher?: Watcher): Promise<Outcome<Stat | null>> {
    return this.#read(path, (tree) => {
      if (watcher !== undefined) this.#watches.addData(path, watcher)
      return { ok: true, value: tree.stat(path) }
    })
  }

  children(path: string, watcher?: Watcher): Promise<Outcome<Children>> {
    return this.#read(path, (tree) => {
      const node = tree.nodes.get(path)
      if (node === undefined) return failure('noNode', path)
      if (watcher !== undefined) this.#watches.addChildren(path, watcher)
      return { ok: true, value: { names: sortedChildren(node), stat: tree.stat(path) as Stat } }
    })
  }

  addWatch(path: string, mode: WatchMode, watcher: Watcher): Promise<Outcome<null>> {
    return this.#read(path, () => {
      this.#watches.add(path, mode, watcher)
      return { ok: true, value: null }
    })
  }

  removeWatch(path: string, mode: WatchMode, watcher: Watcher): Promise<Outcome<null>> {
    return this.#read(path, () => {
      this.#watches.remove(path, mode, watcher)
      return { ok: true, value: null }
    })
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      if (this.#ended()) resolve()
      else this.#host.end(this, 'closed', () => this.#answer(resolve))
    })
    return this.#closing
  }

  /** For the host: something was made durable. */
  trigger(event: WatchEvent): void {
    for (const watcher of this.#watches.trigger(event)) this.#deliver({ type: 'event', run: () => watcher(event) })
  }

  /** For the host: the session is over. */
  ended(state: 'closed' | 'expired'): void {
    if (this.#ended()) return
    this.#state = state
    this.#watches.clear()
    this.#deliver({
      type: 'event',
      run: () => {
        for (const listener of [...this.#stateListeners]) listener(state)
      },
    })
  }

  #ended(): boolean {
    return this.#state === 'closed' || this.#state === 'expired'
  }

  #change<T>(operation: Operation, toValue: (result: OperationResult) => T): Promise<Outcome<T>> {
    return new Promise((resolve) => {
      this.#request([operation], (outcome) => {
        if (outcome.ok) resolve({ ok: true, value: toValue(outcome.value[0]) })
        else resolve(failure(outcome.code, operation.path))
      })
    })
  }

  #request(operations: readonly Operation[], done: (outcome: MultiOutcome) => void): void {
    if (this.#ended()) {
      const path = operations[0]?.path ?? '/'
      this.#answer(() => done({ ok: false, code: 'sessionExpired', path, index: -1 }))
    } else {
      this.#host.change(this, operations, (outcome) => this.#answer(() => done(outcome)))
    }
  }

  #read<T>(path: string, read: (tree: Tree) => Outcome<T>): Promise<Outcome<T>> {
    const idle = this.#deliveries.length === 0 && !this.#ended() ? this.#host.readableTree() : null
    if (idle !== null) return Promise.resolve(checkedRead(idle, path, read))
    return new Promise((resolve) => {
      if (this.#ended()) {
        this.#answer(() => resolve(failure('sessionExpired', path)))
        return
      }
      this.#host.read(
        this,
        (tree) => {
          const outcome = checkedRead(tree, path, read)
          this.#answer(() => resolve(outcome))
        },
        (code) => this.#answer(() => resolve(failure(code, path))),
      )
    })
  }

  #answer(run: () => void): void {
    if (this.#deliveries.length === 0) run()
    else this.#deliver({ type: 'answer', run })
  }

  #deliver(delivery: Delivery): void {
    this.#deliveries.push(delivery)
    this.#scheduleDeliveries()
  }

  #scheduleDeliveries(): void {
    if (this.#deliveryScheduled || this.#deliveries.length === 0) return
    this.#deliveryScheduled = true
    this.#timers.immediate(() => this.#runDeliveries())
  }

  #runDeliveries(): void {
    this.#deliveryScheduled = false
    let answered = false
    try {
      while (this.#deliveries.length > 0) {
        if (answered && this.#deliveries[0].type === 'event') return
        const delivery = this.#deliveries.shift() as Delivery
        answered ||= delivery.type === 'answer'
        delivery.run()
      }
    } finally {
      this.#scheduleDeliveries()
    }
  }
}

function checkedRead<T>(tree: Tree, path: string, read: (tree: Tree) => Outcome<T>): Outcome<T> {
  return tree.nodes.has(path) || isValidPath(path) ? read(tree) : failure('badArguments', path)
}

function failure(code: StoreErrorCode, path: string): { ok: false; code: StoreErrorCode; path: string } {
  return { ok: false, code, path }
}
