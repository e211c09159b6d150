import type { PartitionLog } from '../log.ts'
import type { Segment } from '../segment.ts'

/** What is to be cleaned of a log, and how much it would bring. */
export interface CleanPlan {
  readonly log: PartitionLog
  /** Everything before has been cleaned already. */
  readonly firstDirtyOffset: number
  /** Nothing from here on may be cleaned yet. */
  readonly firstUncleanableOffset: number
  /** Cleanable bytes over all bytes that the run would read. */
  readonly dirtyRatio: number
  /** `max.compaction.lag.ms` demands it, whatever the ratio. */
  readonly overdue: boolean
}

/** `LogCleanerManager.cleanableOffsets`; null when nothing is to be done. `lastCleanOffset` is the checkpoint's. */
export function planCleaning(log: PartitionLog, lastCleanOffset: number | undefined, nowMs: number): CleanPlan | null {
  const { config, segments } = log.core
  const { last } = segments
  const fits =
    lastCleanOffset !== undefined && lastCleanOffset >= log.logStartOffset && lastCleanOffset <= last.baseOffset
  const firstDirtyOffset = fits ? lastCleanOffset : log.logStartOffset
  let firstUncleanableOffset = Math.min(last.baseOffset, log.lastStableOffset)
  let cleanBytes = 0
  let dirtyBytes = 0
  const hasDeadline = config.maxCompactionLagMs !== Number.POSITIVE_INFINITY
  let oldestDirtyMs = Number.POSITIVE_INFINITY
  for (const [i, segment] of segments.all().entries()) {
    const next = segments.at(i + 1)
    if (next === undefined || next.baseOffset > firstUncleanableOffset) {
      // Whole segments only: an open transaction keeps all of its segment.
      firstUncleanableOffset = Math.min(firstUncleanableOffset, segment.baseOffset)
      break
    }
    if (next.baseOffset <= firstDirtyOffset) {
      cleanBytes += segment.sizeBytes
      continue
    }
    if (config.minCompactionLagMs > 0 && segment.maxTimestamp > nowMs - config.minCompactionLagMs) {
      firstUncleanableOffset = segment.baseOffset
      break
    }
    dirtyBytes += segment.sizeBytes
    // It may have to be read.
    if (hasDeadline && segment.sizeBytes > 0) oldestDirtyMs = Math.min(oldestDirtyMs, segment.rollingTimestamp)
  }
  if (dirtyBytes === 0) return null
  return {
    log,
    firstDirtyOffset,
    firstUncleanableOffset,
    dirtyRatio: dirtyBytes / (cleanBytes + dirtyBytes),
    overdue: hasDeadline && oldestDirtyMs < nowMs - config.maxCompactionLagMs,
  }
}

const RELATIVE_OFFSET_MAX = 0x7fff_ffff

/** Neighbours that fit into one segment together become one (`Cleaner.groupSegmentsBySize`). */
export function groupSegments(segments: readonly Segment[], segmentBytes: number, endOffset: number): Segment[][] {
  const groups: Segment[][] = []
  let bytes = 0
  for (const [i, segment] of segments.entries()) {
    const nextBase = i + 1 < segments.length ? segments[i + 1].baseOffset : endOffset
    const group = groups[groups.length - 1]
    if (
      group !== undefined &&
      bytes + segment.sizeBytes <= segmentBytes &&
      nextBase - 1 - group[0].baseOffset <= RELATIVE_OFFSET_MAX
    ) {
      group.push(segment)
      bytes += segment.sizeBytes
    } else {
      groups.push([segment])
      bytes = segment.sizeBytes
    }
  }
  return groups
}
