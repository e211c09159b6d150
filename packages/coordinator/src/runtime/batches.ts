import { RecordBatchBuilder, recordBytesMax, transactionMarkerBatch } from '@ottla/protocol/records'
import { type CoordinatorRecord, encodeKey, encodeValue } from './record.ts'

/** On whose behalf records are appended that become valid with their transaction. */
export interface InTransaction {
  readonly producerId: number
  readonly producerEpoch: number
}

export interface EndOfTransaction extends InTransaction {
  readonly coordinatorEpoch: number
  readonly commit: boolean
}

/** Bytes of a batch's header, and some to spare. */
const OVERHEAD_BYTES = 128

/** One batch, or with `bytesMax` and records that are independent of each other as many as it takes. */
export function batchesOf(
  records: readonly CoordinatorRecord[],
  nowMs: number,
  transaction: InTransaction | null,
  bytesMax: number,
): { readonly batch: Buffer; readonly count: number }[] {
  const options =
    transaction === null
      ? {}
      : { producerId: transaction.producerId, producerEpoch: transaction.producerEpoch, transactional: true }
  const batches: { batch: Buffer; count: number }[] = []
  const builder = new RecordBatchBuilder()
  for (const record of records) {
    const key = encodeKey(record)
    const value = encodeValue(record)
    const bytes = builder.sizeInBytes + recordBytesMax(key, value, null) + OVERHEAD_BYTES
    if (builder.recordCount > 0 && bytes > bytesMax) {
      const count = builder.recordCount
      batches.push({ batch: builder.build(options), count })
    }
    builder.append(key, value, null, nowMs)
  }
  const count = builder.recordCount
  batches.push({ batch: builder.build(options), count })
  return batches
}

export function endOfTransactionBatch(end: EndOfTransaction, nowMs: number): Buffer {
  return transactionMarkerBatch({ ...end, timestamp: nowMs })
}
