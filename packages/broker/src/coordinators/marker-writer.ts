import type { Markers } from '@ottla/coordinator'
import { ErrorCode } from '@ottla/protocol'
import { transactionMarkerBatch } from '@ottla/protocol/records'
import type { Clock, Logger, Timers } from '@ottla/runtime'
import type { AppendWaiter } from '../replica-manager/partition.ts'
import type { ReplicaManager } from '../replica-manager/replica-manager.ts'

/** The end of a producer's transaction in one partition. */
export interface Marker {
  readonly producerId: number
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly commit: boolean
  /** Its epoch is above that of the records it ends (KIP-890). */
  readonly hasOwnEpoch?: boolean
}

/** A topic whose partitions have a coordinator of their own that must learn of markers. */
export interface MarkerOwner {
  readonly topic: string
  endTransaction(partition: number, marker: Marker, done: (errorCode: number) => void): void
}

export interface MarkerWriterDeps {
  readonly clock: Clock
  readonly timers: Timers
  readonly replicas: ReplicaManager
  readonly logger: Logger
  readonly owner: MarkerOwner
}

const RETRY_MS = 100
const RETRY_MS_MAX = 5000

/** Appends the markers that end transactions. */
export class MarkerWriter {
  readonly #deps: MarkerWriterDeps
  #stopped = false

  constructor(deps: MarkerWriterDeps) {
    this.#deps = deps
  }

  stop(): void {
    this.#stopped = true
  }

  /** Tries again for as long as it takes; `done` when every partition has its marker, or is gone. */
  writeAll(markers: Markers, coordinatorEpoch: number, done: () => void): void {
    const marker = { ...markers, coordinatorEpoch }
    let left = 1
    const one = (): void => {
      if (--left === 0) done()
    }
    for (const { topic, partitionIds } of markers.partitions) {
      for (const partition of partitionIds) {
        left++
        this.#insist(topic, partition, marker, RETRY_MS, one)
      }
    }
    one()
  }

  #insist(topic: string, index: number, marker: Marker, waitMs: number, done: () => void): void {
    if (this.#stopped) return
    this.write(topic, index, marker, (errorCode) => {
      if (errorCode === ErrorCode.NONE || isPointless(errorCode)) {
        done()
        return
      }
      this.#deps.logger.warn('the marker of a transaction could not be written; it will be tried again', {
        log: `${topic}-${index}`,
        producerId: marker.producerId,
        errorCode,
        ms: waitMs,
      })
      const again = (): void => this.#insist(topic, index, marker, Math.min(2 * waitMs, RETRY_MS_MAX), done)
      this.#deps.timers.setTimer(again, waitMs, { keepAlive: false })
    })
  }

  /** Once. `done` gets 0 when the marker is committed. */
  write(topic: string, index: number, marker: Marker, done: (errorCode: number) => void): void {
    const { replicas, clock, owner } = this.#deps
    const partition = replicas.partition(topic, index)
    if (partition === undefined) {
      done(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
      return
    }
    // It is late: these records are of the transaction after.
    if (marker.hasOwnEpoch === true && partition.log.isInTransaction(marker.producerId, marker.producerEpoch)) {
      done(ErrorCode.INVALID_PRODUCER_EPOCH)
      return
    }
    if (topic === owner.topic) {
      owner.endTransaction(index, marker, done)
      return
    }
    const timestamp = clock.nowMs()
    const batch = transactionMarkerBatch({ ...marker, timestamp })
    const waiter: AppendWaiter = { appendSettled: (_slot, errorCode) => done(errorCode) }
    const result = replicas.appendAsCoordinator(partition, batch, timestamp, waiter, 0)
    if (result.errorCode !== ErrorCode.NONE) done(result.errorCode)
    else if (result.nextOffset <= partition.highWatermark) done(ErrorCode.NONE)
  }
}

/** The partition is gone, or a later epoch of the producer or of the coordinator has written there already. */
function isPointless(errorCode: number): boolean {
  return (
    errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION ||
    errorCode === ErrorCode.INVALID_PRODUCER_EPOCH ||
    errorCode === ErrorCode.TRANSACTION_COORDINATOR_FENCED
  )
}
