import { Broker, BrokerConfig, objectLayer } from '@ottla/broker'
import type { LogFields, Logger, Runtime } from '@ottla/runtime'
import type { CrashOptions, SimMachine } from '@ottla/runtime/sim'
import { BrokerWatch, type StopKind } from './check/broker-watch.ts'
import { BROKER_HOST, BROKER_PORT } from './client/link.ts'
import type { World } from './world.ts'

export type HostState = 'down' | 'starting' | 'up' | 'closing'

/** What came of a start: the broker is up, or why it is not. */
export type StartOutcome = 'up' | 'stopped from outside' | Error

/** A clean stop may take this long: answers under way, and a flush of every log. */
const CLOSE_MAX_MS = 30_000
/** What members of the consumer protocol are told. */
const HEARTBEAT_MS = 300

/** The machine of the broker, and whichever broker runs on it. */
export class BrokerHost {
  readonly machine: SimMachine
  readonly watch: BrokerWatch
  state: HostState = 'down'
  broker: Broker | null = null
  /** Counts the processes. */
  starts = 0
  /** Why the last start failed. */
  startError: Error | null = null
  private readonly world: World
  private lastStop: StopKind = 'none'
  /** Told once, when the start under way has ended one way or another. */
  onStarted: ((outcome: StartOutcome) => void) | null = null

  constructor(world: World) {
    this.world = world
    const { clockSkewMs, clockDriftPpm } = world.options
    this.machine = world.simulation.addMachine(BROKER_HOST, { skewMs: clockSkewMs, driftPpm: clockDriftPpm })
    this.watch = new BrokerWatch(world, this.machine)
    world.refresh = () => {
      this.watch.refresh()
      this.watch.step()
    }
  }

  get directories(): string[] {
    return this.world.options.directories === 1 ? ['/data'] : ['/data', '/data2']
  }

  start(): void {
    if (this.state !== 'down') return
    this.state = 'starting'
    const process = ++this.starts
    const { scheduler } = this.world
    const runtime = this.loggingRuntime(this.machine.start())
    this.world.brokerClock = runtime.clock
    this.world.say(`broker starts (process ${process})`)
    const settled = (broker: Broker | null, error: Error | null): void => {
      // In an event of its own, so that what fails there fails the run and not a promise.
      scheduler.schedule(0, 'sim/broker-started', process, error === null ? 1 : 0, () => {
        if (process === this.starts && this.state === 'starting') this.started(broker, error)
      })
    }
    const identity = { pid: process, startedAt: String(process), bootId: 'sim' }
    Broker.start({ config: this.config(), identity, isAlive: () => false, poisonBuffers: true }, runtime).then(
      (broker) => settled(broker, null),
      (error) => settled(null, error as Error),
    )
  }

  private started(broker: Broker | null, error: Error | null): void {
    this.startError = error
    if (broker === null) {
      this.world.say(`broker does not start: ${error?.message}`)
      this.machine.kill()
      this.state = 'down'
    } else {
      this.world.say('broker is up')
      this.state = 'up'
      this.broker = broker
      this.watch.attach(broker, this.lastStop)
      this.lastStop = 'none'
    }
    this.tellStarted(error ?? 'up')
  }

  private tellStarted(outcome: StartOutcome): void {
    const told = this.onStarted
    this.onStarted = null
    told?.(outcome)
  }

  kill(): void {
    if (this.state === 'down') return
    this.world.say('broker is killed')
    this.ended('kill')
    this.machine.kill()
  }

  powerOff(options: CrashOptions): void {
    this.world.say(`power cut, keeping ${options.keep}${options.model === undefined ? '' : ` (${options.model})`}`)
    this.ended('power')
    this.machine.powerOff(options)
  }

  /** `then` is called when the process has ended, unless it was killed meanwhile. */
  stopCleanly(then: () => void): void {
    if (this.state !== 'up') return
    this.state = 'closing'
    this.world.say('broker closes')
    const process = this.starts
    const { scheduler } = this.world
    const current = (): boolean => process === this.starts && this.state === 'closing'
    scheduler.schedule(CLOSE_MAX_MS, 'sim/close-timeout', process, 0, () => {
      if (current()) this.world.checks.fail('LV', `the broker closes within ${CLOSE_MAX_MS} ms`, 'it is still closing')
    })
    this.broker!.close().then(
      () =>
        scheduler.schedule(0, 'sim/broker-closed', process, 0, () => {
          if (!current()) return
          this.world.say('broker is closed')
          this.ended(this.watch.wholeAndOnline ? 'clean' : 'kill')
          this.machine.kill()
          then()
        }),
      (error: Error) =>
        scheduler.schedule(0, 'sim/broker-closed', process, 1, () => {
          this.world.checks.fail('OK', 'the broker closes', `close() was rejected: ${error.stack ?? error.message}`)
        }),
    )
  }

  /** What a second stop, before the next start, may take is decided by the harder one. */
  private ended(kind: StopKind): void {
    if (this.state !== 'down') this.watch.detach()
    const order: readonly StopKind[] = ['none', 'clean', 'kill', 'power']
    if (kind === 'power' && this.lastStop === 'clean') this.lastStop = 'clean-power'
    else if (order.indexOf(kind) > order.indexOf(this.lastStop)) this.lastStop = kind
    const starting = this.state === 'starting'
    this.state = 'down'
    this.broker = null
    this.watch.troubles.delete('after-error')
    if (starting) this.tellStarted('stopped from outside')
  }

  private config(): BrokerConfig {
    const { options } = this.world
    return BrokerConfig.from(
      objectLayer({
        'node.id': 1,
        'log.dirs': this.directories.join(','),
        listeners: `PLAINTEXT://0.0.0.0:${BROKER_PORT}`,
        'advertised.listeners': `PLAINTEXT://${BROKER_HOST}:${BROKER_PORT}`,
        'auto.create.topics.enable': false,
        'log.initial.task.delay.ms': 200,
        'log.retention.check.interval.ms': options.retentionCheckMs,
        'log.flush.offset.checkpoint.interval.ms': options.checkpointIntervalMs,
        'log.message.timestamp.after.max.ms': 365 * 86_400_000,
        // The log itself has to cope with a full disk.
        'ottla.min.free.disk.bytes': 0,
        ...this.groupConfig(),
      }),
    )
  }

  /** Small bounds, so that sessions and transactions run out, and internal topics are compacted, in a run of seconds. */
  private groupConfig(): Record<string, string | number | boolean> {
    const { groups } = this.world.options
    if (groups === null) return {}
    return {
      'log.flush.interval.messages': groups.strict ? 1 : Number.MAX_SAFE_INTEGER,
      'group.min.session.timeout.ms': 500,
      'group.initial.rebalance.delay.ms': groups.initialDelayMs,
      'group.consumer.min.heartbeat.interval.ms': 100,
      'group.consumer.heartbeat.interval.ms': HEARTBEAT_MS,
      'group.consumer.min.session.timeout.ms': 500,
      'group.consumer.session.timeout.ms': groups.sessionTimeoutMs,
      'offsets.topic.num.partitions': groups.internalPartitions,
      'offsets.topic.segment.bytes': 16 * 1024,
      'transaction.state.log.num.partitions': groups.internalPartitions,
      'transaction.state.log.segment.bytes': 16 * 1024,
      'transaction.abort.timed.out.transaction.cleanup.interval.ms': 300,
      'log.cleaner.backoff.ms': 700,
    }
  }

  private loggingRuntime(runtime: Runtime): Runtime {
    const { logger } = runtime
    const { world } = this
    const note =
      (level: 'warn' | 'error') =>
      (message: string, fields?: LogFields): void => {
        if (message.startsWith('bug')) world.bug(`${message} ${JSON.stringify(fields ?? {})}`)
        if (world.tracing) world.say(`broker ${level}: ${message} ${JSON.stringify(fields ?? {})}`)
        logger[level](message, fields)
      }
    const noted: Logger = { ...logger, warn: note('warn'), error: note('error') }
    return { ...runtime, logger: noted }
  }
}
