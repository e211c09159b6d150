import { DeleteRecordsRequest, DeleteRecordsResponse, ErrorCode } from '@ottla/protocol'
import type { ReplicaManager } from '../replica-manager/replica-manager.ts'
import { defineHandler, type Handler } from '../server/handler.ts'
import { isInternalTopic } from '../topics/topic-names.ts'

/**
 * DeleteRecords (key 21), versions 0 to 2: raises the log start offset; what lies below is gone for readers at once,
 * and from the disk with the next retention check. -1 is the high watermark. Topics that are only compacted refuse
 * with POLICY_VIOLATION, as in Kafka.
 */
export function deleteRecordsHandler({ replicas }: { readonly replicas: ReplicaManager }): Handler {
  return defineHandler({
    request: DeleteRecordsRequest,
    response: DeleteRecordsResponse,
    minVersion: 0,
    maxVersion: 2,
    handle: (_request, body) => ({
      topics: body.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, offset }) => {
          const outcome = deleteBefore(replicas, name, partitionIndex, offset)
          return 'errorCode' in outcome
            ? { partitionIndex, lowWatermark: -1, errorCode: outcome.errorCode }
            : { partitionIndex, lowWatermark: outcome.logStartOffset }
        }),
      })),
    }),
    refuse: (body, errorCode) => ({
      topics: body.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, lowWatermark: -1, errorCode })),
      })),
    }),
  })
}

function deleteBefore(
  replicas: ReplicaManager,
  topic: string,
  index: number,
  offset: number,
): { readonly errorCode: number } | { readonly logStartOffset: number } {
  if (isInternalTopic(topic)) return { errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION }
  const partition = replicas.partition(topic, index)
  if (partition === undefined) return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }
  const { log } = partition
  if (log.offline !== null) return { errorCode: ErrorCode.KAFKA_STORAGE_ERROR }
  if (!log.config.cleanupPolicy.delete) return { errorCode: ErrorCode.POLICY_VIOLATION }
  const before = offset === -1 ? partition.highWatermark : offset
  if (before < 0 || before > partition.highWatermark) return { errorCode: ErrorCode.OFFSET_OUT_OF_RANGE }
  const logStartOffset = log.deleteRecordsBefore(before)
  if (logStartOffset === 'not-durable') return { errorCode: ErrorCode.KAFKA_STORAGE_ERROR }
  return logStartOffset === null ? { errorCode: ErrorCode.OFFSET_OUT_OF_RANGE } : { logStartOffset }
}
