import { batch } from '@ottla/protocol/records'
import { readEndTxnMarker } from './append/markers.ts'
import { isShortage } from './errors.ts'
import { readWhole, writeDisposable } from './files/whole-file.ts'
import { IndexChecksums } from './index/index-checksums.ts'
import type { AbortedTxn } from './index/transaction-index.ts'
import { LeaderEpochs, NO_EPOCH } from './leader-epochs.ts'
import type { LogEnvironment } from './log-environment.ts'
import type { LogShared } from './log-shared.ts'
import { DELETED_SUFFIX, PARTITION_METADATA, segmentFileName } from './names.ts'
import type { OpenFiles } from './open-files.ts'
import { decodeSnapshot, EMPTY_SNAPSHOT_BYTES } from './producers/producer-snapshot.ts'
import { ProducerState } from './producers/producer-state.ts'
import type { Segment } from './segment.ts'
import { SegmentList } from './segment-list.ts'
import { SegmentSwap } from './segment-swap.ts'
import type { LogConfig, StorageRuntime } from './types.ts'

const INDEXED_SUFFIXES = ['.log', '.index', '.timeindex', '.txnindex'] as const
const SNAPSHOT_BYTES_MAX = 1024 * 1024 * 1024

export interface LogCoreState {
  /** The partition's folder. */
  readonly directory: string
  readonly config: LogConfig
  readonly shared: LogShared
  /** Offsets of the producer snapshots on disk, rising. */
  readonly snapshotOffsets: number[]
}

/**
 * The parts of a log that its writer, readers, retention and cleaner share: segments, producers, epochs and the
 * offsets that bound them. What is not needed to open a log is read at first use.
 */
export class LogCore {
  readonly env: CoreEnvironment
  segments = new SegmentList([])
  config: LogConfig
  logStartOffset = 0
  /** The next offset to be given. */
  appendEndOffset = 0
  /** Counts the times that written batches were taken out of the log: reads under way must not trust what they got. */
  generation = 0
  /** Of these, the times that the log was cut. */
  truncations = 0
  #snapshotOffsets: number[]
  /** Of one snapshot it is known to be on the device; -1 of none. */
  #durableSnapshot = -1
  #producers: ProducerState | null = null
  #epochs: LeaderEpochs | null = null
  /** The folder's own entry, and `partition.metadata` in it, are on the device. */
  folderSynced = true
  /** A cleaned segment is on its way to its place. */
  #swap: SegmentSwap | null = null

  constructor(state: LogCoreState) {
    this.config = state.config
    this.#snapshotOffsets = state.snapshotOffsets
    this.env = new CoreEnvironment(this, state.directory, state.shared)
  }

  // ---- producers

  producers(): ProducerState {
    if (this.#producers === null) {
      this.#producers = this.producersBefore(this.appendEndOffset)
      this.#producers.removeExpired(this.env.runtime.clock.nowMs(), this.env.shared.producerIdExpirationMs)
      this.#producers.confirm(this.appendEndOffset)
      this.#producers.onHighWatermark(this.appendEndOffset)
    }
    return this.#producers
  }

  /** null while nobody has asked. */
  get loadedProducers(): ProducerState | null {
    return this.#producers
  }

  useProducers(producers: ProducerState | null): void {
    this.#producers = producers
  }

  /** The state as of `offset`: the newest readable snapshot at or before it, and the batches from there on. */
  producersBefore(offset: number): ProducerState {
    const state = new ProducerState()
    let from = this.segments.length === 0 ? 0 : this.segments.first.baseOffset
    for (let i = this.#snapshotOffsets.length - 1; i >= 0; i--) {
      const snapshotOffset = this.#snapshotOffsets[i]
      if (snapshotOffset > offset || snapshotOffset < from) continue
      const bytes = readWhole(this.env.runtime.fs, this.#snapshotPath(snapshotOffset), SNAPSHOT_BYTES_MAX)
      const entries = bytes && decodeSnapshot(bytes)
      if (entries === null) {
        this.env.runtime.logger.warn('a producer snapshot is damaged; an older one is used', {
          path: this.#snapshotPath(snapshotOffset),
        })
        continue
      }
      state.restore(entries)
      from = snapshotOffset
      break
    }
    this.replay(state, from, offset, null)
    return state
  }

  /** Feeds the batches from `from` to before `to` to the state. */
  replay(state: ProducerState, from: number, to: number, aborted: AbortedTxn[] | null): void {
    if (from >= to) return
    for (let i = Math.max(0, this.segments.floorIndex(from)); i < this.segments.length; i++) {
      const segment = this.segments.at(i)!
      if (segment.baseOffset >= to) return
      const position = segment.sizeBytes === 0 || from <= segment.baseOffset ? 0 : segment.positionOf(from)
      if (position < 0) continue
      segment.scan({ from: position, minOffset: segment.baseOffset, verify: false }, (bytes, at, where) => {
        if (batch.baseOffset(bytes, at) >= to) return false
        if (batch.producerId(bytes, at) < 0) return undefined
        // Headers suffice, but for the kind of a marker.
        const whole = batch.isControl(batch.attributes(bytes, at)) ? segment.readBatchAt(where) : null
        const transaction = whole === null ? applyToProducers(state, bytes, at) : applyToProducers(state, whole, 0)
        if (transaction !== null) aborted?.push(transaction)
        return undefined
      })
    }
  }

  abortedTransactionsOf(segment: Segment): AbortedTxn[] {
    const aborted: AbortedTxn[] = []
    const index = this.segments.all().indexOf(segment)
    const next = this.segments.at(index + 1)
    const end = next === undefined ? this.appendEndOffset : next.baseOffset
    const state = this.producersBefore(segment.baseOffset)
    this.replay(state, segment.baseOffset, end, aborted)
    return aborted
  }

  // ---- snapshots

  #snapshotPath(offset: number): string {
    return `${this.env.directory}/${segmentFileName(offset, '.snapshot')}`
  }

  get snapshotOffsets(): readonly number[] {
    return this.#snapshotOffsets
  }

  get latestSnapshotOffset(): number {
    return this.#snapshotOffsets[this.#snapshotOffsets.length - 1] ?? -1
  }

  /** Disposable as long as the batches that it speaks of are there: a torn one is noticed by its CRC. */
  writeSnapshot(offset: number, bytes: Buffer): void {
    if (offset === this.#durableSnapshot) this.#durableSnapshot = -1
    writeDisposable(this.env.runtime.fs, this.#snapshotPath(offset), bytes)
    if (this.#snapshotOffsets.includes(offset)) return
    this.#snapshotOffsets.push(offset)
    this.#snapshotOffsets.sort((a, b) => a - b)
  }

  /**
   * Before the segments that end at or before `offset` may go: what is known of producers from them has to survive a power
   * cut in the snapshot of the segment that will be the first, or a batch that is sent again would be taken for a new one.
   */
  makeProducersDurable(offset: number): void {
    const index = this.segments.floorIndex(offset)
    if (index <= 0) return
    const { fs } = this.env.runtime
    const { baseOffset } = this.segments.at(index)!
    if (baseOffset === this.#durableSnapshot) return
    // There was no room for it when the segment began.
    if (!this.#snapshotOffsets.includes(baseOffset))
      this.writeSnapshot(baseOffset, this.producersBefore(baseOffset).snapshot())
    const path = this.#snapshotPath(baseOffset)
    if (fs.stat(path)?.size !== EMPTY_SNAPSHOT_BYTES) {
      this.#syncFile(path)
      fs.syncDir(this.env.directory)
    }
    this.#durableSnapshot = baseOffset
  }

  /** Removes snapshots with an offset for which `doomed` says so. */
  removeSnapshots(doomed: (offset: number) => boolean): void {
    for (const offset of this.#snapshotOffsets.filter(doomed)) this.env.runtime.fs.unlink(this.#snapshotPath(offset))
    this.#snapshotOffsets = this.#snapshotOffsets.filter((offset) => !doomed(offset))
    if (doomed(this.#durableSnapshot)) this.#durableSnapshot = -1
  }

  // ---- epochs

  epochs(): LeaderEpochs {
    if (this.#epochs === null) {
      this.#epochs = this.epochsBefore(this.appendEndOffset)
      this.#epochs.truncateFromStart(this.logStartOffset)
    }
    return this.#epochs
  }

  get loadedEpochs(): LeaderEpochs | null {
    return this.#epochs
  }

  useEpochs(epochs: LeaderEpochs): void {
    this.#epochs = epochs
  }

  /** From the file where its latest epoch is that of the last batch before `offset`, else from all batches. */
  epochsBefore(offset: number): LeaderEpochs {
    const { fs } = this.env.runtime
    const loaded = LeaderEpochs.load(fs, this.env.directory)
    loaded?.truncateFromEnd(offset)
    const last = this.#epochOfLastBatch(offset)
    if (loaded !== null && (last === null || loaded.latestEpoch === last)) return loaded
    const epochs = new LeaderEpochs(fs, this.env.directory)
    for (const segment of this.segments.all()) {
      if (segment.baseOffset >= offset) break
      segment.scan({ from: 0, minOffset: segment.baseOffset, verify: false }, (bytes, at) => {
        if (batch.baseOffset(bytes, at) >= offset) return false
        epochs.assign(batch.partitionLeaderEpoch(bytes, at), batch.baseOffset(bytes, at))
        return undefined
      })
    }
    return epochs
  }

  /** null when there is no batch before `offset`. */
  #epochOfLastBatch(offset: number): number | null {
    for (let i = this.segments.floorIndex(offset - 1); i >= 0; i--) {
      const segment = this.segments.at(i)!
      if (segment.sizeBytes === 0) continue
      let epoch: number | null = null
      const from = segment.indexes().offsets.positionFor(offset - 1 - segment.baseOffset)
      segment.scan({ from, minOffset: segment.baseOffset, verify: false }, (bytes, at) => {
        if (batch.baseOffset(bytes, at) >= offset) return false
        epoch = batch.partitionLeaderEpoch(bytes, at)
        return undefined
      })
      if (epoch !== null) return epoch
    }
    return null
  }

  get latestEpoch(): number {
    return this.segments.length === 0 ? NO_EPOCH : this.epochs().latestEpoch
  }

  // ---- files

  /** The first offset after the last batch of the last segment, read from the file. */
  readEndOffset(): number {
    const { last } = this.segments
    let endOffset = last.baseOffset
    const from = last.indexes().offsets.lastPosition
    last.scan({ from, minOffset: last.baseOffset, verify: false }, (bytes, at) => {
      endOffset = batch.lastOffset(bytes, at) + 1
      return undefined
    })
    return endOffset
  }

  /**
   * The active segment is complete: indexes, producer snapshot and epochs go to disk. None of them is waited for: each
   * is rebuilt when it turns out missing or wrong. On a full disk they simply stay missing.
   */
  sealActive(nextBaseOffset: number, snapshot: Buffer | null): void {
    this.unlessShort('the indexes of a segment', () => {
      this.segments.last.seal()
      if (snapshot !== null) this.writeSnapshot(nextBaseOffset, snapshot)
      this.#epochs?.write()
    })
  }

  /** For what may be missing, because it is rebuilt when it is needed. */
  unlessShort(what: string, write: () => void): void {
    try {
      write()
    } catch (error) {
      if (!isShortage(error)) throw error
      this.env.runtime.logger.warn('could not be written now, and will be rebuilt', {
        what,
        directory: this.env.directory,
        error: (error as Error).message,
      })
    }
  }

  /** Files of segments that the log no longer has: out of the way by name now, removed in a while. */
  discard(segments: readonly Segment[]): void {
    this.moveAway(segments)
    this.unlessShort('the checksums of indexes', () => this.env.checksums.write())
  }

  /** As `discard`; the file of checksums keeps lines that speak of nothing any more. */
  moveAway(segments: readonly Segment[]): void {
    const { fs } = this.env.runtime
    const doomed: string[] = []
    try {
      for (const segment of segments) {
        segment.closeFile()
        for (const suffix of INDEXED_SUFFIXES) {
          const path = segment.path(suffix)
          // Indexes may be missing, because nothing was aborted or there was no room for them; the log, when an earlier
          // attempt has failed half way.
          if (!fs.exists(path)) continue
          fs.rename(path, path + DELETED_SUFFIX)
          doomed.push(path + DELETED_SUFFIX)
        }
        this.env.checksums.delete(segment.baseOffset)
      }
    } finally {
      // On a full disk this is what makes room.
      this.env.shared.removeLater(doomed, this.config.fileDeleteDelayMs)
    }
  }

  /** Begins to put a cleaned segment in the place of neighbours; `continueSwap` goes on. False: they are no longer there. */
  beginSwap(old: readonly Segment[], cleaned: Segment): boolean {
    this.finishSwap()
    const swap = new SegmentSwap(this, old, cleaned)
    if (!swap.begin()) return false
    this.#swap = swap
    return true
  }

  /** The next step. False when there is none. Throws the system's errors; after a shortage it may be tried again. */
  continueSwap(): boolean {
    if (this.#swap === null) return false
    if (this.#swap.step()) return true
    this.#swap = null
    return false
  }

  /** Before segments change in another way, and before the log is closed. */
  finishSwap(): void {
    while (this.continueSwap());
  }

  /** What the first fsync of data needs around it: that the folder, and the files in it, are found after a power cut. */
  makeFolderDurable(): void {
    const { fs } = this.env.runtime
    if (!this.folderSynced) {
      this.#syncFile(`${this.env.directory}/${PARTITION_METADATA}`)
      fs.syncDir(this.env.directory)
      this.env.shared.syncFolders(parentOf(this.env.directory))
      this.folderSynced = true
    }
    const fresh = this.segments.all().filter((segment) => segment.created && !segment.entrySynced)
    if (fresh.length === 0) return
    fs.syncDir(this.env.directory)
    for (const segment of fresh) segment.entrySynced = true
  }

  #syncFile(path: string): void {
    const { fs } = this.env.runtime
    if (!fs.exists(path)) return
    const file = fs.open(path, 'r+')
    try {
      file.syncSync()
    } finally {
      file.close()
    }
  }
}

export class CoreEnvironment implements LogEnvironment {
  readonly runtime: StorageRuntime
  readonly shared: LogShared
  readonly openFiles: OpenFiles
  readonly checksums: IndexChecksums
  readonly #core: LogCore
  #directory: string

  constructor(core: LogCore, directory: string, shared: LogShared) {
    this.#core = core
    this.#directory = directory
    this.shared = shared
    this.runtime = shared.runtime
    this.openFiles = shared.openFiles
    this.checksums = new IndexChecksums(shared.runtime.fs, directory)
  }

  get directory(): string {
    return this.#directory
  }

  get indexIntervalBytes(): number {
    return this.#core.config.indexIntervalBytes
  }

  noteIndexesLoaded(segment: Segment): void {
    this.shared.indexMemory.note(segment)
  }

  abortedTransactionsOf(segment: Segment): AbortedTxn[] {
    return this.#core.abortedTransactionsOf(segment)
  }

  /** The folder has been renamed. */
  moveTo(directory: string): void {
    this.#directory = directory
    this.checksums.moveTo(directory)
  }
}

/** Takes one batch with its final offsets into the producer state; returns what it aborts. */
export function applyToProducers(state: ProducerState, bytes: Buffer, at: number): AbortedTxn | null {
  const producerId = batch.producerId(bytes, at)
  if (producerId < 0) return null
  if (!batch.isControl(batch.attributes(bytes, at))) {
    state.applyBatch(bytes, at)
    return null
  }
  const marker = readEndTxnMarker(bytes, at)
  if (marker === null) return null
  const epoch = batch.producerEpoch(bytes, at)
  return state.applyMarker(producerId, epoch, marker, batch.baseOffset(bytes, at), batch.maxTimestamp(bytes, at))
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')))
}
