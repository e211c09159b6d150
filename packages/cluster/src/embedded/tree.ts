import { znodeDataBytesMax } from '../limits.ts'
import type { CreateMode, Operation, OperationResult, Stat, StoreErrorCode, WatchEvent } from '../metadata-store.ts'
import { anyVersion } from '../metadata-store.ts'
import { isValidPath, nodeName, parentPath } from './paths.ts'

/** Most nodes have no child or one (a partition has its state), so a set is made for the second only. */
export type ChildNames = null | string | Set<string>

/** A node as the tree keeps it. Only the tree and the snapshot reader write its fields. */
export interface TreeNode {
  data: Buffer | null
  children: ChildNames
  /** Children ever made: the number of the next sequential child. */
  childrenCreated: number
  czxid: number
  mzxid: number
  pzxid: number
  ctimeMs: number
  mtimeMs: number
  version: number
  /** 0n: persistent. */
  ephemeralOwner: bigint
}

/** What a transaction left behind that must outlive the process. Ephemeral nodes leave nothing. */
export type Effect =
  | {
      readonly type: 'create'
      readonly path: string
      readonly data: Buffer | null
      /** The parent's `childrenCreated` afterwards: ephemeral siblings have moved it without an effect of their own. */
      readonly childrenCreated: number
    }
  | { readonly type: 'set'; readonly path: string; readonly data: Buffer | null }
  | { readonly type: 'delete'; readonly path: string }
  /** An ephemeral sequential child took a number, which must not be given again. */
  | { readonly type: 'counter'; readonly path: string; readonly childrenCreated: number }

export interface TransactionHeader {
  readonly zxid: number
  readonly timeMs: number
  /** Owner of the ephemerals it makes. */
  readonly sessionId: bigint
}

export type TransactionResult =
  | { readonly ok: false; readonly code: StoreErrorCode; readonly path: string; readonly index: number }
  | {
      readonly ok: true
      readonly results: OperationResult[]
      readonly effects: Effect[]
      readonly events: WatchEvent[]
    }

/** A transaction with its undo: the tree stands as before once `undo` ran, newest transaction first. */
export type AppliedTransaction = TransactionResult & { undo(): void }

interface Work {
  readonly header: TransactionHeader
  readonly effects: Effect[]
  readonly events: WatchEvent[]
  readonly undo: (() => void)[]
}

/** The tree in memory. Knows nothing of disks, sessions' lives or watchers. */
export class Tree {
  readonly nodes = new Map<string, TreeNode>()
  readonly #ephemerals = new Map<bigint, Set<string>>()

  constructor() {
    this.nodes.set('/', newNode(null, { zxid: 0, timeMs: 0, sessionId: 0n }, 0n))
  }

  stat(path: string): Stat | null {
    const node = this.nodes.get(path)
    return node === undefined ? null : statOf(node)
  }

  /** Carries out all operations or none. */
  apply(operations: readonly Operation[], header: TransactionHeader): AppliedTransaction {
    const work: Work = { header, effects: [], events: [], undo: [] }
    const results: OperationResult[] = []
    for (let index = 0; index < operations.length; index++) {
      const result = this.#applyOne(operations[index], work)
      if (typeof result === 'string') {
        rollBack(work)
        return { ok: false, code: result, path: operations[index].path, index, undo() {} }
      }
      results.push(result)
    }
    return { ok: true, results, effects: work.effects, events: work.events, undo: () => rollBack(work) }
  }

  /** Removes what the session owns. */
  removeEphemerals(header: TransactionHeader): AppliedTransaction {
    const work: Work = { header, effects: [], events: [], undo: [] }
    for (const path of [...(this.#ephemerals.get(header.sessionId) ?? [])]) this.#remove(path, work)
    return { ok: true, results: [], effects: work.effects, events: work.events, undo: () => rollBack(work) }
  }

  /**
   * Carries out an effect read from the journal, without undo or events: a start-up replays tens of thousands.
   * Returns `false` when the tree cannot take it: the journal is damaged.
   */
  replay(effect: Effect, header: TransactionHeader): boolean {
    const { path } = effect
    const node = this.nodes.get(path)
    if (effect.type === 'create') {
      const parent = this.nodes.get(parentPath(path))
      if (node !== undefined || parent === undefined) return false
      this.nodes.set(path, newNode(effect.data, header, 0n))
      addChild(parent, nodeName(path))
      parent.childrenCreated = effect.childrenCreated
      parent.pzxid = header.zxid
      return true
    }
    if (node === undefined) return false
    switch (effect.type) {
      case 'set':
        node.data = effect.data
        node.version = nextVersion(node.version)
        node.mzxid = header.zxid
        node.mtimeMs = header.timeMs
        return true
      case 'delete': {
        if (path === '/' || numChildren(node) > 0) return false
        const parent = this.nodes.get(parentPath(path)) as TreeNode
        this.nodes.delete(path)
        removeChild(parent, nodeName(path))
        parent.pzxid = header.zxid
        return true
      }
      case 'counter':
        node.childrenCreated = effect.childrenCreated
        return true
    }
  }

  #applyOne(operation: Operation, work: Work): OperationResult | StoreErrorCode {
    switch (operation.type) {
      case 'create':
        return this.#create(operation.path, operation.data, operation.mode ?? 'persistent', work)
      case 'set':
        return this.#set(operation, work)
      case 'delete':
        return this.#delete(operation, work)
      case 'check': {
        const node = this.#find(operation.path)
        if (typeof node === 'string') return node
        return matches(node, operation.expectedVersion) ? { type: 'check' } : 'badVersion'
      }
    }
  }

  #create(path: string, data: Buffer | null, mode: CreateMode, work: Work): OperationResult | StoreErrorCode {
    const sequential = mode === 'persistentSequential' || mode === 'ephemeralSequential'
    // A sequential path may end in a slash: the number alone is then the name.
    if (!isValidPath(sequential ? `${path}0` : path)) return 'badArguments'
    if ((data?.length ?? 0) > znodeDataBytesMax) return 'tooLarge'
    if (path === '/') return 'nodeExists'
    const parent = this.nodes.get(parentPath(path))
    if (parent === undefined) return 'noNode'
    const name = sequential ? path + String(parent.childrenCreated).padStart(10, '0') : path
    if (this.nodes.has(name)) return 'nodeExists'
    if (parent.ephemeralOwner !== 0n) return 'noChildrenForEphemerals'
    const node = this.#insert(name, parent, data, mode, work)
    return { type: 'create', path: name, stat: statOf(node) }
  }

  #insert(path: string, parent: TreeNode, data: Buffer | null, mode: CreateMode, work: Work): TreeNode {
    const { header, effects, events, undo } = work
    const owner = mode === 'ephemeral' || mode === 'ephemeralSequential' ? header.sessionId : 0n
    const node = newNode(data, header, owner)
    const { pzxid } = parent
    this.nodes.set(path, node)
    addChild(parent, nodeName(path))
    parent.childrenCreated++
    parent.pzxid = header.zxid
    if (owner !== 0n) this.#own(owner, path)
    undo.push(() => {
      this.nodes.delete(path)
      removeChild(parent, nodeName(path))
      parent.childrenCreated--
      parent.pzxid = pzxid
      if (owner !== 0n) this.#disown(owner, path)
    })
    const parentOf = parentPath(path)
    if (owner === 0n) effects.push({ type: 'create', path, data, childrenCreated: parent.childrenCreated })
    else if (mode === 'ephemeralSequential')
      effects.push({ type: 'counter', path: parentOf, childrenCreated: parent.childrenCreated })
    events.push({ type: 'created', path }, { type: 'childrenChanged', path: parentOf })
    return node
  }

  #set(
    operation: { readonly path: string; readonly data: Buffer | null; readonly expectedVersion: number },
    work: Work,
  ): OperationResult | StoreErrorCode {
    const { path, data } = operation
    const node = this.#find(path)
    if (typeof node === 'string') return node
    if ((data?.length ?? 0) > znodeDataBytesMax) return 'tooLarge'
    if (!matches(node, operation.expectedVersion)) return 'badVersion'
    const before = { data: node.data, version: node.version, mzxid: node.mzxid, mtimeMs: node.mtimeMs }
    node.data = data
    node.version = nextVersion(node.version)
    node.mzxid = work.header.zxid
    node.mtimeMs = work.header.timeMs
    work.undo.push(() => Object.assign(node, before))
    if (node.ephemeralOwner === 0n) work.effects.push({ type: 'set', path, data: node.data })
    work.events.push({ type: 'dataChanged', path })
    return { type: 'set', stat: statOf(node) }
  }

  #delete(
    operation: { readonly path: string; readonly expectedVersion: number },
    work: Work,
  ): OperationResult | StoreErrorCode {
    const { path } = operation
    if (path === '/') return 'badArguments'
    const node = this.#find(path)
    if (typeof node === 'string') return node
    if (!matches(node, operation.expectedVersion)) return 'badVersion'
    if (numChildren(node) > 0) return 'notEmpty'
    this.#remove(path, work)
    return { type: 'delete' }
  }

  #remove(path: string, work: Work): void {
    const node = this.nodes.get(path) as TreeNode
    const parent = this.nodes.get(parentPath(path)) as TreeNode
    const { pzxid } = parent
    this.nodes.delete(path)
    removeChild(parent, nodeName(path))
    parent.pzxid = work.header.zxid
    if (node.ephemeralOwner !== 0n) this.#disown(node.ephemeralOwner, path)
    work.undo.push(() => {
      this.nodes.set(path, node)
      addChild(parent, nodeName(path))
      parent.pzxid = pzxid
      if (node.ephemeralOwner !== 0n) this.#own(node.ephemeralOwner, path)
    })
    if (node.ephemeralOwner === 0n) work.effects.push({ type: 'delete', path })
    work.events.push({ type: 'deleted', path }, { type: 'childrenChanged', path: parentPath(path) })
  }

  #find(path: string): TreeNode | StoreErrorCode {
    const node = this.nodes.get(path)
    if (node !== undefined) return node
    return isValidPath(path) ? 'noNode' : 'badArguments'
  }

  #own(owner: bigint, path: string): void {
    const paths = this.#ephemerals.get(owner)
    if (paths === undefined) this.#ephemerals.set(owner, new Set([path]))
    else paths.add(path)
  }

  #disown(owner: bigint, path: string): void {
    const paths = this.#ephemerals.get(owner)
    paths?.delete(path)
    if (paths?.size === 0) this.#ephemerals.delete(owner)
  }
}

function newNode(data: Buffer | null, header: TransactionHeader, ephemeralOwner: bigint): TreeNode {
  const { zxid, timeMs } = header
  return {
    data,
    children: null,
    childrenCreated: 0,
    czxid: zxid,
    mzxid: zxid,
    pzxid: zxid,
    ctimeMs: timeMs,
    mtimeMs: timeMs,
    version: 0,
    ephemeralOwner,
  }
}

function statOf(node: TreeNode): Stat {
  return {
    czxid: node.czxid,
    mzxid: node.mzxid,
    pzxid: node.pzxid,
    ctimeMs: node.ctimeMs,
    mtimeMs: node.mtimeMs,
    version: node.version,
    // Made plus removed, as ZooKeeper shows it (its `DataNode.copyStat`).
    cversion: node.childrenCreated * 2 - numChildren(node),
    ephemeralOwner: node.ephemeralOwner,
    dataLength: node.data?.length ?? 0,
    numChildren: numChildren(node),
  }
}

export function addChild(node: TreeNode, name: string): void {
  const { children } = node
  if (children === null) node.children = name
  else if (typeof children === 'string') node.children = new Set([children, name])
  else children.add(name)
}

function removeChild(node: TreeNode, name: string): void {
  const { children } = node
  if (children === name) node.children = null
  else if (children !== null && typeof children !== 'string') children.delete(name)
}

/** Sorted by code unit. */
export function sortedChildren({ children }: TreeNode): string[] {
  if (children === null) return []
  return typeof children === 'string' ? [children] : [...children].sort()
}

function numChildren({ children }: TreeNode): number {
  if (children === null) return 0
  return typeof children === 'string' ? 1 : children.size
}

function matches(node: TreeNode, expectedVersion: number): boolean {
  return expectedVersion === anyVersion || expectedVersion === node.version
}

/** An int32 that never becomes -1, which would mean any version (ZOOKEEPER-4743). */
function nextVersion(version: number): number {
  const next = (version + 1) | 0
  return next === anyVersion ? 0 : next
}

function rollBack(work: Work): void {
  for (let i = work.undo.length - 1; i >= 0; i--) work.undo[i]()
  work.undo.length = 0
}
