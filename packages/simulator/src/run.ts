import { BrokerHost } from './broker-host.ts'
import { type InvariantId, Violation } from './check/invariants.ts'
import { Nemesis } from './fault/nemesis.ts'
import { drawOptions, type SwarmOptions, type WorkloadName } from './options.ts'
import { GroupWorkload } from './workload/group-workload.ts'
import { LogWorkload } from './workload/log-workload.ts'
import type { Goal, Workload } from './workload/workload.ts'
import { World } from './world.ts'

export interface RunOptions {
  /** What the clients do; the log by itself when it is left out. */
  readonly workload?: WorkloadName
  /** Stop after this event. */
  readonly untilEvent?: number
  /** Gets every line of the timeline as it happens. */
  readonly trace?: (line: string) => void
}

/** What came of one seed. */
export interface RunResult {
  readonly seed: number
  readonly options: SwarmOptions
  readonly violation: Violation | null
  /** Equal for equal runs. */
  readonly traceHash: string
  readonly events: number
  readonly simulatedMs: number
  readonly tally: Readonly<Record<'sent' | 'ok' | 'unknown' | 'failed' | 'delivered' | 'asked', number>>
  readonly faults: ReadonlyMap<string, number>
  readonly exercised: ReadonlyMap<InvariantId, number>
  /** The last lines of what happened. */
  readonly timeline: readonly string[]
  /** The last events of the scheduler, as text. */
  readonly lastEvents: readonly string[]
}

const SETUP_MAX_MS = 10_000
/** The faults have ended: by then the broker serves, the operations have succeeded, and all is read. */
const UP_MAX_MS = 40_000
const EVENTS_MAX = 1_000_000

/** One seed, from an empty disk to the last check. */
export class SimRun {
  readonly world: World
  private readonly host: BrokerHost
  private readonly workload: Workload
  private readonly untilEvent: number
  private stopped = false

  constructor(seed: number, options: RunOptions = {}) {
    this.world = new World(drawOptions(seed, options.workload), options.trace ?? null)
    this.host = new BrokerHost(this.world)
    const { groups } = this.world.options
    this.workload = groups === null ? new LogWorkload(this.world) : new GroupWorkload(this.world, groups)
    this.untilEvent = options.untilEvent ?? Number.POSITIVE_INFINITY
  }

  /** A promise was rejected and nobody listened: told by whoever runs this. */
  strayRejection(error: unknown): void {
    this.world.bug(`unhandled rejection: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  }

  async run(): Promise<RunResult> {
    try {
      await this.phases()
    } catch (error) {
      if (!(error instanceof Violation)) {
        this.world.bug(
          `exception in an event: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        )
      }
    }
    return this.result()
  }

  private async phases(): Promise<void> {
    const { world, host, workload } = this
    await this.setUp()
    if (this.over) return
    const nemesis = new Nemesis(world, host, workload.startClients())
    world.phase = 'safety'
    workload.begin()
    nemesis.start()
    await this.until(world.options.safetyMs, () => false)
    if (this.over) return

    world.phase = 'liveness'
    let up = false
    nemesis.heal(() => {
      up = true
    })
    await this.must({ what: 'the broker is up and serves every partition', maxMs: UP_MAX_MS, reached: () => up })
    for (const goal of workload.goals) await this.must(goal)
    if (this.over) return

    world.phase = 'end'
    host.watch.checkAll()
    await this.lastRestart()
    host.watch.checkAll()
    for (const goal of workload.lastGoals) await this.must(goal)
  }

  private async setUp(): Promise<void> {
    const { world, host, workload } = this
    host.onStarted = (outcome) => {
      if (outcome instanceof Error)
        world.checks.fail('LV', 'a broker starts on an empty disk', outcome.stack ?? outcome.message)
    }
    host.start()
    workload.setUp()
    await this.must({ what: 'the topics are created', maxMs: SETUP_MAX_MS, reached: () => workload.isSetUp })
  }

  /** S8: after a clean stop nothing is left that a power cut could take. */
  private async lastRestart(): Promise<void> {
    const { host, world } = this
    let closed = false
    host.stopCleanly(() => {
      closed = true
    })
    await this.must({ what: 'the broker closes', maxMs: UP_MAX_MS, reached: () => closed })
    if (this.over) return
    if (!world.syncFailed) host.powerOff({ keep: 'none' })
    host.start()
    await this.must({ what: 'the broker starts once more', maxMs: UP_MAX_MS, reached: () => host.state === 'up' })
  }

  private get over(): boolean {
    return this.stopped || this.world.checks.first !== null
  }

  /** Runs until the condition holds or the time is over; every event is followed by the checks. */
  private async until(maxMs: number, condition: () => boolean): Promise<boolean> {
    const { world, host } = this
    const { scheduler, checks } = world
    if (this.over) return false
    let met = false
    await scheduler.run({
      untilMs: scheduler.nowMs + maxMs,
      eventsMax: EVENTS_MAX,
      until: () => {
        if (checks.first !== null) return true
        host.watch.step()
        if (scheduler.eventCount >= this.untilEvent) this.stopped = true
        met = condition()
        return met || this.stopped || checks.first !== null
      },
    })
    return met
  }

  private async must({ what, maxMs, start, reached, standing }: Goal): Promise<void> {
    if (this.over) return
    const { checks } = this.world
    checks.met('LV')
    start?.()
    const startMs = this.world.nowMs
    const met = await this.until(maxMs, reached)
    if (!met && !this.over)
      checks.fail(
        'LV',
        `${what} within ${maxMs} ms`,
        `it has not come to that in ${(this.world.nowMs - startMs).toFixed(0)} ms${standing === undefined ? '' : `: ${standing()}`}`,
      )
  }

  private result(): RunResult {
    const { world } = this
    const { scheduler, tally, checks } = world
    const { sent, ok, unknown, failed, delivered, asked } = tally
    return {
      seed: world.options.seed,
      options: world.options,
      violation: checks.first,
      traceHash: scheduler.traceHash,
      events: scheduler.eventCount,
      simulatedMs: scheduler.nowMs,
      tally: { sent, ok, unknown, failed, delivered, asked },
      faults: world.faults,
      exercised: checks.exercised,
      timeline: world.timeline,
      lastEvents:
        checks.first === null && !this.stopped
          ? []
          : scheduler.trace().map(({ event, timeMs, kind, a, b }) => `${event} ${timeMs.toFixed(3)} ${kind} ${a} ${b}`),
    }
  }
}
