import { batch } from '@ottla/protocol/records'
import type { AbortedTxn } from '../index/transaction-index.ts'
import type { AppendOrigin } from '../types.ts'
import {
  BATCHES_MAX,
  findDuplicate,
  firstOffsetOf,
  firstSequenceOf,
  incrementSequence,
  inSequence,
  lastSequenceOf,
  type ProducerBatch,
  type ProducerEntry,
} from './producer-entry.ts'
import { encodeSnapshot } from './producer-snapshot.ts'

/** An answer of the checks: a code of the protocol and what to tell the producer. */
export interface ProducerRefusal {
  readonly errorCode: number
  readonly errorMessage: string
}

const OUT_OF_ORDER_SEQUENCE_NUMBER = 45
const INVALID_PRODUCER_EPOCH = 47
const INVALID_TXN_STATE = 48
const TRANSACTION_COORDINATOR_FENCED = 52

/** A transaction whose marker is appended but may not be visible yet (not replicated, or not even written). */
interface CompletedTxn {
  readonly firstOffset: number
  readonly lastOffset: number
}

/** What a producer has to send next of which nothing is here: its first batches were refused, or rolled back. */
interface AwaitedSequence {
  readonly epoch: number
  readonly sequence: number
  /** Of the batch that was rolled back, or when it was refused. */
  readonly timestamp: number
}

/** So many producers whose first batch was refused are remembered in a log; the batches of others may overtake it. */
const AWAITED_MAX = 10_000

/** How to take back what one batch did. */
interface Undo {
  /** Of the batch. */
  readonly baseOffset: number
  readonly producerId: number
  readonly previous: ProducerEntry | null
  readonly completed: CompletedTxn | null
}

/** A transaction marker, as far as the log looks into it. */
export interface EndTxnMarker {
  readonly commit: boolean
  readonly coordinatorEpoch: number
}

/**
 * What a log knows of its producers: the last batches of each (idempotence, KIP-98), their open transactions, and from
 * these the last stable offset. `ProducerStateManager` and `ProducerAppendInfo` in Apache Kafka.
 *
 * It runs ahead of the disk: it covers every batch that has been given an offset. Until `confirm` says that the batches
 * are written, `rollBackTo` can take them back.
 */
export class ProducerState {
  #entries = new Map<number, ProducerEntry>()
  /** Producer ids of open transactions in the order in which they began, so that the first is the oldest. */
  #openTxns = new Map<number, number>()
  /** In the order of their markers. */
  #completedTxns: CompletedTxn[] = []
  #undo: Undo[] = []
  /** By producer id. A producer is here or in `#entries`, never in both. */
  #awaited = new Map<number, AwaitedSequence>()

  get size(): number {
    return this.#entries.size
  }

  get(producerId: number): ProducerEntry | undefined {
    return this.#entries.get(producerId)
  }

  entries(): IterableIterator<ProducerEntry> {
    return this.#entries.values()
  }

  /** Puts in what a snapshot holds. */
  restore(entries: readonly ProducerEntry[]): void {
    for (const entry of entries) this.#entries.set(entry.producerId, entry)
    this.#sortOpenTxns()
  }

  #sortOpenTxns(): void {
    const open = [...this.#entries.values()].filter((entry) => entry.currentTxnFirstOffset >= 0)
    open.sort((a, b) => a.currentTxnFirstOffset - b.currentTxnFirstOffset)
    this.#openTxns = new Map(open.map((entry) => [entry.producerId, entry.currentTxnFirstOffset]))
  }

  /** The earlier append that this batch of a client repeats, or null. */
  findDuplicate(records: Buffer, at: number): ProducerBatch | null {
    const entry = this.#entries.get(batch.producerId(records, at))
    if (entry === undefined) return null
    const firstSequence = batch.baseSequence(records, at)
    const lastSequence = incrementSequence(firstSequence, batch.lastOffsetDelta(records, at))
    return findDuplicate(entry, batch.producerEpoch(records, at), firstSequence, lastSequence)
  }

  /**
   * Whether a data batch may be appended; null when it may. Sequences are checked for clients only: the coordinators
   * have none, and a follower trusts its leader. A producer that the log does not know may begin with any sequence,
   * since its earlier records may have been deleted (KIP-360). One whose first batches were rolled back has to send them
   * again: what it had in flight behind them would otherwise leave a gap.
   */
  checkBatch(records: Buffer, at: number, origin: AppendOrigin): ProducerRefusal | null {
    if (origin === 'replication') return null
    const entry = this.#entries.get(batch.producerId(records, at))
    if (entry === undefined) return origin === 'client' ? this.#checkAwaited(records, at) : null
    const epoch = batch.producerEpoch(records, at)
    const stale = this.#checkEpoch(entry, epoch)
    if (stale !== null) return stale
    if (origin === 'client') {
      const sequence = batch.baseSequence(records, at)
      if (epoch !== entry.epoch) {
        if (sequence !== 0) return outOfOrder(entry.producerId, sequence, 'the first of a new epoch must be 0')
      } else if (!inSequence(lastSequenceOf(entry), sequence)) {
        return outOfOrder(entry.producerId, sequence, `the last one is ${lastSequenceOf(entry)}`)
      }
    }
    if (entry.currentTxnFirstOffset >= 0 && !batch.isTransactional(batch.attributes(records, at)))
      return {
        errorCode: INVALID_TXN_STATE,
        errorMessage: `producer ${entry.producerId} has a transaction open: a write outside of it is refused`,
      }
    return null
  }

  /**
   * A batch was refused before it came here, and will come again: of a producer that is not known, no later one is taken before
   * it (`VerificationStateEntry` in Apache Kafka).
   */
  awaitRefused(records: Buffer, at: number, nowMs: number): void {
    const producerId = batch.producerId(records, at)
    if (this.#entries.has(producerId)) return
    const epoch = batch.producerEpoch(records, at)
    const sequence = batch.baseSequence(records, at)
    const awaited = this.#awaited.get(producerId)
    if (awaited === undefined) {
      if (this.#awaited.size >= AWAITED_MAX) return
    } else if (epoch < awaited.epoch || (epoch === awaited.epoch && sequence >= awaited.sequence)) return
    this.#awaited.set(producerId, { epoch, sequence, timestamp: nowMs })
  }

  #checkAwaited(records: Buffer, at: number): ProducerRefusal | null {
    const producerId = batch.producerId(records, at)
    const awaited = this.#awaited.get(producerId)
    if (awaited === undefined || awaited.epoch !== batch.producerEpoch(records, at)) return null
    const sequence = batch.baseSequence(records, at)
    if (sequence === awaited.sequence) return null
    return outOfOrder(producerId, sequence, `${awaited.sequence} was not taken and comes first`)
  }

  checkMarker(producerId: number, epoch: number, marker: EndTxnMarker, origin: AppendOrigin): ProducerRefusal | null {
    if (origin === 'replication') return null
    const entry = this.#entries.get(producerId)
    if (entry === undefined) return null
    const stale = this.#checkEpoch(entry, epoch)
    if (stale !== null) return stale
    if (entry.coordinatorEpoch > marker.coordinatorEpoch)
      return {
        errorCode: TRANSACTION_COORDINATOR_FENCED,
        errorMessage: `a transaction coordinator of epoch ${marker.coordinatorEpoch} was replaced by one of ${entry.coordinatorEpoch}`,
      }
    return null
  }

  #checkEpoch(entry: ProducerEntry, epoch: number): ProducerRefusal | null {
    if (epoch >= entry.epoch) return null
    return {
      errorCode: INVALID_PRODUCER_EPOCH,
      errorMessage: `producer ${entry.producerId} has been fenced: its epoch ${epoch} is older than ${entry.epoch}`,
    }
  }

  /** Takes in a data batch that carries a producer id and its final offsets. */
  applyBatch(records: Buffer, at: number): void {
    const producerId = batch.producerId(records, at)
    const epoch = batch.producerEpoch(records, at)
    const baseOffset = batch.baseOffset(records, at)
    const offsetDelta = batch.lastOffsetDelta(records, at)
    const timestamp = batch.maxTimestamp(records, at)
    const baseSequence = batch.baseSequence(records, at)
    const previous = this.#entries.get(producerId)
    const added: ProducerBatch = {
      // The coordinators' batches carry an epoch and no sequence.
      lastSequence: baseSequence < 0 ? baseSequence : incrementSequence(baseSequence, offsetDelta),
      lastOffset: baseOffset + offsetDelta,
      offsetDelta,
      timestamp,
    }
    const opens =
      batch.isTransactional(batch.attributes(records, at)) && !(previous && previous.currentTxnFirstOffset >= 0)
    this.#entries.set(producerId, {
      producerId,
      epoch,
      coordinatorEpoch: previous === undefined ? -1 : previous.coordinatorEpoch,
      lastTimestamp: timestamp,
      currentTxnFirstOffset: opens ? baseOffset : previous === undefined ? -1 : previous.currentTxnFirstOffset,
      batches: previous === undefined || previous.epoch !== epoch ? [added] : withBatch(previous.batches, added),
    })
    if (previous === undefined) this.#awaited.delete(producerId)
    if (opens) this.#openTxns.set(producerId, baseOffset)
    this.#undo.push({ baseOffset, producerId, previous: previous ?? null, completed: null })
  }

  /** Takes in a transaction marker at `offset`. Returns what belongs into the transaction index: an aborted transaction. */
  applyMarker(
    producerId: number,
    epoch: number,
    marker: EndTxnMarker,
    offset: number,
    timestamp: number,
  ): AbortedTxn | null {
    const previous = this.#entries.get(producerId)
    const firstOffset = previous === undefined ? -1 : previous.currentTxnFirstOffset
    this.#entries.set(producerId, {
      producerId,
      epoch,
      coordinatorEpoch: marker.coordinatorEpoch,
      lastTimestamp: timestamp,
      currentTxnFirstOffset: -1,
      batches: previous === undefined || previous.epoch !== epoch ? [] : previous.batches,
    })
    if (previous === undefined) this.#awaited.delete(producerId)
    const completed = firstOffset < 0 ? null : { firstOffset, lastOffset: offset }
    this.#undo.push({ baseOffset: offset, producerId, previous: previous ?? null, completed })
    if (completed === null) return null
    this.#openTxns.delete(producerId)
    this.#completedTxns.push(completed)
    if (marker.commit) return null
    const nextOpen = this.#firstOpenOffset()
    return { producerId, firstOffset, lastOffset: offset, lastStableOffset: nextOpen < 0 ? offset + 1 : nextOpen }
  }

  /** Batches below `offset` are written and will not be taken back. */
  confirm(offset: number): void {
    let count = 0
    while (count < this.#undo.length && this.#undo[count].baseOffset < offset) count++
    if (count > 0) this.#undo.splice(0, count)
  }

  /** Takes back every batch from `offset` on; possible down to what has been confirmed. */
  rollBackTo(offset: number): void {
    while (this.#undo.length > 0 && this.#undo[this.#undo.length - 1].baseOffset >= offset) {
      const undo = this.#undo.pop()!
      if (undo.previous === null) this.#forget(undo.producerId)
      else this.#entries.set(undo.producerId, undo.previous)
      if (undo.completed !== null) this.#completedTxns.pop()
    }
    this.#sortOpenTxns()
  }

  /** Its first batch is rolled back: of the producer only what it has to send again is kept. */
  #forget(producerId: number): void {
    const entry = this.#entries.get(producerId)
    // With timestamps of long ago it may have expired by now.
    if (entry === undefined) return
    this.#entries.delete(producerId)
    const first = entry.batches[0]
    if (first === undefined || first.lastSequence < 0) return
    this.#awaited.set(producerId, {
      epoch: entry.epoch,
      sequence: firstSequenceOf(first),
      timestamp: entry.lastTimestamp,
    })
  }

  /** Transactions whose markers lie below the high watermark hold the last stable offset back no longer. */
  onHighWatermark(highWatermark: number): void {
    let count = 0
    while (count < this.#completedTxns.length && this.#completedTxns[count].lastOffset < highWatermark) count++
    if (count > 0) this.#completedTxns.splice(0, count)
  }

  /** Where the oldest transaction begins that is open, or ended above the high watermark; -1 without one. */
  get firstUnstableOffset(): number {
    const open = this.#firstOpenOffset()
    if (this.#completedTxns.length === 0) return open
    let first = open
    for (const completed of this.#completedTxns)
      if (first < 0 || completed.firstOffset < first) first = completed.firstOffset
    return first
  }

  #firstOpenOffset(): number {
    for (const offset of this.#openTxns.values()) return offset
    return -1
  }

  /** Forgets producers that have been silent for `expirationMs`, except those with an open transaction (P4). */
  removeExpired(nowMs: number, expirationMs: number): void {
    for (const entry of this.#entries.values())
      if (entry.currentTxnFirstOffset < 0 && nowMs - entry.lastTimestamp >= expirationMs)
        this.#entries.delete(entry.producerId)
    for (const [producerId, awaited] of this.#awaited)
      if (nowMs - awaited.timestamp >= expirationMs) this.#awaited.delete(producerId)
  }

  snapshot(): Buffer {
    return encodeSnapshot([...this.#entries.values()])
  }
}

/** What a producer is told whose batch was there already. */
export const firstOffsetOfDuplicate = firstOffsetOf

function withBatch(batches: readonly ProducerBatch[], added: ProducerBatch): ProducerBatch[] {
  const next = batches.length < BATCHES_MAX ? batches.slice() : batches.slice(1)
  next.push(added)
  return next
}

function outOfOrder(producerId: number, sequence: number, why: string): ProducerRefusal {
  return {
    errorCode: OUT_OF_ORDER_SEQUENCE_NUMBER,
    errorMessage: `sequence ${sequence} of producer ${producerId} is out of order: ${why}`,
  }
}
