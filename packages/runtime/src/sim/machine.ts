import type { DiskImage } from '../disk/image.ts'
import type { Clock, TimerHandle, TimerOptions, Timers } from '../ports/clock.ts'
import type { LogFields, Logger, LogLevel } from '../ports/logger.ts'
import type { Runtime } from '../runtime.ts'
import { type CrashOptions, SimDisk, type SimDiskOptions, simEpochMs } from './disk.ts'
import { type LinkProfile, type SimHost, SimNetwork } from './network.ts'
import { SeededSecureRandom } from './prng.ts'
import { type SimEvent, SimScheduler } from './scheduler.ts'

export interface SimulationOptions {
  readonly seed: number
  readonly link?: Partial<LinkProfile>
  readonly traceEntriesMax?: number
}

export interface MachineOptions {
  /** What the wall clock shows beyond the right time, milliseconds. Default 0. */
  readonly skewMs?: number
  /** How much too fast both clocks run, parts per million; below 0 too slow. Default 0. */
  readonly driftPpm?: number
  readonly disk?: Partial<Pick<SimDiskOptions, 'readMs' | 'writeMs' | 'syncMs' | 'record'>> & {
    readonly image?: DiskImage
  }
}

/** A world of machines under one seeded scheduler. */
export class Simulation {
  readonly scheduler: SimScheduler
  readonly network: SimNetwork
  readonly machines = new Map<string, SimMachine>()

  constructor(options: SimulationOptions) {
    this.scheduler = new SimScheduler(options)
    this.network = new SimNetwork({
      scheduler: this.scheduler,
      random: this.scheduler.random.split('network'),
      profile: options.link,
    })
  }

  addMachine(name: string, options: MachineOptions = {}): SimMachine {
    const machine = new SimMachine(this, name, options)
    this.machines.set(name, machine)
    return machine
  }
}

export interface LogLine {
  readonly timeMs: number
  readonly level: LogLevel
  readonly message: string
  readonly fields: LogFields | undefined
}

/** How many of the last log lines a machine keeps. */
const logLinesMax = 1_000

/** A computer: its disk and network outlive the process that runs on it. */
export class SimMachine {
  readonly simulation: Simulation
  readonly name: string
  readonly disk: SimDisk
  readonly host: SimHost
  /** The last lines its processes logged. */
  readonly log: LogLine[] = []
  readonly #clock: MachineClock
  #process: SimProcess | undefined
  #starts = 0

  constructor(simulation: Simulation, name: string, options: MachineOptions) {
    const { scheduler, network } = simulation
    this.simulation = simulation
    this.name = name
    this.host = network.addHost(name)
    this.disk = new SimDisk({
      ...options.disk,
      scheduler,
      random: scheduler.random.split(`${name}/disk`),
      id: this.host.id,
    })
    this.#clock = new MachineClock(scheduler, options.skewMs ?? 0, options.driftPpm ?? 0)
  }

  get running(): boolean {
    return this.#process !== undefined
  }

  /** Starts a process: hands out what it may know of the world. One process runs at a time. */
  start(): Runtime {
    if (this.#process !== undefined) throw new Error(`a process runs on ${this.name} already`)
    const { scheduler } = this.simulation
    scheduler.note('machine/start', this.host.id, ++this.#starts)
    const process = new SimProcess(this, this.#clock)
    this.#process = process
    const random = scheduler.random.split(`${this.name}/process/${this.#starts}`)
    return {
      clock: this.#clock,
      timers: process,
      random: random.split('random'),
      secureRandom: new SeededSecureRandom(random.split('secure-random')),
      fs: this.disk.mount(),
      net: this.host.start(),
      logger: process.logger,
    }
  }

  /** kill -9: the process is gone within one instruction, the machine and its page cache live on. */
  kill(): void {
    this.simulation.scheduler.note('machine/kill', this.host.id)
    this.#process?.die()
    this.#process = undefined
    this.disk.kill()
    this.host.kill()
  }

  /** The power goes. `start` brings the machine back. */
  powerOff(options: CrashOptions): void {
    this.simulation.scheduler.note('machine/power-off', this.host.id)
    this.#process?.die()
    this.#process = undefined
    this.disk.crash(options)
    this.host.powerOff()
  }

  /** Moves the wall clock; the monotonic one goes on as before. */
  jumpWallClock(byMs: number): void {
    this.simulation.scheduler.note('machine/clock-jump', this.host.id, byMs)
    this.#clock.skewMs += byMs
  }
}

class MachineClock implements Clock {
  readonly #scheduler: SimScheduler
  readonly rate: number
  skewMs: number

  constructor(scheduler: SimScheduler, skewMs: number, driftPpm: number) {
    this.#scheduler = scheduler
    this.skewMs = skewMs
    this.rate = 1 + driftPpm / 1_000_000
  }

  // Called apart from their object, as the methods of the real clock may be.
  readonly nowMs = (): number => simEpochMs + Math.floor(this.#scheduler.nowMs * this.rate + this.skewMs)
  readonly monotonicMs = (): number => this.#scheduler.nowMs * this.rate
}

const delayMsMax = 2 ** 31 - 1

/** The timers and the log of one process. After its death nothing of it runs. */
class SimProcess implements Timers {
  readonly #machine: SimMachine
  readonly #clock: MachineClock
  readonly #scheduler: SimScheduler
  readonly #id: number
  readonly #immediates: (() => void)[] = []
  #alive = true
  readonly logger: Logger

  constructor(machine: SimMachine, clock: MachineClock) {
    this.#machine = machine
    this.#clock = clock
    this.#scheduler = machine.simulation.scheduler
    this.#id = machine.host.id
    const line =
      (level: LogLevel) =>
      (message: string, fields?: LogFields): void =>
        this.#log(level, message, fields)
    this.logger = {
      level: 'trace',
      trace: line('trace'),
      debug: line('debug'),
      info: line('info'),
      warn: line('warn'),
      error: line('error'),
    }
  }

  die(): void {
    this.#alive = false
    this.#immediates.length = 0
  }

  setTimer(fn: () => void, delayMs: number, _options?: TimerOptions): TimerHandle {
    const clampedMs = !(delayMs > 0) ? 0 : Math.min(delayMs, delayMsMax)
    const dueMs = this.#clock.monotonicMs() + clampedMs
    // Rounded up to the scheduler's microseconds, so that the process's own clock never sees it fire early.
    let delayUs = Math.ceil((clampedMs * 1_000) / this.#clock.rate)
    while ((this.#scheduler.nowMs + delayUs / 1_000) * this.#clock.rate < dueMs) delayUs += 1
    const event = this.#scheduler.schedule(delayUs / 1_000, 'timer', this.#id, 0, () => {
      if (this.#alive) fn()
    })
    return event as unknown as TimerHandle
  }

  clearTimer(handle: TimerHandle | undefined): void {
    if (handle !== undefined) this.#scheduler.cancel(handle as unknown as SimEvent)
  }

  /** In the order of the calls, as on a real event loop; anything else due now may come between. */
  immediate(fn: () => void): void {
    if (!this.#alive) return
    this.#immediates.push(fn)
    this.#scheduler.schedule(0, 'immediate', this.#id, 0, () => this.#immediates.shift()?.())
  }

  #log(level: LogLevel, message: string, fields: LogFields | undefined): void {
    if (!this.#alive) return
    const { log } = this.#machine
    if (log.length >= logLinesMax) log.splice(0, logLinesMax / 2)
    log.push({ timeMs: this.#scheduler.nowMs, level, message, fields })
  }
}
