import { crc32 } from 'node:zlib'
import { batch, crc32c } from '@ottla/protocol/records'
import type { File } from '@ottla/runtime'
import { StorageError } from './errors.ts'

/** Walking the batches of a file in order, with one buffer and no object per batch. */

const HEADER_ONLY_WINDOW_BYTES = 16 * 1024
const WHOLE_WINDOW_BYTES = 1024 * 1024
/** The window of header-only scans, lent to one at a time; a scan within a scan makes its own. */
let spareWindow: Buffer | null = null

export interface ScanOptions {
  /** Where a batch begins. */
  readonly from: number
  /** End of the file, or of what may be looked at. */
  readonly to: number
  /** No batch may begin below this offset, nor below the one before it ended. */
  readonly minOffset: number
  /** Compute each CRC, and give the visitor whole batches instead of headers only. */
  readonly verify: boolean
}

export interface ScanResult {
  /** Up to here there are whole, valid batches. */
  readonly validEnd: number
  /** The first offset after the last of them; `minOffset` when there are none. */
  readonly nextOffset: number
  /** The visitor asked to stop. */
  readonly stopped: boolean
}

/** `at` is where the batch begins in `bytes`, `position` where in the file. Returns `false` to stop. The bytes are only lent. */
export type BatchVisitor = (bytes: Buffer, at: number, position: number) => boolean | undefined

/** Ends at the first thing that is no valid batch; throws the system's errors. */
export function scanBatches(file: File, options: ScanOptions, visit: BatchVisitor): ScanResult {
  const { to, verify } = options
  let window: Buffer
  if (verify)
    window = Buffer.allocUnsafeSlow(Math.max(batch.HEADER_BYTES, Math.min(to - options.from, WHOLE_WINDOW_BYTES)))
  else window = spareWindow ?? Buffer.allocUnsafeSlow(HEADER_ONLY_WINDOW_BYTES)
  if (!verify) spareWindow = null
  let windowStart = options.from
  let windowEnd = options.from
  let position = options.from
  let nextOffset = options.minOffset

  const need = (byteLength: number): boolean => {
    if (position + byteLength <= windowEnd) return true
    if (position + byteLength > to) return false
    if (byteLength > window.length) window = Buffer.allocUnsafeSlow(byteLength)
    windowStart = position
    const count = file.readSync(window, 0, Math.min(window.length, to - position), position)
    windowEnd = windowStart + count
    return count >= byteLength
  }

  let stopped = false
  while (need(batch.HEADER_BYTES)) {
    let at = position - windowStart
    const size = batch.sizeInBytes(window, at)
    if (!isPlausibleHeader(window, at, to - position, nextOffset)) {
      if (mayBeOldMessage(window, at, to - position) && need(size)) {
        refuseOldMessage(window, position - windowStart, size, file.path)
      }
      break
    }
    if (verify) {
      if (!need(size)) break
      at = position - windowStart
      if (crc32c(window, at + batch.CRC_START, at + size) !== batch.crc(window, at)) break
    }
    if (visit(window, at, position) === false) {
      stopped = true
      break
    }
    nextOffset = batch.lastOffset(window, at) + 1
    position += size
  }
  if (!verify) spareWindow = window
  return { validEnd: position, nextOffset, stopped }
}

/** Whether a header can belong to a batch of which `available` bytes are there and which begins at `minOffset` or later. */
export function isPlausibleHeader(bytes: Buffer, at: number, available: number, minOffset: number): boolean {
  const size = batch.sizeInBytes(bytes, at)
  if (size < batch.HEADER_BYTES || size > available || batch.magic(bytes, at) !== batch.MAGIC_V2) return false
  const baseOffset = batch.baseOffset(bytes, at)
  return baseOffset >= minOffset && batch.lastOffsetDelta(bytes, at) >= 0 && Number.isSafeInteger(baseOffset)
}

const OLD_MESSAGE_BYTES_MIN = 26

function mayBeOldMessage(bytes: Buffer, at: number, available: number): boolean {
  const magic = batch.magic(bytes, at)
  const size = batch.sizeInBytes(bytes, at)
  return (magic === 0 || magic === 1) && size >= OLD_MESSAGE_BYTES_MIN && size <= available
}

/**
 * Records of before Kafka 0.11 are no damage: cutting them off would lose them, so the log is not opened. Their CRC-32
 * tells them from a header that was torn before its magic byte, with zeros behind it.
 */
function refuseOldMessage(bytes: Buffer, at: number, size: number, path: string): void {
  // Offset i64, size i32, CRC u32, then what it covers, from the magic byte on (`LegacyRecord` in Apache Kafka).
  if (crc32(bytes.subarray(at + 16, at + size)) !== bytes.readUInt32BE(at + 12)) return
  throw new StorageError(
    'OLD_MESSAGE_FORMAT',
    `${path} holds records in the message format v${batch.magic(bytes, at)} of before Kafka 0.11, which is not supported. Let Apache Kafka rewrite the topic first.`,
  )
}
