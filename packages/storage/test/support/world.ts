import { RecordBatchBuilder, readBatches } from '@ottla/protocol/records'
import type { FileSystem, Runtime } from '@ottla/runtime'
import { type DiskImage, type SimMachine, Simulation } from '@ottla/runtime/sim'
import {
  type AppendOptions,
  type AppendResult,
  type LogConfig,
  type LogListener,
  LogManager,
  type LogManagerOptions,
  type LogSlice,
  type PartitionLog,
  type ReadOptions,
} from '../../src/index.ts'

/** Kafka's defaults, but small segments and a dense index, so that little data has many of each. */
export const smallConfig: LogConfig = {
  segmentBytes: 4096,
  segmentMs: 7 * 86_400_000,
  segmentJitterMs: 0,
  segmentIndexBytes: 10 * 1024 * 1024,
  indexIntervalBytes: 256,
  retentionMs: Number.POSITIVE_INFINITY,
  retentionBytes: Number.POSITIVE_INFINITY,
  cleanupPolicy: { delete: true, compact: false },
  minCleanableDirtyRatio: 0.5,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.POSITIVE_INFINITY,
  deleteRetentionMs: 86_400_000,
  fileDeleteDelayMs: 60_000,
  maxMessageBytes: 1_048_588,
  maxDecompressedMessageBytes: 0x7fff_ffff - 9,
  compressionType: 'producer',
  compressionGzipLevel: -1,
  compressionLz4Level: 9,
  compressionZstdLevel: 3,
  messageTimestampType: 'CreateTime',
  messageTimestampBeforeMaxMs: Number.POSITIVE_INFINITY,
  messageTimestampAfterMaxMs: 3_600_000,
  flushMessages: Number.POSITIVE_INFINITY,
  flushMs: Number.POSITIVE_INFINITY,
  preallocate: false,
}

export const DIRECTORY = '/data'

export interface WorldOptions {
  readonly seed?: number
  readonly config?: Partial<LogConfig>
  /** On top of `config`, for one topic. */
  readonly topics?: Readonly<Record<string, Partial<LogConfig>>>
  readonly manager?: Partial<LogManagerOptions>
  readonly image?: DiskImage
  readonly record?: boolean
  /** Puts something between the log manager and the disk. */
  readonly fileSystem?: (fs: FileSystem) => FileSystem
  /** What each look at the monotonic clock adds to it, ms: work takes time then. Default 0. */
  readonly lookMs?: number
}

/** A simulated machine with a log manager on it: time and disk move in `settle` only. */
export class World implements LogListener {
  readonly simulation: Simulation
  readonly machine: SimMachine
  readonly config: LogConfig
  runtime: Runtime
  manager: LogManager
  readonly written: { readonly log: string; readonly endOffset: number }[] = []
  whenWritten: ((log: PartitionLog) => void) | undefined
  readonly failed: { readonly log: string; readonly fromOffset: number; readonly code: string }[] = []
  readonly #managerOptions: Partial<LogManagerOptions>
  readonly #topics: Readonly<Record<string, Partial<LogConfig>>>
  readonly #fileSystem: (fs: FileSystem) => FileSystem
  readonly #lookMs: number
  #lookedMs = 0
  #starts = 0

  constructor(options: WorldOptions = {}) {
    this.simulation = new Simulation({ seed: options.seed ?? 1, traceEntriesMax: 64 })
    const disk = {
      image: options.image,
      record: options.record,
      readMs: [0, 0.05],
      writeMs: [0, 0.05],
      syncMs: [0, 0.2],
    } as const
    this.machine = this.simulation.addMachine('m', { disk })
    this.config = { ...smallConfig, ...options.config }
    this.#managerOptions = options.manager ?? {}
    this.#topics = options.topics ?? {}
    this.#fileSystem = options.fileSystem ?? ((fs) => fs)
    this.#lookMs = options.lookMs ?? 0
    this.runtime = this.#start()
    this.manager = this.#open()
  }

  #start(): Runtime {
    const runtime = this.machine.start()
    const { clock } = runtime
    return {
      ...runtime,
      fs: this.#fileSystem(runtime.fs),
      clock: {
        nowMs: () => clock.nowMs(),
        monotonicMs: () => clock.monotonicMs() + (this.#lookedMs += this.#lookMs),
      },
    }
  }

  #open(): LogManager {
    return LogManager.open(this.runtime, {
      directories: [DIRECTORY],
      nodeId: 1,
      clusterId: 'cluster',
      identity: { pid: ++this.#starts, startedAt: '0', bootId: 'b' },
      isAlive: () => false,
      configOf: (topic) => this.configOf(topic),
      listener: this,
      ...this.#managerOptions,
    })
  }

  configOf(topic: string): LogConfig {
    return { ...this.config, ...this.#topics[topic] }
  }

  onWritten(log: PartitionLog): void {
    this.written.push({ log: log.name, endOffset: log.writtenEndOffset })
    this.whenWritten?.(log)
  }

  onAppendFailed(log: PartitionLog, fromOffset: number, error: Error): void {
    this.failed.push({ log: log.name, fromOffset, code: String((error as NodeJS.ErrnoException).code) })
  }

  createLog(topic = 't', partition = 0, config: Partial<LogConfig> = {}): PartitionLog {
    return this.manager.createLog(topic, partition, 'AAAAAAAAAAAAAAAAAAAAAQ', { ...this.configOf(topic), ...config })
  }

  log(topic = 't', partition = 0): PartitionLog {
    const log = this.manager.getLog(topic, partition)
    if (log === undefined) throw new Error(`no log ${topic}-${partition}`)
    return log
  }

  nowMs(): number {
    return this.runtime.clock.nowMs()
  }

  /** Lets everything happen that is due within `ms` of simulated time. */
  settle(ms = 50): void {
    this.simulation.scheduler.runSync({ untilMs: this.simulation.scheduler.nowMs + ms })
  }

  /** kill -9, then a new start. */
  killAndRestart(): void {
    this.machine.kill()
    this.restart()
  }

  powerCutAndRestart(options: Parameters<SimMachine['powerOff']>[0]): void {
    this.machine.powerOff(options)
    this.restart()
  }

  restart(): void {
    this.runtime = this.#start()
    this.manager = this.#open()
  }

  async stop(): Promise<void> {
    await this.simulation.scheduler.runUntilSettled(this.manager.close())
    this.machine.kill()
  }

  async stopAndRestart(): Promise<void> {
    await this.stop()
    this.restart()
  }

  append(log: PartitionLog, records: Buffer, options: Partial<AppendOptions> = {}): AppendResult {
    return log.append(records, { origin: 'client', leaderEpoch: 0, nowMs: this.nowMs(), ...options })
  }

  /** From memory or disk, whichever holds it; settles as long as that takes. */
  read(log: PartitionLog, offset: number, options: Partial<ReadOptions> = {}): Buffer | 'out-of-range' | 'offline' {
    const full = { maxBytes: 1 << 20, maxOffset: Number.MAX_SAFE_INTEGER, minOneMessage: true, ...options }
    const answer = log.read(offset, full)
    if (answer === 'out-of-range' || answer === 'offline') return answer
    if (answer !== 'disk') return joined(answer)
    return this.readFromDisk(log, offset, full)
  }

  readFromDisk(log: PartitionLog, offset: number, options: ReadOptions): Buffer | 'offline' {
    let result: LogSlice | null | undefined
    let failure: Error | null = null
    log.readFromDisk(offset, options, (error, slice) => {
      failure = error
      result = slice
    })
    this.simulation.scheduler.runSync({ until: () => result !== undefined })
    if (failure !== null) return 'offline'
    return joined(result!)
  }

  /** Waits for a call with a callback. */
  wait(call: (done: (error: Error | null) => void) => void): Error | null {
    let result: Error | null | undefined
    call((error) => {
      result = error
    })
    this.simulation.scheduler.runSync({ until: () => result !== undefined })
    return result ?? null
  }
}

function joined(slice: LogSlice): Buffer {
  return Buffer.concat(slice.chunks as Buffer[])
}

export interface RecordInput {
  readonly key?: string | null
  readonly value?: string | null
  readonly timestamp?: number
}

export interface ProducerInput {
  readonly id: number
  readonly epoch?: number
  readonly sequence: number
  readonly transactional?: boolean
}

/** One batch as a client sends it. */
export function batchOf(
  records: readonly RecordInput[],
  producer?: ProducerInput,
  codec: 0 | 1 | 2 | 3 | 4 = 0,
): Buffer {
  const builder = new RecordBatchBuilder()
  for (const { key = null, value = 'v', timestamp = 1 } of records) {
    builder.append(key === null ? null : Buffer.from(key), value === null ? null : Buffer.from(value), null, timestamp)
  }
  return builder.build({
    codec,
    ...(producer && {
      producerId: producer.id,
      producerEpoch: producer.epoch ?? 0,
      baseSequence: producer.sequence,
      transactional: producer.transactional,
    }),
  })
}

export interface ReadRecord {
  readonly offset: number
  readonly key: string | null
  readonly value: string | null
  readonly timestamp: number
}

/** Every data record in the bytes of whole batches, CRCs checked. */
export function recordsIn(bytes: Buffer): ReadRecord[] {
  const records: ReadRecord[] = []
  for (const batch of readBatches(bytes)) {
    if (batch.isControl) continue
    for (const { offset, timestamp, key, value } of batch.records())
      records.push({ offset, timestamp, key: key?.toString() ?? null, value: value?.toString() ?? null })
  }
  return records
}
