import { Admin } from '../client/admin.ts'
import { Consumer } from '../client/consumer.ts'
import { IdempotentProducer } from '../client/idempotent-producer.ts'
import { OffsetAsker } from '../client/offset-asker.ts'
import { PlainProducer } from '../client/plain-producer.ts'
import type { World } from '../world.ts'
import type { Goal, Workload } from './workload.ts'

const OPERATIONS_WANTED = 100
const OPERATIONS_MAX_MS = 60_000
const CATCH_UP_MAX_MS = 60_000

/** Producers and consumers of single partitions; everything in the log is compared with what was sent. */
export class LogWorkload implements Workload {
  private readonly world: World
  private admin: Admin | null = null
  private producers: (IdempotentProducer | PlainProducer)[] = []
  private consumers: Consumer[] = []
  private target = 0
  private ackedBefore: number[] = []

  constructor(world: World) {
    this.world = world
  }

  setUp(): void {
    const { world } = this
    this.admin = new Admin(world, world.simulation.addMachine('c0'), 0)
    for (const plan of world.options.topics) this.admin.create(plan)
  }

  get isSetUp(): boolean {
    return this.world.topics.every(({ state }) => state === 'live')
  }

  startClients(): string[] {
    const { world } = this
    const { idempotentProducers, plainProducers, consumers } = world.options
    const names: string[] = []
    const make = <C>(
      count: number,
      Client: new (world: World, machine: ReturnType<typeof world.simulation.addMachine>, number: number) => C,
    ): C[] =>
      Array.from({ length: count }, () => {
        const number = names.push(`c${names.length + 1}`)
        return new Client(world, world.simulation.addMachine(`c${number}`), number)
      })
    this.producers = [...make(idempotentProducers, IdempotentProducer), ...make(plainProducers, PlainProducer)]
    this.consumers = make(consumers, Consumer)
    make(1, OffsetAsker)
    return names
  }

  begin(): void {
    this.admin?.start()
  }

  readonly goals: readonly Goal[] = [
    {
      what: `${OPERATIONS_WANTED} further operations succeed, some of every producer`,
      maxMs: OPERATIONS_MAX_MS,
      start: () => {
        const { tally } = this.world
        this.target = tally.ok + tally.asked + OPERATIONS_WANTED
        this.ackedBefore = this.producers.map(({ acked }) => acked)
      },
      reached: () => {
        const { tally } = this.world
        return (
          tally.ok + tally.asked >= this.target && this.producers.every(({ acked }, i) => acked > this.ackedBefore[i])
        )
      },
    },
    {
      what: 'every send is settled',
      maxMs: CATCH_UP_MAX_MS,
      start: () => {
        for (const producer of this.producers) producer.stop()
      },
      reached: () => this.producers.every((producer) => producer instanceof PlainProducer || producer.open === 0),
    },
    {
      what: 'every consumer has read everything',
      maxMs: CATCH_UP_MAX_MS,
      reached: () => this.consumers.every((consumer) => consumer.caughtUp),
      standing: () =>
        this.consumers
          .filter(({ caughtUp }) => !caughtUp)
          .map(({ standing }) => standing)
          .join('; '),
    },
  ]

  readonly lastGoals: readonly Goal[] = []
}
