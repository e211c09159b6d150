import type { KafkaError } from '../errors.ts'

export interface LogDirReplica {
  readonly topic: string
  readonly partition: number
  readonly sizeBytes: number
  readonly offsetLag: number
  /** Being moved here from another directory. */
  readonly isFuture: boolean
}

export interface LogDir {
  readonly brokerId: number
  readonly path: string
  /** Bytes of the volume; -1 if the broker does not say. */
  readonly totalBytes: number
  readonly usableBytes: number
  readonly replicas: readonly LogDirReplica[]
  /** Of the directory, e.g. offline. */
  readonly error: KafkaError | null
}
