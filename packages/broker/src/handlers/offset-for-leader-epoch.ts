import { ErrorCode, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse } from '@ottla/protocol'
import type { ReplicaManager } from '../replica-manager/replica-manager.ts'
import { defineHandler, type Handler } from '../server/handler.ts'

/**
 * OffsetForLeaderEpoch (key 23), versions 0 to 4: where a leader epoch ends, for those who check whether their log
 * or position parted from ours (KIP-101, KIP-279, KIP-320). 2: the current epoch is fenced; 3: replica id; 4: flexible.
 */

const UNDEFINED = -1

export function offsetForLeaderEpochHandler({ replicas }: { readonly replicas: ReplicaManager }): Handler {
  return defineHandler({
    request: OffsetForLeaderEpochRequest,
    response: OffsetForLeaderEpochResponse,
    minVersion: 0,
    maxVersion: 4,
    handle(_request, body) {
      return {
        topics: body.topics.map(({ topic, partitions }) => ({
          topic,
          partitions: partitions.map(({ partition: index, currentLeaderEpoch, leaderEpoch }) => {
            const partition = replicas.partition(topic, index)
            let errorCode: number = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
            if (partition !== undefined) {
              errorCode =
                partition.log.offline === null
                  ? replicas.checkLeaderEpoch(partition, currentLeaderEpoch)
                  : ErrorCode.KAFKA_STORAGE_ERROR
            }
            if (partition === undefined || errorCode !== ErrorCode.NONE) {
              return { partition: index, errorCode, leaderEpoch: UNDEFINED, endOffset: UNDEFINED }
            }
            if (leaderEpoch === partition.leaderEpoch) {
              return { partition: index, leaderEpoch, endOffset: partition.highWatermark }
            }
            const { log } = partition
            const end = log.answered(() => log.offsetForLeaderEpoch(leaderEpoch))
            if (end !== null) return { partition: index, ...end }
            errorCode = ErrorCode.KAFKA_STORAGE_ERROR
            return { partition: index, errorCode, leaderEpoch: UNDEFINED, endOffset: UNDEFINED }
          }),
        })),
      }
    },
    refuse: (body, errorCode) => ({
      topics: body.topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition }) => ({
          partition,
          errorCode,
          leaderEpoch: UNDEFINED,
          endOffset: UNDEFINED,
        })),
      })),
    }),
  })
}
