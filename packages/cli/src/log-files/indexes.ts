import path from 'node:path'
import { crc32c, batch as header } from '@ottla/protocol/records'

/** Rows of a file beside a segment, in the format of Apache Kafka. */
export type Row = Readonly<Record<string, number | string | null>>

/** The first offset of a segment, which its files are named after. */
export function baseOffsetOf(file: string): number {
  return Number.parseInt(path.basename(file), 10) || 0
}

/** `.index`: relative offset and position, 8 bytes each. A file that is not closed is padded with zeros, and no entry is zero. */
export function offsetIndexRows(bytes: Buffer, baseOffset: number): Row[] {
  const rows: Row[] = []
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    const relative = bytes.readInt32BE(at)
    const position = bytes.readInt32BE(at + 4)
    if (relative === 0 && position === 0) break
    rows.push({ offset: baseOffset + relative, position })
  }
  return rows
}

/** `.timeindex`: timestamp and relative offset, 12 bytes each. */
export function timeIndexRows(bytes: Buffer, baseOffset: number): Row[] {
  const rows: Row[] = []
  for (let at = 0; at + 12 <= bytes.length; at += 12) {
    const timestamp = header.readInt64(bytes, at)
    if (timestamp === 0 && bytes.readInt32BE(at + 8) === 0) break
    rows.push({ timestamp, offset: baseOffset + bytes.readInt32BE(at + 8) })
  }
  return rows
}

/** `.txnindex`: aborted transactions, 34 bytes each. */
export function transactionIndexRows(bytes: Buffer): Row[] {
  const rows: Row[] = []
  for (let at = 0; at + 34 <= bytes.length; at += 34) {
    rows.push({
      version: bytes.readInt16BE(at),
      producerId: header.readInt64(bytes, at + 2),
      firstOffset: header.readInt64(bytes, at + 10),
      lastOffset: header.readInt64(bytes, at + 18),
      lastStableOffset: header.readInt64(bytes, at + 26),
    })
  }
  return rows
}

const SNAPSHOT_HEADER_BYTES = 6
const SNAPSHOT_ENTRY_BYTES = 46

/** `.snapshot`: what the producers of the partition had written up to an offset (`ProducerStateManager`). */
export function producerSnapshotRows(bytes: Buffer): { rows: Row[]; problem: string | null } {
  if (bytes.length < SNAPSHOT_HEADER_BYTES + 4) return { rows: [], problem: 'the file is cut off' }
  const crc = bytes.readUInt32BE(2)
  const problem = crc32c(bytes, SNAPSHOT_HEADER_BYTES, bytes.length) === crc ? null : 'the checksum does not match'
  const count = bytes.readInt32BE(SNAPSHOT_HEADER_BYTES)
  const rows: Row[] = []
  let at = SNAPSHOT_HEADER_BYTES + 4
  for (let i = 0; i < count && at + SNAPSHOT_ENTRY_BYTES <= bytes.length; i++, at += SNAPSHOT_ENTRY_BYTES) {
    const firstOffset = header.readInt64(bytes, at + 38)
    rows.push({
      producerId: header.readInt64(bytes, at),
      producerEpoch: bytes.readInt16BE(at + 8),
      lastSequence: bytes.readInt32BE(at + 10),
      lastOffset: header.readInt64(bytes, at + 14),
      offsetDelta: bytes.readInt32BE(at + 22),
      timestamp: header.readInt64(bytes, at + 26),
      coordinatorEpoch: bytes.readInt32BE(at + 34),
      currentTransactionFirstOffset: firstOffset < 0 ? null : firstOffset,
    })
  }
  return { rows, problem }
}

/** Checkpoints: a version, a count, then a line per entry. */
export function checkpointRows(text: string, kind: 'leader-epoch' | 'offset'): Row[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return lines.slice(2).map((line): Row => {
    const fields = line.trim().split(/\s+/)
    if (kind === 'leader-epoch') return { epoch: Number(fields[0]), startOffset: Number(fields[1]) }
    return { topic: fields[0], partition: Number(fields[1]), offset: Number(fields[2]) }
  })
}

/** `partition.metadata` and `meta.properties`: lines of name and value. */
export function propertyRows(text: string): Row[] {
  return text.split('\n').flatMap((line): Row[] => {
    const match = /^\s*([^#:=\s]+)\s*[:=]\s*(.*?)\s*$/.exec(line)
    return match === null ? [] : [{ name: match[1], value: match[2] }]
  })
}
