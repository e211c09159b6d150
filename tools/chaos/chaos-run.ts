import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { Kafka } from '@ottla/client'
import { SeededRandom } from '@ottla/runtime/sim'
import { freePort } from '../peers/running-broker.ts'
import { Findings } from './checks/findings.ts'
import { GroupsCheck } from './checks/groups.ts'
import { LedgerCheck } from './checks/ledger.ts'
import { LogCheck, type LogRecord } from './checks/log.ts'
import { monotonicMs } from './events.ts'
import { Nemesis } from './nemesis.ts'
import {
  isMember,
  isProducer,
  LEDGER,
  NUMBERS,
  PARTITIONS,
  parts,
  protocolsOf,
  READERS,
  REQUESTS,
  strokesOfMinute,
  TELLERS,
} from './plan.ts'
import { type Told, Workers } from './workers.ts'

const MINUTE_MS = 60_000
/** How long the groups may take to get to the end once nothing is killed any more. */
const DRAIN_MS = 90_000
const LEAVE_GRACE_MS = 60_000

/** Of a minute; with less, a run proves nothing. */
const leastOfMinute: readonly (readonly [what: keyof Exercised, least: number])[] = [
  ['broker kills', 4],
  ['pauses', 2],
  ['acked records', 20_000],
  ['rebalances', 10],
  ['commits', 50],
  ['aborts', 10],
]

interface Exercised {
  readonly 'broker kills': number
  readonly pauses: number
  readonly 'acked records': number
  readonly rebalances: number
  readonly commits: number
  readonly aborts: number
}

export interface ChaosOptions {
  /** The broker's data and log, and `events.jsonl`, what the workers have told. */
  readonly dir: string
  readonly minutes: number
  readonly seed: number
  readonly say: (what: string) => void
}

export interface ChaosResult {
  readonly table: readonly (readonly [what: string, count: number | string])[]
  /** Lines; none when all is well. */
  readonly broken: readonly string[]
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** One run, from an empty folder to its result. */
export class ChaosRun {
  readonly #options: ChaosOptions
  readonly #findings = new Findings()
  readonly #numbers = new LogCheck(NUMBERS, this.#findings)
  readonly #requests = new LogCheck(REQUESTS, this.#findings)
  readonly #ledger = new LedgerCheck(PARTITIONS, this.#findings)
  readonly #groups: GroupsCheck
  /** Everything that workers have told, in the order in which it came. */
  readonly #evidence: number
  readonly #troubles = new Map<string, number>()

  constructor(options: ChaosOptions) {
    this.#options = options
    this.#groups = new GroupsCheck(protocolsOf(options.seed), this.#findings)
    this.#evidence = openSync(join(options.dir, 'events.jsonl'), 'a')
  }

  async run(): Promise<ChaosResult> {
    const { dir, minutes, seed, say } = this.#options
    const port = await freePort()
    const nemesis = new Nemesis(dir, port, say)
    await nemesis.startBroker()
    const kafka = new Kafka({ bootstrap: `127.0.0.1:${port}`, clientId: 'chaos' })
    const workers = new Workers(
      seed,
      `127.0.0.1:${port}`,
      (told) => this.#on(told),
      (what) => this.#findings.add('worker ended', what),
    )
    nemesis.workers = workers
    let aborted = 0
    try {
      await createTopics(kafka)
      await Promise.all(parts.map((part) => workers.start(part)))
      const random = new SeededRandom(seed)
      for (let minute = 0; minute < minutes && !this.#findings.any; minute++) {
        const beganMs = monotonicMs()
        const minuteMs = () => monotonicMs() - beganMs
        const isEnough = () => this.#findings.any
        await nemesis.strike(strokesOfMinute(random.split(`minute ${minute}`)), minuteMs, isEnough)
        while (minuteMs() < MINUTE_MS && !isEnough()) await pause(100)
        this.#groups.finish()
      }
      await nemesis.recover()
      if (!this.#findings.any) aborted = await this.#finish(kafka, workers, say)
    } finally {
      await workers.killAll()
      await kafka.close({ timeoutMs: 1000 })
      await nemesis.stopBroker()
    }
    const exercised: Exercised = {
      'broker kills': nemesis.brokerKills,
      pauses: nemesis.brokerPauses + nemesis.workerPauses,
      'acked records': this.#numbers.ackedRecords + this.#requests.ackedRecords,
      rebalances: this.#groups.rebalances,
      commits: this.#groups.commits,
      aborts: this.#ledger.aborted,
    }
    const broken = this.#findings.lines()
    if (broken.length === 0) {
      for (const [what, least] of leastOfMinute) {
        const wanted = least * minutes
        if (exercised[what] < wanted)
          broken.push(`not exercised: ${exercised[what]} ${what}, and at least ${wanted} were wanted`)
      }
      if (aborted === 0) broken.push('not exercised: no aborted record was written')
    }
    return { table: this.#table(exercised, nemesis, aborted), broken }
  }

  #on({ by, event }: Told): void {
    // A view from the begin repeats what others have told already.
    const isWhole = event.e === 'view' && event.from.every((offset) => offset === 0)
    const line = isWhole ? { ...event, records: event.records.length } : event
    writeSync(this.#evidence, `${JSON.stringify({ by, ...line })}\n`)
    const groups = this.#groups
    if (event.e === 'ack') (event.topic === NUMBERS ? this.#numbers : this.#requests).onAck(event)
    else if (event.e === 'assign') groups.onAssign(by, event)
    else if (event.e === 'revoke') groups.onRevoke(by, event)
    else if (event.e === 'commit') groups.onCommit(by, event)
    else if (event.e === 'offsets') groups.onOffsets(by, event)
    else if (event.e === 'view') this.#ledger.onView(by, event)
    else if (event.e === 'read') {
      this.#numbers.onRead(by, event)
      groups.onRead(by, event)
    } else if (event.e === 'begin') {
      this.#ledger.onBegin(event)
      groups.onBegin(by, event)
    } else if (event.e === 'end') {
      this.#ledger.onEnd(event)
      groups.onEnd(by, event)
    } else if (event.e === 'trouble') {
      const what = `${event.what} ${event.code}`
      this.#troubles.set(what, (this.#troubles.get(what) ?? 0) + 1)
    }
  }

  /** Lets everything come to its end, and judges it. Returns how many aborted records the ledger's log has. */
  async #finish(kafka: Kafka, workers: Workers, say: (what: string) => void): Promise<number> {
    say('producers end')
    await this.#end(workers, parts.filter(isProducer))
    say('groups read on to the end')
    await this.#drain(kafka)
    await this.#end(workers, parts.filter(isMember))
    await this.#end(workers, parts)
    say('everything is read')
    const requests = this.#requests.finish(await readAll(kafka, REQUESTS), false)
    this.#numbers.finish(await readAll(kafka, NUMBERS), true)
    this.#ledger.finish(requests)
    this.#groups.finish()
    const written = await readAll(kafka, LEDGER)
    return written.filter(([, , value]) => value.endsWith('1]')).length
  }

  async #end(workers: Workers, some: typeof parts): Promise<void> {
    await Promise.all(some.map(({ name }) => workers.end(name, LEAVE_GRACE_MS)))
  }

  async #drain(kafka: Kafka): Promise<void> {
    const untilMs = monotonicMs() + DRAIN_MS
    for (;;) {
      const behind = await lagOf(kafka)
      if (behind.length === 0) return
      if (monotonicMs() > untilMs || this.#findings.any) {
        this.#findings.add('stuck', `after ${DRAIN_MS} ms without a kill: ${behind.join(', ')}`)
        return
      }
      await pause(300)
    }
  }

  #table(exercised: Exercised, nemesis: Nemesis, aborted: number): ChaosResult['table'] {
    const ledger = this.#ledger
    return [
      ...Object.entries(exercised),
      ['of the pauses, of the broker', nemesis.brokerPauses],
      ['workers killed', nemesis.workerKills],
      ['workers that left and came back', nemesis.bounces],
      ['records in the logs', this.#numbers.logRecords + this.#requests.logRecords],
      ['records read by the group', this.#numbers.readRecords],
      ['transactions committed', ledger.committed],
      ['transactions that failed', ledger.failed],
      ['records visible in the ledger', ledger.visibleRecords],
      ['aborted records in its log', aborted],
      ['read_committed views', ledger.views],
      ['of them, from the begin', ledger.wholeViews],
      ['with a part of a transaction to come', ledger.viewsWithPartial],
      ["looks at the groups' offsets", this.#groups.observations],
      ['errors told to workers', [...this.#troubles].map(([what, count]) => `${what} ${count}`).join(', ') || 'none'],
      ...(['lost', 'duplicated', 'aborted and read', 'torn', 'sum', 'offset went back', 'two owners'] as const).map(
        (kind) => [kind, this.#findings.count(kind)] as const,
      ),
    ]
  }
}

async function createTopics(kafka: Kafka): Promise<void> {
  const topics = [NUMBERS, REQUESTS, LEDGER].map((name) => ({ name, partitions: PARTITIONS }))
  for (const { error } of await kafka.admin.createTopics(topics)) if (error !== null) throw error
}

/** What the groups have not committed yet, in words. */
async function lagOf(kafka: Kafka): Promise<string[]> {
  const behind: string[] = []
  const committed = await kafka.admin.listGroupOffsets([READERS, TELLERS])
  for (const [group, topic] of [
    [READERS, NUMBERS],
    [TELLERS, REQUESTS],
  ]) {
    const ends = await kafka.admin.topicOffsets(topic, 'latest')
    const { offsets } = committed.find(({ name }) => name === group)!
    ends.forEach(({ offset: end }, partition) => {
      const offset = offsets.find((one) => one.topic === topic && one.partition === partition)?.offset ?? 0
      if (offset < end) behind.push(`${group} is at ${offset} of ${end} in ${topic}-${partition}`)
    })
  }
  return behind
}

/** All records of a topic, committed or not, each partition in its order. */
async function readAll(kafka: Kafka, topic: string): Promise<LogRecord[]> {
  const ends = await kafka.admin.topicOffsets(topic, 'latest')
  const assign = ends.flatMap(({ offset: until }, partition) =>
    until > 0 ? [{ topic, partition, from: 0, until }] : [],
  )
  if (assign.length === 0) return []
  const records: LogRecord[] = []
  for await (const { partition, offset, value } of kafka.consumer({ assign })) {
    records.push([partition, offset, Buffer.from(value ?? []).toString()])
  }
  return records
}
