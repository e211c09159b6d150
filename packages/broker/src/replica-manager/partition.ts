import { ErrorCode } from '@ottla/protocol'
import type { AppendOrigin, AppendResult, PartitionLog } from '@ottla/storage'

/** Told when what it waits for on a partition is settled. */
export interface AppendWaiter {
  /** `slot` is what the waiter gave when it began to wait. */
  appendSettled(slot: number, errorCode: number): void
}

/** Told that more can be read. */
export interface DataWatcher {
  /** `bytes` more than at the last call became readable on `partition`. */
  dataArrived(partition: Partition, bytes: number): void
}

interface PendingAppend {
  readonly nextOffset: number
  readonly bytes: number
  readonly waiter: AppendWaiter | null
  readonly slot: number
}

/**
 * A partition as its leader sees it: the log, and those who wait for the log to move. What producers wait for and what
 * consumers may read is the high watermark, which with a single replica is the end of what is written.
 */
export class Partition {
  readonly topic: string
  readonly topicId: string
  readonly index: number
  readonly log: PartitionLog
  leaderEpoch: number
  /** `min.insync.replicas`. */
  minInsyncReplicas = 1
  /** Why the partition is no longer here; 0 while it is. */
  goneCode: number = ErrorCode.NONE
  /** In order of append. */
  private pending: PendingAppend[] = []
  private settled = 0
  private readonly watchers = new Set<DataWatcher>()

  constructor(topic: string, topicId: string, index: number, log: PartitionLog, leaderEpoch: number) {
    this.topic = topic
    this.topicId = topicId
    this.index = index
    this.log = log
    this.leaderEpoch = leaderEpoch
  }

  /** One past the last offset that may be read: everything below is written, and replicated as its topic demands. */
  get highWatermark(): number {
    return this.log.writtenEndOffset
  }

  /** Bytes that are appended and not yet written: neither the log's size nor the volume has them. */
  get unwrittenBytes(): number {
    let bytes = 0
    for (let i = this.settled; i < this.pending.length; i++) bytes += this.pending[i].bytes
    return bytes
  }

  /** One past the last offset that a read_committed reader may see. */
  get lastStableOffset(): number {
    return Math.min(this.log.lastStableOffset, this.highWatermark)
  }

  /**
   * Appends record batches. When the result has no error and `result.nextOffset` is above the high watermark, `waiter`
   * is told later, exactly once; `null` for acks=0.
   */
  append(
    records: Buffer,
    origin: AppendOrigin,
    nowMs: number,
    waiter: AppendWaiter | null,
    slot: number,
  ): AppendResult {
    const result = this.log.append(records, { origin, leaderEpoch: this.leaderEpoch, nowMs })
    if (result.errorCode === ErrorCode.NONE && result.nextOffset > this.highWatermark) {
      this.pending.push({ nextOffset: result.nextOffset, bytes: result.appendedBytes, waiter, slot })
    }
    return result
  }

  watch(watcher: DataWatcher): void {
    this.watchers.add(watcher)
  }

  unwatch(watcher: DataWatcher): void {
    this.watchers.delete(watcher)
  }

  onWritten(): void {
    const end = this.highWatermark
    const pending = this.pending
    let bytes = 0
    while (this.settled < pending.length && pending[this.settled].nextOffset <= end) {
      const { waiter, slot, bytes: appended } = pending[this.settled++]
      bytes += appended
      waiter?.appendSettled(slot, ErrorCode.NONE)
    }
    this.forgetSettled()
    for (const watcher of this.watchers) watcher.dataArrived(this, bytes)
  }

  onAppendFailed(fromOffset: number): void {
    const pending = this.pending
    const kept = pending.slice(this.settled).filter(({ nextOffset }) => nextOffset <= fromOffset)
    const lost = pending.slice(this.settled).filter(({ nextOffset }) => nextOffset > fromOffset)
    this.pending = kept
    this.settled = 0
    for (const { waiter, slot } of lost) waiter?.appendSettled(slot, ErrorCode.KAFKA_STORAGE_ERROR)
  }

  /** The partition is being deleted or closed: whoever waits is told so. */
  abandon(errorCode: number): void {
    this.goneCode = errorCode
    const waiting = this.pending.slice(this.settled)
    this.pending = []
    this.settled = 0
    for (const { waiter, slot } of waiting) waiter?.appendSettled(slot, errorCode)
    this.wakeReaders()
  }

  /** As if more had come than any of them waits for. */
  wakeReaders(): void {
    for (const watcher of [...this.watchers]) watcher.dataArrived(this, Number.POSITIVE_INFINITY)
  }

  private forgetSettled(): void {
    if (this.settled === this.pending.length) {
      this.pending.length = 0
      this.settled = 0
    } else if (this.settled > 1024) {
      this.pending.splice(0, this.settled)
      this.settled = 0
    }
  }
}
