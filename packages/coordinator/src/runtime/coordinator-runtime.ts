import { ErrorCode } from '@ottla/protocol'
import { ControlType, controlTypeOf, type RecordBatch } from '@ottla/protocol/records'
import { batchesOf, type EndOfTransaction, endOfTransactionBatch, type InTransaction } from './batches.ts'
import { Deferred } from './deferred.ts'
import { errorOfAppend } from './errors.ts'
import { Later } from './later.ts'
import { CoordinatorError, type Outcome } from './outcome.ts'
import type { CoordinatorRecord, RecordTypes } from './record.ts'
import type { CoordinatorMachine, MachineContext } from './shard.ts'
import { Timeline } from './timeline.ts'
import { type HostTimers, ShardTimers } from './timers.ts'

/** The partitions of one internal topic, as the coordinators' host has them, and the clock. */
export interface CoordinatorHost extends HostTimers {
  /** ms since the epoch. */
  nowMs(): number
  /** The offset that the next record appended will have. */
  endOffset(partition: number): number
  /** Everything below is committed: the high watermark. */
  committedOffset(partition: number): number
  /** `max.message.bytes`. */
  batchBytesMax(partition: number): number
  /**
   * Appends one batch at `endOffset`; 0, or why it was not taken. That it is committed, or was lost after all, is told later
   * through `committed` and `appendFailed`, never from inside this call.
   */
  append(partition: number, batch: Buffer): number
  /** A bug of ours: the operation failed in a way that nobody expected. */
  onBug(what: string, error: unknown): void
}

/** What the runtime needs to know of one kind of coordinator. */
export interface CoordinatorKind<M extends CoordinatorMachine> {
  /** For messages. */
  readonly name: string
  readonly recordTypes: RecordTypes
  create(context: MachineContext): M
}

type ShardState = 'loading' | 'active' | 'unloaded'

interface Shard<M> {
  readonly partition: number
  readonly timeline: Timeline
  readonly timers: ShardTimers
  readonly machine: M
  readonly deferred: Deferred
  state: ShardState
}

/** Reads a shard's state from its partition, batch by batch in their order. */
export interface ShardLoader {
  /** Throws `CodecError` for a record that cannot be read. */
  replayBatch(batch: RecordBatch): void
  /** Everything up to `endOffset` has been replayed, and is committed. */
  finish(endOffset: number): void
}

/** How long what nobody waits for is put off when its records could not be appended. */
const RETRY_MS = 500

/**
 * Runs coordinators, one shard per partition of their internal topic (`CoordinatorRuntime` in Apache Kafka).
 *
 * ```
 *  (none) ──load──▶ loading ──finish──▶ active ──unload──▶ (none)
 *                      └───────unload──────────────────────▶
 * ```
 * - A write asks the machine for records and a reply, replays the records into the machine, appends them as one batch, and lets
 *   the reply leave when they are committed. A failed append takes the machine back to before it.
 * - A write that changes nothing replies when everything it may have seen is committed.
 * - A read sees what is committed (machines ask their maps for it), and replies at once.
 * - No shard: NOT_COORDINATOR. A loading one: COORDINATOR_LOAD_IN_PROGRESS.
 */
export class CoordinatorRuntime<M extends CoordinatorMachine> {
  readonly #kind: CoordinatorKind<M>
  readonly #host: CoordinatorHost
  readonly #shards = new Map<number, Shard<M>>()

  constructor(kind: CoordinatorKind<M>, host: CoordinatorHost) {
    this.#kind = kind
    this.#host = host
  }

  /** Of the shards that can be asked. */
  activePartitions(): number[] {
    return [...this.#shards.values()].filter(({ state }) => state === 'active').map(({ partition }) => partition)
  }

  /** Whether some shard cannot be asked yet. */
  get isLoading(): boolean {
    for (const { state } of this.#shards.values()) if (state === 'loading') return true
    return false
  }

  // ---- the life of a shard

  /** This host is in charge of the partition now, and gives the loader what is in it. */
  load(partition: number): ShardLoader {
    this.unload(partition)
    const timeline = new Timeline()
    let submitted = 0
    const timers = new ShardTimers(this.#host, (key, onExpired) => this.#runUntilAppended(shard, key, onExpired))
    const submit: MachineContext['submit'] = (operation) =>
      this.#runUntilAppended(shard, `submitted ${++submitted}`, operation)
    const machine = this.#kind.create({ partition, timeline, timers, submit })
    const shard: Shard<M> = { partition, timeline, timers, machine, deferred: new Deferred(), state: 'loading' }
    this.#shards.set(partition, shard)
    return {
      replayBatch: (batch) => {
        if (shard.state === 'loading') this.#replayBatch(shard, batch)
      },
      finish: (endOffset) => {
        if (shard.state !== 'loading') return
        timeline.loaded(endOffset)
        shard.state = 'active'
        machine.loaded(this.#host.nowMs())
      },
    }
  }

  /** Another host is in charge, or nobody: whoever waits is told. */
  unload(partition: number): void {
    const shard = this.#shards.get(partition)
    if (shard === undefined) return
    this.#shards.delete(partition)
    shard.state = 'unloaded'
    shard.timers.cancelAll()
    shard.deferred.failAbove(-1, ErrorCode.NOT_COORDINATOR)
    shard.machine.unloaded()
  }

  unloadAll(): void {
    for (const partition of [...this.#shards.keys()]) this.unload(partition)
  }

  // ---- what the log says

  /** Everything below `offset` is committed. */
  committed(partition: number, offset: number): void {
    const shard = this.#shards.get(partition)
    if (shard === undefined || shard.state !== 'active') return
    shard.timeline.commit(offset)
    shard.deferred.completeUpTo(offset)
  }

  /** What was appended from `fromOffset` on is lost. */
  appendFailed(partition: number, fromOffset: number, errorCode: number): void {
    const shard = this.#shards.get(partition)
    if (shard === undefined || shard.state !== 'active') return
    shard.timeline.rollBack(fromOffset)
    shard.deferred.failAbove(fromOffset, errorOfAppend(errorCode))
  }

  // ---- operations

  /**
   * `done` is called exactly once, perhaps before this returns. `refused` makes the reply of an error code, the machine's own
   * included (`CoordinatorError`).
   */
  write<R>(
    partition: number,
    run: (machine: M, nowMs: number) => Outcome<R>,
    refused: (errorCode: number) => R,
    done: (reply: R) => void,
    transaction: InTransaction | null = null,
  ): void {
    const shard = this.#shards.get(partition)
    if (shard === undefined || shard.state !== 'active') {
      done(refused(this.#errorOf(shard)))
      return
    }
    this.#write(shard, run, refused, done, transaction)
  }

  /** The reply is what `run` returns: it asks for nothing but what is committed. */
  read<R>(partition: number, run: (machine: M, nowMs: number) => R, refused: (errorCode: number) => R): R {
    const shard = this.#shards.get(partition)
    if (shard === undefined || shard.state !== 'active') return refused(this.#errorOf(shard))
    try {
      return run(shard.machine, this.#host.nowMs())
    } catch (error) {
      return refused(this.#codeOf(shard, error))
    }
  }

  /** Carries out `run` in every active shard, for what concerns all of them: new metadata, regular clean-up. */
  writeAll(run: (machine: M, nowMs: number) => Outcome<void>): void {
    for (const shard of [...this.#shards.values()]) {
      if (shard.state === 'active') this.#write(shard, run, ignore, ignore, null)
    }
  }

  /** Appends the marker that ends a producer's transaction in this partition. `done` gets 0 once it is committed. */
  endTransaction(partition: number, end: EndOfTransaction, done: (errorCode: number) => void): void {
    const shard = this.#shards.get(partition)
    if (shard === undefined || shard.state !== 'active') {
      done(this.#errorOf(shard))
      return
    }
    const { timeline, machine, deferred } = shard
    const before = this.#host.endOffset(partition)
    timeline.begin(before + 1)
    machine.replayEndTransaction(end.producerId, end.producerEpoch, end.commit)
    const errorCode = this.#host.append(partition, endOfTransactionBatch(end, this.#host.nowMs()))
    if (errorCode !== ErrorCode.NONE) {
      timeline.rollBack(before)
      done(errorCode)
      return
    }
    deferred.add(before + 1, done)
    this.#noticeCommits(shard)
  }

  #write<R>(
    shard: Shard<M>,
    run: (machine: M, nowMs: number) => Outcome<R>,
    refused: (errorCode: number) => R,
    done: (reply: R) => void,
    transaction: InTransaction | null,
  ): void {
    const nowMs = this.#host.nowMs()
    let outcome: Outcome<R>
    try {
      outcome = run(shard.machine, nowMs)
    } catch (error) {
      done(refused(this.#codeOf(shard, error)))
      return
    }
    const { records, reply, onAppended } = outcome
    const { timeline, deferred } = shard
    if (records.length > 0) {
      const errorCode = this.#append(shard, outcome, nowMs, transaction)
      if (errorCode !== ErrorCode.NONE) {
        onAppended?.(errorCode)
        if (reply instanceof Later) reply.settle(refused(errorCode))
        done(refused(errorCode))
        return
      }
    } else if (reply instanceof Later || timeline.version <= timeline.committedVersion) {
      tell(reply, done)
      return
    }
    deferred.add(timeline.version, (errorCode) => {
      if (records.length > 0) onAppended?.(errorCode)
      if (errorCode === ErrorCode.NONE) tell(reply, done)
      else done(refused(errorCode))
    })
    this.#noticeCommits(shard)
  }

  /** Replays and appends. The machine is as before when this fails, but for what is `separable` and was taken already. */
  #append<R>(shard: Shard<M>, outcome: Outcome<R>, nowMs: number, transaction: InTransaction | null): number {
    const { partition, timeline, machine } = shard
    const { records, separable } = outcome
    const host = this.#host
    const bytesMax = separable === true ? host.batchBytesMax(partition) : Number.POSITIVE_INFINITY
    let from = 0
    let batches: ReturnType<typeof batchesOf>
    try {
      batches = batchesOf(records, nowMs, transaction, bytesMax)
    } catch (error) {
      return this.#codeOf(shard, error)
    }
    for (const { batch, count } of batches) {
      const before = host.endOffset(partition)
      timeline.begin(before + count)
      try {
        for (let i = 0; i < count; i++) this.#replay(machine, before + i, transaction, records[from + i])
      } catch (error) {
        timeline.rollBack(before)
        return this.#codeOf(shard, error)
      }
      const errorCode = host.append(partition, batch)
      if (errorCode !== ErrorCode.NONE) {
        timeline.rollBack(before)
        return errorOfAppend(errorCode)
      }
      from += count
    }
    return ErrorCode.NONE
  }

  #replay(machine: M, offset: number, transaction: InTransaction | null, record: CoordinatorRecord): void {
    if (transaction === null) machine.replay(offset, -1, -1, record)
    else machine.replay(offset, transaction.producerId, transaction.producerEpoch, record)
  }

  #replayBatch(shard: Shard<M>, batch: RecordBatch): void {
    const { machine } = shard
    const { producerId, producerEpoch } = batch
    if (batch.isControl) {
      batch.forEach(({ key }) => {
        const type = controlTypeOf(key)
        if (type !== ControlType.COMMIT && type !== ControlType.ABORT) return
        machine.replayEndTransaction(producerId, producerEpoch, type === ControlType.COMMIT)
      })
      return
    }
    const inTransaction = batch.isTransactional
    batch.forEach(({ offset, key, value }) => {
      const record = key === null ? null : this.#kind.recordTypes.decode(key, value)
      if (record === null) return
      if (inTransaction) machine.replay(offset, producerId, producerEpoch, record)
      else machine.replay(offset, -1, -1, record)
    })
  }

  /** The log may have committed at once what was appended. */
  #noticeCommits(shard: Shard<M>): void {
    this.committed(shard.partition, this.#host.committedOffset(shard.partition))
  }

  /** What nobody waits for: a timer, or what the outside has answered. */
  #runUntilAppended(shard: Shard<M>, key: string, onExpired: (nowMs: number) => Outcome<void>): void {
    if (shard.state !== 'active') return
    this.#write(
      shard,
      (_machine, nowMs) => {
        const outcome = onExpired(nowMs)
        return {
          ...outcome,
          onAppended: (errorCode) => {
            outcome.onAppended?.(errorCode)
            const retries = errorCode !== ErrorCode.NONE && shard.state === 'active' && !shard.timers.isScheduled(key)
            if (retries) shard.timers.schedule(key, RETRY_MS, onExpired)
          },
        }
      },
      ignore,
      ignore,
      null,
    )
  }

  #errorOf(shard: Shard<M> | undefined): number {
    return shard?.state === 'loading' ? ErrorCode.COORDINATOR_LOAD_IN_PROGRESS : ErrorCode.NOT_COORDINATOR
  }

  #codeOf(shard: Shard<M>, error: unknown): number {
    if (error instanceof CoordinatorError) return error.errorCode
    this.#host.onBug(`${this.#kind.name} coordinator, partition ${shard.partition}`, error)
    return ErrorCode.UNKNOWN_SERVER_ERROR
  }
}

function tell<R>(reply: R | Later<R>, done: (reply: R) => void): void {
  if (reply instanceof Later) reply.onSettled(done)
  else done(reply)
}

function ignore(): void {}
