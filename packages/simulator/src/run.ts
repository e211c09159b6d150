import { BrokerHost } from './broker-host.ts'
import { type InvariantId, Violation } from './check/invariants.ts'
import { Admin } from './client/admin.ts'
import { Consumer } from './client/consumer.ts'
import { IdempotentProducer } from './client/idempotent-producer.ts'
import { OffsetAsker } from './client/offset-asker.ts'
import { PlainProducer } from './client/plain-producer.ts'
import { Nemesis } from './fault/nemesis.ts'
import { drawOptions, type SwarmOptions } from './options.ts'
import { World } from './world.ts'

export interface RunOptions {
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
const OPERATIONS_WANTED = 100
const OPERATIONS_MAX_MS = 60_000
const CATCH_UP_MAX_MS = 60_000
const EVENTS_MAX = 1_000_000

/** One seed, from an empty disk to the last check. */
export class SimRun {
  readonly world: World
  private readonly host: BrokerHost
  private readonly untilEvent: number
  private stopped = false

  constructor(seed: number, options: RunOptions = {}) {
    this.world = new World(drawOptions(seed), options.trace ?? null)
    this.host = new BrokerHost(this.world)
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
    const { world, host } = this
    const admin = await this.setUp()
    if (this.over) return
    const { names, producers, consumers } = this.startClients()
    const nemesis = new Nemesis(world, host, names)
    world.phase = 'safety'
    admin.start()
    nemesis.start()
    await this.until('the part with faults', world.options.safetyMs, () => false)
    if (this.over) return

    world.phase = 'liveness'
    let up = false
    nemesis.heal(() => {
      up = true
    })
    await this.must('the broker is up and serves every partition', UP_MAX_MS, () => up)
    const target = world.tally.ok + world.tally.asked + OPERATIONS_WANTED
    const ackedBefore = producers.map(({ acked }) => acked)
    const progress = (): boolean =>
      world.tally.ok + world.tally.asked >= target && producers.every(({ acked }, i) => acked > ackedBefore[i])
    await this.must(
      `${OPERATIONS_WANTED} further operations succeed, some of every producer`,
      OPERATIONS_MAX_MS,
      progress,
    )
    for (const producer of producers) producer.stop()
    await this.must('every send is settled', CATCH_UP_MAX_MS, () =>
      producers.every((producer) => producer instanceof PlainProducer || producer.open === 0),
    )
    await this.must(
      'every consumer has read everything',
      CATCH_UP_MAX_MS,
      () => consumers.every((consumer) => consumer.caughtUp),
      () =>
        consumers
          .filter(({ caughtUp }) => !caughtUp)
          .map(({ standing }) => standing)
          .join('; '),
    )
    if (this.over) return

    world.phase = 'end'
    host.watch.checkAll()
    await this.lastRestart()
    host.watch.checkAll()
  }

  private async setUp(): Promise<Admin> {
    const { world, host } = this
    host.onStarted = (outcome) => {
      if (outcome instanceof Error)
        world.checks.fail('LV', 'a broker starts on an empty disk', outcome.stack ?? outcome.message)
    }
    host.start()
    const admin = new Admin(world, world.simulation.addMachine('c0'), 0)
    for (const plan of world.options.topics) admin.create(plan)
    await this.must('the topics are created', SETUP_MAX_MS, () => world.topics.every(({ state }) => state === 'live'))
    return admin
  }

  private startClients(): {
    names: string[]
    producers: (IdempotentProducer | PlainProducer)[]
    consumers: Consumer[]
  } {
    const { world } = this
    const names: string[] = []
    const next = (): number => {
      names.push(`c${names.length + 1}`)
      return names.length
    }
    const machine = (): ReturnType<typeof world.simulation.addMachine> =>
      world.simulation.addMachine(`c${names.length}`)
    const producers: (IdempotentProducer | PlainProducer)[] = []
    const consumers: Consumer[] = []
    for (let i = 0; i < world.options.idempotentProducers; i++) {
      const number = next()
      producers.push(new IdempotentProducer(world, machine(), number))
    }
    for (let i = 0; i < world.options.plainProducers; i++) {
      const number = next()
      producers.push(new PlainProducer(world, machine(), number))
    }
    for (let i = 0; i < world.options.consumers; i++) {
      const number = next()
      consumers.push(new Consumer(world, machine(), number))
    }
    const number = next()
    new OffsetAsker(world, machine(), number)
    return { names, producers, consumers }
  }

  /** S8: after a clean stop nothing is left that a power cut could take. */
  private async lastRestart(): Promise<void> {
    const { host, world } = this
    let closed = false
    host.stopCleanly(() => {
      closed = true
    })
    await this.must('the broker closes', UP_MAX_MS, () => closed)
    if (this.over) return
    if (!world.syncFailed) host.powerOff({ keep: 'none' })
    host.start()
    await this.must('the broker starts once more', UP_MAX_MS, () => host.state === 'up')
  }

  private get over(): boolean {
    return this.stopped || this.world.checks.first !== null
  }

  /** Runs until the condition holds or the time is over; every event is followed by the checks. */
  private async until(_what: string, maxMs: number, condition: () => boolean): Promise<boolean> {
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

  private async must(what: string, maxMs: number, condition: () => boolean, standing?: () => string): Promise<void> {
    const { checks } = this.world
    checks.met('LV')
    const startMs = this.world.nowMs
    const met = await this.until(what, maxMs, condition)
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
