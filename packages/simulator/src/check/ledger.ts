import { batch } from '@ottla/protocol/records'
import type { TopicPlan } from '../options.ts'
import type { Checks } from './invariants.ts'
import { describeSend, type Send, type Sends } from './send.ts'

/** A batch in the log: where it lies and whose it is. */
export interface Fact {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly sizeBytes: number
  readonly leaderEpoch: number
  /** Largest timestamp of the stored batch. */
  readonly maxTimestamp: number
  readonly appendTime: boolean
  readonly send: Send
  /** When the simulator saw it below the high watermark. */
  readonly visibleAtMs: number
}

/** What the log must remember of a producer. */
export interface KnownProducer {
  readonly epoch: number
  readonly lastSequence: number
  readonly lastOffset: number
}

/** One topic from its creation to its deletion: a name may belong to several, one after the other. */
export class TopicLedger {
  readonly plan: TopicPlan
  /** What the broker called it; empty until an answer or a look at the broker told. */
  topicId = ''
  /** `creating` and `deleting`: asked for, with no answer that tells. `refused`: the creation failed. */
  state: 'creating' | 'refused' | 'live' | 'deleting' | 'deleted' = 'creating'
  /** As acknowledged, and as last asked for. */
  partitionsAcked = 0
  partitionsAsked: number
  readonly partitions: PartitionLedger[] = []
  private readonly checks: Checks
  private readonly sends: Sends

  constructor(plan: TopicPlan, checks: Checks, sends: Sends) {
    this.plan = plan
    this.partitionsAsked = plan.partitions
    this.checks = checks
    this.sends = sends
  }

  partition(index: number): PartitionLedger {
    for (let i = this.partitions.length; i <= index; i++)
      this.partitions.push(new PartitionLedger(this, i, this.checks, this.sends))
    return this.partitions[index]
  }
}

/** How many lost facts are remembered for answers that were still under way. */
const LOST_MAX = 2_000

/**
 * What one partition holds, seen batch by batch in its files when they become visible, and compared with what was sent.
 * Everything that clients are told is then compared with this.
 */
export class PartitionLedger {
  readonly topic: TopicLedger
  readonly index: number
  facts: Fact[] = []
  /** One past the last fact. */
  endOffset = 0
  /** As last seen in the running broker; kept over its stop. */
  highWatermark = 0
  logStartOffset = 0
  /** Everything below survives whatever happens from now on. */
  durableEnd = 0
  /** How often a power cut took something. */
  lossCount = 0
  /** A byte of it was damaged: it may be offline or short, but never wrong. */
  damaged = false
  /** DeleteRecords: up to here it was acknowledged, and up to here it was asked for. */
  deletedTo = 0
  deleteAskedTo = 0
  private lost: Fact[] = []
  private producers = new Map<number, KnownProducer>()
  /** By client and connection: the last send, of those sent once over one connection. */
  private lastOnce = new Map<number, Send>()
  private readonly checks: Checks
  private readonly sends: Sends

  constructor(topic: TopicLedger, index: number, checks: Checks, sends: Sends) {
    this.topic = topic
    this.index = index
    this.checks = checks
    this.sends = sends
  }

  get name(): string {
    return `${this.topic.plan.name}-${this.index}`
  }

  /** An acked record survives a power cut by itself. */
  get strict(): boolean {
    return this.topic.plan.flushMessages === 1
  }

  knownProducers(): ReadonlyMap<number, KnownProducer> {
    return this.producers
  }

  /** Takes in the batch that follows the last one. `bytes` are as stored; their CRC has been checked. */
  add(bytes: Buffer, at: number, size: number, nowMs: number): void {
    const checks: Checks = this.checks
    const baseOffset = batch.baseOffset(bytes, at)
    const lastOffset = batch.lastOffset(bytes, at)
    checks.met('L7')
    if (baseOffset !== this.endOffset && !(this.facts.length === 0 && baseOffset >= this.endOffset))
      checks.fail(
        'L7',
        `${this.name} goes on at ${this.endOffset}`,
        `the next batch in its file begins at ${baseOffset}`,
      )
    const send = this.sends.identify(bytes, at, size)
    checks.met('L2')
    if (send === null) checks.fail('L2', `${this.name}@${baseOffset} holds what was sent`, 'nobody sent this batch')
    this.checkBelongs(send, baseOffset)
    this.checkOrder(send, baseOffset)
    const fact: Fact = {
      baseOffset,
      lastOffset,
      sizeBytes: size,
      leaderEpoch: batch.partitionLeaderEpoch(bytes, at),
      maxTimestamp: batch.maxTimestamp(bytes, at),
      appendTime: batch.isLogAppendTime(batch.attributes(bytes, at)),
      send,
      visibleAtMs: nowMs,
    }
    send.copies++
    this.note(fact)
    this.facts.push(fact)
    this.endOffset = lastOffset + 1
  }

  private checkBelongs(send: Send, baseOffset: number): void {
    const { checks } = this
    if (send.topic !== this.topic || send.partition !== this.index)
      checks.fail(
        'L2',
        `${this.name}@${baseOffset} holds what was sent to it`,
        `${describeSend(send)} was sent to ${send.topic.plan.name}-${send.partition} id ${send.topic.topicId}`,
      )
    checks.met('L4')
    const copiesMax = send.producerId < 0 ? send.maybeAppended : Math.min(1, send.maybeAppended)
    if (send.copies < copiesMax) return
    const where = this.facts.filter((fact) => fact.send === send).map((fact) => fact.baseOffset)
    if (send.maybeAppended === 0)
      checks.fail('L2', `${describeSend(send)} was told that it failed`, `it is in ${this.name} at ${baseOffset}`)
    checks.fail(
      'L4',
      `${describeSend(send)} is in the log ${copiesMax} times at most`,
      `${this.name} has it at ${[...where, baseOffset].join(' and ')}`,
    )
  }

  private checkOrder(send: Send, baseOffset: number): void {
    const { checks } = this
    if (send.producerId >= 0) {
      const known = this.producers.get(send.producerId)
      if (known === undefined) return
      checks.met('P3')
      if (send.producerEpoch < known.epoch)
        checks.fail(
          'P3',
          `producer ${send.producerId} is at epoch ${known.epoch} in ${this.name} since ${known.lastOffset}`,
          `${describeSend(send)} was appended at ${baseOffset}`,
        )
      checks.met('P1')
      const expected = send.producerEpoch > known.epoch ? 0 : nextSequence(known.lastSequence)
      if (send.baseSequence === expected || known.lastOffset < this.logStartOffset) return
      checks.fail(
        'P1',
        `sequence ${expected} follows in ${this.name}, after ${known.lastSequence} at ${known.lastOffset}`,
        `${describeSend(send)} was appended at ${baseOffset}`,
      )
    }
    if (send.connection < 0) return
    const key = send.client * 0x1_0000_0000 + send.connection
    const last = this.lastOnce.get(key)
    checks.met('L5')
    if (last !== undefined && last.id > send.id && send.attempts === 1 && last.attempts === 1)
      checks.fail(
        'L5',
        `${describeSend(send)} was sent before #${last.id}`,
        `${this.name} has it behind, at ${baseOffset}`,
      )
    if (last === undefined || send.id > last.id) this.lastOnce.set(key, send)
  }

  private note(fact: Fact): void {
    const { send } = fact
    if (send.producerId < 0) return
    this.producers.set(send.producerId, {
      epoch: send.producerEpoch,
      lastSequence: lastSequenceOf(send),
      lastOffset: fact.lastOffset,
    })
  }

  /** A power cut took everything from `offset` on: its offsets may be given again. */
  lose(offset: number): void {
    if (offset >= this.endOffset) return
    let keep = this.facts.length
    while (keep > 0 && this.facts[keep - 1].lastOffset >= offset) keep--
    const gone = this.facts.splice(keep)
    for (const { send } of gone) send.copies--
    this.lost.push(...gone)
    if (this.lost.length > LOST_MAX) this.lost.splice(0, this.lost.length - LOST_MAX)
    this.endOffset = this.facts.length === 0 ? offset : this.facts[this.facts.length - 1].lastOffset + 1
    this.highWatermark = Math.min(this.highWatermark, this.endOffset)
    this.durableEnd = Math.min(this.durableEnd, this.endOffset)
    this.lossCount++
    this.producers = new Map()
    this.lastOnce = new Map()
    for (const fact of this.facts) this.note(fact)
  }

  /** Index of the fact that holds `offset`, or else of the first one behind it. */
  indexOf(offset: number): number {
    let low = 0
    let high = this.facts.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.facts[middle].lastOffset < offset) low = middle + 1
      else high = middle
    }
    return low
  }

  factAt(offset: number): Fact | undefined {
    const fact = this.facts[this.indexOf(offset)]
    return fact !== undefined && fact.baseOffset <= offset ? fact : undefined
  }

  /** Whether the send is among the last `count` batches of its producer. */
  isRecent(send: Send, count: number): boolean {
    for (let i = this.facts.length - 1, seen = 0; i >= 0 && seen < count; i--) {
      const other = this.facts[i].send
      if (other.producerId !== send.producerId) continue
      if (other === send) return true
      seen++
    }
    return false
  }

  /** Whether the batch was here once and a power cut has taken it. */
  wasLost(baseOffset: number, send: Send | null): boolean {
    return this.lost.some((fact) => fact.baseOffset === baseOffset && (send === null || fact.send === send))
  }

  /** One per record: what a lookup by time sees. */
  timestampOf(fact: Fact, offset: number): number {
    return fact.appendTime ? fact.maxTimestamp : fact.send.timestamps[offset - fact.baseOffset]
  }

  /** The first record in `from` … `to`-1 whose timestamp is `timestampMs` or later; -1 when there is none. */
  firstAtOrAfter(timestampMs: number, from: number, to: number): number {
    for (let i = this.indexOf(from); i < this.facts.length; i++) {
      const fact = this.facts[i]
      if (fact.baseOffset >= to) return -1
      if (fact.maxTimestamp < timestampMs) continue
      for (let offset = Math.max(fact.baseOffset, from); offset <= fact.lastOffset && offset < to; offset++)
        if (this.timestampOf(fact, offset) >= timestampMs) return offset
    }
    return -1
  }
}

const SEQUENCE_MAX = 0x7fff_ffff

export function nextSequence(last: number): number {
  return last === SEQUENCE_MAX ? 0 : last + 1
}

export function lastSequenceOf(send: Send): number {
  const last = send.baseSequence + send.records - 1
  return last > SEQUENCE_MAX ? last - SEQUENCE_MAX - 1 : last
}
