import type { LogCore } from './log-core.ts'
import { SWAP_SUFFIX } from './names.ts'
import type { Segment } from './segment.ts'

/** Old segments that one step moves out of the way: each costs some file operations. */
const STEP_SEGMENTS = 16

/**
 * Puts a cleaned segment, complete and on the device, in the place of neighbours (`UnifiedLog.replaceSegments`), in steps
 * between which others may use the log:
 *
 * | step | readers see | after a crash behind it, `settleTemporaryFiles` |
 * |---|---|---|
 * | (`.cleaned` is written) | the old segments | drops it: the log is as before |
 * | 1. `begin`: rename to `.swap` | the cleaned one | removes the old segments, takes `.swap` off: the log is as after |
 * | 2. old files out of the way | the cleaned one | the same |
 * | 3. rename to its name | the cleaned one | finds nothing to do |
 *
 * Why each of them is durable before the next step, and the beginning need not be:
 * - before 1: a `.swap` that is found has come from a `.cleaned` whose bytes are on the device; whether that name ever was
 *   there does not matter.
 * - behind 1: the power could take `.swap` back and leave the old files as `.deleted`, and then nothing is left of them.
 * - behind 2: the new name could be there beside an old segment that lies within its range. To recovery that is the sign of
 *   a lost segment, and it drops what follows.
 * - behind 3: the next `.cleaned` of this log may begin before this one, and a `.swap` above a `.cleaned` is part of a set
 *   that was not finished, which recovery drops; the old segments are gone by then.
 *
 * From `begin` on there is no way back: whatever interrupts it, the rest is done by the next run, by a truncation, when
 * the log is closed, or by the next start.
 */
export class SegmentSwap {
  readonly #core: LogCore
  readonly #cleaned: Segment
  readonly #gone: ReadonlySet<number>
  /** Still to be moved out of the way. */
  #old: readonly Segment[]
  /** Of the waits behind `begin`, so many are over. */
  #waits = 0

  constructor(core: LogCore, old: readonly Segment[], cleaned: Segment) {
    this.#core = core
    this.#old = old
    this.#cleaned = cleaned
    this.#gone = new Set(old.slice(1).map((segment) => segment.baseOffset))
  }

  /** False, and nothing done, when the neighbours are no longer there. An error means that nothing has changed. */
  begin(): boolean {
    const core = this.#core
    const index = core.segments.all().indexOf(this.#old[0])
    if (index < 0 || this.#old.some((segment, i) => core.segments.at(index + i) !== segment)) return false
    this.#cleaned.advance(SWAP_SUFFIX)
    this.#syncFolder()
    this.#cleaned.entrySynced = true
    core.segments.replace(index, this.#old.length, this.#cleaned)
    core.generation++
    return true
  }

  /** One step, with one wait for the device at most. False when it was the last. */
  step(): boolean {
    const core = this.#core
    if (this.#old.length > 0) {
      core.moveAway(this.#old.slice(0, STEP_SEGMENTS))
      this.#old = this.#old.slice(STEP_SEGMENTS)
      return true
    }
    // Retention may have taken it out meanwhile, under the name that it had.
    const present = core.segments.all().includes(this.#cleaned)
    if (this.#waits < 2) {
      if (this.#waits === 1 && present) this.#cleaned.advance('')
      this.#syncFolder()
      this.#waits++
      return true
    }
    if (present && this.#prepareToSeal()) return true
    core.removeSnapshots((offset) => this.#gone.has(offset))
    if (present) core.unlessShort('the indexes of a cleaned segment', () => this.#cleaned.seal())
    return false
  }

  #prepareToSeal(): boolean {
    let more = false
    this.#core.unlessShort('an index of a cleaned segment', () => {
      more = this.#cleaned.prepareToSeal()
    })
    return more
  }

  #syncFolder(): void {
    this.#core.env.runtime.fs.syncDir(this.#core.env.directory)
  }
}
