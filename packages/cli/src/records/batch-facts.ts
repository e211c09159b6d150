import type { ConsumerBatch } from '@ottla/client'
import type { BatchFacts } from './record.ts'

/** What the header of a fetched batch says. */
export function batchFactsOf(batch: ConsumerBatch): BatchFacts {
  return {
    partitionLeaderEpoch: batch.leaderEpoch,
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    codec: batch.codec,
    isLogAppendTime: batch.isLogAppendTime,
    isTransactional: batch.isTransactional,
    // The client passes over those.
    isControl: false,
  }
}
