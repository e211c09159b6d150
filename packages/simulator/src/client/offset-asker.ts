import { ErrorCode, errorName, ListOffsetsRequest, ListOffsetsResponse } from '@ottla/protocol'
import type { SeededRandom, SimMachine } from '@ottla/runtime/sim'
import type { PartitionLedger } from '../check/ledger.ts'
import type { World } from '../world.ts'
import { Link } from './link.ts'

const LATEST = -1
const EARLIEST = -2
const MAX_TIMESTAMP = -3
const TIMEOUT_MS = 3_000

interface Before {
  readonly timestamp: number
  readonly highWatermark: number
  readonly logStartOffset: number
  readonly lossCount: number
}

/** Asks for offsets by name and by time, and compares the answers with a full scan. */
export class OffsetAsker {
  answered = 0
  private readonly world: World
  private readonly random: SeededRandom
  private readonly link: Link
  private readonly number: number
  /** The highest end that was answered, by partition, and the losses then. */
  private readonly latest = new Map<PartitionLedger, { readonly offset: number; readonly lossCount: number }>()

  constructor(world: World, machine: SimMachine, number: number) {
    this.world = world
    this.number = number
    this.random = world.random(`client/${number}`)
    this.link = new Link(
      world,
      machine.start(),
      `c${number}`,
      () => {},
      () => {},
    )
    this.tick()
  }

  private tick(): void {
    if (this.link.up && this.link.inFlight === 0) this.ask()
    this.link.runtime.timers.setTimer(() => this.tick(), this.random.between(100, 500))
  }

  private ask(): void {
    const live = this.world.livePartitions()
    if (live.length === 0) return
    const ledger = live[this.random.below(live.length)]
    const nowMs = this.link.runtime.clock.nowMs()
    const kinds = [
      LATEST,
      EARLIEST,
      MAX_TIMESTAMP,
      0,
      nowMs - this.random.below(20_000),
      this.anyTimestamp(ledger, nowMs),
    ]
    const timestamp = kinds[this.random.below(kinds.length)]
    const { highWatermark, logStartOffset, lossCount } = ledger
    const before = { timestamp, highWatermark, logStartOffset, lossCount }
    const body = {
      replicaId: -1,
      isolationLevel: this.random.below(2),
      topics: [{ name: ledger.topic.plan.name, partitions: [{ partitionIndex: ledger.index, timestamp }] }],
    }
    this.link.request(ListOffsetsRequest, ListOffsetsResponse, 7 + this.random.below(5), body, TIMEOUT_MS, (answer) => {
      if (answer === null) return
      const { errorCode, offset, timestamp: found } = answer.topics[0].partitions[0]
      if (ledger.topic.state !== 'live' || ledger.lossCount !== lossCount || ledger.damaged) return
      // Topics are named here, so another of the same name may have answered.
      if (this.world.topics.some((other) => other !== ledger.topic && other.plan.name === ledger.topic.plan.name))
        return
      if (errorCode === ErrorCode.KAFKA_STORAGE_ERROR || errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) return
      if (errorCode !== ErrorCode.NONE)
        this.world.checks.fail('L10', `${ledger.name} can be asked for timestamp ${timestamp}`, errorName(errorCode))
      this.answered++
      this.world.tally.asked++
      this.judge(ledger, before, offset, found)
    })
  }

  private anyTimestamp(ledger: PartitionLedger, otherwise: number): number {
    if (ledger.facts.length === 0) return otherwise
    const fact = ledger.facts[this.random.below(ledger.facts.length)]
    return fact.maxTimestamp + this.random.below(3) - 1
  }

  private judge(ledger: PartitionLedger, before: Before, offset: number, found: number): void {
    const { checks } = this.world
    const who = `c${this.number} asks ${ledger.name}`
    switch (before.timestamp) {
      case LATEST: {
        checks.met('L6')
        const known = this.latest.get(ledger)
        if (known !== undefined && known.lossCount === before.lossCount && offset < known.offset)
          checks.fail('L6', `${who} for its end, which was ${known.offset}`, `it is ${offset} now`)
        if (offset < before.highWatermark || offset > ledger.highWatermark)
          checks.fail(
            'L6',
            `${who} for its end, ${before.highWatermark} to ${ledger.highWatermark}`,
            `the answer is ${offset}`,
          )
        this.latest.set(ledger, { offset, lossCount: before.lossCount })
        return
      }
      case EARLIEST:
        checks.met('L9')
        if (offset < before.logStartOffset || offset > ledger.logStartOffset)
          checks.fail(
            'L9',
            `${who} for its start, ${before.logStartOffset} to ${ledger.logStartOffset}`,
            `the answer is ${offset}`,
          )
        return
      case MAX_TIMESTAMP:
        this.judgeMax(ledger, before, offset, found, who)
        return
    }
    checks.met('L10')
    const { timestamp, highWatermark } = before
    const expected = ledger.firstAtOrAfter(timestamp, ledger.logStartOffset, highWatermark)
    const atMost = ledger.firstAtOrAfter(timestamp, before.logStartOffset, ledger.highWatermark)
    // What was there all the time bounds the answer from above, what was there at any time from below.
    const right = offset < 0 ? expected < 0 : offset >= atMost && atMost >= 0 && (expected < 0 || offset <= expected)
    if (!right)
      checks.fail(
        'L10',
        `${who} for timestamp ${timestamp}: a full scan finds ${expected}`,
        `the answer is ${offset} (${found})`,
      )
    if (offset < 0) return
    const fact = ledger.factAt(offset)
    if (fact === undefined || ledger.timestampOf(fact, offset) !== found)
      checks.fail(
        'L10',
        `${who} for timestamp ${timestamp}`,
        `the record at ${offset} does not have the timestamp ${found}`,
      )
  }

  private judgeMax(ledger: PartitionLedger, before: Before, offset: number, found: number, who: string): void {
    const { checks } = this.world
    checks.met('L10')
    const later = ledger.firstAtOrAfter(found + 1, ledger.logStartOffset, before.highWatermark)
    if (offset < 0 ? ledger.firstAtOrAfter(0, ledger.logStartOffset, before.highWatermark) >= 0 : later >= 0)
      checks.fail(
        'L10',
        `${who} for its largest timestamp`,
        `the answer is ${offset} (${found}), that of ${later} is larger`,
      )
    if (offset < 0) return
    const fact = ledger.factAt(offset)
    if (fact === undefined || ledger.timestampOf(fact, offset) !== found)
      checks.fail(
        'L10',
        `${who} for its largest timestamp`,
        `the record at ${offset} does not have the timestamp ${found}`,
      )
  }
}
