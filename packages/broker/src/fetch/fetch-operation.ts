import { ErrorCode } from '@ottla/protocol'
import type { BufferPool, TimerHandle, Timers } from '@ottla/runtime'
import type { LogSlice } from '@ottla/storage'
import type { DataWatcher, Partition } from '../replica-manager/partition.ts'
import { type Lease, releaseLease } from '../server/lease.ts'
import type { AtTurnEnd, TurnEnd } from '../server/turn-end.ts'
import { EMPTY_SLICE, type FetchItem } from './fetch-item.ts'

export interface FetchLimits {
  /** The whole response, in bytes; soft: the first partition with data gives at least one batch. */
  readonly maxBytes: number
  readonly minBytes: number
  readonly maxWaitMs: number
  readonly readCommitted: boolean
}

export interface FetchDeps {
  readonly timers: Timers
  readonly turnEnd: TurnEnd
  readonly pool: BufferPool
}

/** Partitions answered from the page cache before the event loop gets its turn. */
const ANSWERED_AT_ONCE_MAX = 64

/** `leases` are the receiver's to release, when the slices have been sent. */
export type FetchDone = (items: readonly FetchItem[], leases: readonly Lease[]) => void

/**
 * One fetch from its arrival to its answer.
 *
 * ```
 * reading ──enough, an error, or no wait──▶ done
 *    │                                       ▲
 *    └─too little─▶ parked ──bytes or time──▶ reading, for the last time
 * ```
 * While parked it only counts the bytes that arrive; what it read before is dropped, not held.
 */
export class FetchOperation implements DataWatcher, AtTurnEnd {
  private readonly items: readonly FetchItem[]
  private readonly limits: FetchLimits
  private readonly deps: FetchDeps
  private readonly onDone: FetchDone
  /** What the slices lie in, held from the moment they are read. */
  private leases: Lease[] = []
  private state: 'reading' | 'parked' | 'waking' | 'done' = 'reading'
  private last = false
  private bytes = 0
  private arrived = 0
  /** Partitions whose files had the answer, in this turn. */
  private answeredAtOnce = 0
  private timer: TimerHandle | undefined

  constructor(items: readonly FetchItem[], limits: FetchLimits, deps: FetchDeps, onDone: FetchDone) {
    this.items = items
    this.limits = limits
    this.deps = deps
    this.onDone = onDone
  }

  start(): void {
    this.read(0, true)
  }

  /** The client is gone. */
  cancel(): void {
    this.unpark()
    this.releaseLeases()
    this.state = 'done'
  }

  /** Reads items from `from` on; a read from disk continues with the next item when it comes back. */
  private read(from: number, first: boolean): void {
    if (first) {
      this.bytes = 0
      this.releaseLeases()
    }
    for (let i = from; i < this.items.length; i++) {
      const item = this.items[i]
      if (item.errorCode !== ErrorCode.NONE || item.partition === null) continue
      if (!this.readItem(item, i)) return
    }
    this.evaluate()
  }

  /** Returns `false` when the read goes on elsewhere. */
  private readItem(item: FetchItem, i: number): boolean {
    const partition = item.partition as Partition
    const { log } = partition
    if (partition.goneCode !== ErrorCode.NONE) {
      item.errorCode = partition.goneCode
      item.slice = EMPTY_SLICE
      return true
    }
    item.highWatermark = partition.highWatermark
    item.lastStableOffset = partition.lastStableOffset
    item.logStartOffset = log.logStartOffset
    item.slice = EMPTY_SLICE
    if (log.offline !== null) {
      item.errorCode = ErrorCode.KAFKA_STORAGE_ERROR
      return true
    }
    if (this.diverges(item, partition)) return true
    const maxOffset = this.limits.readCommitted ? item.lastStableOffset : item.highWatermark
    item.readableEnd = maxOffset
    if (item.fetchOffset < item.logStartOffset || item.fetchOffset > item.highWatermark) {
      item.errorCode = ErrorCode.OFFSET_OUT_OF_RANGE
      return true
    }
    if (item.fetchOffset >= maxOffset) return true
    const minOneMessage = this.bytes === 0
    const maxBytes = Math.min(item.maxBytes, this.limits.maxBytes - this.bytes)
    if (maxBytes <= 0 && !minOneMessage) return true
    const ranges = this.answeredAtOnce < ANSWERED_AT_ONCE_MAX
    const options = { maxBytes, maxOffset, minOneMessage, ranges }
    const answer = log.read(item.fetchOffset, options)
    if (answer === 'out-of-range' || answer === 'offline') {
      item.errorCode = answer === 'offline' ? ErrorCode.KAFKA_STORAGE_ERROR : ErrorCode.OFFSET_OUT_OF_RANGE
      return true
    }
    if (answer !== 'disk') {
      this.take(item, answer)
      return true
    }
    let progress: 'asking' | 'waiting' | 'answered' = 'asking'
    log.readFromDisk(item.fetchOffset, options, (error, slice) => {
      if (this.state === 'done') return
      if (error !== null) item.errorCode = ErrorCode.KAFKA_STORAGE_ERROR
      else this.take(item, slice as LogSlice)
      if (progress === 'asking') {
        progress = 'answered'
        this.answeredAtOnce++
      } else {
        this.answeredAtOnce = 0
        this.read(i + 1, false)
      }
    })
    if ((progress as string) === 'answered') return true
    progress = 'waiting'
    return false
  }

  private take(item: FetchItem, slice: LogSlice): void {
    item.slice = slice
    this.bytes += slice.bytes
    for (const chunk of slice.chunks) {
      if (chunk instanceof Uint8Array) {
        this.deps.pool.retain(chunk.buffer)
        this.leases.push(chunk.buffer)
      } else {
        chunk.retain()
        this.leases.push(chunk)
      }
    }
  }

  /** KIP-320 and KIP-595: a reader whose log parted from ours is told where, and gets no data. */
  private diverges(item: FetchItem, partition: Partition): boolean {
    if (item.lastFetchedEpoch < 0) return false
    const end = partition.log.offsetForLeaderEpoch(item.lastFetchedEpoch)
    if (end.endOffset < 0) {
      item.errorCode = ErrorCode.OFFSET_OUT_OF_RANGE
      return true
    }
    if (end.leaderEpoch >= item.lastFetchedEpoch && end.endOffset >= item.fetchOffset) return false
    item.divergingEpoch = { epoch: end.leaderEpoch, endOffset: end.endOffset }
    return true
  }

  private evaluate(): void {
    if (this.last || this.bytes >= this.limits.minBytes || this.limits.maxWaitMs <= 0 || this.hasNews()) {
      this.done()
      return
    }
    if (this.movedMeanwhile()) {
      this.read(0, true)
      return
    }
    this.park()
  }

  /** Something that must be told at once, or nothing to wait for. */
  private hasNews(): boolean {
    let waitable = false
    for (const item of this.items) {
      if (item.errorCode !== ErrorCode.NONE || item.divergingEpoch !== null) return true
      if (item.partition !== null) waitable = true
    }
    return !waitable
  }

  /** Whether data arrived in a partition already read while another was being read from disk. */
  private movedMeanwhile(): boolean {
    for (const item of this.items) {
      const partition = item.partition as Partition
      const end = this.limits.readCommitted ? partition.lastStableOffset : partition.highWatermark
      if (end !== item.readableEnd) return true
    }
    return false
  }

  private releaseLeases(): void {
    for (const lease of this.leases) releaseLease(lease, this.deps.pool)
    this.leases = []
  }

  private park(): void {
    this.releaseLeases()
    this.state = 'parked'
    this.arrived = this.bytes
    for (const item of this.items) {
      item.slice = EMPTY_SLICE
      ;(item.partition as Partition).watch(this)
    }
    this.timer = this.deps.timers.setTimer(() => this.wake(), this.limits.maxWaitMs)
  }

  private unpark(): void {
    if (this.state !== 'parked') return
    this.deps.timers.clearTimer(this.timer)
    for (const item of this.items) item.partition?.unwatch(this)
  }

  dataArrived(_partition: Partition, bytes: number): void {
    this.arrived += bytes
    if (this.arrived >= this.limits.minBytes && this.state === 'parked') this.wake()
  }

  /** Waits for the end of the turn, so that what other partitions write in it is delivered with it. */
  private wake(): void {
    this.unpark()
    this.state = 'waking'
    this.deps.turnEnd.add(this)
  }

  turnEnd(): void {
    if (this.state !== 'waking') return
    this.state = 'reading'
    this.last = true
    this.read(0, true)
  }

  private done(): void {
    this.state = 'done'
    const { leases } = this
    this.leases = []
    this.onDone(this.items, leases)
  }
}
