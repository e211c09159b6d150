import type { Clock, Timers } from '@ottla/runtime'
import type { TurnEnd } from './turn-end.ts'

/** Requests of one turn of the event loop may be handled for so long; what comes then is handled in the turns that follow. */
export const TURN_WORK_MS = 20

/** Whose work it is: a connection. */
type Owner = object

/** `'goes on'`: a promise was settled, and what waits for it has this turn. */
type Work = () => 'done' | 'goes on'

/**
 * Keeps turns of the event loop short, however many long requests there are. Handling one request cannot be interrupted,
 * but where a turn has done its work the next ones wait for turns of their own: those of one connection in their order,
 * and connections that have not had a share before those that have, so that nobody waits for all that another has sent.
 *
 * ```
 * at once ──(a turn has done its work)──▶ everything waits, and is done at the ends of turns ──(nothing waits)──▶ at once
 * ```
 * Only work counts, not time that passes otherwise: under the simulator, whose clock stands still meanwhile, nothing waits.
 */
export class TurnBudget {
  private readonly clock: Clock
  private readonly timers: Timers
  private readonly turnEnd: TurnEnd
  private readonly queues = new Map<Owner, Work[]>()
  /** Who waits, in order: those not served since they began to wait, then the others. */
  private readonly fresh: Owner[] = []
  private readonly served: Owner[] = []
  private scheduled = false
  private spentMs = 0
  /** The turn that `spentMs` is about. */
  private turn = 0

  constructor(deps: { readonly clock: Clock; readonly timers: Timers; readonly turnEnd: TurnEnd }) {
    this.clock = deps.clock
    this.timers = deps.timers
    this.turnEnd = deps.turnEnd
  }

  /** Whether what comes now must `wait`. */
  get isSpent(): boolean {
    if (this.scheduled) return true
    if (this.turn !== this.turnEnd.count) {
      this.turn = this.turnEnd.count
      this.spentMs = 0
    }
    return this.spentMs >= TURN_WORK_MS
  }

  /** Something was done from then until now. */
  worked(sinceMs: number): void {
    this.spentMs += this.clock.monotonicMs() - sinceMs
  }

  wait(owner: Owner, work: Work): void {
    const queue = this.queues.get(owner)
    if (queue !== undefined) queue.push(work)
    else {
      this.queues.set(owner, [work])
      this.fresh.push(owner)
    }
    this.schedule()
  }

  /** For a loop over a list of this owner's that may be long. */
  slices(owner: Owner): Slices {
    return new Slices(this, this.clock, owner)
  }

  private schedule(): void {
    if (this.scheduled) return
    this.scheduled = true
    this.timers.immediate(this.run)
  }

  private readonly run = (): void => {
    this.scheduled = false
    // Not in a turn that has done its work already.
    if (this.spentMs < TURN_WORK_MS) this.serveAll()
    this.spentMs = 0
    if (this.queues.size > 0) this.schedule()
  }

  private serveAll(): void {
    let left = this.served.length
    for (let owner = this.fresh.shift(); owner !== undefined; owner = this.fresh.shift()) {
      this.serve(owner)
      if (this.spentMs >= TURN_WORK_MS) break
    }
    // However many come anew, those who have waited for longest go on.
    for (; left > 0; left--) {
      this.serve(this.served.shift()!)
      if (this.spentMs >= TURN_WORK_MS) break
    }
  }

  private serve(owner: Owner): void {
    const queue = this.queues.get(owner)!
    while (queue.length > 0) {
      const began = this.clock.monotonicMs()
      const outcome = queue.shift()!()
      this.worked(began)
      if (outcome === 'goes on') this.spentMs = TURN_WORK_MS
      if (this.spentMs >= TURN_WORK_MS) break
    }
    if (queue.length === 0) this.queues.delete(owner)
    else this.served.push(owner)
  }
}

/** A loop that lets others have their turn: `if (slices.over) await slices.next()` before each element. */
export class Slices {
  private readonly budget: TurnBudget
  private readonly clock: Clock
  private readonly owner: Owner
  private beganMs: number

  constructor(budget: TurnBudget, clock: Clock, owner: Owner) {
    this.budget = budget
    this.clock = clock
    this.owner = owner
    this.beganMs = clock.monotonicMs()
  }

  get over(): boolean {
    return this.clock.monotonicMs() - this.beganMs >= TURN_WORK_MS
  }

  async next(): Promise<void> {
    this.budget.worked(this.beganMs)
    await new Promise<void>((resolve) => {
      this.budget.wait(this.owner, () => {
        resolve()
        return 'goes on'
      })
    })
    this.beganMs = this.clock.monotonicMs()
  }
}
