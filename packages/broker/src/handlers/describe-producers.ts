import { DescribeProducersRequest, DescribeProducersResponse, ErrorCode } from '@ottla/protocol'
import type { ReplicaManager } from '../replica-manager/replica-manager.ts'
import { defineHandler, type Handler } from '../server/handler.ts'
import { topicNameProblem } from '../topics/topic-names.ts'

/** DescribeProducers (key 61), version 0: the idempotent and transactional producers a partition remembers (KIP-664). */
export function describeProducersHandler({ replicas }: { readonly replicas: ReplicaManager }): Handler {
  return defineHandler({
    request: DescribeProducersRequest,
    response: DescribeProducersResponse,
    minVersion: 0,
    maxVersion: 0,
    handle: (_request, body) => ({
      topics: body.topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partitionIndex) => {
          if (topicNameProblem(name) !== null) return { partitionIndex, errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION }
          const partition = replicas.partition(name, partitionIndex)
          if (partition === undefined) return { partitionIndex, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }
          const producers = partition.log.activeProducers()
          // Asked afterwards: reading them may be what takes the log offline.
          if (partition.log.offline !== null) return { partitionIndex, errorCode: ErrorCode.KAFKA_STORAGE_ERROR }
          return {
            partitionIndex,
            activeProducers: producers.map((producer) => ({
              producerId: producer.producerId,
              producerEpoch: producer.producerEpoch,
              lastSequence: producer.lastSequence,
              lastTimestamp: producer.lastTimestampMs,
              coordinatorEpoch: producer.coordinatorEpoch,
              currentTxnStartOffset: producer.currentTransactionStartOffset,
            })),
          }
        }),
      })),
    }),
    refuse: (body, errorCode) => ({
      topics: body.topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode })),
      })),
    }),
  })
}
