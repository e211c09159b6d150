import {
  ErrorCode,
  errorName,
  InitProducerIdRequest,
  InitProducerIdResponse,
  ProduceRequest,
  ProduceResponse,
} from '@ottla/protocol'
import type { SeededRandom, SimMachine } from '@ottla/runtime/sim'
import { lastSequenceOf, nextSequence, type PartitionLedger } from '../check/ledger.ts'
import { describeSend, type Send } from '../check/send.ts'
import type { World } from '../world.ts'
import { checkAck } from './ack.ts'
import { drawBatch, TOPIC_ID_VERSION } from './draw.ts'
import { Link } from './link.ts'

const IN_FLIGHT_MAX = 5
const REQUEST_TIMEOUT_MS = 3_000
const RETRY_MS = 80
/** A producer gives up a batch after so many attempts, and with it its id. */
const ATTEMPTS_MAX = 40

interface Outgoing {
  readonly send: Send
  inFlight: boolean
  /** Everything before it in the partition was settled when it was last sent. */
  wasFirst: boolean
  /** Losses of the partition and the producer's end in it, when the batch was made. */
  readonly lossCount: number
  /** The partition's end as far as this producer knew it. */
  readonly knownEnd: number
}

interface Lane {
  readonly partition: PartitionLedger
  next: number
  queue: Outgoing[]
  waiting: boolean
  knownEnd: number
  lossCount: number
}

/**
 * An idempotent producer as Java's is: sequences per partition, at most five requests in flight, everything unanswered
 * sent again in order with the same sequence, a new id when the broker refuses for good.
 */
export class IdempotentProducer {
  readonly number: number
  private readonly world: World
  private readonly random: SeededRandom
  private readonly link: Link
  private readonly version: number
  private producerId = -1
  private producerEpoch = 0
  private asking = false
  private lanes = new Map<PartitionLedger, Lane>()
  private inFlight = 0
  private stopped = false
  /** A new epoch is begun as soon as nothing is open. */
  private bumpWanted = false
  /** Simulated times at which sends were settled well. */
  acked = 0

  constructor(world: World, machine: SimMachine, number: number) {
    this.world = world
    this.number = number
    this.random = world.random(`client/${number}`)
    this.version = this.random.chance(0.5) ? TOPIC_ID_VERSION : 9 + this.random.below(4)
    this.link = new Link(
      world,
      machine.start(),
      `c${number}`,
      () => this.pump(),
      () => this.onDown(),
    )
    this.scheduleNext()
  }

  stop(): void {
    this.stopped = true
  }

  /** Sends that are not settled. */
  get open(): number {
    let count = 0
    for (const { queue } of this.lanes.values()) count += queue.length
    return count
  }

  private scheduleNext(): void {
    const paceMs = this.world.options.bursts ? 350 : 90
    this.link.runtime.timers.setTimer(
      () => {
        if (!this.stopped) this.produce()
        this.scheduleNext()
      },
      this.random.between(paceMs * 0.3, paceMs * 1.7),
    )
  }

  private produce(): void {
    const partitions = this.world.livePartitions()
    if (partitions.length > 0 && this.producerId >= 0 && !this.bumpWanted) {
      const count = this.world.options.bursts ? IN_FLIGHT_MAX + this.random.below(3) : 1
      const partition = partitions[this.random.below(partitions.length)]
      for (let i = 0; i < count && this.open < 2 * IN_FLIGHT_MAX; i++) this.enqueue(partition)
    }
    if (this.random.chance(0.03)) this.bumpWanted = true
    if (this.bumpWanted) this.bumpEpoch()
    this.pump()
    this.maybeCut()
  }

  /** Cuts its own connection when the broker may have appended and the answers are not here yet. */
  private maybeCut(): void {
    const { options, phase } = this.world
    if (phase !== 'safety' || !options.faults.has('reset') || this.inFlight === 0 || !this.random.chance(0.06)) return
    this.link.runtime.timers.setTimer(
      () => {
        if (this.inFlight === 0) return
        this.world.fault('cut by the client')
        this.link.drop()
      },
      this.random.between(0, 3 * options.linkDelayMs[1]),
    )
  }

  private laneOf(partition: PartitionLedger): Lane {
    let lane = this.lanes.get(partition)
    if (lane === undefined) {
      // A log that does not know the producer takes any sequence: some begin just before the numbers wrap.
      const next = this.random.chance(0.25) && this.producerEpoch === 0 ? 0x7fff_ffff - this.random.below(12) : 0
      lane = { partition, next, queue: [], waiting: false, knownEnd: 0, lossCount: partition.lossCount }
      this.lanes.set(partition, lane)
    }
    return lane
  }

  private enqueue(partition: PartitionLedger): void {
    const lane = this.laneOf(partition)
    const send = this.world.sends.make({
      ...drawBatch(this.world, this.random, this.link.runtime.clock.nowMs()),
      client: this.number,
      topic: partition.topic,
      partition: partition.index,
      producerId: this.producerId,
      producerEpoch: this.producerEpoch,
      baseSequence: lane.next,
      acks: -1,
    })
    lane.next = nextSequence(lastSequenceOf(send))
    this.world.tally.sent++
    const { lossCount } = partition
    const knownEnd = lane.lossCount === lossCount ? lane.knownEnd : 0
    lane.queue.push({ send, inFlight: false, wasFirst: false, lossCount, knownEnd })
  }

  private pump(): void {
    if (!this.link.up) return
    if (this.producerId < 0) {
      this.askForId()
      return
    }
    for (const lane of this.lanes.values()) {
      if (lane.waiting) continue
      for (const outgoing of lane.queue) {
        if (outgoing.inFlight) continue
        if (this.inFlight >= IN_FLIGHT_MAX) return
        if (!this.link.up) return
        this.transmit(lane, outgoing)
      }
    }
  }

  private askForId(): void {
    if (this.asking) return
    this.asking = true
    const body = { transactionalId: null, transactionTimeoutMs: 60_000 }
    this.link.request(InitProducerIdRequest, InitProducerIdResponse, 4, body, REQUEST_TIMEOUT_MS, (answer) => {
      this.asking = false
      if (answer === null) return
      if (answer.errorCode !== ErrorCode.NONE) return this.later(() => this.pump())
      const { checks, producerIds } = this.world
      const owner = producerIds.get(answer.producerId)
      checks.met('P5')
      if (owner !== undefined)
        checks.fail('P5', `producer id ${answer.producerId} was given to c${owner}`, `c${this.number} got it too`)
      producerIds.set(answer.producerId, this.number)
      this.producerId = answer.producerId
      this.producerEpoch = answer.producerEpoch
      this.world.tally.asked++
      this.pump()
    })
  }

  private transmit(lane: Lane, outgoing: Outgoing): void {
    const { send } = outgoing
    const { topic, partition } = send
    outgoing.inFlight = true
    outgoing.wasFirst = lane.queue[0] === outgoing
    send.attempts++
    send.maybeAppended++
    send.connection = send.attempts === 1 ? this.link.generation : -1
    this.inFlight++
    // Topics that come and go are named by id: a name may mean another one by the time the request arrives.
    const version = this.world.options.churn ? TOPIC_ID_VERSION : this.version
    const name = topic.plan.name
    const body = {
      acks: -1,
      timeoutMs: 1_000,
      topicData: [{ name, topicId: topic.topicId, partitionData: [{ index: partition, records: send.bytes }] }],
    }
    this.link.request(ProduceRequest, ProduceResponse, version, body, REQUEST_TIMEOUT_MS, (answer) => {
      this.inFlight--
      outgoing.inFlight = false
      if (answer === null) {
        this.world.tally.unknown++
        if (send.attempts > ATTEMPTS_MAX && lane.queue.includes(outgoing)) this.startAnew('too many attempts')
        return
      }
      this.settle(lane, outgoing, answer.responses[0].partitionResponses[0])
      this.pump()
    })
  }

  private settle(lane: Lane, outgoing: Outgoing, answer: { errorCode: number; baseOffset: number }): void {
    const { send } = outgoing
    const { errorCode } = answer
    const current = this.lanes.get(lane.partition) === lane && lane.queue.includes(outgoing)
    switch (errorCode) {
      case ErrorCode.NONE:
        this.world.tally.ok++
        this.acked++
        checkAck(this.world, lane.partition, send, answer.baseOffset, outgoing)
        if (outgoing.lossCount === lane.partition.lossCount) {
          const before = lane.lossCount === outgoing.lossCount ? lane.knownEnd : 0
          lane.knownEnd = Math.max(before, answer.baseOffset + send.records)
          lane.lossCount = outgoing.lossCount
        }
        if (current) lane.queue.splice(lane.queue.indexOf(outgoing), 1)
        return
      case ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER:
      case ErrorCode.DUPLICATE_SEQUENCE_NUMBER:
      case ErrorCode.UNKNOWN_PRODUCER_ID:
        this.refuseOnce(send)
        // Behind one that has failed itself, it only has to wait.
        if (!current || !outgoing.wasFirst) return
        this.judgeSequence(lane, outgoing, errorCode)
        this.startAnew(errorName(errorCode))
        return
      case ErrorCode.KAFKA_STORAGE_ERROR:
        this.world.tally.failed++
        // A damaged partition does not come back.
        if (lane.partition.damaged) this.lanes.delete(lane.partition)
        this.retryLater(lane)
        return
      case ErrorCode.REQUEST_TIMED_OUT:
        // It may still be written: the same again, as for no answer at all.
        this.world.tally.unknown++
        if (current) this.retryLater(lane)
        return
      case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
      case ErrorCode.UNKNOWN_TOPIC_ID:
        if (!current) return
        if (lane.partition.topic.state === 'live') {
          // May still be on its way to being hosted again after a restart.
          this.retryLater(lane)
          return
        }
        this.lanes.delete(lane.partition)
        return
      case ErrorCode.INVALID_PRODUCER_EPOCH:
        this.refuseOnce(send)
        if (current) this.startAnew(errorName(errorCode))
        return
      default:
        this.refuseOnce(send)
        if (current) this.startAnew(errorName(errorCode))
    }
  }

  /** This attempt has appended nothing; an earlier one may have. */
  private refuseOnce(send: Send): void {
    this.world.tally.failed++
    send.maybeAppended--
  }

  /** Is it right that the broker refuses a batch whose predecessors are all settled? */
  private judgeSequence(lane: Lane, outgoing: Outgoing, errorCode: number): void {
    const { partition } = lane
    const { send } = outgoing
    const { checks } = this.world
    if (partition.damaged || partition.topic.state !== 'live') return
    checks.met('P1')
    const known = partition.knownProducers().get(this.producerId)
    const follows =
      known === undefined ||
      (send.producerEpoch > known.epoch
        ? send.baseSequence === 0
        : send.producerEpoch === known.epoch && send.baseSequence === nextSequence(known.lastSequence))
    if (!follows && !partition.isRecent(send, IN_FLIGHT_MAX)) return
    if (known !== undefined && known.lastOffset < partition.logStartOffset) return
    checks.fail(
      'P1',
      `${describeSend(outgoing.send)} repeats or follows what ${partition.name} has of it: ${JSON.stringify(known ?? null)}`,
      `the broker answers ${errorName(errorCode)}`,
    )
  }

  private retryLater(lane: Lane): void {
    if (lane.waiting) return
    lane.waiting = true
    this.later(() => {
      lane.waiting = false
      this.pump()
    })
  }

  private later(fn: () => void): void {
    this.link.runtime.timers.setTimer(fn, RETRY_MS)
  }

  /** As Java does when it can: the same id in a new epoch, for which all sequences begin at 0. */
  private bumpEpoch(): void {
    if (this.producerId < 0 || this.open > 0 || this.producerEpoch > 100) return
    const lanes = [...this.lanes.values()].filter(({ partition }) => partition.topic.state === 'live')
    this.producerEpoch++
    this.bumpWanted = false
    this.lanes = new Map()
    if (lanes.length === 0 || !this.link.up || this.inFlight > 0) return
    const { partition } = lanes[this.random.below(lanes.length)]
    this.enqueue(partition)
    const old = lanes.find((lane) => lane.partition === partition)!
    // Either what would have come next, or the very first again.
    this.sendStale(partition, this.random.chance(0.5) ? old.next : 0)
  }

  /** A zombie: one batch of the old epoch behind the first one of the new. It must come to nothing. */
  private sendStale(partition: PartitionLedger, baseSequence: number): void {
    const lane = this.laneOf(partition)
    if (lane.next === 0 || lane.queue.length !== 1) return
    this.transmit(lane, lane.queue[0])
    const send = this.world.sends.make({
      ...drawBatch(this.world, this.random, this.link.runtime.clock.nowMs()),
      client: this.number,
      topic: partition.topic,
      partition: partition.index,
      producerId: this.producerId,
      producerEpoch: this.producerEpoch - 1,
      baseSequence,
      acks: -1,
    })
    this.world.tally.sent++
    send.attempts++
    send.maybeAppended++
    const body = {
      acks: -1,
      timeoutMs: 1_000,
      topicData: [
        {
          name: partition.topic.plan.name,
          topicId: partition.topic.topicId,
          partitionData: [{ index: partition.index, records: send.bytes }],
        },
      ],
    }
    this.inFlight++
    this.link.request(ProduceRequest, ProduceResponse, TOPIC_ID_VERSION, body, REQUEST_TIMEOUT_MS, (answer) => {
      this.inFlight--
      const errorCode = answer?.responses[0].partitionResponses[0].errorCode
      if (errorCode === undefined) return
      if (errorCode === ErrorCode.KAFKA_STORAGE_ERROR || errorCode === ErrorCode.REQUEST_TIMED_OUT) return
      if (errorCode !== ErrorCode.NONE) this.refuseOnce(send)
    })
  }

  /** Everything that is not settled stays unknown. */
  private startAnew(reason: string): void {
    this.world.say(`c${this.number} gives up producer id ${this.producerId} (${reason}), ${this.open} sends open`)
    this.producerId = -1
    this.producerEpoch = 0
    this.lanes = new Map()
    if (this.link.up) this.askForId()
  }

  private onDown(): void {
    for (const lane of this.lanes.values()) lane.waiting = false
  }
}
