import { batch, openRecords, RecordCursor, RecordsError } from '@ottla/protocol/records'
import { storedBytesMax } from '../append/decompressed-bytes.ts'
import { readEndTxnMarker } from '../append/markers.ts'
import type { AbortedTxn } from '../index/transaction-index.ts'
import type { LogCore } from '../log-core.ts'
import type { Segment } from '../segment.ts'
import { BatchSource, type Steps } from './batch-source.ts'
import { CleanedTransactions } from './cleaned-transactions.ts'
import type { IoThrottle } from './io-throttle.ts'
import type { OffsetMap } from './offset-map.ts'
import { Scratch } from './scratch.ts'

const cursor = new RecordCursor()

/** Aborted transactions that touch a segment; the index of a later one may hold them. */
export function abortedIn(core: LogCore, segment: Segment, endOffset: number): AbortedTxn[] {
  const { segments } = core
  const found: AbortedTxn[] = []
  for (let i = segments.all().indexOf(segment); i >= 0 && i < segments.length; i++) {
    for (const txn of segments.at(i)!.indexes().transactions) {
      if (txn.lastOffset >= segment.baseOffset && txn.firstOffset < endOffset) found.push(txn)
      if (txn.lastStableOffset >= endOffset) return found
    }
  }
  return found
}

/**
 * Notes the newest offset of every key from `fromOffset` on, until `endOffset` or until the map is full
 * (`Cleaner.buildOffsetMap`). Records of aborted transactions count as never written.
 */
export function* buildOffsetMap(
  core: LogCore,
  fromOffset: number,
  endOffset: number,
  map: OffsetMap,
  throttle: IoThrottle,
): Steps<void> {
  const transactions = new CleanedTransactions()
  const { segments } = core
  const scratch = new Scratch()
  for (let i = Math.max(0, segments.floorIndex(fromOffset)); i < segments.length; i++) {
    const segment = segments.at(i)!
    if (segment.baseOffset >= endOffset) return
    transactions.add(abortedIn(core, segment, endOffset))
    const source = new BatchSource(segment, scratch, throttle)
    try {
      for (let bytes = yield* source.next(); bytes !== null; bytes = yield* source.next()) {
        if (!noteBatch(core, bytes, fromOffset, transactions, map)) return
        yield undefined
      }
    } finally {
      source.close()
    }
  }
}

/** False when the map is full: the batch, and what follows, is left for the next run. */
function noteBatch(
  core: LogCore,
  bytes: Buffer,
  fromOffset: number,
  transactions: CleanedTransactions,
  map: OffsetMap,
): boolean {
  const bits = batch.attributes(bytes, 0)
  const lastOffset = batch.lastOffset(bytes, 0)
  const producerId = batch.producerId(bytes, 0)
  if (batch.isControl(bits)) {
    const marker = readEndTxnMarker(bytes, 0)
    if (marker !== null) transactions.onMarker(producerId, marker.commit, lastOffset)
  } else if (!transactions.onBatch(producerId, batch.isTransactional(bits), lastOffset) && lastOffset >= fromOffset) {
    openRecords(cursor, bytes, 0, storedBytesMax(core.config))
    const baseOffset = batch.baseOffset(bytes, 0)
    while (cursor.next()) {
      const offset = baseOffset + cursor.offsetDelta
      if (offset < fromOffset) continue
      if (cursor.keyBytes >= 0 && !map.put(cursor.buffer, cursor.keyAt, cursor.keyBytes, offset)) return false
      map.latestOffset = offset
    }
    if (cursor.problem !== 0) throw malformed(baseOffset, cursor)
  }
  map.latestOffset = Math.max(map.latestOffset, lastOffset)
  return true
}

export function malformed(baseOffset: number, { index, problem }: RecordCursor): RecordsError {
  return new RecordsError('RECORD', `record ${index} of the batch at offset ${baseOffset} is malformed (${problem})`)
}
