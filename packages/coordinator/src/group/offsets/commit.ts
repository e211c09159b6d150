import { ErrorCode, type MessageOf, type OffsetCommitRequest, type TxnOffsetCommitRequest } from '@ottla/protocol'
import { type Outcome, replyOnly } from '../../runtime/outcome.ts'
import type { CoordinatorRecord } from '../../runtime/record.ts'
import type { GroupConfig } from '../config.ts'
import { commitRecord } from './committed-offset.ts'

export type CommitBody = MessageOf<typeof OffsetCommitRequest>
export type TxnCommitBody = MessageOf<typeof TxnOffsetCommitRequest>

/** By topic and partition, in the order of the request. */
export interface CommitReply {
  readonly topics: readonly {
    readonly name: string
    readonly topicId: string
    readonly partitions: { readonly partitionIndex: number; readonly errorCode: number }[]
  }[]
}

type CommitTopics = readonly {
  readonly name: string
  readonly topicId: string
  readonly partitions: readonly {
    readonly partitionIndex: number
    readonly committedOffset: number
    readonly committedLeaderEpoch: number
    readonly committedMetadata: string | null
    /** Of OffsetCommit version 1 alone. */
    readonly commitTimestamp?: number
  }[]
}[]

/** The same error for every partition of the request. */
export function refuseCommit(topics: CommitTopics, errorCode: number): CommitReply {
  return {
    topics: topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  }
}

/**
 * One record per partition, all in one batch. What has too much metadata, or an offset below 0 (which only a client's mistake can
 * be), is refused alone. `retentionMs` is the request's own, -1 for the broker's.
 */
export function commitOffsets(
  group: string,
  topics: CommitTopics,
  retentionMs: number,
  config: GroupConfig,
  nowMs: number,
): Outcome<CommitReply> {
  const records: CoordinatorRecord[] = []
  const metadataMax = config.offsetMetadataBytesMax
  const expireTimestamp = retentionMs < 0 ? -1 : nowMs + retentionMs
  const answered = topics.map(({ name, topicId, partitions }) => ({
    name,
    topicId,
    partitions: partitions.map((p) => {
      const { partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata, commitTimestamp = -1 } = p
      const metadata = committedMetadata ?? ''
      const errorCode = problemOf(metadata, committedOffset, partitionIndex, metadataMax)
      if (errorCode === ErrorCode.NONE) {
        const committed = {
          offset: committedOffset,
          leaderEpoch: committedLeaderEpoch,
          metadata,
          commitTimestamp: commitTimestamp < 0 ? nowMs : commitTimestamp,
          expireTimestamp,
          topicId,
        }
        records.push(commitRecord(group, name, partitionIndex, committed))
      }
      return { partitionIndex, errorCode }
    }),
  }))
  const reply = { topics: answered }
  return records.length === 0 ? replyOnly<CommitReply>(reply) : { records, reply }
}

function problemOf(metadata: string, offset: number, partition: number, metadataMax: number): number {
  // UTF-16 units, as Kafka counts them.
  if (metadata.length > metadataMax) return ErrorCode.OFFSET_METADATA_TOO_LARGE
  return partition < 0 || offset < -1 ? ErrorCode.INVALID_REQUEST : ErrorCode.NONE
}
