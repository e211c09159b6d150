import { ErrorCode } from '@ottla/protocol'
import { isolationLevelOf, listOffsetsApi } from '../apis.ts'
import { askLeaders, Refusal, type Settled, type TopicPartition } from './by-leader.ts'
import type { Cluster } from './cluster.ts'

/**
 * A place in a log: its first or last end, the record with the largest timestamp, or the first record whose timestamp
 * is at least `timestamp` (ms since the epoch).
 */
export type OffsetSpec = 'earliest' | 'latest' | 'max-timestamp' | { readonly timestamp: number }

export interface FoundOffset {
  /** -1 when no record is that young; for `latest`, the offset the next record gets. */
  readonly offset: number
  /** Of the record found, in ms since the epoch; -1 for the ends. */
  readonly timestamp: number
  readonly leaderEpoch: number
}

const EARLIEST = -2
const LATEST = -1
const MAX_TIMESTAMP = -3
/** The first version that knows `max-timestamp`. */
const MAX_TIMESTAMP_VERSION = 7
const CONSUMER = -1

export interface OffsetQuery extends TopicPartition {
  readonly spec: OffsetSpec
}

/** One answer for each query, in their order. */
export function findOffsets(
  cluster: Cluster,
  queries: readonly OffsetQuery[],
  options: { readCommitted?: boolean } = {},
): Promise<Settled<FoundOffset>[]> {
  return askLeaders(cluster, queries, async (connection, items) => {
    const version = connection.versions.pick(listOffsetsApi)
    const byTopic = Map.groupBy(items, (q) => q.topic)
    const response = await connection.call(
      listOffsetsApi,
      {
        replicaId: CONSUMER,
        isolationLevel: isolationLevelOf(options.readCommitted ?? false),
        topics: [...byTopic].map(([name, queries]) => ({
          name,
          partitions: queries.map((q) => ({ partitionIndex: q.partition, timestamp: timestampOf(q.spec) })),
        })),
        timeoutMs: cluster.settings.requestTimeoutMs,
      },
      { version },
    )
    return items.map((q) => {
      if (q.spec === 'max-timestamp' && version < MAX_TIMESTAMP_VERSION) {
        return new Refusal(ErrorCode.UNSUPPORTED_VERSION)
      }
      const found = response.topics
        .find((t) => t.name === q.topic)
        ?.partitions.find((p) => p.partitionIndex === q.partition)
      if (found === undefined) return new Refusal(ErrorCode.UNKNOWN_SERVER_ERROR)
      if (found.errorCode !== 0) return new Refusal(found.errorCode)
      const offset = version === 0 ? (found.oldStyleOffsets[0] ?? -1) : found.offset
      return { offset, timestamp: found.timestamp, leaderEpoch: found.leaderEpoch }
    })
  })
}

function timestampOf(spec: OffsetSpec): number {
  if (spec === 'earliest') return EARLIEST
  if (spec === 'latest') return LATEST
  if (spec === 'max-timestamp') return MAX_TIMESTAMP
  return spec.timestamp
}
