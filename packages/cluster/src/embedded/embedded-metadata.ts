import type { Clock, FileSystem, Logger, Timers } from '@ottla/runtime'
import {
  embeddedBatchBytesMax,
  embeddedJournalBytesMin,
  embeddedMultiBytesMax,
  embeddedQueueLengthMax,
} from '../limits.ts'
import type { MetadataStore, MultiOutcome, Operation, StoreErrorCode } from '../metadata-store.ts'
import { ByteWriter } from './bytes.ts'
import type { AppendResult, Journal } from './journal.ts'
import { writeTransaction } from './records.ts'
import { recover, zxidOf } from './recovery.ts'
import { roll } from './roll.ts'
import { EmbeddedSession, type SessionHost } from './session.ts'
import type { AppliedTransaction, TransactionHeader, Tree } from './tree.ts'

export interface EmbeddedMetadataOptions {
  /** The store's own folder; made when it is missing. Nobody else may write there, nor open it at the same time. */
  readonly dir: string
  /** The journal becomes a snapshot when it is larger than this and than twice the last snapshot. Default 4 MiB. */
  readonly journalBytesMin?: number
}

export interface EmbeddedMetadataDeps {
  readonly fs: FileSystem
  readonly clock: Clock
  readonly timers: Timers
  readonly logger: Logger
}

type Request =
  | { readonly type: 'read'; readonly run: () => void }
  | {
      readonly type: 'change'
      readonly session: EmbeddedSession
      readonly operations: readonly Operation[]
      readonly done: (outcome: MultiOutcome) => void
    }
  | {
      readonly type: 'end'
      readonly session: EmbeddedSession
      readonly state: 'closed' | 'expired'
      readonly done: () => void
    }

/** A change carried out in memory, waiting to be durable. */
interface Pending {
  readonly request: Exclude<Request, { type: 'read' }>
  readonly applied: AppliedTransaction
}

/**
 * The metadata tree of brokers on one machine, with ZooKeeper's contract, in memory and in a folder.
 *
 * Requests of all sessions wait in one queue. Changes at its head are carried out together in memory, written as one
 * frame, synced, and only then seen: reads behind them wait, events and answers follow the sync, and a failed write
 * takes them back. Sessions and their ephemerals end with the process; changes of ephemerals alone touch no disk.
 */
export class EmbeddedMetadata {
  readonly #dir: string
  readonly #deps: EmbeddedMetadataDeps
  readonly #tree: Tree
  readonly #epoch: number
  readonly #sessions = new Map<bigint, EmbeddedSession>()
  readonly #queue: Request[] = []
  readonly #host: SessionHost = {
    readableTree: () => this.#readableTree(),
    read: (session, read, failed) => {
      const run = () => {
        if (session.state === 'connected') read(this.#tree)
        else failed('sessionExpired')
      }
      if (this.#readableTree() !== null) run()
      else if (this.#queue.length >= embeddedQueueLengthMax) failed('systemError')
      else this.#queue.push({ type: 'read', run })
    },
    change: (session, operations, done) => {
      const path = operations[0]?.path ?? '/'
      if (bytesOf(operations) > embeddedMultiBytesMax) done({ ok: false, code: 'tooLarge', path, index: -1 })
      else if (this.#queue.length >= embeddedQueueLengthMax) done({ ok: false, code: 'systemError', path, index: -1 })
      else this.#enqueue({ type: 'change', session, operations, done })
    },
    end: (session, state, done) => this.#enqueue({ type: 'end', session, state, done }),
  }
  #journal: Journal
  readonly #journalBytesMin: number
  #generation: number
  #rollAtBytes: number
  #counter = 0
  #sessionCounter = 0
  /** The disk did something after which nothing more can be promised: reads go on, changes answer `storageError`. */
  #failed = false
  #busy = false
  #closing: Promise<void> | null = null
  #idle: (() => void)[] = []

  /** Reads the folder: some milliseconds for thousands of nodes. Throws `MetadataOpenError` and the file system's errors. */
  static open(options: EmbeddedMetadataOptions, deps: EmbeddedMetadataDeps): EmbeddedMetadata {
    return new EmbeddedMetadata(options, deps)
  }

  private constructor(options: EmbeddedMetadataOptions, deps: EmbeddedMetadataDeps) {
    const recovered = recover(deps.fs, options.dir)
    this.#dir = options.dir
    this.#deps = deps
    this.#tree = recovered.tree
    this.#epoch = recovered.epoch
    this.#journal = recovered.journal
    this.#generation = recovered.generation
    this.#journalBytesMin = options.journalBytesMin ?? embeddedJournalBytesMin
    this.#rollAtBytes = Math.max(this.#journalBytesMin, recovered.snapshotBytes * 2)
    if (recovered.cutBytes > 0) {
      deps.logger.info('cut the unfinished last change from the metadata journal', {
        dir: options.dir,
        bytes: recovered.cutBytes,
      })
    }
  }

  /** A new session, connected. */
  openSession(): MetadataStore {
    this.#sessionCounter++
    const id = (BigInt(this.#epoch) << 32n) | BigInt(this.#sessionCounter)
    const session = new EmbeddedSession(id, { host: this.#host, timers: this.#deps.timers })
    if (this.#closing !== null) session.ended('closed')
    else this.#sessions.set(id, session)
    return session
  }

  /** Ends a session as ZooKeeper does when it has not heard of a client for too long. Resolves when its ephemerals are gone. */
  expireSession(sessionId: bigint): Promise<void> {
    return new Promise((resolve) => {
      const session = this.#sessions.get(sessionId)
      if (session === undefined) resolve()
      else this.#host.end(session, 'expired', resolve)
    })
  }

  /** Finishes what was asked for, closes all sessions and the files. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  #readableTree(): Tree | null {
    return this.#busy || this.#queue.length > 0 ? null : this.#tree
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#sessions.values()].map((session) => session.close()))
    if (this.#busy) await new Promise<void>((resolve) => this.#idle.push(resolve))
    this.#journal.close()
  }

  #enqueue(request: Request): void {
    this.#queue.push(request)
    if (!this.#busy) this.#work()
  }

  /** Works the queue off until it is empty or a write is under way. */
  #work(): void {
    this.#busy = true
    while (this.#queue.length > 0) {
      const request = this.#queue[0]
      if (request.type === 'read') {
        this.#queue.shift()
        request.run()
        continue
      }
      const writer = new ByteWriter()
      const batch = this.#carryOut(writer)
      if (writer.length === 0) {
        this.#settle(batch, 'durable')
        continue
      }
      this.#journal.append(writer.written(), (result, error) => {
        if (error !== null) this.#report(result, error)
        this.#settle(batch, result)
        this.#rollWhenDue()
      })
      return
    }
    this.#busy = false
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  /** Carries out the changes at the head of the queue in memory and writes their lasting effects. */
  #carryOut(writer: ByteWriter): Pending[] {
    const batch: Pending[] = []
    let taken = 0
    for (const request of this.#queue) {
      if (request.type === 'read' || writer.length >= embeddedBatchBytesMax) break
      taken++
      const header = this.#nextHeader(request.session)
      const applied = this.#apply(request, header)
      batch.push({ request, applied })
      if (applied.ok && applied.effects.length > 0) writeTransaction(writer, header, applied.effects)
      // What follows the end of a session must find it ended.
      if (request.type === 'end') break
    }
    this.#queue.splice(0, taken)
    return batch
  }

  #apply(request: Pending['request'], header: TransactionHeader): AppliedTransaction {
    if (request.type === 'end') return this.#tree.removeEphemerals(header)
    if (request.session.state !== 'connected') return refused('sessionExpired', request.operations)
    if (this.#failed) return refused('storageError', request.operations)
    return this.#tree.apply(request.operations, header)
  }

  /** Tells everybody, now that the batch is durable, or takes it back. */
  #settle(batch: readonly Pending[], result: AppendResult): void {
    const durable = result === 'durable'
    if (!durable) for (const { applied } of [...batch].reverse()) applied.undo()
    for (const { request, applied } of batch) {
      if (request.type === 'end') {
        // Ending a session leaves nothing on the disk, so it happens even when the changes before it did not.
        this.#publish(durable ? applied : this.#tree.removeEphemerals(this.#nextHeader(request.session)))
        this.#endSession(request)
      } else if (durable) {
        this.#publish(applied)
        request.done(applied.ok ? { ok: true, value: applied.results } : failureOf(applied))
      } else {
        request.done({ ok: false, code: 'storageError', path: request.operations[0]?.path ?? '/', index: -1 })
      }
    }
  }

  #publish(applied: AppliedTransaction): void {
    if (!applied.ok) return
    for (const event of applied.events) {
      for (const session of this.#sessions.values()) session.trigger(event)
    }
  }

  #endSession(request: Extract<Request, { type: 'end' }>): void {
    this.#sessions.delete(request.session.sessionId)
    request.session.ended(request.state)
    request.done()
  }

  #nextHeader(session: EmbeddedSession): TransactionHeader {
    return {
      zxid: zxidOf(this.#epoch, ++this.#counter),
      timeMs: this.#deps.clock.nowMs(),
      sessionId: session.sessionId,
    }
  }

  #report(result: AppendResult, error: Error): void {
    const fields = { dir: this.#dir, error: error.message }
    if (result === 'notWritten') {
      this.#deps.logger.error('a metadata change was refused: the disk is full', fields)
      return
    }
    this.#failed = true
    this.#deps.logger.error(
      'writing the metadata journal failed: no further change is accepted until a restart',
      fields,
    )
  }

  #rollWhenDue(): void {
    if (this.#failed || this.#journal.length < this.#rollAtBytes) {
      this.#work()
      return
    }
    const next = this.#generation + 1
    const lastZxid = zxidOf(this.#epoch, this.#counter)
    roll({ fs: this.#deps.fs, dir: this.#dir, tree: this.#tree, generation: next, lastZxid }, (outcome) => {
      switch (outcome.type) {
        case 'rolled':
          this.#journal.close()
          this.#journal = outcome.journal
          this.#generation = next
          this.#rollAtBytes = Math.max(this.#journalBytesMin, outcome.snapshotBytes * 2)
          break
        case 'notRolled':
          this.#rollAtBytes = this.#journal.length + this.#journalBytesMin
          this.#deps.logger.warn('no snapshot of the metadata could be written; the journal goes on', {
            dir: this.#dir,
            error: outcome.error.message,
          })
          break
        case 'broken':
          this.#report('broken', outcome.error)
          break
      }
      this.#work()
    })
  }
}

function failureOf(applied: AppliedTransaction & { readonly ok: false }): MultiOutcome {
  return { ok: false, code: applied.code, path: applied.path, index: applied.index }
}

function refused(code: StoreErrorCode, operations: readonly Operation[]): AppliedTransaction {
  return { ok: false, code, path: operations[0]?.path ?? '/', index: -1, undo() {} }
}

function bytesOf(operations: readonly Operation[]): number {
  let bytes = 0
  for (const operation of operations) {
    bytes += operation.path.length * 3
    if (operation.type === 'create' || operation.type === 'set') bytes += operation.data?.length ?? 0
  }
  return bytes
}
