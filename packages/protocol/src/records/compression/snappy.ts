import { RecordsError } from '../errors.ts'
import { nativeSnappy } from '../native.ts'
import { keep, scratch } from './scratch.ts'
import { compressSnappyBlock, decompressSnappyBlock, snappyBlockBytes, snappyBytesMax } from './snappy-block.ts'

/**
 * Snappy as Kafka's clients use it. Java writes the framing of xerial's snappy-java and reads nothing else, librdkafka
 * and others write one raw block; we read both and write the framing, which everybody reads.
 * ```
 * 82 'SNAPPY' 00 · version i32 = 1 · lowest compatible version i32 = 1 · { bytes i32 · raw snappy block } …
 * ```
 */

const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const HEADER_BYTES = 16
const BLOCK_BYTES = 65_536

/** Below this the copies around the native call cost more than they save. */
const NATIVE_BYTES_MIN = 512
/** Buffers that the native side owns would cost several times the compression (measured: 58 µs instead of 10 for 16 KiB). */
const NATIVE_OPTIONS = { copyOutputData: true }

export function compressSnappy(input: Buffer): Buffer {
  const native = input.length >= NATIVE_BYTES_MIN ? nativeSnappy() : null
  const blocks = Math.ceil(input.length / BLOCK_BYTES)
  const output = scratch(HEADER_BYTES + blocks * (4 + snappyBytesMax(0)) + snappyBytesMax(input.length))
  MAGIC.copy(output)
  output.writeInt32BE(1, 8)
  output.writeInt32BE(1, 12)
  let to = HEADER_BYTES
  for (let start = 0; start < input.length; start += BLOCK_BYTES) {
    const end = Math.min(input.length, start + BLOCK_BYTES)
    // the native encoder may grow incompressible bytes more than ours does, and room is counted for ours
    const block = native?.compressSync(input.subarray(start, end), NATIVE_OPTIONS)
    let after: number
    if (block !== undefined && block.length <= snappyBytesMax(end - start)) {
      block.copy(output, to + 4)
      after = to + 4 + block.length
    } else {
      after = compressSnappyBlock(input, start, end, output, to + 4)
    }
    output.writeInt32BE(after - to - 4, to)
    to = after
  }
  return keep(output, to)
}

/** Throws `CORRUPT`, or `TOO_LARGE` before anything was allocated. */
export function decompressSnappy(input: Buffer, maxBytes: number): Buffer {
  if (!startsFrame(input, 0)) {
    const bytes = snappyBlockBytes(input, 0, input.length)
    if (bytes > maxBytes) throw tooLarge(maxBytes)
    const output = Buffer.allocUnsafeSlow(bytes)
    decompressBlock(input, 0, input.length, output, 0, bytes)
    return output
  }
  const output = Buffer.allocUnsafeSlow(measure(input, maxBytes))
  let to = 0
  for (let at = HEADER_BYTES; at < input.length; ) {
    if (startsFrame(input, at)) {
      at += HEADER_BYTES
      continue
    }
    const start = at + 4
    const end = start + input.readInt32BE(at)
    const bytes = snappyBlockBytes(input, start, end)
    decompressBlock(input, start, end, output, to, bytes)
    to += bytes
    at = end
  }
  return output
}

/** snappy-java writes the header again where streams are joined, so it may stand before any block. */
function startsFrame(input: Buffer, at: number): boolean {
  return input.length - at >= HEADER_BYTES && input.compare(MAGIC, 0, MAGIC.length, at, at + MAGIC.length) === 0
}

function measure(input: Buffer, maxBytes: number): number {
  let bytes = 0
  for (let at = 0; at < input.length; ) {
    if (startsFrame(input, at)) {
      if (input.readInt32BE(at + 12) > 1) throw corrupt(`framing that needs version ${input.readInt32BE(at + 12)}`)
      at += HEADER_BYTES
      continue
    }
    if (at + 4 > input.length) throw corrupt('ends inside a block length')
    const length = input.readInt32BE(at)
    if (length <= 0 || length > input.length - at - 4) throw corrupt(`a block of ${length} bytes`)
    bytes += snappyBlockBytes(input, at + 4, at + 4 + length)
    if (bytes > maxBytes) throw tooLarge(maxBytes)
    at += 4 + length
  }
  return bytes
}

function decompressBlock(input: Buffer, start: number, end: number, output: Buffer, at: number, bytes: number): void {
  const native = end - start >= NATIVE_BYTES_MIN ? nativeSnappy() : null
  if (native === null) {
    decompressSnappyBlock(input, start, end, output, at, bytes)
    return
  }
  let block: Buffer
  try {
    block = native.uncompressSync(input.subarray(start, end), NATIVE_OPTIONS)
  } catch {
    throw corrupt('a block that does not decompress')
  }
  if (block.length !== bytes) throw corrupt('a block that does not decompress')
  block.copy(output, at)
}

function corrupt(what: string): RecordsError {
  return new RecordsError('CORRUPT', `snappy: ${what}`)
}

function tooLarge(maxBytes: number): RecordsError {
  return new RecordsError('TOO_LARGE', `snappy: more than the allowed ${maxBytes} bytes`)
}
