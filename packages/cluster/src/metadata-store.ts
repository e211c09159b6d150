/**
 * The contract every metadata store keeps: ZooKeeper's own. A tree of small nodes with versions, ephemerals that live
 * as long as a session, watches, and atomic multi. One object is one session, as in ZooKeeper's client.
 *
 * What a caller may rely on:
 * - Changes are atomic and have one order, the order of their `zxid`. An answered change is durable.
 * - One session's requests are carried out in the order in which they were made.
 * - A session sees the event of a watch before it sees the data that the event announces, and after the answer of the
 *   read that set the watch.
 * - An expected outcome (`noNode`, `badVersion`, …) is a value, never an exception. No promise here rejects.
 * - Data handed over or received is shared: neither side writes into it afterwards.
 * - After `connectionLoss`, `operationTimeout` and `storageError` the change may or may not have happened.
 */
export interface MetadataStore {
  /** ZooKeeper's 64-bit session id; equals `ephemeralOwner` of what this session owns. */
  readonly sessionId: bigint
  readonly state: SessionState

  /** Calls `listener` at each change of `state`, in order. Returns the function that ends the subscription. */
  onState(listener: (state: SessionState) => void): () => void

  /**
   * Makes a node; its parent must exist. A sequential node gets the parent's counter, ten digits, appended to `path`
   * (which may then end in `/`); `Created.path` is the name it got.
   * Errors: `noNode` (parent), `nodeExists`, `noChildrenForEphemerals`, `badArguments`, `tooLarge`.
   */
  create(path: string, data: Buffer | null, mode?: CreateMode): Promise<Outcome<Created>>

  /** Errors: `noNode`, and then no watch is left. */
  get(path: string, watcher?: Watcher): Promise<Outcome<ZnodeData>>

  /** `null` when there is none; the watch is left in both cases. */
  exists(path: string, watcher?: Watcher): Promise<Outcome<Stat | null>>

  /** Names of the children, without the path, sorted by code unit. Errors: `noNode`. */
  children(path: string, watcher?: Watcher): Promise<Outcome<Children>>

  /** Replaces the data when the node's version is `expectedVersion` (or that is `anyVersion`). Errors: `noNode`, `badVersion`, `tooLarge`. */
  set(path: string, data: Buffer | null, expectedVersion: number): Promise<Outcome<Stat>>

  /** Errors: `noNode`, `badVersion`, `notEmpty`; `badArguments` for the root. */
  delete(path: string, expectedVersion: number): Promise<Outcome<null>>

  /** All of it or nothing. Later operations see what earlier ones did. The outcome names the first operation that failed. */
  multi(operations: readonly Operation[]): Promise<MultiOutcome>

  /**
   * A watch that stays until `removeWatch`. `persistent` reports what happens to the node and its list of children;
   * `persistentRecursive` what happens to the node and all below it, without `childrenChanged`.
   * Unlike a one-shot watch it is not made up for after a lost connection: after `disconnected` → `connected` read again.
   */
  addWatch(path: string, mode: WatchMode, watcher: Watcher): Promise<Outcome<null>>

  /** Ends what `addWatch` began; removing one that is not there is no error. No event is delivered after the answer. */
  removeWatch(path: string, mode: WatchMode, watcher: Watcher): Promise<Outcome<null>>

  /** Ends the session: its ephemerals are gone when this resolves, later calls answer `sessionExpired`. Idempotent. */
  close(): Promise<void>
}

/**
 * ```
 * connected ⇄ disconnected → expired
 *     └──────────┴─────────→ closed
 * ```
 * `disconnected`: the session may still live, its ephemerals too; requests answer `connectionLoss`.
 * `expired` and `closed` are final: open a new session.
 */
export type SessionState = 'connected' | 'disconnected' | 'expired' | 'closed'

export type CreateMode = 'persistent' | 'ephemeral' | 'persistentSequential' | 'ephemeralSequential'

/** The node's facts, by ZooKeeper's names. */
export interface Stat {
  /** Transaction that made the node; of a broker's registration this is the broker epoch. A safe integer. */
  readonly czxid: number
  /** Transaction that last changed the data. */
  readonly mzxid: number
  /** Transaction that last changed the list of children. */
  readonly pzxid: number
  /** Wall-clock milliseconds. */
  readonly ctimeMs: number
  readonly mtimeMs: number
  /** Changes of the data since creation: 0 at first. */
  readonly version: number
  /** Children made plus children removed. */
  readonly cversion: number
  /** Session of an ephemeral node, 0n of a persistent one. */
  readonly ephemeralOwner: bigint
  /** Bytes. */
  readonly dataLength: number
  readonly numChildren: number
}

export interface ZnodeData {
  /** `null` is a node without data, which ZooKeeper tells from empty data. */
  readonly data: Buffer | null
  readonly stat: Stat
}

export interface Created {
  readonly path: string
  readonly stat: Stat
}

export interface Children {
  readonly names: string[]
  readonly stat: Stat
}

/** As `expectedVersion`: whatever the version is. */
export const anyVersion = -1

export type Operation =
  | { readonly type: 'create'; readonly path: string; readonly data: Buffer | null; readonly mode?: CreateMode }
  | { readonly type: 'set'; readonly path: string; readonly data: Buffer | null; readonly expectedVersion: number }
  | { readonly type: 'delete'; readonly path: string; readonly expectedVersion: number }
  /** Changes nothing; fails the multi with `noNode` or `badVersion`. */
  | { readonly type: 'check'; readonly path: string; readonly expectedVersion: number }

export type OperationResult =
  | { readonly type: 'create'; readonly path: string; readonly stat: Stat }
  | { readonly type: 'set'; readonly stat: Stat }
  | { readonly type: 'delete' }
  | { readonly type: 'check' }

export type WatchMode = 'persistent' | 'persistentRecursive'

export interface WatchEvent {
  readonly type: 'created' | 'deleted' | 'dataChanged' | 'childrenChanged'
  readonly path: string
}

/**
 * Identified by reference: set twice on one path it is called once. A one-shot watch of `get` and `exists` reports
 * `created`, `deleted`, `dataChanged`; one of `children` reports `childrenChanged` and `deleted`.
 */
export type Watcher = (event: WatchEvent) => void

/** Every way in which a request can fail. The names are ZooKeeper's codes, except the last two, which have no code there. */
export const storeErrorCodes = [
  'noNode',
  'nodeExists',
  'badVersion',
  'notEmpty',
  'noChildrenForEphemerals',
  'badArguments',
  'noAuth',
  'authFailed',
  'sessionExpired',
  'connectionLoss',
  'operationTimeout',
  'systemError',
  /** Data above the store's limit for one node or one multi. */
  'tooLarge',
  /** The disk under an embedded store failed; it accepts no change until it is opened again. */
  'storageError',
] as const
export type StoreErrorCode = (typeof storeErrorCodes)[number]

export interface StoreFailure {
  readonly ok: false
  readonly code: StoreErrorCode
  /** The node it happened on. */
  readonly path: string
}

export type Outcome<T> = { readonly ok: true; readonly value: T } | StoreFailure

export type MultiOutcome =
  | { readonly ok: true; readonly value: OperationResult[] }
  /** `index`: which operation failed; -1 when the request failed as a whole (`connectionLoss`, `sessionExpired`, …). */
  | (StoreFailure & { readonly index: number })

export interface SessionOptions {
  /** How long the session outlives its connection. An embedded store has none to lose and ignores it. */
  readonly sessionTimeoutMs: number
}
