import { RecordsError } from '../errors.ts'
import { BLOCK_BYTES_MAX, copyLiterals, findSequences, repeat, sequences } from './sequences.ts'

/**
 * The raw snappy format in TypeScript (format_description.txt of the snappy project): the uncompressed length as an
 * unsigned varint, then elements. The low two bits of a tag say what it is:
 * 0 literal (length − 1 in the upper six bits; 60 to 63 mean 1 to 4 bytes of length follow),
 * 1 copy of 4 to 11 bytes from up to 2 KiB back, 2 copy of 1 to 64 bytes from up to 64 KiB back, 3 the same with a
 * 32-bit distance.
 */

/** The densest element is a copy: three bytes for 64. A stream that announces more than this per byte is a lie. */
const BYTES_PER_BYTE_MAX = 22

/** What a block can grow to: its length varint, and a literal tag of at most four bytes per fragment. */
export const snappyBytesMax = (bytes: number): number => 5 + bytes + 4 * Math.ceil(bytes / BLOCK_BYTES_MAX)

/** Compresses `input[start..end)` into `output` at `at` (`snappyBytesMax` bytes of room); returns the position after. */
export function compressSnappyBlock(input: Buffer, start: number, end: number, output: Buffer, at: number): number {
  let to = at
  let length = end - start
  for (; length >= 0x80; length >>>= 7) output[to++] = (length & 0x7f) | 0x80
  output[to++] = length
  for (let from = start; from < end; from += BLOCK_BYTES_MAX) {
    to = compressFragment(input, from, Math.min(end, from + BLOCK_BYTES_MAX), output, to)
  }
  return to
}

function compressFragment(input: Buffer, start: number, end: number, output: Buffer, at: number): number {
  const count = findSequences(input, start, end, 0)
  let from = start
  let to = at
  for (let i = 0; i < count; i += 3) {
    const literals = sequences[i]
    to = writeLiteral(input, from, literals, output, to)
    to = writeCopy(output, to, sequences[i + 1], sequences[i + 2])
    from += literals + sequences[i + 1]
  }
  return writeLiteral(input, from, end - from, output, to)
}

function writeLiteral(input: Buffer, from: number, length: number, output: Buffer, at: number): number {
  if (length === 0) return at
  const less = length - 1
  if (less < 60) {
    output[at++] = less << 2
  } else if (less < 0x100) {
    output[at++] = 60 << 2
    output[at++] = less
  } else {
    output[at++] = 61 << 2
    output[at++] = less & 0xff
    output[at++] = less >>> 8
  }
  copyLiterals(input, from, output, at, length)
  return at + length
}

function writeCopy(output: Buffer, at: number, length: number, distance: number): number {
  while (length >= 68) {
    at = writeFarCopy(output, at, 64, distance)
    length -= 64
  }
  if (length > 64) {
    // leave at least four, so that the rest may be the short form
    at = writeFarCopy(output, at, 60, distance)
    length -= 60
  }
  if (length > 11 || distance >= 2048) return writeFarCopy(output, at, length, distance)
  output[at] = ((distance >>> 8) << 5) | ((length - 4) << 2) | 1
  output[at + 1] = distance & 0xff
  return at + 2
}

function writeFarCopy(output: Buffer, at: number, length: number, distance: number): number {
  output[at] = ((length - 1) << 2) | 2
  output[at + 1] = distance & 0xff
  output[at + 2] = distance >>> 8
  return at + 3
}

/**
 * The length that `input[start..end)` announces, refused (`CORRUPT`) where no stream of that size could hold it: so
 * nobody allocates gigabytes for a dozen bytes (CVE-2023-34455).
 */
export function snappyBlockBytes(input: Buffer, start: number, end: number): number {
  let bytes = 0
  for (let at = start, shift = 0; at < end && shift <= 28; at++, shift += 7) {
    const byte = input[at]
    bytes += (byte & 0x7f) * 2 ** shift
    if (byte >= 0x80) continue
    if (bytes > (end - start) * BYTES_PER_BYTE_MAX) throw corrupt('announces more than it can hold')
    return bytes
  }
  throw corrupt('no length')
}

/** Decompresses `input[start..end)` into `output[at..at + bytes)`, `bytes` as told by `snappyBlockBytes`. */
export function decompressSnappyBlock(
  input: Buffer,
  start: number,
  end: number,
  output: Buffer,
  at: number,
  bytes: number,
): void {
  let from = start
  while (input[from] >= 0x80) from++
  from++
  let to = at
  const outputEnd = at + bytes
  while (from < end) {
    const tag = input[from++]
    const kind = tag & 3
    let length: number
    let distance: number
    if (kind === 0) {
      length = (tag >>> 2) + 1
      if (length > 60) {
        const lengthBytes = length - 60
        if (from + lengthBytes > end) throw corrupt('ends inside a tag')
        length = input.readUIntLE(from, lengthBytes) + 1
        from += lengthBytes
      }
      if (length > end - from || length > outputEnd - to) throw corrupt('a literal that does not fit')
      copyLiterals(input, from, output, to, length)
      from += length
      to += length
      continue
    }
    const distanceBytes = kind === 3 ? 4 : kind
    if (from + distanceBytes > end) throw corrupt('ends inside a tag')
    if (kind === 1) {
      length = ((tag >>> 2) & 7) + 4
      distance = ((tag >>> 5) << 8) | input[from]
    } else {
      length = (tag >>> 2) + 1
      distance = kind === 2 ? input[from] | (input[from + 1] << 8) : input.readUInt32LE(from)
    }
    from += distanceBytes
    if (distance === 0 || distance > to - at) throw corrupt(`a copy from ${distance} bytes back`)
    if (length > outputEnd - to) throw corrupt('a copy that does not fit')
    repeat(output, to, distance, length)
    to += length
  }
  if (to !== outputEnd) throw corrupt('holds less than it announces')
}

function corrupt(what: string): RecordsError {
  return new RecordsError('CORRUPT', `snappy: ${what}`)
}
