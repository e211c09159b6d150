import type { CoordinatorHost } from '@ottla/coordinator'
import { ErrorCode } from '@ottla/protocol'
import type { Clock, Logger, TimerHandle, Timers } from '@ottla/runtime'
import type { AppendWaiter, Partition } from '../replica-manager/partition.ts'
import type { ReplicaManager } from '../replica-manager/replica-manager.ts'

/** Who is told what has become of the appends. */
export interface AppendOutcomes {
  committed(partition: number, offset: number): void
  appendFailed(partition: number, fromOffset: number, errorCode: number): void
}

export interface CoordinatorHostDeps {
  readonly clock: Clock
  readonly timers: Timers
  readonly replicas: ReplicaManager
  readonly logger: Logger
}

/** One partition's appends: each waits under the offset that it begins with. */
class Appends implements AppendWaiter {
  readonly #partition: Partition
  readonly #outcomes: () => AppendOutcomes

  constructor(partition: Partition, outcomes: () => AppendOutcomes) {
    this.#partition = partition
    this.#outcomes = outcomes
  }

  belongsTo(partition: Partition): boolean {
    return this.#partition === partition
  }

  appendSettled(baseOffset: number, errorCode: number): void {
    const { index, highWatermark } = this.#partition
    if (errorCode === ErrorCode.NONE) this.#outcomes().committed(index, highWatermark)
    else this.#outcomes().appendFailed(index, baseOffset, errorCode)
  }
}

/** The partitions of one internal topic under a coordinator runtime. */
export class PartitionsHost implements CoordinatorHost {
  readonly #topic: string
  readonly #deps: CoordinatorHostDeps
  readonly #appends = new Map<number, Appends>()
  readonly #outcomes: () => AppendOutcomes

  /** `outcomes`: the runtime, which is made with this host. */
  constructor(topic: string, deps: CoordinatorHostDeps, outcomes: () => AppendOutcomes) {
    this.#topic = topic
    this.#deps = deps
    this.#outcomes = outcomes
  }

  nowMs(): number {
    return this.#deps.clock.nowMs()
  }

  monotonicMs(): number {
    return this.#deps.clock.monotonicMs()
  }

  setTimer(delayMs: number, callback: () => void): TimerHandle {
    return this.#deps.timers.setTimer(callback, delayMs, { keepAlive: false })
  }

  clearTimer(handle: unknown): void {
    this.#deps.timers.clearTimer(handle as TimerHandle)
  }

  endOffset(partition: number): number {
    return this.#of(partition)?.log.appendEndOffset ?? 0
  }

  committedOffset(partition: number): number {
    return this.#of(partition)?.highWatermark ?? 0
  }

  batchBytesMax(partition: number): number {
    return this.#of(partition)?.log.config.maxMessageBytes ?? 0
  }

  append(index: number, batch: Buffer): number {
    const partition = this.#of(index)
    if (partition === undefined) return ErrorCode.NOT_LEADER_OR_FOLLOWER
    let appends = this.#appends.get(index)
    if (appends === undefined || !appends.belongsTo(partition)) {
      appends = new Appends(partition, this.#outcomes)
      this.#appends.set(index, appends)
    }
    const { errorCode, errorMessage } = this.#deps.replicas.appendAsCoordinator(
      partition,
      batch,
      this.nowMs(),
      appends,
      partition.log.appendEndOffset,
    )
    if (errorCode !== ErrorCode.NONE) {
      this.#deps.logger.warn('a coordinator could not append', {
        log: partition.log.name,
        errorCode,
        reason: errorMessage,
      })
    }
    return errorCode
  }

  onBug(what: string, error: unknown): void {
    this.#deps.logger.error(`${what} failed unexpectedly`, {
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
  }

  #of(partition: number): Partition | undefined {
    return this.#deps.replicas.partition(this.#topic, partition)
  }
}
