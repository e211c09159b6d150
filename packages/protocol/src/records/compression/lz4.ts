import { RecordsError } from '../errors.ts'
import { nativeLz4 } from '../native.ts'
import { compressLz4Block, decompressLz4Block, lz4BlockBytes } from './lz4-block.ts'
import { keep, scratch } from './scratch.ts'
import { xxh32 } from './xxh32.ts'

/**
 * LZ4 frames (lz4_Frame_format.md of the LZ4 project), walked by ourselves block by block so that no frame can make us
 * hold more than the caller's bound:
 * ```
 * magic u32le · FLG · BD · [content size u64le] · [dictionary id] · HC · blocks · 0 u32le · [content checksum u32le]
 * block: size u32le, highest bit = stored as is · bytes · [checksum u32le]
 * ```
 * Written as Java's producer writes them: independent blocks of 64 KiB, no checksums but the header's. Before message
 * format 2 Kafka computed that header checksum over the magic too (KIP-57); such frames travel only in the old formats,
 * so here the checksum must be right.
 */

const MAGIC = 0x184d_2204
const STORED = 0x8000_0000
const VERSION_BITS = 0x40
const INDEPENDENT_BIT = 0x20
const BLOCK_CHECKSUM_BIT = 0x10
const CONTENT_SIZE_BIT = 0x08
const CONTENT_CHECKSUM_BIT = 0x04
const RESERVED_BIT = 0x02
const DICTIONARY_BIT = 0x01
/** BD of 64 KiB blocks. */
const BLOCK_64_KIB = 4
const BLOCK_BYTES = 65_536
const HEADER_BYTES = 7

/** Kafka's `compression.lz4.level`: 9 is its default and means the fast compressor, any other searches deeper. */
export const LZ4_LEVEL_MIN = 1
export const LZ4_LEVEL_MAX = 17
export const LZ4_LEVEL_DEFAULT = 9
const DEPTH_MAX = 256

/** Below this the copies around the native call cost more than they save. */
const NATIVE_BYTES_MIN = 512

export function compressLz4(input: Buffer, level: number): Buffer {
  // each level doubles the candidates looked at, until a block made to collide could hold the event loop too long
  const depth = level === LZ4_LEVEL_DEFAULT ? 0 : Math.min(2 ** level, DEPTH_MAX)
  const native = depth === 0 && input.length >= NATIVE_BYTES_MIN ? nativeLz4() : null
  const blocks = Math.ceil(input.length / BLOCK_BYTES)
  const output = scratch(HEADER_BYTES + 4 * blocks + input.length + 4)
  output.writeUInt32LE(MAGIC, 0)
  output[4] = VERSION_BITS | INDEPENDENT_BIT
  output[5] = BLOCK_64_KIB << 4
  output[6] = (xxh32(output, 4, 6) >>> 8) & 0xff
  let to = HEADER_BYTES
  for (let start = 0; start < input.length; start += BLOCK_BYTES) {
    const end = Math.min(input.length, start + BLOCK_BYTES)
    const bytes = end - start
    let packed: number
    if (native !== null) {
      // the native module writes the uncompressed size in front
      const block = native.compressSync(input.subarray(start, end))
      packed = block.length - 4
      if (packed < bytes) block.copy(output, to + 4, 4)
    } else {
      const after = compressLz4Block(input, start, end, output, to + 4, depth)
      packed = after === -1 ? bytes : after - to - 4
    }
    if (packed < bytes) {
      output.writeUInt32LE(packed, to)
      to += 4 + packed
    } else {
      output.writeUInt32LE((STORED | bytes) >>> 0, to)
      input.copy(output, to + 4, start, end)
      to += 4 + bytes
    }
  }
  output.writeUInt32LE(0, to)
  return keep(output, to + 4)
}

/** Throws `CORRUPT`, or `TOO_LARGE` before more than `maxBytes` were allocated. */
export function decompressLz4(input: Buffer, maxBytes: number): Buffer {
  const frame = readFrameHeader(input)
  const bytes = measure(input, frame, maxBytes)
  const output = Buffer.allocUnsafeSlow(bytes)
  let at = frame.blocksAt
  let to = 0
  for (let word = input.readUInt32LE(at); word !== 0; word = input.readUInt32LE(at)) {
    const start = at + 4
    const end = start + (word & ~STORED)
    if (word >= STORED) {
      input.copy(output, to, start, end)
      to += end - start
    } else if (frame.independent) {
      to = decompressIndependentBlock(input, start, end, output, to)
    } else {
      to = decompressLz4Block(input, start, end, output, to, 0)
    }
    at = end + frame.blockTrailerBytes
  }
  if (frame.contentChecksum && input.readUInt32LE(at + 4) !== xxh32(output, 0, bytes)) throw corrupt('content checksum')
  return output
}

interface Frame {
  readonly independent: boolean
  readonly blockTrailerBytes: 0 | 4
  readonly contentChecksum: boolean
  readonly blockBytesMax: number
  /** −1 where the frame does not say. */
  readonly contentBytes: number
  readonly blocksAt: number
}

function readFrameHeader(input: Buffer): Frame {
  if (input.length < HEADER_BYTES || input.readUInt32LE(0) !== MAGIC) throw corrupt('no frame')
  const flags = input[4]
  const block = input[5]
  if ((flags & 0xc0) !== VERSION_BITS || flags & RESERVED_BIT || block & 0x8f) throw corrupt('unknown header bits')
  if (flags & DICTIONARY_BIT) throw corrupt('a dictionary')
  const blockSize = block >>> 4
  if (blockSize < BLOCK_64_KIB) throw corrupt('unknown block size')
  const withContentSize = (flags & CONTENT_SIZE_BIT) !== 0
  const checksumAt = withContentSize ? 14 : 6
  if (input.length <= checksumAt) throw corrupt('the frame ends in its header')
  if (input[checksumAt] !== ((xxh32(input, 4, checksumAt) >>> 8) & 0xff)) throw corrupt('header checksum')
  return {
    independent: (flags & INDEPENDENT_BIT) !== 0,
    blockTrailerBytes: flags & BLOCK_CHECKSUM_BIT ? 4 : 0,
    contentChecksum: (flags & CONTENT_CHECKSUM_BIT) !== 0,
    blockBytesMax: 1 << (8 + 2 * blockSize),
    contentBytes: withContentSize ? input.readUInt32LE(6) + input.readUInt32LE(10) * 0x1_0000_0000 : -1,
    blocksAt: checksumAt + 1,
  }
}

/** Walks the blocks once without writing: the sum of their sizes, and every length and checksum but the content's. */
function measure(input: Buffer, frame: Frame, maxBytes: number): number {
  let at = frame.blocksAt
  let bytes = 0
  while (true) {
    if (at + 4 > input.length) throw corrupt('the frame ends before its end mark')
    const word = input.readUInt32LE(at)
    if (word === 0) break
    const start = at + 4
    const end = start + (word & ~STORED)
    if (end + frame.blockTrailerBytes > input.length) throw corrupt('the frame ends inside a block')
    const blockBytes = word >= STORED ? end - start : lz4BlockBytes(input, start, end)
    if (blockBytes > frame.blockBytesMax) throw corrupt(`a block of ${blockBytes} bytes`)
    bytes += blockBytes
    if (bytes > maxBytes) throw new RecordsError('TOO_LARGE', `LZ4: more than the allowed ${maxBytes} bytes`)
    if (frame.blockTrailerBytes && input.readUInt32LE(end) !== xxh32(input, start, end)) throw corrupt('block checksum')
    at = end + frame.blockTrailerBytes
  }
  const end = at + 4 + (frame.contentChecksum ? 4 : 0)
  if (end !== input.length) throw corrupt(end > input.length ? 'the frame ends before its checksum' : 'trailing bytes')
  if (frame.contentBytes !== -1 && frame.contentBytes !== bytes) throw corrupt('another size than announced')
  return bytes
}

function decompressIndependentBlock(input: Buffer, start: number, end: number, output: Buffer, at: number): number {
  const native = end - start >= NATIVE_BYTES_MIN ? nativeLz4() : null
  if (native === null) return decompressLz4Block(input, start, end, output, at, at)
  // The size in front is what the native module allocates; it is never more than the block holds.
  const sized = scratch(4 + end - start)
  const bytes = lz4BlockBytes(input, start, end)
  sized.writeUInt32LE(bytes, 0)
  input.copy(sized, 4, start, end)
  let block: Buffer
  try {
    block = native.uncompressSync(sized.subarray(0, 4 + end - start))
  } catch {
    throw corrupt('a block that does not decompress')
  }
  if (block.length !== bytes) throw corrupt('a block that does not decompress')
  block.copy(output, at)
  return at + bytes
}

function corrupt(what: string): RecordsError {
  return new RecordsError('CORRUPT', `LZ4: ${what}`)
}
