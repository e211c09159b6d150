import type { Kafka } from '@ottla/client'
import type { Runtime } from '@ottla/runtime'
import type { SimMachine } from '@ottla/runtime/sim'
import type { PipelineLedger } from '../check/pipeline-ledger.ts'
import type { GroupPlan } from '../options.ts'
import type { World } from '../world.ts'
import { INPUT_TOPIC } from './feeder.ts'
import { type ShippedPlan, ShippedProcess } from './shipped-process.ts'

const AUTO_COMMIT_MS = 300

/** At least once: what was worked on is committed, and what was not comes again. */
export class Follower extends ShippedProcess {
  private readonly plan: GroupPlan
  private readonly shipped: ShippedPlan
  private readonly ledger: PipelineLedger

  constructor(
    world: World,
    machine: SimMachine,
    number: number,
    plan: GroupPlan,
    shipped: ShippedPlan,
    ledger: PipelineLedger,
  ) {
    super(world, machine, number)
    this.plan = plan
    this.shipped = shipped
    this.ledger = ledger
  }

  protected async run(kafka: Kafka, runtime: Runtime): Promise<void> {
    const autoCommit = this.random.chance(0.4)
    const consumer = kafka.consumer({
      group: 'followers',
      topics: [INPUT_TOPIC],
      from: 'earliest',
      autoCommit,
      autoCommitIntervalMs: AUTO_COMMIT_MS,
      ...this.shipped.membership(this.plan),
    })
    if (autoCommit) {
      for await (const { partition, offset, value } of consumer) {
        await this.work(runtime)
        this.ledger.processing(String(value), `${partition}@${offset}`, this.name)
      }
      return
    }
    for await (const batch of consumer.batches()) {
      await this.work(runtime)
      for (const { offset, value } of batch)
        this.ledger.processing(String(value), `${batch.partition}@${offset}`, this.name)
      if (this.random.chance(0.5)) await consumer.commit()
      else consumer.commitAsync()
    }
  }

  /** Now and then it takes a moment, longer than the automatic commits are apart. */
  private async work(runtime: Runtime): Promise<void> {
    if (this.random.chance(0.06)) await this.takeTime(runtime, this.random.between(1, 2 * AUTO_COMMIT_MS))
  }
}
