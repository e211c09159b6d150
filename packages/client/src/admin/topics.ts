import type { KafkaError } from '../errors.ts'

export interface NewTopic {
  readonly name: string
  /** Default: the broker's `num.partitions`. */
  readonly partitions?: number
  /** Default: the broker's `default.replication.factor`. */
  readonly replicationFactor?: number
  /** Replicas by partition, preferred leader first; instead of the two counts. */
  readonly assignments?: readonly (readonly number[])[]
  readonly configs?: Readonly<Record<string, string>>
}

export interface TopicListing {
  readonly name: string
  readonly topicId: string | null
  readonly isInternal: boolean
  readonly partitions: number
  readonly replicationFactor: number
}

export interface ClusterNode {
  readonly id: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

export interface ClusterInfo {
  readonly clusterId: string | null
  readonly controllerId: number
  readonly brokers: readonly ClusterNode[]
}

export interface DeletedRecords {
  readonly topic: string
  readonly partition: number
  /** The new first offset; -1 with an error. */
  readonly lowWatermark: number
  readonly error: KafkaError | null
}
