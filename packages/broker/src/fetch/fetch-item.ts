import type { LogSlice } from '@ottla/storage'
import type { Partition } from '../replica-manager/partition.ts'

/** One partition of one fetch request: what is wanted, then what came of it. */
export interface FetchItem {
  readonly topic: string
  readonly topicId: string
  readonly index: number
  readonly fetchOffset: number
  readonly maxBytes: number
  readonly currentLeaderEpoch: number
  readonly lastFetchedEpoch: number
  /** `null` when it does not exist here; `errorCode` says why. */
  partition: Partition | null
  errorCode: number
  highWatermark: number
  lastStableOffset: number
  logStartOffset: number
  slice: LogSlice | null
  /** Where the reader's log and ours part (KIP-595); `null` when they agree or it was not asked. */
  divergingEpoch: { readonly epoch: number; readonly endOffset: number } | null
  /** The end of what could be read when it was read. */
  readableEnd: number
}

export const EMPTY_SLICE: LogSlice = { chunks: [], bytes: 0 }
