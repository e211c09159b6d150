import type { CoordinatorHost, ShardLoader } from '@ottla/coordinator'
import { batch, readBatches } from '@ottla/protocol/records'

interface Timer {
  readonly dueMs: number
  readonly callback: () => void
}

/** Where the runtime under test has its logs, its clock and its timers: nothing happens unless the test says so. */
export class MockHost implements CoordinatorHost {
  now = 1_700_000_000_000
  /** Appends are committed at once. */
  commitsAtOnce = true
  /** What the next appends answer. */
  appendError = 0
  batchBytesMaxOf = 1_048_588
  readonly bugs: unknown[] = []
  readonly #logs = new Map<number, Buffer[]>()
  readonly #ends = new Map<number, number>()
  readonly #committed = new Map<number, number>()
  #timers = new Set<Timer>()
  /** Told as the log's listener would be: after the call. */
  outcomes: {
    committed(partition: number, offset: number): void
    appendFailed(partition: number, fromOffset: number, errorCode: number): void
  } | null = null

  nowMs(): number {
    return this.now
  }

  monotonicMs(): number {
    return this.now
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = { dueMs: this.now + delayMs, callback }
    this.#timers.add(timer)
    return timer
  }

  clearTimer(timer: unknown): void {
    this.#timers.delete(timer as Timer)
  }

  get timers(): number {
    return this.#timers.size
  }

  /** Moves time on, and lets every timer go off at its moment, the earliest first. */
  advance(ms: number): void {
    const end = this.now + ms
    for (;;) {
      let next: Timer | null = null
      for (const timer of this.#timers)
        if (timer.dueMs <= end && (next === null || timer.dueMs < next.dueMs)) next = timer
      if (next === null) break
      this.#timers.delete(next)
      this.now = Math.max(this.now, next.dueMs)
      next.callback()
    }
    this.now = end
  }

  endOffset(partition: number): number {
    return this.#ends.get(partition) ?? 0
  }

  committedOffset(partition: number): number {
    return this.#committed.get(partition) ?? 0
  }

  batchBytesMax(): number {
    return this.batchBytesMaxOf
  }

  append(partition: number, bytes: Buffer): number {
    if (this.appendError !== 0) return this.appendError
    const copy = Buffer.from(bytes)
    copy.writeBigInt64BE(BigInt(this.endOffset(partition)), 0)
    const log = this.#logs.get(partition) ?? []
    log.push(copy)
    this.#logs.set(partition, log)
    this.#ends.set(partition, batch.lastOffset(copy, 0) + 1)
    if (this.commitsAtOnce) this.#committed.set(partition, this.endOffset(partition))
    return 0
  }

  onBug(_what: string, error: unknown): void {
    this.bugs.push(error)
  }

  /** Everything up to here (default: all of it) is written. */
  commit(partition: number, offset: number = this.endOffset(partition)): void {
    this.#committed.set(partition, offset)
    this.outcomes?.committed(partition, offset)
  }

  /** What is not committed is lost. */
  lose(partition: number, errorCode: number): void {
    const from = this.committedOffset(partition)
    const log = this.#logs.get(partition) ?? []
    this.#logs.set(
      partition,
      log.filter((bytes) => batch.baseOffset(bytes, 0) < from),
    )
    this.#ends.set(partition, from)
    this.outcomes?.appendFailed(partition, from, errorCode)
  }

  /** Replays what is committed. */
  feed(partition: number, loader: ShardLoader): void {
    const end = this.committedOffset(partition)
    for (const bytes of this.#logs.get(partition) ?? []) {
      if (batch.baseOffset(bytes, 0) >= end) break
      for (const found of readBatches(bytes)) loader.replayBatch(found)
    }
    loader.finish(end)
  }
}
