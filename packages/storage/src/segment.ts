import { batch, crc32c } from '@ottla/protocol/records'
import { type BatchVisitor, isPlausibleHeader, type ScanOptions, type ScanResult, scanBatches } from './batch-scan.ts'
import { isShortage, StorageError } from './errors.ts'
import { readWhole, writeDisposable } from './files/whole-file.ts'
import { OffsetIndex } from './index/offset-index.ts'
import { TimeIndex } from './index/time-index.ts'
import { type AbortedTxn, decodeAbortedTxns, encodeAbortedTxns } from './index/transaction-index.ts'
import type { LogEnvironment } from './log-environment.ts'
import { CLEANED_SUFFIX, type SWAP_SUFFIX, segmentFileName } from './names.ts'
import type { Handle } from './open-files.ts'
import { VerifiedRanges } from './verified-ranges.ts'

const INDEX_FILE_BYTES_MAX = 1024 * 1024 * 1024
const EMPTY = Buffer.alloc(0)

/** A segment's three indexes; held in memory while it is active and, of sealed ones, for those used lately. */
interface Indexes {
  readonly offsets: OffsetIndex
  readonly times: TimeIndex
  readonly transactions: AbortedTxn[]
  /** Position after which the next batch gets an index entry. */
  bytesSinceEntry: number
}

/**
 * One segment: `.log` and its indexes. It knows of written batches only; what is still queued belongs to the writer.
 *
 * Everything is loaded at first use, so that opening a log costs one look into its folder. An active segment's indexes
 * live in memory and reach the disk when it is sealed or the log is closed.
 */
export class Segment {
  readonly baseOffset: number
  readonly #env: LogEnvironment
  #created: boolean
  #marker: typeof CLEANED_SUFFIX | typeof SWAP_SUFFIX | '' = ''
  #sizeBytes: number
  #indexes: Indexes | null = null
  #sealed: boolean
  /** Checksums of index files that `prepareToSeal` has written, as the indexes are now. */
  #offsetsWritten: number | null = null
  #timesWritten: number | null = null
  #preallocated = false
  /** Bytes known to be on the device. */
  syncedBytes = 0
  /** The folder has an entry for the file on the device. */
  entrySynced: boolean
  /** Wall clock of the creation in this process or of the last change before: only `segment.ms` of idle segments. */
  #createdMs: number
  /** Largest timestamp of the first append, -1 unknown; `segment.ms` counts from it. */
  #rollingTimestamp: number | null = null
  #maxTimestamp: number | null = null
  #maxTimestampOffset = -1
  readonly #verified: VerifiedRanges

  private constructor(env: LogEnvironment, baseOffset: number, sizeBytes: number, sealed: boolean, createdMs: number) {
    this.#env = env
    this.baseOffset = baseOffset
    this.#sizeBytes = sizeBytes
    this.#sealed = sealed
    this.#createdMs = createdMs
    this.#created = sealed
    this.entrySynced = sealed
    this.#verified = new VerifiedRanges()
  }

  /** A segment to be created: it has no file before `createFile`. */
  static planned(env: LogEnvironment, baseOffset: number, nowMs: number): Segment {
    const segment = new Segment(env, baseOffset, 0, false, nowMs)
    segment.#indexes = emptyIndexes()
    segment.#maxTimestamp = -1
    segment.#rollingTimestamp = -1
    return segment
  }

  /** A segment on disk, its indexes too; nothing is read yet. */
  static existing(env: LogEnvironment, baseOffset: number): Segment {
    return new Segment(env, baseOffset, -1, true, -1)
  }

  /** The cleaner's copy: a `.cleaned` file, until it takes the place of others. */
  static cleaned(env: LogEnvironment, baseOffset: number, nowMs: number): Segment {
    const segment = Segment.planned(env, baseOffset, nowMs)
    segment.#marker = CLEANED_SUFFIX
    return segment
  }

  path(suffix: string): string {
    return `${this.#env.directory}/${segmentFileName(this.baseOffset, suffix)}${this.#marker}`
  }

  /** The file's name is the next one on its way from `.cleaned` over `.swap` to that of a segment. Throws the system's error. */
  advance(marker: typeof SWAP_SUFFIX | ''): void {
    if (marker === this.#marker) return
    const from = this.path('.log')
    this.closeFile()
    const before = this.#marker
    this.#marker = marker
    try {
      this.#env.runtime.fs.rename(from, this.path('.log'))
    } catch (error) {
      this.#marker = before
      throw error
    }
  }

  get sizeBytes(): number {
    if (this.#sizeBytes < 0) this.#stat()
    return this.#sizeBytes
  }

  get createdMs(): number {
    if (this.#createdMs < 0) this.#stat()
    return this.#createdMs
  }

  #stat(): void {
    const stat = this.#env.runtime.fs.stat(this.path('.log'))
    if (stat === null) throw new StorageError('NOT_FOUND', `${this.path('.log')} has vanished`)
    if (this.#sizeBytes < 0) {
      this.#sizeBytes = stat.size
      this.syncedBytes = stat.size
    }
    if (this.#createdMs < 0) this.#createdMs = Math.floor(stat.modifiedMs)
  }

  get sealed(): boolean {
    return this.#sealed
  }

  /** The file exists. */
  get created(): boolean {
    return this.#created
  }

  createFile(preallocateBytes: number): void {
    const { openFiles } = this.#env
    openFiles.detach(this.path('.log'))
    const handle = openFiles.acquire(this.path('.log'), 'w+')
    try {
      if (preallocateBytes > 0) handle.file.truncateSync(preallocateBytes)
    } finally {
      openFiles.release(handle)
    }
    this.#created = true
    this.#preallocated = preallocateBytes > 0
  }

  /** Pins the file; pair with `release`. */
  acquire(): Handle {
    return this.#env.openFiles.acquire(this.path('.log'))
  }

  release(handle: Handle): void {
    this.#env.openFiles.release(handle)
  }

  // ---- what is known of the batches

  /** `timestamp` is the largest of a segment's first append. */
  get rollingTimestamp(): number {
    if (this.#rollingTimestamp === null) {
      this.#rollingTimestamp = -1
      if (this.sizeBytes > 0)
        this.scan({ from: 0, minOffset: this.baseOffset, verify: false }, (bytes, at) => {
          this.#rollingTimestamp = batch.maxTimestamp(bytes, at)
          return false
        })
    }
    return this.#rollingTimestamp
  }

  get maxTimestamp(): number {
    if (this.#maxTimestamp === null) this.#loadMaxTimestamp()
    return this.#maxTimestamp!
  }

  /** Last offset of the batch that holds the largest timestamp, -1 without one. */
  get maxTimestampOffset(): number {
    if (this.#maxTimestamp === null) this.#loadMaxTimestamp()
    return this.#maxTimestampOffset
  }

  #loadMaxTimestamp(): void {
    const { times } = this.indexes()
    this.#maxTimestamp = -1
    const last = times.count - 1
    if (last >= 0) {
      this.#maxTimestamp = times.timestampAt(last)
      this.#maxTimestampOffset = this.baseOffset + times.relativeOffsetAt(last)
    }
    // The last entry speaks for what is before it only; the tail has few batches when the index was closed properly.
    const from = last < 0 ? 0 : this.indexes().offsets.positionFor(this.#maxTimestampOffset - this.baseOffset)
    this.scan({ from, minOffset: this.baseOffset, verify: false }, (bytes, at) => this.#foldTimestamp(bytes, at))
  }

  #foldTimestamp(bytes: Buffer, at: number): undefined {
    const timestamp = batch.maxTimestamp(bytes, at)
    if (timestamp <= this.#maxTimestamp!) return
    this.#maxTimestamp = timestamp
    this.#maxTimestampOffset = batch.lastOffset(bytes, at)
  }

  /** Reads what `noteWritten` will need, while an error can still refuse the write. Throws `StorageError`. */
  prepareToWrite(): void {
    this.indexes()
    if (this.#maxTimestamp === null) this.#loadMaxTimestamp()
  }

  /** Batches in `bytes` have been written at the end of the segment. */
  noteWritten(bytes: Buffer, aborted: readonly AbortedTxn[] | null): void {
    this.prepareToWrite()
    const indexes = this.indexes()
    for (let at = 0; at < bytes.length; at += batch.sizeInBytes(bytes, at)) {
      this.#noteBatch(indexes, bytes, at, this.#sizeBytes + at)
    }
    const from = this.#sizeBytes
    this.#sizeBytes += bytes.length
    this.#verified.addWritten(from, this.#sizeBytes)
    if (aborted !== null) indexes.transactions.push(...aborted)
  }

  /** Index entries of one batch, as `LogSegment.append` and `recover` make them. */
  #noteBatch(indexes: Indexes, bytes: Buffer, at: number, position: number): void {
    if (position === 0) this.#rollingTimestamp = batch.maxTimestamp(bytes, at)
    this.#foldTimestamp(bytes, at)
    if (indexes.bytesSinceEntry > this.#env.indexIntervalBytes) {
      indexes.offsets.append(batch.lastOffset(bytes, at) - this.baseOffset, position)
      indexes.times.maybeAppend(this.#maxTimestamp!, this.#maxTimestampOffset - this.baseOffset)
      indexes.bytesSinceEntry = 0
    }
    indexes.bytesSinceEntry += batch.sizeInBytes(bytes, at)
  }

  // ---- indexes

  indexes(): Indexes {
    if (this.#indexes === null) {
      this.#indexes = this.#readIndexes() ?? this.#rebuildIndexes()
      this.#env.noteIndexesLoaded(this)
    }
    return this.#indexes
  }

  get indexBytes(): number {
    return this.#indexes === null ? 0 : this.#indexes.offsets.memoryBytes + this.#indexes.times.memoryBytes
  }

  /** Frees the memory of a sealed segment's indexes; they are on disk. */
  forgetIndexes(): void {
    if (this.#sealed) this.#indexes = null
  }

  /** Removes the files of the indexes, which are made anew where they are needed. */
  removeIndexFiles(): void {
    this.#forgetWritten()
    for (const suffix of ['.index', '.timeindex', '.txnindex']) this.#env.runtime.fs.unlink(this.path(suffix))
  }

  #readIndexes(): Indexes | null {
    const expected = this.#env.checksums.get(this.baseOffset)
    if (expected === undefined || expected.logBytes !== this.sizeBytes) return null
    const offsetBytes = readWhole(this.#env.runtime.fs, this.path('.index'), INDEX_FILE_BYTES_MAX)
    const timeBytes = readWhole(this.#env.runtime.fs, this.path('.timeindex'), INDEX_FILE_BYTES_MAX)
    const txnBytes = readWhole(this.#env.runtime.fs, this.path('.txnindex'), INDEX_FILE_BYTES_MAX) ?? EMPTY
    if (offsetBytes === null || timeBytes === null) return null
    if (
      checksum(offsetBytes) !== expected.offsets ||
      checksum(timeBytes) !== expected.times ||
      checksum(txnBytes) !== expected.transactions
    )
      return null
    const offsets = OffsetIndex.decode(offsetBytes, this.sizeBytes)
    const times = TimeIndex.decode(timeBytes, 0x7fff_ffff)
    const transactions = decodeAbortedTxns(txnBytes, this.baseOffset)
    if (offsets === null || times === null || transactions === null) return null
    return { offsets, times, transactions, bytesSinceEntry: this.sizeBytes - offsets.lastPosition }
  }

  #rebuildIndexes(): Indexes {
    this.#env.runtime.logger.warn('rebuilding the indexes of a segment', { segment: this.path('.log') })
    const indexes = emptyIndexes()
    this.#maxTimestamp = -1
    this.#maxTimestampOffset = -1
    this.scan({ from: 0, minOffset: this.baseOffset, verify: false }, (bytes, at, position) => {
      this.#noteBatch(indexes, bytes, at, position)
      return undefined
    })
    indexes.transactions.push(...this.#env.abortedTransactionsOf(this))
    if (this.#sealed) this.#tryWriteIndexes(indexes)
    return indexes
  }

  /**
   * After an unclean stop: walks the whole file, checks every CRC, makes the indexes anew and leaves the segment unsealed.
   * `visit` gets each batch; what it returns goes into the transaction index. Returns where the valid batches end.
   */
  recover(durableOffset: number, visit: (bytes: Buffer, at: number) => AbortedTxn | null): ScanResult {
    const indexes = emptyIndexes()
    this.#maxTimestamp = -1
    this.#maxTimestampOffset = -1
    this.#rollingTimestamp = -1
    const handle = this.acquire()
    try {
      const to = handle.file.size()
      const result = scanBatches(
        handle.file,
        { from: 0, to, minOffset: this.baseOffset, verify: true },
        (bytes, at, position) => {
          this.#noteBatch(indexes, bytes, at, position)
          const aborted = visit(bytes, at)
          if (aborted !== null) indexes.transactions.push(aborted)
          return undefined
        },
      )
      if (result.validEnd < to) handle.file.truncateSync(result.validEnd)
      // What is kept is made durable before anyone reads it (S3); below the recovery point it is.
      if (result.validEnd < to || result.nextOffset > durableOffset) handle.file.syncSync()
      this.#indexes = indexes
      this.#sealed = false
      this.#sizeBytes = result.validEnd
      this.syncedBytes = result.validEnd
      this.#verified.addRead(0, result.validEnd)
      return result
    } finally {
      this.release(handle)
    }
  }

  /** No batch will be appended any more (until `unseal`): the indexes go to disk. */
  seal(): void {
    if (this.#sealed) return
    const indexes = this.indexes()
    this.#completeTimes(indexes)
    this.#sealed = true
    if (!this.#created) return
    if (this.#preallocated) this.#trimFile()
    this.#env.noteIndexesLoaded(this)
    this.#writeIndexes(indexes)
  }

  /** Before a next segment exists: to recovery, zeros behind the batches are a torn tail, and what follows one is dropped. */
  #trimFile(): void {
    const handle = this.acquire()
    try {
      handle.file.truncateSync(this.#sizeBytes)
      handle.file.syncSync()
    } finally {
      this.release(handle)
    }
    this.#preallocated = false
  }

  /**
   * Does a part of `seal` ahead of it, for who must not take long at once: one index of a segment of 1 GiB takes some ms.
   * Nothing may be appended between it and `seal`. False when there is nothing left to do ahead. Throws the system's
   * errors.
   */
  prepareToSeal(): boolean {
    if (this.#sealed || !this.#created) return false
    const indexes = this.indexes()
    if (this.#offsetsWritten === null) this.#writeOffsets(indexes)
    else if (this.#timesWritten === null) this.#writeTimes(indexes)
    else return false
    return true
  }

  /** The segment becomes the active one again, at start or after truncation. */
  unseal(): void {
    this.#forgetWritten()
    if (!this.#sealed) return
    this.indexes()
    this.#sealed = false
  }

  /** A look-up that had to make them anew is not to fail for want of room to keep them. */
  #tryWriteIndexes(indexes: Indexes): void {
    try {
      this.#writeIndexes(indexes)
    } catch (error) {
      if (!isShortage(error)) throw error
    }
  }

  #writeIndexes(indexes: Indexes): void {
    const { fs } = this.#env.runtime
    const offsets = this.#offsetsWritten ?? this.#writeOffsets(indexes)
    const times = this.#timesWritten ?? this.#writeTimes(indexes)
    this.#forgetWritten()
    const transactions = encodeAbortedTxns(indexes.transactions)
    if (transactions.length > 0) writeDisposable(fs, this.path('.txnindex'), transactions)
    else fs.unlink(this.path('.txnindex'))
    const logBytes = this.#sizeBytes
    this.#env.checksums.set(this.baseOffset, { logBytes, offsets, times, transactions: checksum(transactions) })
    this.#env.checksums.write()
  }

  /** Returns the file's checksum. */
  #writeOffsets({ offsets }: Indexes): number {
    const bytes = offsets.encode()
    writeDisposable(this.#env.runtime.fs, this.path('.index'), bytes)
    return (this.#offsetsWritten = checksum(bytes))
  }

  #writeTimes(indexes: Indexes): number {
    this.#completeTimes(indexes)
    const bytes = indexes.times.encode()
    writeDisposable(this.#env.runtime.fs, this.path('.timeindex'), bytes)
    return (this.#timesWritten = checksum(bytes))
  }

  /** As in Apache Kafka, so that the last entry tells the largest timestamp of the whole segment. */
  #completeTimes({ times }: Indexes): void {
    if (this.#maxTimestamp! >= 0) times.maybeAppend(this.#maxTimestamp!, this.#maxTimestampOffset - this.baseOffset)
  }

  #forgetWritten(): void {
    this.#offsetsWritten = null
    this.#timesWritten = null
  }

  // ---- reading

  /** Where the batch begins that holds `offset`, or else the first one after it; -1 when there is none. */
  positionOf(offset: number): number {
    let found = -1
    const from = this.indexes().offsets.positionFor(offset - this.baseOffset)
    this.scan({ from, minOffset: this.baseOffset, verify: false }, (bytes, at, position) => {
      if (batch.lastOffset(bytes, at) < offset) return undefined
      found = position
      return false
    })
    return found
  }

  /** Walks written batches, headers only unless `verify`. Throws `StorageError` where a batch should be and is none. */
  scan(options: Omit<ScanOptions, 'to'>, visit: BatchVisitor): void {
    if (!this.#created) return
    const handle = this.acquire()
    try {
      const result = scanBatches(handle.file, { ...options, to: this.sizeBytes }, visit)
      if (!result.stopped && result.validEnd < this.sizeBytes) throw this.#corrupt(result.validEnd)
    } finally {
      this.release(handle)
    }
  }

  /** One whole batch, its checksum verified. */
  readBatchAt(position: number): Buffer {
    const handle = this.acquire()
    try {
      const header = Buffer.allocUnsafe(batch.HEADER_BYTES)
      const count = handle.file.readSync(header, 0, batch.HEADER_BYTES, position)
      if (count < batch.HEADER_BYTES || !isPlausibleHeader(header, 0, this.sizeBytes - position, 0))
        throw this.#corrupt(position)
      const bytes = Buffer.allocUnsafeSlow(batch.sizeInBytes(header, 0))
      handle.file.readSync(bytes, 0, bytes.length, position)
      this.verify(bytes, position)
      return bytes
    } finally {
      this.release(handle)
    }
  }

  /** Whether the checksums of all batches that begin in `from` … `to`-1 have been verified since the start. */
  isVerified(from: number, to: number): boolean {
    return this.#verified.hasAll(from, to)
  }

  /** Checks the CRC of whole batches that lie at `position`, each once after start-up. Throws `StorageError`. */
  verify(bytes: Buffer, position: number): void {
    for (let at = 0; at < bytes.length; at += batch.sizeInBytes(bytes, at)) {
      if (this.#verified.has(position + at)) continue
      const end = at + batch.sizeInBytes(bytes, at)
      if (crc32c(bytes, at + batch.CRC_START, end) !== batch.crc(bytes, at)) throw this.#corrupt(position + at)
    }
    this.#verified.addRead(position, position + bytes.length)
  }

  #corrupt(position: number): StorageError {
    return new StorageError('CORRUPT', `${this.path('.log')} is damaged: no valid batch at position ${position}`)
  }

  // ---- changing

  /**
   * Cuts the file at a batch boundary and waits for the device: bytes written there later must not be followed, after a
   * power cut, by old ones that look valid.
   */
  truncateTo(position: number, offset: number): void {
    const handle = this.acquire()
    try {
      handle.file.truncateSync(position)
      handle.file.syncSync()
    } finally {
      this.release(handle)
    }
    const indexes = this.indexes()
    this.#sizeBytes = position
    this.syncedBytes = position
    this.#verified.clear()
    indexes.offsets.truncateToPosition(position)
    indexes.times.truncateTo(offset - this.baseOffset)
    while (
      indexes.transactions.length > 0 &&
      indexes.transactions[indexes.transactions.length - 1].lastOffset >= offset
    )
      indexes.transactions.pop()
    indexes.bytesSinceEntry = position - indexes.offsets.lastPosition
    this.#maxTimestamp = null
    this.#maxTimestampOffset = -1
    if (position === 0) this.#rollingTimestamp = -1
  }

  /** A write failed half way: takes the file back to what is known to be written. */
  dropUnwritten(handle: Handle): void {
    handle.file.truncateSync(this.#sizeBytes)
    handle.file.syncSync()
  }

  closeFile(): void {
    this.#env.openFiles.detach(this.path('.log'))
  }
}

function emptyIndexes(): Indexes {
  return { offsets: new OffsetIndex(), times: new TimeIndex(), transactions: [], bytesSinceEntry: 0 }
}

function checksum(bytes: Buffer): number {
  return bytes.length === 0 ? 0 : crc32c(bytes, 0, bytes.length)
}
