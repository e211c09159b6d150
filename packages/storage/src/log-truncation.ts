import type { LogCore } from './log-core.ts'
import { SEGMENT_SUFFIXES } from './names.ts'
import { Segment } from './segment.ts'

/** Cutting a log's files, each step durable before the next. The caller sees to what is known of the log in memory. */

/** Takes out every batch that reaches to `offset` or beyond. Returns where the log ends now. */
export function cutLog(core: LogCore, offset: number): number {
  const index = core.segments.floorIndex(offset)
  for (let i = core.segments.length - 1; i > index; i--) dropSegment(core, i)
  const segment = core.segments.at(index)!
  segment.unseal()
  const position = segment.positionOf(offset)
  if (position >= 0) segment.truncateTo(position, offset)
  // The batch that holds the offset has gone as a whole.
  const endOffset = core.readEndOffset()
  core.logStartOffset = Math.min(core.logStartOffset, endOffset)
  return endOffset
}

/** Takes out everything; the log is empty and begins at `offset`. */
export function restartLog(core: LogCore, offset: number): void {
  const { fs, clock } = core.env.runtime
  for (let i = core.segments.length - 1; i >= 0; i--) dropSegment(core, i)
  const segment = Segment.planned(core.env, offset, clock.nowMs())
  // Without a file of that name a restart would begin at 0 again.
  segment.createFile(0)
  fs.syncDir(core.env.directory)
  segment.entrySynced = true
  core.segments.add(segment)
  core.logStartOffset = offset
}

/** The last segment first, each for good: a crash in between must not leave a hole. */
function dropSegment(core: LogCore, index: number): void {
  const { fs } = core.env.runtime
  const segment = core.segments.at(index)!
  segment.closeFile()
  for (const suffix of SEGMENT_SUFFIXES) if (suffix !== '.snapshot') fs.unlink(segment.path(suffix))
  core.env.checksums.delete(segment.baseOffset)
  fs.syncDir(core.env.directory)
  core.segments.replace(index, 1)
}
