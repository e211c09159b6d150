import {
  ErrorCode,
  errorName,
  FetchRequest,
  FetchResponse,
  ListOffsetsRequest,
  ListOffsetsResponse,
  type MessageOf,
} from '@ottla/protocol'
import type { SeededRandom, SimMachine } from '@ottla/runtime/sim'
import type { Checks } from '../check/invariants.ts'
import type { PartitionLedger } from '../check/ledger.ts'
import type { World } from '../world.ts'
import { checkDelivered } from './delivered.ts'
import { TOPIC_ID_VERSION } from './draw.ts'
import { Link } from './link.ts'

const EARLIEST = -2
const LIST_OFFSETS_VERSION = 7
const BACKOFF_MS = 150
/** How late an answer may come for reasons other than the links: reads from the disk, merged chunks. */
const PROMPT_MS = 300

type Entry = MessageOf<typeof FetchResponse>['responses'][number]['partitions'][number]

/** What the consumer knows of one partition. */
interface Position {
  readonly ledger: PartitionLedger
  /** -1: to be asked for. */
  next: number
  lossCount: number
  /** As told in the answers, -1 before. */
  knownHighWatermark: number
  knownLogStart: number
  /** What the session has of it; null when nothing. */
  told: { readonly fetchOffset: number; readonly maxBytes: number } | null
  maxBytes: number
  pausedUntilMs: number
}

/** A partition at the moment when a request left. */
interface Asked {
  readonly position: Position
  readonly fetchOffset: number
  readonly maxBytes: number
  readonly highWatermark: number
  readonly logStartOffset: number
  readonly lossCount: number
}

/** An answer as a whole. */
interface Got {
  /** Of records, of all its partitions. */
  readonly bytes: number
  /** Partitions with an error. */
  readonly failures: number
}

interface FetchUnderWay {
  readonly asked: readonly Asked[]
  readonly maxBytes: number
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly sentMs: number
}

/**
 * A consumer by assignment. With a session it names only what has changed and believes the rest unchanged, as KIP-227
 * has it; what it then knows is compared with what a consumer without one would know.
 */
export class Consumer {
  readonly number: number
  readonly positions: Position[] = []
  private readonly world: World
  private readonly random: SeededRandom
  private readonly link: Link
  private readonly version: number
  private readonly withSession: boolean
  private readonly isolationLevel: number
  private sessionId = 0
  private sessionEpoch = 0
  /** In the session, but not wanted any more. */
  private forgotten: PartitionLedger[] = []
  private busy = false

  constructor(world: World, machine: SimMachine, number: number) {
    this.world = world
    this.number = number
    this.random = world.random(`client/${number}`)
    this.withSession = this.random.chance(0.6)
    const byId = world.options.churn || this.random.chance(0.5)
    this.version = byId
      ? TOPIC_ID_VERSION + this.random.below(6)
      : this.withSession
        ? 7 + this.random.below(6)
        : 4 + this.random.below(9)
    // Versions below 10 do not carry zstd.
    if (world.options.codecs.length > 1 && this.version < 10) this.version = 10
    this.isolationLevel = this.random.below(2)
    this.link = new Link(
      world,
      machine.start(),
      `c${number}`,
      () => this.soon(),
      () => this.onDown(),
    )
    this.tick()
  }

  /** Everything that is visible has been read. */
  get caughtUp(): boolean {
    return this.positions.every(
      ({ ledger, next }) => ledger.topic.state !== 'live' || ledger.damaged || next >= ledger.highWatermark,
    )
  }

  /** For the report of one that has not. */
  get standing(): string {
    const behind = this.positions.filter(({ ledger, next }) => next < ledger.highWatermark)
    return `c${this.number}: ${behind.map(({ ledger, next }) => `${ledger.name} at ${next} of ${ledger.logStartOffset}..${ledger.highWatermark}`).join(', ')}`
  }

  private get byId(): boolean {
    return this.version >= TOPIC_ID_VERSION
  }

  private tick(): void {
    this.assign()
    this.work()
    this.link.runtime.timers.setTimer(() => this.tick(), this.random.between(100, 300))
  }

  private soon(): void {
    this.link.runtime.timers.setTimer(() => this.work(), this.random.between(0, 25))
  }

  /** Takes up and lets go of partitions, and moves about in them. */
  private assign(): void {
    const live = this.world.livePartitions()
    for (const ledger of live) {
      if (this.positions.some((position) => position.ledger === ledger) || !this.random.chance(0.3)) continue
      // The session must forget it before it can be taken up anew.
      if (this.forgotten.includes(ledger)) continue
      this.positions.push({
        ledger,
        next: -1,
        lossCount: ledger.lossCount,
        knownHighWatermark: -1,
        knownLogStart: -1,
        told: null,
        maxBytes: [64, 2_000, 1 << 20, 1 << 20][this.random.below(4)],
        pausedUntilMs: 0,
      })
    }
    for (const position of [...this.positions]) {
      const gone = position.ledger.topic.state !== 'live'
      if (gone || (this.world.phase === 'safety' && this.random.chance(0.01))) this.remove(position)
    }
    if (this.world.phase !== 'safety' || this.positions.length === 0 || this.busy) return
    const position = this.positions[this.random.below(this.positions.length)]
    if (position.next > 0 && this.random.chance(0.1)) position.next = this.random.below(position.next + 1)
    if (this.random.chance(0.05)) position.maxBytes = [64, 2_000, 1 << 20][this.random.below(3)]
  }

  private remove(position: Position): void {
    const index = this.positions.indexOf(position)
    if (index < 0) return
    this.positions.splice(index, 1)
    if (position.told !== null && this.withSession) this.forgotten.push(position.ledger)
  }

  private work(): void {
    if (this.busy || !this.link.up || this.positions.length === 0) return
    const lost = this.positions.filter(({ next }) => next < 0)
    if (lost.length > 0) this.findStart(lost)
    else this.fetch()
  }

  private findStart(positions: readonly Position[]): void {
    this.busy = true
    const topics = positions.map(({ ledger }) => ({
      name: ledger.topic.plan.name,
      partitions: [{ partitionIndex: ledger.index, timestamp: EARLIEST }],
    }))
    const lossCounts = positions.map(({ ledger }) => ledger.lossCount)
    const ask = { replicaId: -1, isolationLevel: 0, topics }
    this.link.request(ListOffsetsRequest, ListOffsetsResponse, LIST_OFFSETS_VERSION, ask, 3_000, (answer) => {
      this.busy = false
      if (answer === null) return
      for (const [i, position] of positions.entries()) {
        const { errorCode, offset } = answer.topics[i].partitions[0]
        if (errorCode === ErrorCode.NONE) {
          position.next = offset
          position.lossCount = lossCounts[i]
        } else if (position.ledger.topic.state !== 'live' || position.ledger.damaged) this.remove(position)
      }
      this.soon()
    })
  }

  private fetch(): void {
    const now = this.world.nowMs
    const wanted = this.positions.filter(({ pausedUntilMs }) => pausedUntilMs <= now)
    if (wanted.length === 0) return
    this.busy = true
    const hurried = this.world.phase !== 'safety'
    if (hurried) for (const position of wanted) position.maxBytes = 1 << 20
    const inSession = this.withSession && this.sessionId !== 0 && this.sessionEpoch > 0
    if (inSession)
      for (const position of this.positions)
        if (position.pausedUntilMs > now && position.told !== null) {
          this.forgotten.push(position.ledger)
          position.told = null
        }
    const named = inSession
      ? wanted.filter(
          ({ told, next, maxBytes }) => told === null || told.fetchOffset !== next || told.maxBytes !== maxBytes,
        )
      : wanted
    const body = {
      replicaId: -1,
      maxWaitMs: [0, 100, 400, 400, 5_000][this.random.below(5)],
      minBytes: !hurried && this.random.chance(0.15) ? 1_500 : 1,
      maxBytes: !hurried && this.random.chance(0.2) ? 1_000 : 1 << 20,
      isolationLevel: this.isolationLevel,
      sessionId: this.withSession ? this.sessionId : 0,
      sessionEpoch: this.withSession ? this.sessionEpoch : -1,
      topics: named.map(({ ledger, next, maxBytes }) => ({
        topic: ledger.topic.plan.name,
        topicId: ledger.topic.topicId,
        partitions: [{ partition: ledger.index, fetchOffset: next, partitionMaxBytes: maxBytes }],
      })),
      forgottenTopicsData: (inSession ? this.forgotten : []).map(({ topic, index }) => ({
        topic: topic.plan.name,
        topicId: topic.topicId,
        partitions: [index],
      })),
    }
    this.forgotten = []
    for (const position of wanted) position.told = { fetchOffset: position.next, maxBytes: position.maxBytes }
    const underWay: FetchUnderWay = {
      asked: wanted.map((position) => ({
        position,
        fetchOffset: position.next,
        maxBytes: position.maxBytes,
        highWatermark: position.ledger.highWatermark,
        logStartOffset: position.ledger.logStartOffset,
        lossCount: position.ledger.lossCount,
      })),
      maxBytes: body.maxBytes,
      maxWaitMs: body.maxWaitMs,
      minBytes: body.minBytes,
      sentMs: now,
    }
    this.link.request(FetchRequest, FetchResponse, this.version, body, body.maxWaitMs + 3_000, (answer) => {
      this.busy = false
      if (answer === null) return
      this.take(answer, underWay, inSession)
      this.soon()
    })
  }

  private take(answer: MessageOf<typeof FetchResponse>, underWay: FetchUnderWay, inSession: boolean): void {
    const checks: Checks = this.world.checks
    if (answer.errorCode !== ErrorCode.NONE) {
      if (answer.errorCode === ErrorCode.INVALID_FETCH_SESSION_EPOCH || !inSession)
        checks.fail(
          'FS',
          `c${this.number} sends session ${this.sessionId} epoch ${this.sessionEpoch} in turn`,
          errorName(answer.errorCode),
        )
      this.newSession(0)
      return
    }
    if (this.withSession) {
      if (!inSession) this.sessionId = answer.sessionId
      this.sessionEpoch = this.sessionId === 0 ? 0 : this.sessionEpoch + 1
    }
    let bytes = 0
    let failures = 0
    const entries = new Map<PartitionLedger, Entry>()
    for (const { topic, topicId, partitions } of answer.responses) {
      for (const entry of partitions) {
        const asked = underWay.asked.find(
          ({ position: { ledger } }) =>
            ledger.index === entry.partitionIndex &&
            (this.byId ? ledger.topic.topicId === topicId : ledger.topic.plan.name === topic),
        )
        if (asked === undefined)
          checks.fail(
            'FS',
            `c${this.number} gets what it fetches`,
            `${topic || topicId}-${entry.partitionIndex} came unasked`,
          )
        bytes += entry.records?.length ?? 0
        if (entry.errorCode !== ErrorCode.NONE) failures++
        entries.set(asked.position.ledger, entry)
      }
    }
    if (!inSession && entries.size !== underWay.asked.length)
      checks.fail('FS', `a full fetch answers for ${underWay.asked.length} partitions`, `${entries.size} came`)
    const got = { bytes, failures }
    for (const asked of underWay.asked) this.takePartition(asked, entries.get(asked.position.ledger), underWay, got)
    this.checkPrompt(underWay, bytes)
    if (this.withSession && this.random.chance(0.02)) this.newSession(this.sessionId)
  }

  private takePartition(asked: Asked, entry: Entry | undefined, underWay: FetchUnderWay, got: Got): void {
    const { bytes } = got
    const { position } = asked
    if (entry !== undefined && entry.errorCode !== ErrorCode.NONE) {
      this.onError(asked, entry.errorCode)
      return
    }
    const { ledger } = position
    const { checks } = this.world
    // The broker has lost something since: the answer may be of either time.
    const comparable = asked.lossCount === ledger.lossCount && ledger.topic.state === 'live' && !ledger.damaged
    if (entry !== undefined) {
      position.knownHighWatermark = entry.highWatermark
      if (this.version >= 5) position.knownLogStart = entry.logStartOffset
      checks.met('L6')
      if (comparable && entry.highWatermark > ledger.highWatermark)
        checks.fail(
          'L6',
          `the high watermark of ${ledger.name} is ${ledger.highWatermark}`,
          `c${this.number} was told ${entry.highWatermark}`,
        )
    }
    const { records } = entry ?? {}
    if (records != null && records.length > 0) {
      const next = checkDelivered(
        this.world,
        this.number,
        ledger,
        asked.fetchOffset,
        records,
        entry!.highWatermark,
        asked.lossCount,
      )
      // Moved elsewhere meanwhile: then this was read for nothing.
      if (position.next === asked.fetchOffset) position.next = next
      return
    }
    if (!comparable) return
    checks.met('FS')
    if (position.knownHighWatermark < asked.highWatermark)
      checks.fail(
        'FS',
        `c${this.number} knows the high watermark of ${ledger.name}, ${asked.highWatermark} when it asked`,
        `it was told ${position.knownHighWatermark}${entry === undefined ? ' earlier and nothing now' : ''}`,
      )
    if (this.version >= 5 && position.knownLogStart < asked.logStartOffset)
      checks.fail(
        'FS',
        `c${this.number} knows the log start of ${ledger.name}, ${asked.logStartOffset} when it asked`,
        `it was told ${position.knownLogStart}`,
      )
    if (asked.fetchOffset >= asked.highWatermark || asked.fetchOffset < ledger.logStartOffset) return
    const fact = ledger.factAt(asked.fetchOffset)
    if (fact === undefined) return
    // The first batch comes whatever its size; one that was read and then failed had its place, and is not in the answer.
    const isFirst = bytes === 0 && got.failures === 0
    const fits = isFirst || (bytes + fact.sizeBytes <= underWay.maxBytes && fact.sizeBytes <= asked.maxBytes)
    if (fits)
      checks.fail(
        'FS',
        `${ledger.name} was readable up to ${asked.highWatermark} when c${this.number} asked for ${asked.fetchOffset}`,
        `the answer has ${bytes} bytes and nothing of it${entry === undefined ? '; the session left it out' : ''}`,
      )
  }

  private onError({ position, fetchOffset, lossCount }: Asked, errorCode: number): void {
    const { ledger } = position
    position.knownHighWatermark = -1
    position.knownLogStart = -1
    switch (errorCode) {
      case ErrorCode.OFFSET_OUT_OF_RANGE: {
        const { checks } = this.world
        checks.met('K1')
        const explained =
          fetchOffset < ledger.logStartOffset ||
          position.lossCount !== ledger.lossCount ||
          lossCount !== ledger.lossCount ||
          ledger.damaged ||
          ledger.topic.state !== 'live'
        if (!explained)
          checks.fail(
            'K1',
            `c${this.number} stands at ${ledger.name}@${fetchOffset}, between ${ledger.logStartOffset} and ${ledger.highWatermark}`,
            'the broker answers OFFSET_OUT_OF_RANGE',
          )
        if (position.next === fetchOffset) position.next = -1
        return
      }
      default:
        position.pausedUntilMs = this.world.nowMs + BACKOFF_MS
        if (ledger.damaged && this.world.phase === 'liveness') this.remove(position)
    }
  }

  /** An answer must not wait for its time when there is something to say. */
  private checkPrompt(underWay: FetchUnderWay, bytes: number): void {
    const { world } = this
    if (underWay.maxWaitMs < 1_000 || underWay.minBytes > 1 || world.calmSinceMs > underWay.sentMs || bytes === 0)
      return
    let readyMs = Number.POSITIVE_INFINITY
    for (const { position, fetchOffset } of underWay.asked) {
      const fact = position.ledger.damaged ? undefined : position.ledger.factAt(fetchOffset)
      if (fact !== undefined) readyMs = Math.min(readyMs, Math.max(fact.visibleAtMs, underWay.sentMs))
    }
    if (readyMs === Number.POSITIVE_INFINITY) return
    world.checks.met('WU')
    const lateMs = world.nowMs - readyMs
    if (lateMs > PROMPT_MS + 2 * world.options.linkDelayMs[1])
      world.checks.fail(
        'WU',
        `c${this.number} waits up to ${underWay.maxWaitMs} ms for the first byte, which was there ${lateMs.toFixed(0)} ms ago`,
        'the answer comes only now',
      )
  }

  private newSession(closeId: number): void {
    this.sessionId = closeId
    this.sessionEpoch = 0
    this.forgotten = []
    for (const position of this.positions) {
      position.told = null
      position.knownHighWatermark = -1
      position.knownLogStart = -1
    }
  }

  private onDown(): void {
    this.newSession(0)
  }
}
