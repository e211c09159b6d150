import { ErrorCode, ProduceRequest, ProduceResponse } from '@ottla/protocol'
import type { SeededRandom, SimMachine } from '@ottla/runtime/sim'
import type { PartitionLedger } from '../check/ledger.ts'
import type { Send } from '../check/send.ts'
import type { World } from '../world.ts'
import { checkAck, type KnownBefore } from './ack.ts'
import { drawBatch, TOPIC_ID_VERSION } from './draw.ts'
import { Link } from './link.ts'

const REQUEST_TIMEOUT_MS = 3_000
const OPEN_MAX = 8
const ATTEMPTS_MAX = 3

/** A producer without idempotence, with acks 0, 1 and all: what it sends again may be there twice. */
export class PlainProducer {
  readonly number: number
  acked = 0
  private readonly world: World
  private readonly random: SeededRandom
  private readonly link: Link
  private readonly version: number
  private readonly retries: boolean
  private readonly known = new Map<PartitionLedger, KnownBefore>()
  private stopped = false
  private waiting: { readonly send: Send; readonly partition: PartitionLedger }[] = []

  constructor(world: World, machine: SimMachine, number: number) {
    this.world = world
    this.number = number
    this.random = world.random(`client/${number}`)
    this.version = this.random.chance(0.5) ? TOPIC_ID_VERSION : 3 + this.random.below(10)
    this.retries = this.random.chance(0.5)
    this.link = new Link(
      world,
      machine.start(),
      `c${number}`,
      () => this.resend(),
      () => {},
    )
    this.scheduleNext()
  }

  stop(): void {
    this.stopped = true
  }

  private scheduleNext(): void {
    this.link.runtime.timers.setTimer(
      () => {
        if (!this.stopped) this.produce()
        this.scheduleNext()
      },
      this.random.between(30, 220),
    )
  }

  private produce(): void {
    const partitions = this.world.livePartitions()
    if (!this.link.up || partitions.length === 0 || this.link.inFlight >= OPEN_MAX) return
    const partition = partitions[this.random.below(partitions.length)]
    const drawn = drawBatch(this.world, this.random, this.link.runtime.clock.nowMs())
    const send = this.world.sends.make({
      ...drawn,
      // zstd may not travel in versions before 7.
      codec: this.version < 7 && drawn.codec === 'zstd' ? 'none' : drawn.codec,
      client: this.number,
      topic: partition.topic,
      partition: partition.index,
      producerId: -1,
      producerEpoch: -1,
      baseSequence: -1,
      acks: [0, 1, -1, -1][this.random.below(4)],
    })
    this.world.tally.sent++
    this.transmit(partition, send)
  }

  private resend(): void {
    const waiting = this.waiting
    this.waiting = []
    for (const { partition, send } of waiting) if (this.link.up) this.transmit(partition, send)
  }

  private knownOf(partition: PartitionLedger): KnownBefore {
    const { lossCount } = partition
    const known = this.known.get(partition)
    return known !== undefined && known.lossCount === lossCount ? known : { lossCount, knownEnd: 0 }
  }

  private transmit(partition: PartitionLedger, send: Send): void {
    send.attempts++
    send.maybeAppended++
    send.connection = send.attempts === 1 ? this.link.generation : -1
    const before = this.knownOf(partition)
    const { name } = partition.topic.plan
    const body = {
      acks: send.acks,
      timeoutMs: 1_000,
      topicData: [
        {
          name,
          topicId: partition.topic.topicId,
          partitionData: [{ index: partition.index, records: send.bytes }],
        },
      ],
    }
    const version = this.world.options.churn ? TOPIC_ID_VERSION : this.version
    if (send.acks === 0) {
      this.link.sendOnly(ProduceRequest, version, body)
      return
    }
    this.link.request(ProduceRequest, ProduceResponse, version, body, REQUEST_TIMEOUT_MS, (answer) => {
      if (answer === null) {
        this.world.tally.unknown++
        if (this.retries && send.attempts < ATTEMPTS_MAX) this.waiting.push({ send, partition })
        return
      }
      const { errorCode, baseOffset } = answer.responses[0].partitionResponses[0]
      if (errorCode === ErrorCode.NONE) {
        this.world.tally.ok++
        this.acked++
        checkAck(this.world, partition, send, baseOffset, before)
        const { lossCount, knownEnd } = this.knownOf(partition)
        if (before.lossCount === lossCount)
          this.known.set(partition, { lossCount, knownEnd: Math.max(knownEnd, baseOffset + send.records) })
        return
      }
      this.world.tally.failed++
      // A failed disk, a topic that went away meanwhile, or an answer that could not wait does not tell whether it was written.
      const unclear =
        errorCode === ErrorCode.REQUEST_TIMED_OUT ||
        errorCode === ErrorCode.KAFKA_STORAGE_ERROR ||
        errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION ||
        errorCode === ErrorCode.UNKNOWN_TOPIC_ID
      if (!unclear) send.maybeAppended--
    })
  }
}
