import { RecordsError } from '../errors.ts'
import { BLOCK_BYTES_MAX, copyLiterals, findSequences, repeat, sequences } from './sequences.ts'

/**
 * The LZ4 block format in TypeScript (lz4_Block_format.md of the LZ4 project): sequences of a token (4 bits literal
 * length, 4 bits match length − 4, 15 meaning that more bytes follow, each 255 meaning one more), the literals, and a
 * 16-bit little-endian distance. The last sequence has literals only.
 */

const RUN_MASK = 15
const MATCH_BYTES_MIN = 4

/**
 * Compresses `input[start..end)` (at most `BLOCK_BYTES_MAX`) into `output` at `at`; returns the position after it, or −1
 * if it would not become shorter than the input. `output` has room for `end - start` bytes at `at`.
 */
export function compressLz4Block(
  input: Buffer,
  start: number,
  end: number,
  output: Buffer,
  at: number,
  depth: number,
): number {
  if (end - start > BLOCK_BYTES_MAX) throw new RecordsError('VALUE', `an LZ4 block of ${end - start} bytes`)
  const count = findSequences(input, start, end, depth)
  const limit = at + (end - start) - 1
  let from = start
  let to = at
  for (let i = 0; i < count; i += 3) {
    const literals = sequences[i]
    const extra = sequences[i + 1] - MATCH_BYTES_MIN
    const distance = sequences[i + 2]
    if (to + 1 + runBytes(literals) + literals + 2 + runBytes(extra) > limit) return -1
    output[to++] = (Math.min(literals, RUN_MASK) << 4) | Math.min(extra, RUN_MASK)
    to = writeRun(output, to, literals)
    copyLiterals(input, from, output, to, literals)
    to += literals
    output[to++] = distance & 0xff
    output[to++] = distance >>> 8
    to = writeRun(output, to, extra)
    from += literals + extra + MATCH_BYTES_MIN
  }
  const literals = end - from
  if (to + 1 + runBytes(literals) + literals > limit) return -1
  output[to++] = Math.min(literals, RUN_MASK) << 4
  to = writeRun(output, to, literals)
  copyLiterals(input, from, output, to, literals)
  return to + literals
}

const runBytes = (run: number): number => (run < RUN_MASK ? 0 : 1 + Math.floor((run - RUN_MASK) / 255))

function writeRun(output: Buffer, at: number, run: number): number {
  if (run < RUN_MASK) return at
  let left = run - RUN_MASK
  for (; left >= 255; left -= 255) output[at++] = 255
  output[at++] = left
  return at
}

/**
 * How many bytes the block `input[start..end)` holds, without writing any: what to allocate, and the bound's check before
 * anything is. Throws `CORRUPT` where the lengths do not fit the block.
 */
export function lz4BlockBytes(input: Buffer, start: number, end: number): number {
  let at = start
  let bytes = 0
  while (at < end) {
    const token = input[at++]
    let literals = token >>> 4
    if (literals === RUN_MASK) {
      let more = 255
      while (more === 255 && at < end) literals += more = input[at++]
      if (more === 255) throw corrupt('a literal length without an end')
    }
    at += literals
    bytes += literals
    if (at === end) return bytes
    at += 2
    let length = (token & RUN_MASK) + MATCH_BYTES_MIN
    if (length === RUN_MASK + MATCH_BYTES_MIN) {
      let more = 255
      while (more === 255 && at < end) length += more = input[at++]
      if (more === 255) throw corrupt('a match length without an end')
    }
    bytes += length
  }
  throw corrupt(start === end ? 'an empty block' : 'a block that ends inside a sequence')
}

/**
 * Decompresses the block `input[start..end)`, measured by `lz4BlockBytes`, into `output` at `at`; returns the position
 * after it. Matches may reach back to `windowStart` (before `at` where blocks are linked).
 */
export function decompressLz4Block(
  input: Buffer,
  start: number,
  end: number,
  output: Buffer,
  at: number,
  windowStart: number,
): number {
  let from = start
  let to = at
  while (true) {
    const token = input[from++]
    let literals = token >>> 4
    if (literals === RUN_MASK) {
      let more = 255
      while (more === 255) literals += more = input[from++]
    }
    copyLiterals(input, from, output, to, literals)
    from += literals
    to += literals
    if (from >= end) return to
    const distance = input[from] | (input[from + 1] << 8)
    from += 2
    let length = (token & RUN_MASK) + MATCH_BYTES_MIN
    if (length === RUN_MASK + MATCH_BYTES_MIN) {
      let more = 255
      while (more === 255) length += more = input[from++]
    }
    if (distance === 0 || distance > to - windowStart) throw corrupt(`a match ${distance} bytes back`)
    repeat(output, to, distance, length)
    to += length
  }
}

function corrupt(what: string): RecordsError {
  return new RecordsError('CORRUPT', `LZ4: ${what}`)
}
