import { ErrorCode, errorName, FetchRequest, FetchResponse, type MessageOf } from '@ottla/protocol'
import { batch, ControlType, controlTypeOf, readBatches } from '@ottla/protocol/records'
import type { SeededRandom, SimMachine } from '@ottla/runtime/sim'
import { Link } from '../client/link.ts'
import type { World } from '../world.ts'

const READ_COMMITTED = 1
const VERSION = 12
const TIMEOUT_MS = 3_000

type Entry = MessageOf<typeof FetchResponse>['responses'][number]['partitions'][number]

/** Gets every committed record. */
export type CommittedRecords = (reader: string, partition: number, offset: number, value: Buffer) => void

/** Reads every partition of a topic that transactions write to, only what is committed, as consumers filter it. */
export class CommittedReader {
  readonly number: number
  private readonly world: World
  private readonly topic: string
  private readonly onRecord: CommittedRecords
  private readonly random: SeededRandom
  private readonly link: Link
  private readonly next: number[]
  /** LSO and HW as told last; -1 before. */
  private readonly ends: { stable: number; high: number }[]

  constructor(
    world: World,
    machine: SimMachine,
    number: number,
    topic: string,
    partitions: number,
    onRecord: CommittedRecords,
  ) {
    this.world = world
    this.number = number
    this.topic = topic
    this.onRecord = onRecord
    this.random = world.random(`client/${number}`)
    this.next = Array.from({ length: partitions }, () => 0)
    this.ends = this.next.map(() => ({ stable: -1, high: -1 }))
    this.link = new Link(
      world,
      machine.start(),
      `c${number}`,
      () => this.fetch(),
      () => {},
    )
    this.tick()
  }

  /** From the first record on, once more. */
  startOver(): void {
    this.next.fill(0)
    for (const end of this.ends) {
      end.stable = -1
      end.high = -1
    }
  }

  /** T4: everything was read, and nothing holds the LSO back. */
  get atEnd(): boolean {
    return this.ends.every(({ stable, high }, i) => high >= 0 && stable === high && this.next[i] === high)
  }

  get standing(): string {
    return `c${this.number} ${this.ends.map(({ stable, high }, i) => `${this.topic}-${i} at ${this.next[i]}, LSO ${stable}, HW ${high}`).join(', ')}`
  }

  private tick(): void {
    this.fetch()
    this.link.runtime.timers.setTimer(() => this.tick(), this.random.between(50, 200))
  }

  private fetch(): void {
    if (!this.link.up || this.link.inFlight > 0) return
    const from = [...this.next]
    const body = {
      replicaId: -1,
      maxWaitMs: [0, 100, 300][this.random.below(3)],
      minBytes: 1,
      maxBytes: 1 << 20,
      isolationLevel: READ_COMMITTED,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [
        {
          topic: this.topic,
          partitions: from.map((fetchOffset, partition) => ({
            partition,
            fetchOffset,
            partitionMaxBytes: [200, 2_000, 1 << 20][this.random.below(3)],
          })),
        },
      ],
    }
    this.link.request(FetchRequest, FetchResponse, VERSION, body, body.maxWaitMs + TIMEOUT_MS, (answer) => {
      if (answer === null || answer.errorCode !== ErrorCode.NONE) return
      // Started over meanwhile: then this was asked for another time.
      for (const entry of answer.responses[0]?.partitions ?? [])
        if (this.next[entry.partitionIndex] === from[entry.partitionIndex]) this.take(entry)
    })
  }

  private take(entry: Entry): void {
    const { checks } = this.world
    const { partitionIndex: partition, errorCode } = entry
    if (errorCode !== ErrorCode.NONE) {
      const passing = errorCode === ErrorCode.KAFKA_STORAGE_ERROR || errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
      if (!passing)
        checks.fail(
          'T4',
          `c${this.number} reads ${this.topic}-${partition} from ${this.next[partition]}`,
          errorName(errorCode),
        )
      return
    }
    this.ends[partition] = { stable: entry.lastStableOffset, high: entry.highWatermark }
    const aborted = [...(entry.abortedTransactions ?? [])].sort((a, b) => a.firstOffset - b.firstOffset)
    const skipping = new Set<number>()
    for (const stored of readBatches(entry.records ?? Buffer.alloc(0))) {
      const { buffer, at } = stored
      const producerId = batch.producerId(buffer, at)
      const baseOffset = batch.baseOffset(buffer, at)
      const lastOffset = batch.lastOffset(buffer, at)
      checks.met('T4')
      if (lastOffset >= entry.lastStableOffset)
        checks.fail(
          'T4',
          `the LSO of ${this.topic}-${partition} is ${entry.lastStableOffset}`,
          `c${this.number} gets the batch at ${baseOffset}`,
        )
      while (aborted.length > 0 && aborted[0].firstOffset <= lastOffset) skipping.add(aborted.shift()!.producerId)
      if (lastOffset < this.next[partition]) continue
      if (batch.isControl(batch.attributes(buffer, at))) {
        for (const record of stored.records())
          if (controlTypeOf(record.key) === ControlType.ABORT) skipping.delete(producerId)
      } else if (!skipping.has(producerId)) {
        for (const { offset, value } of stored.records()) {
          if (offset < this.next[partition]) continue
          this.world.tally.delivered++
          this.onRecord(`c${this.number}`, partition, offset, value!)
        }
      }
      this.next[partition] = lastOffset + 1
    }
  }
}
