import { batch, openRecords, RecordCursor } from '@ottla/protocol/records'
import { storedBytesMax } from '../append/decompressed-bytes.ts'
import { readEndTxnMarker } from '../append/markers.ts'
import type { AbortedTxn } from '../index/transaction-index.ts'
import type { LogCore } from '../log-core.ts'
import { Segment } from '../segment.ts'
import { BatchSource, type Steps, type Wait } from './batch-source.ts'
import { abortedIn, buildOffsetMap, malformed } from './build-map.ts'
import { CleanedTransactions } from './cleaned-transactions.ts'
import type { IoThrottle } from './io-throttle.ts'
import { OffsetMap } from './offset-map.ts'
import { OutputBuffer } from './output-buffer.ts'
import { type CleanPlan, groupSegments } from './plan.ts'
import { emptyBatch, placeholderBatch, rewriteBatch } from './rewrite-batch.ts'
import { Scratch } from './scratch.ts'

/** Written at once; more would be a longer turn. */
const WRITE_BYTES = 128 * 1024

export interface CleanOptions {
  readonly dedupeBufferSize: number
  readonly bufferLoadFactor: number
}

export interface CleanResult {
  /** The log is clean up to here. */
  readonly endOffset: number
  readonly bytesRead: number
  readonly bytesWritten: number
}

const cursor = new RecordCursor()

/** One run of the cleaner over one log (`Cleaner.clean`); null when the segments changed under it. */
export function* cleanLog(plan: CleanPlan, options: CleanOptions, throttle: IoThrottle): Steps<CleanResult | null> {
  const { core } = plan.log
  const { random } = core.env.runtime
  // Of a run that a full disk has ended.
  core.finishSwap()
  const dirtyOffsets = plan.firstUncleanableOffset - plan.firstDirtyOffset
  const map = new OffsetMap(random, dirtyOffsets, options.dedupeBufferSize, options.bufferLoadFactor)
  yield* buildOffsetMap(core, plan.firstDirtyOffset, plan.firstUncleanableOffset, map, throttle)
  const endOffset = map.latestOffset + 1
  if (endOffset <= plan.firstDirtyOffset) return null
  const segments = core.segments
    .all()
    .filter((segment) => segment.baseOffset < endOffset && segment !== core.segments.last)
  const run = new CleanRun(core, map, throttle)
  for (const group of groupSegments(segments, core.config.segmentBytes, core.segments.last.baseOffset))
    if (!(yield* run.cleanGroup(group))) return null
  return { endOffset, bytesRead: run.bytesRead, bytesWritten: run.bytesWritten }
}

/** What becomes of a batch. */
type Verdict = 'drop' | 'empty' | 'filter'

class CleanRun {
  bytesRead = 0
  bytesWritten = 0
  readonly #core: LogCore
  readonly #map: OffsetMap
  readonly #throttle: IoThrottle
  readonly #transactions = new CleanedTransactions()
  readonly #nowMs: number
  readonly #input = new Scratch()
  readonly #rewritten = new Scratch()
  readonly #output = new OutputBuffer()
  readonly #nextTurn: Wait = (resume) => this.#core.env.runtime.timers.immediate(() => resume(null))

  constructor(core: LogCore, map: OffsetMap, throttle: IoThrottle) {
    this.#core = core
    this.#map = map
    this.#throttle = throttle
    this.#nowMs = core.env.runtime.clock.nowMs()
  }

  /** Copies what is to stay of neighbouring segments into one, and puts it in their place. */
  *cleanGroup(group: readonly Segment[]): Steps<boolean> {
    const { env } = this.#core
    const cleaned = Segment.cleaned(env, group[0].baseOffset, group[group.length - 1].createdMs)
    cleaned.createFile(0)
    let begun = false
    try {
      let last: Buffer | null = null
      for (const segment of group) last = (yield* this.#copySegment(segment, cleaned)) ?? last
      if (last !== null) this.#closeGap(last, cleaned)
      yield* this.#flush(cleaned, true)
      yield (resume) => {
        const handle = cleaned.acquire()
        handle.file.sync((error) => {
          cleaned.release(handle)
          resume(error)
        })
      }
      cleaned.syncedBytes = cleaned.sizeBytes
      yield this.#nextTurn
      begun = this.#core.beginSwap(group, cleaned)
    } finally {
      if (!begun) {
        cleaned.closeFile()
        env.runtime.fs.unlink(cleaned.path('.log'))
      }
    }
    if (!begun) return false
    // Each step may wait for the device.
    do {
      yield this.#nextTurn
    } while (this.#core.continueSwap())
    return true
  }

  /** Returns the header of the last batch read. */
  *#copySegment(segment: Segment, cleaned: Segment): Steps<Buffer | null> {
    const all = this.#core.segments.all()
    const next = all[all.indexOf(segment) + 1]
    this.#transactions.add(abortedIn(this.#core, segment, next.baseOffset))
    const source = new BatchSource(segment, this.#input, this.#throttle)
    let last: Buffer | null = null
    try {
      for (let bytes = yield* source.next(); bytes !== null; bytes = yield* source.next()) {
        this.bytesRead += bytes.length
        last = Buffer.from(bytes.subarray(0, batch.HEADER_BYTES))
        const kept = this.#cleanBatch(bytes)
        if (kept !== null) this.#add(kept)
        if (this.#output.length >= WRITE_BYTES) yield* this.#flush(cleaned, false)
        else yield undefined
      }
    } finally {
      source.close()
    }
    return last
  }

  #add(bytes: Buffer): void {
    this.#output.add(bytes)
    this.#lastKeptOffset = batch.lastOffset(bytes, 0)
  }

  #lastKeptOffset = -1

  /** The cleaned segment must reach as far as the last batch of those that it replaces. */
  #closeGap(lastHeader: Buffer, cleaned: Segment): void {
    const lastOffset = batch.lastOffset(lastHeader, 0)
    if (this.#lastKeptOffset >= lastOffset && this.#lastKeptOffset >= cleaned.baseOffset) return
    this.#add(placeholderBatch(lastOffset, batch.partitionLeaderEpoch(lastHeader, 0)))
  }

  *#flush(cleaned: Segment, withTransactions: boolean): Steps<void> {
    const bytes = this.#output.bytes
    if (bytes.length > 0) {
      yield (resume) => {
        const handle = cleaned.acquire()
        handle.file.writev([bytes], cleaned.sizeBytes, (error) => {
          cleaned.release(handle)
          resume(error)
        })
      }
      cleaned.noteWritten(bytes, null)
      this.bytesWritten += bytes.length
      this.#throttle.spend(bytes.length)
      this.#output.clear()
    }
    if (withTransactions) cleaned.indexes().transactions.push(...sorted(this.#transactions.takeRetained()))
  }

  /** The batch as it is, changed, or null; what is returned stays so until the next batch is read. */
  #cleanBatch(bytes: Buffer): Buffer | null {
    const bits = batch.attributes(bytes, 0)
    const control = batch.isControl(bits)
    const producerId = batch.producerId(bytes, 0)
    const lastOffset = batch.lastOffset(bytes, 0)
    const horizonMs = batch.hasDeleteHorizon(bits) ? batch.baseTimestamp(bytes, 0) : null
    let emptyTransaction = false
    let verdict: Verdict = 'filter'
    if (control) {
      const marker = readEndTxnMarker(bytes, 0)
      emptyTransaction = marker !== null && this.#transactions.onMarker(producerId, marker.commit, lastOffset)
      if (emptyTransaction && horizonMs !== null && horizonMs <= this.#nowMs) verdict = 'drop'
    } else if (this.#transactions.onBatch(producerId, batch.isTransactional(bits), lastOffset)) {
      verdict = 'drop'
    }
    const newestOfProducer = producerId >= 0 && this.#isNewestOfProducer(bytes, control)
    if (verdict === 'drop') return newestOfProducer ? emptyBatch(bytes) : null
    const rest = this.#filter(bytes, control, horizonMs, emptyTransaction)
    if (rest !== null) return rest
    return newestOfProducer ? emptyBatch(bytes) : null
  }

  /** The last batch of a producer stays, if need be without records: it holds the sequence that must come next. */
  #isNewestOfProducer(bytes: Buffer, control: boolean): boolean {
    const entry = this.#core.producers().get(batch.producerId(bytes, 0))
    if (entry === undefined) return false
    const last = entry.batches[entry.batches.length - 1]
    if (last !== undefined) return last.lastOffset === batch.lastOffset(bytes, 0)
    return control && entry.epoch === batch.producerEpoch(bytes, 0)
  }

  /** The batch without the records that a newer one replaces and without tombstones whose time is over; null when none is left. */
  #filter(bytes: Buffer, control: boolean, horizonMs: number | null, emptyTransaction: boolean): Buffer | null {
    const { deleteRetentionMs } = this.#core.config
    const bytesMax = storedBytesMax(this.#core.config)
    const baseOffset = batch.baseOffset(bytes, 0)
    const retained: boolean[] = []
    let count = 0
    let tombstones = false
    openRecords(cursor, bytes, 0, bytesMax)
    while (cursor.next()) {
      const keep = control || this.#keeps(baseOffset + cursor.offsetDelta, horizonMs)
      retained.push(keep)
      if (!keep) continue
      count++
      if (!control && cursor.valueBytes < 0) tombstones = true
    }
    if (cursor.problem !== 0) throw malformed(baseOffset, cursor)
    if (count === 0) return null
    const newHorizonMs = horizonMs === null && (tombstones || emptyTransaction) ? this.#nowMs + deleteRetentionMs : null
    if (count === retained.length && newHorizonMs === null) return bytes
    openRecords(cursor, bytes, 0, bytesMax)
    return rewriteBatch(bytes, cursor, (index) => retained[index], newHorizonMs, this.#rewritten)
  }

  /** `Cleaner.shouldRetainRecord` for the record at the cursor. */
  #keeps(offset: number, horizonMs: number | null): boolean {
    if (offset > this.#map.latestOffset) return true
    if (cursor.keyBytes < 0) return false
    if (offset < this.#map.get(cursor.buffer, cursor.keyAt, cursor.keyBytes)) return false
    return cursor.valueBytes >= 0 || horizonMs === null || this.#nowMs < horizonMs
  }
}

function sorted(transactions: AbortedTxn[]): AbortedTxn[] {
  return transactions.sort((a, b) => a.lastOffset - b.lastOffset)
}
