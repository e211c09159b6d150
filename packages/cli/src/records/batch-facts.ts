import type { ConsumerBatch } from '@ottla/client'
import type { BatchFacts } from './record.ts'

/**
 * What the header of a fetched batch says. The client's batch tells its users nothing of its producer, so this reads
 * the stored batch behind it.
 */
export function batchFactsOf(batch: ConsumerBatch): BatchFacts {
  return (batch as unknown as { readonly batch: BatchFacts }).batch
}
