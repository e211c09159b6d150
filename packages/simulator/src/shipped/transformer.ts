import type { Kafka } from '@ottla/client'
import type { SimMachine } from '@ottla/runtime/sim'
import type { GroupPlan } from '../options.ts'
import type { World } from '../world.ts'
import { INPUT_TOPIC } from './feeder.ts'
import { type ShippedPlan, ShippedProcess } from './shipped-process.ts'

export const OUTPUT_TOPIC = 'out'

/** Consumes, transforms and produces in transactions that hold the offsets too: each input becomes one output. */
export class Transformer extends ShippedProcess {
  private readonly plan: GroupPlan
  private readonly shipped: ShippedPlan

  constructor(world: World, machine: SimMachine, number: number, plan: GroupPlan, shipped: ShippedPlan) {
    super(world, machine, number)
    this.plan = plan
    this.shipped = shipped
  }

  protected async run(kafka: Kafka): Promise<void> {
    const { transactionTimeoutMs } = this.plan
    const transactionalId = `transformer-${this.number}`
    const producer = kafka.producer({ transactionalId, transactionTimeoutMs, deliveryTimeoutMs: 10_000 })
    await producer.init()
    const consumer = kafka.consumer({
      group: 'transformers',
      topics: [INPUT_TOPIC],
      from: 'earliest',
      autoCommit: false,
      isolation: 'read_committed',
      ...this.shipped.membership(this.plan),
    })
    for await (const batch of consumer.batches()) {
      await producer.transaction(async (transaction) => {
        for (const { value } of batch) void transaction.send(OUTPUT_TOPIC, { value })
        await transaction.sendOffsets(consumer)
        if (this.random.chance(0.1) && this.world.phase === 'safety') throw new ChangedItsMind()
      })
    }
  }
}

/** The program aborts its transaction by failing. */
class ChangedItsMind extends Error {
  readonly code = 'CHANGED_ITS_MIND'
}
