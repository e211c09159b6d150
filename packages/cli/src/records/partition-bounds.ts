import type { Admin } from '@ottla/client'
import type { PartitionBounds } from './record.ts'

/** Where each partition begins and ends now, by topic and partition. Rejects with the first error. */
export async function partitionBounds(
  admin: Admin,
  partitions: readonly { readonly topic: string; readonly partition: number }[],
): Promise<(topic: string, partition: number) => PartitionBounds | null> {
  const ask = async (spec: 'earliest' | 'latest', readCommitted: boolean) => {
    const results = await admin.listOffsets(
      partitions.map((p) => ({ topic: p.topic, partition: p.partition, spec })),
      { readCommitted },
    )
    return results.map(({ found, error }) => {
      if (found === null) throw error
      return found.offset
    })
  }
  const [starts, stable, ends] = await Promise.all([ask('earliest', false), ask('latest', true), ask('latest', false)])
  const bounds = new Map<string, PartitionBounds>()
  for (const [i, { topic, partition }] of partitions.entries()) {
    bounds.set(`${topic}-${partition}`, {
      logStartOffset: starts[i],
      lastStableOffset: stable[i],
      highWatermark: ends[i],
    })
  }
  return (topic, partition) => bounds.get(`${topic}-${partition}`) ?? null
}
