import { transactionMarkerBatch } from '@ottla/protocol/records'
import type { DiskHistory } from '@ottla/runtime/sim'
import { MAP_ENTRY_BYTES } from '../../src/cleaner/offset-map.ts'
import type { LogConfig, PartitionLog } from '../../src/index.ts'
import { Dice } from '../support/random.ts'
import { batchOf, type ProducerInput, type RecordInput, World } from '../support/world.ts'
import { type ModelLog, NEVER, newModelLog } from './model.ts'

/** What the script is about when a crash comes; every kind must be crashed often. */
export type Phase =
  | 'append'
  | 'roll'
  | 'flush'
  | 'snapshot'
  | 'retention'
  | 'delete-records'
  | 'compaction'
  | 'marker'
  | 'truncation'
  | 'deletion'
  | 'clean-stop'

export const PHASES: readonly Phase[] = [
  'append',
  'roll',
  'flush',
  'snapshot',
  'retention',
  'delete-records',
  'compaction',
  'marker',
  'truncation',
  'deletion',
  'clean-stop',
]

export const TOPICS: Readonly<Record<string, Partial<LogConfig>>> = {
  /** Acks wait for the device. */
  flushed: { flushMessages: 1, segmentBytes: 1500 },
  /** Acks wait for the operating system. */
  lazy: { segmentBytes: 1500 },
  compacted: {
    flushMessages: 1,
    segmentBytes: 1200,
    cleanupPolicy: { delete: false, compact: true },
    minCleanableDirtyRatio: 0,
    deleteRetentionMs: 5,
  },
  doomed: { flushMessages: 1, segmentBytes: 1500 },
}

/** Enough for small batches; what a recovery test does not look at is switched off. */
export const WORLD_CONFIG: Partial<LogConfig> = { indexIntervalBytes: 200, fileDeleteDelayMs: 20 }
export const MANAGER_OPTIONS = {
  tailBytesMax: 0,
  // Room for three keys, so that a compaction takes several runs.
  cleaner: { enable: false, dedupeBufferSize: 4 * MAP_ENTRY_BYTES },
  producerIdExpirationMs: Number.POSITIVE_INFINITY,
}

export interface ScriptRun {
  readonly seed: number
  readonly history: DiskHistory
  /** By number of disk events: what was going on. */
  readonly phases: readonly Phase[]
  readonly logs: ReadonlyMap<string, ModelLog>
  /** The first event at which the broker's directory is complete. */
  readonly firstIndex: number
}

/** Runs one script: a broker's disk from its first start to a clean stop, everything that was promised noted. */
export async function runScript(seed: number): Promise<ScriptRun> {
  return new Script(seed).run()
}

class Script {
  readonly #seed: number
  readonly #dice: Dice
  readonly #world: World
  readonly #logs = new Map<string, ModelLog>()
  readonly #phases: Phase[] = []
  readonly #sequences = new Map<string, number>()
  #counter = 0
  #timestamp: number

  constructor(seed: number) {
    this.#seed = seed
    this.#dice = new Dice(seed)
    this.#world = new World({ seed, record: true, config: WORLD_CONFIG, topics: TOPICS, manager: MANAGER_OPTIONS })
    this.#timestamp = this.#world.nowMs()
    this.#world.whenWritten = (log) => this.#noteWritten(log)
  }

  get #now(): number {
    return this.#world.machine.disk.historyLength
  }

  get #leaderEpoch(): number {
    return Math.floor(this.#counter / 40)
  }

  async run(): Promise<ScriptRun> {
    const firstIndex = this.#now
    for (const topic of Object.keys(TOPICS)) this.#create(topic)
    for (let round = 0; round < 2; round++) {
      this.#phase('append', () => this.#appendSome(4))
      this.#phase('marker', () => this.#transaction())
      this.#phase('roll', () => this.#roll())
      this.#phase('append', () => this.#appendSome(4))
      this.#phase('compaction', () => this.#compact())
      this.#phase('flush', () => this.#flush())
      this.#phase('snapshot', () => this.#snapshot())
      this.#phase('delete-records', () => this.#deleteRecords())
      this.#phase('append', () => this.#appendSome(2))
      this.#phase('retention', () => this.#retention())
      this.#phase('marker', () => this.#transaction())
      this.#phase('compaction', () => this.#compact())
      this.#phase('truncation', () => this.#truncate())
      this.#phase('append', () => this.#appendSome(2))
    }
    this.#phase('deletion', () => this.#delete())
    this.#phase('append', () => this.#appendSome(2))
    const from = this.#now
    await this.#world.stop()
    this.#mark('clean-stop', from)
    this.#promiseAll()
    return {
      seed: this.#seed,
      history: this.#world.machine.disk.history(),
      phases: this.#phases,
      logs: this.#logs,
      firstIndex,
    }
  }

  #phase(phase: Phase, action: () => void): void {
    const from = this.#now
    action()
    this.#world.settle()
    this.#mark(phase, from)
  }

  #mark(phase: Phase, from: number): void {
    for (let index = from; index <= this.#now; index++) this.#phases[index] = phase
  }

  #create(topic: string): void {
    const { flushMessages, cleanupPolicy } = TOPICS[topic]
    const created = this.#now
    this.#world.createLog(topic)
    this.#logs.set(topic, newModelLog(topic, flushMessages === 1, cleanupPolicy?.compact ?? false, created))
  }

  #alive(): ModelLog[] {
    return [...this.#logs.values()].filter((log) => log.deletionBegun === NEVER)
  }

  #log(model: ModelLog): PartitionLog {
    return this.#world.log(model.topic)
  }

  // ---- operations

  #appendSome(count: number): void {
    for (let i = 0; i < count; i++) {
      for (const model of this.#alive()) {
        // The one that is deleted needs no long history.
        if (model.topic === 'doomed' && model.records.length > 12) continue
        const producer = this.#dice.pick([1, 2, null])
        this.#append(model, this.#dice.between(1, 3), producer)
      }
      if (this.#dice.chance(0.6)) this.#world.settle(2)
    }
  }

  #append(model: ModelLog, count: number, producerId: number | null, transactional = false): void {
    const inputs: RecordInput[] = []
    for (let i = 0; i < count; i++) {
      this.#timestamp += this.#dice.between(-3, 5)
      inputs.push({
        key: `k${this.#dice.below(6)}`,
        value:
          model.compacted && this.#dice.chance(0.15) ? null : `${++this.#counter}${'x'.repeat(this.#dice.below(120))}`,
        timestamp: this.#timestamp,
      })
    }
    const producer = producerId === null ? undefined : this.#nextOf(model, producerId, count, transactional)
    const begun = this.#now
    const result = this.#world.append(this.#log(model), batchOf(inputs, producer, this.#dice.chance(0.04) ? 1 : 0), {
      leaderEpoch: this.#leaderEpoch,
    })
    if (result.errorCode !== 0) throw new Error(`seed ${this.#seed}: ${result.errorMessage}`)
    for (const [i, { key = null, value = null, timestamp = 0 }] of inputs.entries()) {
      if (transactional) model.transactional.add(result.baseOffset + i)
      model.records.push({
        offset: result.baseOffset + i,
        identity: `${key}=${value}@${timestamp}`,
        key,
        tombstone: value === null,
        timestamp,
        begun,
        written: NEVER,
        durable: NEVER,
        removalBegun: NEVER,
        removed: NEVER,
      })
    }
  }

  #nextOf(model: ModelLog, id: number, count: number, transactional: boolean): ProducerInput {
    const name = `${model.topic} ${id}`
    const sequence = this.#sequences.get(name) ?? 0
    this.#sequences.set(name, sequence + count)
    return { id, sequence, transactional }
  }

  #noteWritten(log: PartitionLog): void {
    const model = this.#logs.get(log.topic)!
    for (const record of model.records) {
      if (record.offset >= log.writtenEndOffset || record.removalBegun !== NEVER) continue
      record.written = Math.min(record.written, this.#now)
      if (model.flushed) record.durable = Math.min(record.durable, this.#now)
    }
  }

  /** A transaction in each log, committed or aborted, with another producer's records in between. */
  #transaction(): void {
    for (const model of this.#alive()) {
      if (model.topic === 'doomed') continue
      const id = 10 + this.#dice.below(2)
      this.#append(model, 2, id, true)
      this.#append(model, 1, 1)
      this.#append(model, 1, id, true)
      this.#world.settle(2)
      const marker = transactionMarkerBatch({
        producerId: id,
        producerEpoch: 0,
        commit: this.#dice.chance(0.5),
        coordinatorEpoch: 0,
        timestamp: this.#timestamp,
      })
      const { errorCode } = this.#world.append(this.#log(model), marker, {
        origin: 'coordinator',
        leaderEpoch: this.#leaderEpoch,
      })
      if (errorCode !== 0) throw new Error(`seed ${this.#seed}: marker refused with ${errorCode}`)
    }
  }

  #roll(): void {
    this.#world.settle()
    for (const model of this.#alive()) this.#log(model).roll()
  }

  #flush(): void {
    for (const model of this.#alive()) {
      if (model.topic === 'doomed') continue
      for (let i = 0; i < 3; i++) this.#append(model, 1, this.#dice.pick([1, 2]))
      this.#world.wait((done) => this.#log(model).flush(done))
      for (const record of model.records) record.durable = Math.min(record.durable, this.#now)
    }
  }

  /** The recovery point comes to lie at a segment whose only batch, the one that made the log roll, is not flushed. */
  #snapshot(): void {
    this.#appendSome(2)
    for (const model of this.#alive()) {
      if (model.topic === 'doomed') continue
      const log = this.#log(model)
      const before = log.core.segments.last
      while (log.core.segments.last === before) {
        this.#append(model, 1, 1)
        this.#world.settle(2)
      }
    }
    this.#world.settle()
    this.#world.manager.checkpoint()
  }

  #deleteRecords(): void {
    this.#world.settle()
    for (const model of [...this.#alive(), ...this.#alive()]) {
      if (model.compacted) continue
      const log = this.#log(model)
      const offset = this.#dice.between(log.logStartOffset, Math.min(log.writtenEndOffset, log.logStartOffset + 5))
      const move = { offset, begun: this.#now, promised: NEVER }
      model.starts.push(move)
      log.deleteRecordsBefore(offset)
      move.promised = this.#now
    }
  }

  /** By size, with settings that hold only now. */
  #retention(): void {
    this.#world.settle()
    const moves = this.#alive()
      .filter((model) => !model.compacted)
      .map((model) => {
        const log = this.#log(model)
        log.updateConfig({ ...log.config, retentionBytes: 2500 })
        const move = { offset: log.appendEndOffset, begun: this.#now, promised: NEVER }
        return { model, log, move }
      })
    this.#world.manager.runRetention()
    this.#world.settle()
    for (const { model, log, move } of moves) {
      model.starts.push({ ...move, offset: log.logStartOffset, promised: this.#now })
      log.updateConfig({ ...log.config, retentionBytes: Number.POSITIVE_INFINITY })
    }
  }

  /** The first one comes before there is any checkpoint. Neighbours become one where they fit into one segment. */
  #compact(): void {
    this.#roll()
    const log = this.#log(this.#logs.get('compacted')!)
    const { segmentBytes } = log.config
    log.updateConfig({ ...log.config, segmentBytes: this.#dice.pick([1, 2, 4]) * segmentBytes })
    this.#world.manager.runCleaner()
    this.#world.settle(300)
    log.updateConfig({ ...log.config, segmentBytes })
  }

  #truncate(): void {
    this.#flush()
    this.#world.settle()
    this.#world.manager.checkpoint()
    for (const model of this.#alive()) {
      if (model.compacted || model.topic === 'doomed') continue
      const log = this.#log(model)
      const to = this.#dice.between(Math.max(log.logStartOffset, log.appendEndOffset - 30), log.appendEndOffset)
      const begun = this.#now
      // A batch goes as a whole.
      const affected = model.records.filter((record) => record.removed === NEVER && record.offset >= to - 3)
      for (const record of affected) record.removalBegun = begun
      if (this.#world.wait((done) => log.truncateTo(to, done)) !== null)
        throw new Error(`seed ${this.#seed}: truncation`)
      for (const record of affected) {
        if (record.offset >= log.appendEndOffset) record.removed = this.#now
        else record.removalBegun = NEVER
      }
      // What producers have sent since is forgotten: they begin anew under other ids in the checks.
      for (const name of this.#sequences.keys()) if (name.startsWith(`${model.topic} `)) this.#resume(model, name)
    }
    this.#refill()
  }

  /** Until a segment ends where the recovery point of before the cut has not come to yet. */
  #refill(): void {
    const model = this.#logs.get('lazy')!
    for (let i = 0; i < 12; i++) this.#append(model, 1, 1)
  }

  /** The sequence that the truncated log expects next of a producer. */
  #resume(model: ModelLog, name: string): void {
    const id = Number(name.split(' ')[1])
    const entry = this.#log(model)
      .activeProducers()
      .find((producer) => producer.producerId === id)
    this.#sequences.set(name, entry === undefined ? 0 : entry.lastSequence + 1)
  }

  #delete(): void {
    const model = this.#logs.get('doomed')!
    model.deletionBegun = this.#now
    this.#world.manager.deleteLog('doomed', 0)
    this.#world.settle()
    model.deleted = this.#now
  }

  /** A clean stop has brought everything to the device. */
  #promiseAll(): void {
    for (const model of this.#alive())
      for (const record of model.records) {
        record.written = Math.min(record.written, this.#now)
        record.durable = Math.min(record.durable, this.#now)
      }
  }
}
