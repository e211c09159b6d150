import type { BufferPool } from '@ottla/runtime'
import type { SegmentRange } from '@ottla/storage'

/** What an answer's bytes lie in until they have left: pooled memory, or a part of a file. */
export type Lease = ArrayBufferLike | SegmentRange

export function releaseLease(lease: Lease, pool: BufferPool): void {
  if (lease instanceof ArrayBuffer || lease instanceof SharedArrayBuffer) pool.release(lease)
  else lease.release()
}
