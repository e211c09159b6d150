import fs from 'node:fs'
import {
  CODEC_NAMES,
  ControlType,
  checkBatch,
  controlTypeOf,
  batch as header,
  INCOMPLETE,
  nextBatch,
  RecordBatch,
} from '@ottla/protocol/records'

/** What the header of one batch says, with where it lies. */
export interface DumpedBatch {
  readonly position: number
  readonly sizeBytes: number
  readonly baseOffset: number
  readonly lastOffset: number
  readonly records: number
  readonly leaderEpoch: number
  readonly maxTimestamp: number
  readonly timestampType: 'create' | 'append'
  readonly codec: string
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly isTransactional: boolean
  readonly isControl: boolean
  readonly crc: number
  /** What is wrong with it; null when nothing is. */
  readonly problem: string | null
  readonly batch: RecordBatch
}

const WINDOW_BYTES = 4 * 1024 * 1024

/**
 * The batches of a segment file, read window by window. Ends at the end of the file, and after a batch that is cut off
 * or has no length: what follows cannot be found.
 */
export function* batchesOf(path: string): Generator<DumpedBatch, void, undefined> {
  const fd = fs.openSync(path, 'r')
  try {
    const size = fs.fstatSync(fd).size
    let position = 0
    let windowBytes = WINDOW_BYTES
    while (position < size) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(windowBytes, size - position))
      let filled = 0
      while (filled < buffer.length) {
        const count = fs.readSync(fd, buffer, filled, buffer.length - filled, position + filled)
        if (count === 0) break
        filled += count
      }
      let at = 0
      let next = nextBatch(buffer, at, filled)
      for (; next > 0; next = nextBatch(buffer, at, filled)) {
        yield dumped(buffer, at, next, position)
        at = next
      }
      if (next !== INCOMPLETE || position + filled >= size) {
        if (at < filled) throw new TornSegment(position + at, size, isZero(buffer.subarray(at, filled)))
        return
      }
      position += at
      // A batch larger than the window: the next one holds it.
      windowBytes = at === 0 ? windowBytes * 2 : WINDOW_BYTES
    }
  } finally {
    fs.closeSync(fd)
  }
}

/** The file goes on with bytes that are no whole batch. */
export class TornSegment extends Error {
  readonly position: number

  constructor(position: number, size: number, zero: boolean) {
    super(
      `${size - position} bytes from position ${position} on are ${zero ? 'zero (preallocated)' : 'no whole batch (torn or corrupt)'}`,
    )
    this.name = 'TornSegment'
    this.position = position
  }
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0)
}

function dumped(buffer: Buffer, at: number, end: number, filePosition: number): DumpedBatch {
  const batch = new RecordBatch(buffer, at, end)
  const problem = checkBatch(buffer, at, end)
  const old = problem === 'OLD_MAGIC' || problem === 'MAGIC'
  return {
    position: filePosition + at,
    sizeBytes: end - at,
    baseOffset: batch.baseOffset,
    lastOffset: old ? batch.baseOffset : batch.lastOffset,
    records: old ? 0 : batch.recordCount,
    leaderEpoch: batch.partitionLeaderEpoch,
    maxTimestamp: batch.maxTimestamp,
    timestampType: batch.isLogAppendTime ? 'append' : 'create',
    codec: CODEC_NAMES[batch.codec] ?? String(batch.codec),
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    baseSequence: batch.baseSequence,
    isTransactional: batch.isTransactional,
    isControl: batch.isControl,
    crc: header.crc(buffer, at),
    problem: problem === 0 ? null : problem,
    batch,
  }
}

const controlNames = new Map<number, string>(
  Object.entries(ControlType).map(([name, type]) => [type, name.toLowerCase().replaceAll('_', '-')]),
)

/** `commit`, `abort`, …; null for a key that is none. */
export function controlName(key: Buffer | null): string | null {
  return key === null || key.length < 4 ? null : (controlNames.get(controlTypeOf(key)) ?? null)
}
