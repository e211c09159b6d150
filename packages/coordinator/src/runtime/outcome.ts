import type { Later } from './later.ts'
import type { CoordinatorRecord } from './record.ts'

/** What a request, a timer or a change of metadata comes to (`CoordinatorResult` in Apache Kafka). */
export interface Outcome<R> {
  /** Replayed at once, then appended as one batch; the reply leaves when they are committed. */
  readonly records: readonly CoordinatorRecord[]
  readonly reply: R | Later<R>
  /**
   * Told before the reply leaves: 0 when the records are committed, else why not, and then the state that came of replaying them
   * has been taken back. Not told without records.
   */
  readonly onAppended?: (errorCode: number) => void
  /** The records are independent of each other: where one batch is too small they may go in several. */
  readonly separable?: boolean
}

const NO_RECORDS: readonly CoordinatorRecord[] = []

/** Nothing changes. */
export function replyOnly<R>(reply: R | Later<R>): Outcome<R> {
  return { records: NO_RECORDS, reply }
}

/** Nothing changes, and nobody waits. */
export const NOTHING: Outcome<void> = { records: NO_RECORDS, reply: undefined }

/** How a machine refuses in the midst of its work: the whole request gets this error of the protocol. */
export class CoordinatorError extends Error {
  readonly errorCode: number

  constructor(errorCode: number, message: string) {
    super(message)
    this.errorCode = errorCode
  }
}
