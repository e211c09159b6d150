import { type GroupConsumerOptions, Kafka } from '@ottla/client'
import type { Runtime } from '@ottla/runtime'
import type { SeededRandom, SimMachine } from '@ottla/runtime/sim'
import { BROKER_HOST, BROKER_PORT } from '../client/link.ts'
import type { GroupPlan } from '../options.ts'
import type { World } from '../world.ts'

/** How the members of the shipped groups are made; the same for all of a run. */
export interface ShippedPlan {
  membership(
    plan: GroupPlan,
  ): Pick<
    GroupConsumerOptions,
    'groupProtocol' | 'assignors' | 'sessionTimeoutMs' | 'heartbeatIntervalMs' | 'maxPollIntervalMs'
  >
}

/** After a failure the program begins anew. */
const RESTART_MS = 200
const CLOSE_MS = 500

/** A program over the client that we ship, as a user writes it. It begins anew when it fails, and now and then it is killed. */
export abstract class ShippedProcess {
  readonly number: number
  protected readonly world: World
  protected readonly random: SeededRandom
  private readonly machine: SimMachine
  private processes = 0
  private isDown = true

  constructor(world: World, machine: SimMachine, number: number) {
    this.world = world
    this.machine = machine
    this.number = number
    this.random = world.random(`client/${number}`)
  }

  get name(): string {
    return `c${this.number}`
  }

  /** Runs until it fails. */
  protected abstract run(kafka: Kafka, runtime: Runtime): Promise<void>

  start(): void {
    const process = ++this.processes
    this.isDown = false
    void this.live(this.machine.start(), () => process === this.processes)
  }

  /** Kills it at random times while faults are about. */
  haunt(): void {
    this.world.scheduler.schedule(this.random.between(1_500, 8_000), 'sim/haunt', this.number, 0, () => {
      this.killNow()
      if (this.world.phase === 'safety') this.haunt()
    })
  }

  /** Something takes so long; now and then the process does not live to see it done. */
  protected async takeTime(runtime: Runtime, ms: number): Promise<void> {
    if (this.random.chance(0.15)) {
      const process = this.processes
      this.world.scheduler.schedule(this.random.between(0, ms), 'sim/haunt', this.number, 1, () => {
        if (process === this.processes) this.killNow()
      })
    }
    await new Promise<void>((resolve) => {
      runtime.timers.setTimer(() => resolve(), ms)
    })
  }

  private killNow(): void {
    if (this.world.phase !== 'safety' || this.isDown) return
    this.world.fault('client killed')
    this.world.say(`${this.name} is killed`)
    this.processes++
    this.isDown = true
    this.machine.kill()
    this.world.scheduler.schedule(this.random.between(10, 2_000), 'sim/rise', this.number, 0, () => this.start())
  }

  private async live(runtime: Runtime, isCurrent: () => boolean): Promise<void> {
    while (isCurrent()) {
      const options = { bootstrap: `${BROKER_HOST}:${BROKER_PORT}`, requestTimeoutMs: 3_000, clientId: this.name }
      const kafka = new Kafka(options, runtime)
      try {
        await this.run(kafka, runtime)
      } catch (error) {
        const { code = '', message } = error as { code?: string; message: string }
        if (this.world.tracing) this.world.say(`${this.name} fails: ${code} ${message}`)
        // What is no error of the client's own is a mistake in it.
        if (code === '') this.world.bug(`${this.name}: ${(error as Error).stack ?? message}`)
      }
      await kafka.close({ timeoutMs: CLOSE_MS })
      await new Promise<void>((resolve) => {
        runtime.timers.setTimer(() => resolve(), RESTART_MS)
      })
    }
  }
}
