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
  const builder = new RecordBatchBuilder(OVERHEAD_BYTES + records.length * recordBytes, take)
  for (const record of records) {
    const key = encodeKey(record)
    const value = encodeValue(record)
    const bytes = builder.sizeInBytes + recordBytesMax(key, value, null) + OVERHEAD_BYTES
    if (builder.recordCount > 0 && bytes > bytesMax) {
      const count = builder.recordCount
      batches.push({ batch: giveBackRest(builder.build(options)), count })
    }
    builder.append(key, value, null, nowMs)
  }
  const count = builder.recordCount
  const batch = giveBackRest(builder.build(options))
  recordBytes = Math.ceil(batch.length / count) + 1
  batches.push({ batch, count })
  return batches
}

/** Room for a record, as the last batch needed it. */
let recordBytes = 64
/** Batches lie in one piece of memory behind each other: they are small, and many. */
const SLAB_BYTES = 64 * 1024
let slab = Buffer.alloc(0)
let used = 0

function take(bytes: number): Buffer {
  if (bytes > SLAB_BYTES / 4) return Buffer.allocUnsafeSlow(bytes)
  if (used + bytes > slab.length) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
    used = 0
  }
  used += bytes
  return slab.subarray(used - bytes, used)
}

/** What the batch was given and did not need, where nothing has been taken behind it. */
function giveBackRest(batch: Buffer): Buffer {
  if (batch.buffer === slab.buffer) used = batch.byteOffset - slab.byteOffset + batch.length
  return batch
}

export function endOfTransactionBatch(end: EndOfTransaction, nowMs: number): Buffer {
  return transactionMarkerBatch({ ...end, timestamp: nowMs })
}
