import type { Clock } from '@ottla/runtime'
import { type SeededRandom, type SimScheduler, Simulation } from '@ottla/runtime/sim'
import { Checks } from './check/invariants.ts'
import { type PartitionLedger, TopicLedger } from './check/ledger.ts'
import { Sends } from './check/send.ts'
import type { SwarmOptions, TopicPlan } from './options.ts'

/** What clients did and what came of it. */
export class Tally {
  sent = 0
  ok = 0
  unknown = 0
  failed = 0
  /** Batches delivered to consumers. */
  delivered = 0
  /** Requests of other kinds that succeeded. */
  asked = 0
}

export type Phase = 'setup' | 'safety' | 'liveness' | 'end'

/** Lines of the timeline that are kept for a report. */
const TIMELINE_MAX = 400

/** What all parts of one run share. */
export class World {
  readonly options: SwarmOptions
  readonly simulation: Simulation
  readonly scheduler: SimScheduler
  readonly checks: Checks
  readonly sends: Sends
  readonly tally = new Tally()
  /** Every topic there ever was, in the order of their creation. */
  readonly topics: TopicLedger[] = []
  readonly timeline: string[] = []
  /** Faults that happened, by name. */
  readonly faults = new Map<string, number>()
  /** Every producer id that was given, and to whom. */
  readonly producerIds = new Map<number, number>()
  phase: Phase = 'setup'
  /** Of the broker's machine; set when a process starts there. */
  brokerClock: Clock | null = null
  /** A sync has failed: what the kernel then calls synced may be lost, so no power may be cut any more. */
  syncFailed = false
  /** Looks for partitions that were made just now. */
  refresh: () => void = () => {}
  /** Told by clients when something is under way that a stop of the broker must not tear, for so many milliseconds. */
  delicate: (maxMs: number) => void = () => {}
  /** Since when neither the network nor the disk was disturbed; `Infinity` while one is. */
  calmSinceMs = 0
  /** Everything said goes to the console at once. */
  private readonly trace: ((line: string) => void) | null

  constructor(options: SwarmOptions, trace: ((line: string) => void) | null) {
    this.options = options
    this.trace = trace
    this.simulation = new Simulation({
      seed: options.seed,
      link: {
        delayMs: options.linkDelayMs,
        lossProbability: options.lossProbability,
        cutProbability: options.cutProbability,
        retransmitMs: [100, 500],
      },
    })
    this.scheduler = this.simulation.scheduler
    this.checks = new Checks(() => ({ timeMs: this.scheduler.nowMs, event: this.scheduler.eventCount }))
    this.sends = new Sends(this.random('sends'))
  }

  get nowMs(): number {
    return this.scheduler.nowMs
  }

  /** The broker's wall clock. */
  wallMs(): number {
    return this.brokerClock?.nowMs() ?? 0
  }

  random(purpose: string): SeededRandom {
    return this.scheduler.random.split(purpose)
  }

  newTopic(plan: TopicPlan): TopicLedger {
    const topic = new TopicLedger(plan, this.checks, this.sends)
    this.topics.push(topic)
    return topic
  }

  topicById(topicId: string): TopicLedger | undefined {
    return this.topics.find((topic) => topic.topicId === topicId)
  }

  /** Partitions of topics that clients may use. */
  livePartitions(): PartitionLedger[] {
    const live: PartitionLedger[] = []
    for (const topic of this.topics) {
      if (topic.state !== 'live') continue
      for (let i = 0; i < topic.partitionsAcked; i++) if (!topic.partition(i).damaged) live.push(topic.partition(i))
    }
    return live
  }

  fault(name: string): void {
    this.faults.set(name, (this.faults.get(name) ?? 0) + 1)
  }

  /** An exception where there should be none. It is told inside the code under test, which may catch what is thrown. */
  bug(text: string): void {
    try {
      this.checks.fail('OK', 'the broker handles what comes', text)
    } catch {
      // Kept as the first violation, which ends the run after this event.
    }
  }

  /** For what is worth a line in the report. */
  say(line: string): void {
    const text = `${(this.scheduler.nowMs / 1000).toFixed(3).padStart(8)} ${line}`
    this.trace?.(text)
    if (this.timeline.length >= TIMELINE_MAX) this.timeline.splice(0, TIMELINE_MAX / 2)
    this.timeline.push(text)
  }

  /** Whether every log is compared with what producers sent. Groups and transactions are judged by what clients see. */
  get watchesLogs(): boolean {
    return this.options.workload === 'log'
  }

  get tracing(): boolean {
    return this.trace !== null
  }
}
