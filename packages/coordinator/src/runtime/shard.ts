import type { Outcome } from './outcome.ts'
import type { CoordinatorRecord } from './record.ts'
import type { Timeline } from './timeline.ts'
import type { CoordinatorTimers } from './timers.ts'

/**
 * The state machine of one partition of an internal topic. Its methods for requests return an `Outcome`; what lasts changes
 * in `replay` alone, whether the record has just been made or is read at the start.
 */
export interface CoordinatorMachine {
  /** `producerId` is -1 unless the record belongs to a transaction, which `replayEndTransaction` decides later. */
  replay(offset: number, producerId: number, producerEpoch: number, record: CoordinatorRecord): void
  replayEndTransaction(producerId: number, producerEpoch: number, commit: boolean): void
  /** The whole partition has been replayed: timers may begin. */
  loaded(nowMs: number): void
  /** Another is in charge from here on: whoever waits is told NOT_COORDINATOR. Timers are gone already. */
  unloaded(): void
}

/** What a machine is made with. */
export interface MachineContext {
  readonly partition: number
  readonly timeline: Timeline
  readonly timers: CoordinatorTimers
  /**
   * Carries out `operation` as soon as what is going on is done, and again after a while where its records cannot be appended: for
   * what follows from an answer of the outside. Nothing happens when the shard is gone by then.
   */
  readonly submit: (operation: (nowMs: number) => Outcome<void>) => void
}
