/** A record as the formats print it. */
export interface ShownRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Ms since the epoch; -1 for none. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[]
  readonly batch: BatchFacts
  /** Null when nobody has asked a broker. */
  readonly bounds: PartitionBounds | null
}

/** What a record shares with the others of its batch. */
export interface BatchFacts {
  readonly partitionLeaderEpoch: number
  /** -1 for none. */
  readonly producerId: number
  readonly producerEpoch: number
  /** 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
  readonly codec: number
  readonly isLogAppendTime: boolean
  readonly isTransactional: boolean
  readonly isControl: boolean
}

/** Where a partition began and ended when reading began; -1 where that is not known. */
export interface PartitionBounds {
  readonly logStartOffset: number
  readonly lastStableOffset: number
  readonly highWatermark: number
}
