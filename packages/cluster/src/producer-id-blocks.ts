import { compareAndSetAttemptsMax, producerIdBlockSize } from './limits.ts'
import type { MetadataStore, StoreFailure } from './metadata-store.ts'
import { type ProducerIdBlock, producerIdBlockZnode } from './znodes/cluster.ts'

export type ProducerIdBlockOutcome =
  | { readonly ok: true; readonly value: ProducerIdBlock }
  /** Every id that fits a safe integer is taken. */
  | { readonly ok: false; readonly error: 'exhausted' }
  /** Others were faster at each attempt. */
  | { readonly ok: false; readonly error: 'concurrentChange' }
  | { readonly ok: false; readonly error: 'storeFailed'; readonly failure: StoreFailure }

/**
 * Takes the next 1,000 producer ids for a broker by compare-and-set on `/latest_producer_id_block`.
 * The block is given out only after the store has answered, so no crash gives an id twice (P5); an answer that was lost
 * wastes a block. Throws `ZnodeFormatError` when the node holds something else.
 */
export async function allocateProducerIdBlock(store: MetadataStore, brokerId: number): Promise<ProducerIdBlockOutcome> {
  const { path } = producerIdBlockZnode
  for (let attempt = 0; attempt < compareAndSetAttemptsMax; attempt++) {
    const found = await store.get(path)
    if (!found.ok) return { ok: false, error: 'storeFailed', failure: found }
    const { data, stat } = found.value
    const firstProducerId = data === null ? 0 : producerIdBlockZnode.decode(data).lastProducerId + 1
    const lastProducerId = firstProducerId + producerIdBlockSize - 1
    if (!Number.isSafeInteger(lastProducerId + producerIdBlockSize)) return { ok: false, error: 'exhausted' }
    const block = { brokerId, firstProducerId, lastProducerId }
    const set = await store.set(path, producerIdBlockZnode.encode(block), stat.version)
    if (set.ok) return { ok: true, value: block }
    if (set.code !== 'badVersion') return { ok: false, error: 'storeFailed', failure: set }
  }
  return { ok: false, error: 'concurrentChange' }
}
