import type { Timers } from '@ottla/runtime'

/** Something that gathers work during a turn of the event loop and does it once at the end. */
export interface AtTurnEnd {
  turnEnd(): void
}

/** Calls each member that asked for it once, after the input of this turn has been handled. */
export class TurnEnd {
  private readonly timers: Timers
  private waiting: AtTurnEnd[] = []
  private scheduled = false
  /** Ends of turns so far. */
  count = 0

  constructor(timers: Timers) {
    this.timers = timers
  }

  /** The caller remembers that it has asked, and asks once per turn. */
  add(member: AtTurnEnd): void {
    this.waiting.push(member)
    if (this.scheduled) return
    this.scheduled = true
    this.timers.immediate(this.run)
  }

  private readonly run = (): void => {
    const due = this.waiting
    this.waiting = []
    this.scheduled = false
    this.count++
    for (let i = 0; i < due.length; i++) due[i].turnEnd()
  }
}
