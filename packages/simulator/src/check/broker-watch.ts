import type { Broker } from '@ottla/broker'
import type { SimMachine } from '@ottla/runtime/sim'
import type { World } from '../world.ts'
import type { Checks } from './invariants.ts'
import type { PartitionLedger, TopicLedger } from './ledger.ts'
import { LogFiles } from './log-files.ts'
import { checkLogStart, recheckLogStart } from './log-start.ts'
import { checkProducers, checkTimes } from './log-state.ts'
import { compareWithFiles } from './restart.ts'

/** How the last process ended; `clean-power`: cleanly, and then the power went. */
export type StopKind = 'none' | 'clean' | 'kill' | 'power' | 'clean-power'

const STOPS: readonly StopKind[] = ['none', 'clean', 'clean-power', 'kill', 'power']

/** What two stops in a row may take is decided by the harder one. */
function harder(a: StopKind, b: StopKind): StopKind {
  return STOPS.indexOf(a) > STOPS.indexOf(b) ? a : b
}

type Partition = NonNullable<ReturnType<Broker['replicas']['partition']>>

export interface Watched {
  readonly partition: Partition
  readonly ledger: PartitionLedger
  readonly files: LogFiles
  /** Bytes of this log failed to be written or synced: nothing may become visible any more. */
  mustStandStill: boolean
}

/** A call on the files of logs that is to fail. */
export interface ArmedError {
  /** As `SimDisk.faultCounts` names it, and how often it had happened before. */
  readonly fault: string
  readonly before: number
  /** The last file that the call was made on. */
  path: string
}

/**
 * Why a log may be offline, or a start may fail: the disk is full, calls on it fail, those of a recovery fail, or it works
 * again and the process that met the failure still runs. Several at a time: each ends by itself.
 */
export type DiskTrouble = 'full' | 'error' | 'recovery' | 'after-error'

/** New partitions are looked for after so many events. */
const REFRESH_EVENTS = 16

/** Looks into the running broker after every event. */
export class BrokerWatch {
  /** What the nemesis does to the disk on purpose. */
  readonly troubles = new Set<DiskTrouble>()
  /** During the life of the process that ran last. */
  diskWasFull = false
  /** Somebody has lost or damaged what can be made again, while no process ran. */
  cachesDamaged = false
  /** Set by the nemesis when writes or syncs of logs are going to fail. */
  armed: ArmedError | null = null
  private readonly world: World
  private readonly machine: SimMachine
  private broker: Broker | null = null
  /** Logs that could not be looked at since the stops before: by an offline log nothing can be judged. */
  private unjudged = new Map<PartitionLedger, { readonly stop: StopKind; readonly startMayFall: boolean }>()
  /** Offline when the process ended: what it had not written down by then it no longer could. */
  private failed = new Set<PartitionLedger>()
  private watched: Watched[] = []
  private events = 0

  constructor(world: World, machine: SimMachine) {
    this.world = world
    this.machine = machine
  }

  get diskTrouble(): boolean {
    return this.troubles.size > 0
  }

  /** Of the broker that runs: only then does it stop cleanly. */
  get wholeAndOnline(): boolean {
    return this.unjudged.size === 0 && this.watched.every(({ partition }) => partition.log.offline === null)
  }

  get partitions(): readonly Watched[] {
    return this.watched
  }

  /** Some log does not serve, and ought to. */
  get offline(): boolean {
    if (!this.world.watchesLogs) return [...(this.broker?.replicas.all() ?? [])].some(({ log }) => log.offline !== null)
    return this.watched.some(({ partition, ledger }) => partition.log.offline !== null && !ledger.damaged)
  }

  // ---- start and stop

  /** A broker is up: what it has recovered is compared with what was there before. */
  attach(broker: Broker, stop: StopKind): void {
    this.broker = broker
    this.watched = []
    if (!this.world.watchesLogs) return
    this.checkTopics(broker)
    const { checks } = this.world
    const unjudged: typeof this.unjudged = new Map()
    for (const partition of broker.replicas.all()) {
      const ledger = this.ledgerOf(partition)
      if (ledger.damaged) continue
      const { log } = partition
      const before = this.unjudged.get(ledger)
      const since = {
        stop: harder(stop, before?.stop ?? 'none'),
        startMayFall: this.diskWasFull || this.failed.has(ledger) || before?.startMayFall === true,
      }
      if (log.offline !== null) {
        if (!this.diskTrouble)
          checks.fail(
            stop === 'power' ? 'S2' : 'S1',
            `${ledger.name} is served again`,
            `it is offline: ${log.offline.message}`,
          )
        unjudged.set(ledger, since)
        continue
      }
      const files = compareWithFiles(this.world, this.machine.disk, ledger, log, since.stop)
      recheckLogStart(this.world, ledger, log.logStartOffset, since.stop, since.startMayFall)
      if (this.cachesDamaged) checks.met('S4')
      ledger.highWatermark = partition.highWatermark
      this.watched.push({ partition, ledger, files, mustStandStill: false })
    }
    this.unjudged = unjudged
    this.failed.clear()
    this.diskWasFull = this.troubles.has('full')
    this.cachesDamaged = false
    if (!this.diskTrouble) this.checkCaches('restart')
  }

  /** What the broker knows by heart, against a full scan. Not at every restart: asking makes it load things. */
  private checkCaches(purpose: string): void {
    const random = this.world.random(`watch/${purpose}/${this.world.scheduler.eventCount}`)
    if (random.chance(0.5)) return
    for (const watched of this.watched) {
      checkProducers(this.world, watched)
      checkTimes(this.world, watched, random)
    }
  }

  /** The same at the end of a run, of everything. */
  checkAll(): void {
    const random = this.world.random('watch/all')
    for (const watched of this.watched) {
      if (watched.partition.log.offline !== null) continue
      checkProducers(this.world, watched)
      checkTimes(this.world, watched, random)
    }
  }

  detach(): void {
    if (this.broker === null) return
    for (const { partition, ledger } of this.watched) {
      if (partition.log.offline !== null) this.failed.add(ledger)
      // With a failed sync in between it means nothing.
      if (!this.world.syncFailed)
        ledger.durableEnd = Math.max(ledger.durableEnd, Math.min(partition.log.recoveryPoint, ledger.endOffset))
    }
    this.broker = null
    this.watched = []
    this.armed = null
  }

  // ---- after every event

  step(): void {
    if (this.broker === null) return
    if (++this.events % REFRESH_EVENTS === 0) this.refresh()
    if (this.armed !== null) this.lookForError(this.armed)
    const { watched } = this
    for (let i = 0; i < watched.length; i++) {
      const { partition, ledger } = watched[i]
      const { highWatermark, log } = partition
      if (partition.goneCode !== 0) {
        this.watched = watched.filter((other) => other.partition.goneCode === 0)
        return
      }
      if (highWatermark !== ledger.highWatermark) this.advance(watched[i], highWatermark)
      if (highWatermark > log.appendEndOffset)
        this.world.checks.fail(
          'L6',
          `${ledger.name} ends at ${log.appendEndOffset}`,
          `its high watermark is ${highWatermark}`,
        )
      if (log.logStartOffset !== ledger.logStartOffset)
        checkLogStart(this.world, ledger, log.logStartOffset, log.appendEndOffset)
    }
  }

  /** S6: from the event after a failed write or sync on, nothing of that directory becomes visible. */
  private lookForError(armed: ArmedError): void {
    if ((this.machine.disk.faultCounts.get(armed.fault) ?? 0) === armed.before) return
    this.armed = null
    const root = armed.path.slice(0, armed.path.indexOf('/', 1) + 1)
    for (const watched of this.watched) {
      if (!watched.partition.log.directory.startsWith(root)) continue
      const { highWatermark } = watched.partition
      if (highWatermark !== watched.ledger.highWatermark) this.advance(watched, highWatermark)
      watched.mustStandStill = true
    }
  }

  /** Takes up partitions that were made since. */
  refresh(): void {
    if (this.broker === null || !this.world.watchesLogs) return
    let count = 0
    for (const partition of this.broker.replicas.all()) {
      if (count < this.watched.length && this.watched[count].partition === partition) {
        count++
        continue
      }
      if (this.watched.some((watched) => watched.partition === partition)) {
        count++
        continue
      }
      const ledger = this.ledgerOf(partition)
      if (ledger.damaged || partition.log.offline !== null) continue
      const files = new LogFiles(this.machine.disk, partition.log.directory, ledger.endOffset)
      this.watched.push({ partition, ledger, files, mustStandStill: false })
    }
  }

  private advance(watched: Watched, highWatermark: number): void {
    const { ledger, files, partition } = watched
    const { checks, nowMs } = this.world
    checks.met('L6')
    if (highWatermark < ledger.highWatermark)
      checks.fail(
        'L6',
        `the high watermark of ${ledger.name} was ${ledger.highWatermark}`,
        `it is ${highWatermark} now`,
      )
    checks.met('S6')
    if (watched.mustStandStill)
      checks.fail('S6', `a write or sync of ${ledger.name} failed`, `its high watermark rose to ${highWatermark} since`)
    const result = files.readTo(highWatermark, (bytes, size) => ledger.add(bytes, 0, size, nowMs))
    if (result !== 'done' || ledger.endOffset !== highWatermark)
      checks.fail(
        'L6',
        `everything of ${ledger.name} below its high watermark ${highWatermark} is in the operating system's hands`,
        `its files hold whole batches up to ${ledger.endOffset} (${result})`,
      )
    if (partition.lastStableOffset > highWatermark)
      checks.fail(
        'L6',
        `the high watermark of ${ledger.name} is ${highWatermark}`,
        `its LSO is ${partition.lastStableOffset}`,
      )
    ledger.highWatermark = highWatermark
  }

  // ---- topics

  private ledgerOf(partition: Partition): PartitionLedger {
    return this.topicOf(partition.topic, partition.topicId).partition(partition.index)
  }

  private topicOf(name: string, topicId: string): TopicLedger {
    const known = this.world.topicById(topicId)
    if (known !== undefined) return known
    const unclear = this.world.topics.find(
      ({ plan, state, topicId: id }) =>
        plan.name === name && (state === 'creating' || state === 'refused') && id === '',
    )
    const checks: Checks = this.world.checks
    if (unclear === undefined)
      checks.fail('C3', 'topics are what was created', `nobody created ${name} with the id ${topicId}`)
    unclear.topicId = topicId
    return unclear
  }

  private checkTopics(broker: Broker): void {
    const checks: Checks = this.world.checks
    for (const topic of this.world.topics) {
      const { name } = topic.plan
      const found = topic.topicId === '' ? undefined : broker.topics.byId(topic.topicId)
      checks.met('C3')
      if (topic.state === 'deleted' && found !== undefined)
        checks.fail('C3', `topic ${name} (${topic.topicId}) was deleted`, 'it is back after a restart')
      if (topic.state !== 'live') continue
      if (found === undefined)
        checks.fail('C3', `topic ${name} (${topic.topicId}) was created`, 'a restart has lost it')
      const count = found.partitions.length
      if (count < topic.partitionsAcked || count > topic.partitionsAsked)
        checks.fail('C3', `topic ${name} has ${topic.partitionsAcked} partitions`, `after a restart it has ${count}`)
      for (let i = 0; i < count; i++)
        if (broker.replicas.partition(name, i) === undefined)
          checks.fail('C3', `topic ${name} has ${count} partitions`, `after a restart ${name}-${i} is not served`)
    }
  }
}
