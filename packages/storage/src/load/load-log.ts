import { batch } from '@ottla/protocol/records'
import { LeaderEpochs } from '../leader-epochs.ts'
import { applyToProducers, LogCore } from '../log-core.ts'
import type { LogShared } from '../log-shared.ts'
import { baseOffsetOf, SEGMENT_SUFFIXES, segmentFileName } from '../names.ts'
import { Segment } from '../segment.ts'
import { SegmentList } from '../segment-list.ts'
import type { LogConfig } from '../types.ts'
import { settleTemporaryFiles } from './temporary-files.ts'

export interface LoadOptions {
  readonly directory: string
  readonly config: LogConfig
  /** The directory was left in order: nothing below `recoveryPoint` needs to be looked at. */
  readonly clean: boolean
  /** Of the checkpoint; undefined when it says nothing of this log. After a clean stop of ours it is the log's end. */
  readonly recoveryPoint: number | undefined
  /** Whether `recoveryPoint` may be believed to be the end without looking. */
  readonly endIsKnown: boolean
  readonly logStartOffset: number | undefined
  /** Every segment begins where the one before it ends, as we write them; Apache Kafka leaves gaps when it compacts. */
  readonly contiguous: boolean
}

export interface LoadedLog {
  readonly core: LogCore
  readonly recoveryPoint: number
}

/**
 * Opens a log. After a clean stop that is one look into its folder; otherwise every segment from the recovery point on
 * is recovered. Throws `StorageError` and the system's errors; whatever they are, nothing but torn tails has been cut.
 */
export function loadLog(shared: LogShared, options: LoadOptions): LoadedLog {
  const { fs } = shared.runtime
  const { directory } = options
  const names = settleTemporaryFiles(fs, directory, fs.readdir(directory))
  const bases = new Set<number>()
  const snapshotOffsets: number[] = []
  for (const name of names) {
    const base = baseOffsetOf(name)
    if (base < 0) continue
    if (name === segmentFileName(base, '.log')) bases.add(base)
    else if (name === segmentFileName(base, '.snapshot')) snapshotOffsets.push(base)
  }
  for (const name of names) {
    const base = baseOffsetOf(name)
    if (base < 0 || bases.has(base) || name.endsWith('.snapshot')) continue
    if (SEGMENT_SUFFIXES.some((suffix) => name === segmentFileName(base, suffix))) fs.unlink(`${directory}/${name}`)
  }
  const core = new LogCore({ directory, config: options.config, shared, snapshotOffsets })
  const segments = [...bases].sort((a, b) => a - b).map((base) => Segment.existing(core.env, base))
  core.segments = new SegmentList(segments)
  if (segments.length === 0) beginEmpty(core, options.logStartOffset ?? 0)
  else if (options.clean) findEnd(core, options)
  else {
    // A power cut may bring back some of what was deleted: with gaps, of which the producer state must know nothing.
    dropSegmentsBelow(core, options.logStartOffset ?? 0)
    recover(core, options)
  }
  settleStart(core, options.logStartOffset ?? 0)
  removeStraySnapshots(core)
  return { core, recoveryPoint: core.appendEndOffset }
}

function beginEmpty(core: LogCore, offset: number): void {
  core.segments = new SegmentList([Segment.planned(core.env, offset, core.env.runtime.clock.nowMs())])
  core.logStartOffset = offset
  core.appendEndOffset = offset
}

function findEnd(core: LogCore, options: LoadOptions): void {
  const { last } = core.segments
  if (options.endIsKnown && options.recoveryPoint !== undefined && options.recoveryPoint >= last.baseOffset) {
    core.appendEndOffset = options.recoveryPoint
    return
  }
  core.appendEndOffset = core.readEndOffset()
}

/**
 * `LogLoader.recoverLog`: cuts the torn tail, rebuilds indexes, producers and epochs, and waits for the device.
 *
 * A power cut may take a whole segment that was not flushed yet and leave the next one. What is kept is a prefix all the
 * same, or the end of a transaction could outlive its beginning: behind such a gap everything goes, as behind a torn tail.
 */
function recover(core: LogCore, options: LoadOptions): void {
  const recoveryPoint = options.recoveryPoint ?? 0
  const logStartOffset = options.logStartOffset ?? 0
  const { fs, logger } = core.env.runtime
  const { directory } = core.env
  dropEmptySegments(core)
  if (options.contiguous && core.segments.first.baseOffset > Math.max(logStartOffset, recoveryPoint)) {
    logger.warn('the beginning of the log is lost', { directory, logStartOffset })
    beginAnew(core, logStartOffset)
    return
  }
  const from = Math.max(0, core.segments.floorIndex(recoveryPoint))
  const fromOffset = core.segments.at(from)!.baseOffset
  // Snapshots above tell of batches that may not have survived.
  core.removeSnapshots((offset) => offset > fromOffset)
  const producers = core.producersBefore(fromOffset)
  const epochs = core.epochsBefore(fromOffset)
  let endOffset = fromOffset
  let changed = false
  for (let i = from; i < core.segments.length; i++) {
    const segment = core.segments.at(i)!
    const sizeBefore = segment.sizeBytes
    if (i > from) {
      core.segments.at(i - 1)!.seal()
      core.writeSnapshot(segment.baseOffset, producers.snapshot())
    }
    const result = segment.recover(recoveryPoint, (bytes, at) => {
      epochs.assign(batch.partitionLeaderEpoch(bytes, at), batch.baseOffset(bytes, at))
      return applyToProducers(producers, bytes, at)
    })
    producers.confirm(result.nextOffset)
    endOffset = result.nextOffset
    const next = core.segments.at(i + 1)
    const gap = options.contiguous && next !== undefined && next.baseOffset !== endOffset
    if (result.validEnd === sizeBefore && !gap) continue
    changed = true
    logger.warn(gap ? 'a segment is lost' : 'cut a torn tail', {
      segment: segment.path('.log'),
      droppedBytes: sizeBefore - result.validEnd,
      endOffset,
      droppedSegments: core.segments.length - i - 1,
    })
    dropSegmentsAfter(core, i)
  }
  core.appendEndOffset = endOffset
  producers.removeExpired(core.env.runtime.clock.nowMs(), core.env.shared.producerIdExpirationMs)
  producers.onHighWatermark(endOffset)
  core.useProducers(producers)
  core.useEpochs(epochs)
  epochs.write()
  // The folder itself is made durable by the manager, once for all logs. A segment that begins at the recovery point or
  // later may be there by name only for the process that made it.
  if (changed || endOffset !== recoveryPoint || core.segments.last.baseOffset >= recoveryPoint) fs.syncDir(directory)
}

/** The youngest first, each for good before the next: a crash in between must not leave a hole. */
function dropSegmentsAfter(core: LogCore, index: number): void {
  for (let i = core.segments.length - 1; i > index; i--) {
    removeFiles(core, core.segments.at(i)!)
    core.env.runtime.fs.syncDir(core.env.directory)
    core.segments.replace(i, 1)
  }
}

/** A segment without a batch is of use as the last one only, and only if nothing before it reaches beyond its base. */
function dropEmptySegments(core: LogCore): void {
  for (let i = core.segments.length - 2; i >= 0; i--) {
    const segment = core.segments.at(i)!
    if (segment.sizeBytes > 0) continue
    removeFiles(core, segment)
    core.segments.replace(i, 1)
  }
}

function removeFiles(core: LogCore, segment: Segment): void {
  segment.closeFile()
  for (const suffix of SEGMENT_SUFFIXES) {
    if (suffix !== '.snapshot') core.env.runtime.fs.unlink(segment.path(suffix))
  }
  core.env.checksums.delete(segment.baseOffset)
}

/** Drops everything; the log is empty and goes on at `offset`. */
function beginAnew(core: LogCore, offset: number): void {
  dropSegmentsAfter(core, -1)
  core.removeSnapshots(() => true)
  core.useProducers(null)
  core.useEpochs(new LeaderEpochs(core.env.runtime.fs, core.env.directory))
  beginEmpty(core, offset)
  core.segments.last.createFile(0)
  core.env.runtime.fs.syncDir(core.env.directory)
  core.segments.last.entrySynced = true
}

/** The log begins where DeleteRecords or retention has put it; segments before that are leftovers of a deletion. */
function settleStart(core: LogCore, checkpointed: number): void {
  const { segments } = core
  if (checkpointed > core.appendEndOffset) {
    // More was deleted than has survived: the offsets must not be given again.
    core.env.runtime.logger.warn('the log ends before its start: it begins anew, empty', {
      directory: core.env.directory,
      endOffset: core.appendEndOffset,
      logStartOffset: checkpointed,
    })
    beginAnew(core, checkpointed)
    return
  }
  core.logStartOffset = Math.max(checkpointed, segments.first.baseOffset)
  dropSegmentsBelow(core, core.logStartOffset)
  core.loadedEpochs?.truncateFromStart(core.logStartOffset)
}

function dropSegmentsBelow(core: LogCore, offset: number): void {
  const { segments } = core
  while (segments.length > 1 && segments.at(1)!.baseOffset <= offset) {
    removeFiles(core, segments.first)
    segments.replace(0, 1)
  }
}

/** Kept: those where a segment begins, and the newest. Above the end there must be none. */
function removeStraySnapshots(core: LogCore): void {
  const bases = new Set(core.segments.all().map((segment) => segment.baseOffset))
  const { snapshotOffsets, appendEndOffset } = core
  if (snapshotOffsets.length === 0) return
  const newest = snapshotOffsets.findLast((offset) => offset <= appendEndOffset) ?? -1
  core.removeSnapshots((offset) => offset > appendEndOffset || (offset !== newest && !bases.has(offset)))
}
