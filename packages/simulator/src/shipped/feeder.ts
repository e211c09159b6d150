import type { Kafka } from '@ottla/client'
import type { Runtime } from '@ottla/runtime'
import type { SimMachine } from '@ottla/runtime/sim'
import type { PipelineLedger } from '../check/pipeline-ledger.ts'
import type { World } from '../world.ts'
import { ShippedProcess } from './shipped-process.ts'

export const INPUT_TOPIC = 'in'
const DELIVERY_TIMEOUT_MS = 10_000

/** Writes numbered records with an idempotent producer. */
export class Feeder extends ShippedProcess {
  stopped = false
  private readonly ledger: PipelineLedger
  private count = 0
  /** Sends without an outcome. */
  private open = 0

  constructor(world: World, machine: SimMachine, number: number, ledger: PipelineLedger) {
    super(world, machine, number)
    this.ledger = ledger
  }

  get idle(): boolean {
    return this.stopped && this.open === 0
  }

  protected async run(kafka: Kafka, runtime: Runtime): Promise<void> {
    const producer = kafka.producer({ deliveryTimeoutMs: DELIVERY_TIMEOUT_MS })
    while (!this.stopped) {
      for (let i = this.random.below(4); i > 0; i--) {
        const key = `${this.name}-${this.count++}`
        this.ledger.sending(key)
        this.world.tally.sent++
        this.open++
        producer.send(INPUT_TOPIC, { key, value: key }).then(
          () => {
            this.open--
            this.world.tally.ok++
            this.ledger.acked.add(key)
          },
          () => {
            this.open--
            this.world.tally.unknown++
          },
        )
      }
      await new Promise<void>((resolve) => {
        runtime.timers.setTimer(() => resolve(), this.random.between(30, 200))
      })
    }
    // Until the run is over.
    await new Promise(() => {})
  }
}
