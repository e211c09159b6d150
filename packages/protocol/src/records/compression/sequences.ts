/**
 * What LZ4 and snappy have in common: both write a block as sequences "this many literal bytes, then repeat this many
 * bytes from this far back". Finding the repeats is shared, writing them down differs.
 */

/** Blocks handed to `findSequences` are at most this long, so that every distance fits 16 bits. */
export const BLOCK_BYTES_MAX = 65_536

/** Both formats say nothing shorter. */
const MATCH_BYTES_MIN = 4
/** LZ4 wants the last 5 bytes literal and no match that begins within the last 12; snappy does not mind. */
const TAIL_BYTES = 5
const LAST_MATCH_BYTES = 12
const HASH_BITS = 13
/** Without a find, the step grows by one for every 2^6 tries: incompressible bytes are passed over fast. */
const SKIP_SHIFT = 6

/** Triples (literal bytes, match bytes, distance); reused by every call, valid until the next one. */
export const sequences = new Int32Array((BLOCK_BYTES_MAX / MATCH_BYTES_MIN) * 3)
const heads = new Uint16Array(1 << HASH_BITS)
/** For the deep search: the position before this one with the same hash. */
const chain = new Uint16Array(BLOCK_BYTES_MAX)

/**
 * Finds the repeats of `input[start..end)`, looking back no further than `start`; returns how many numbers of
 * `sequences` it filled. The literals after the last match are not listed. `depth` 0 takes the first candidate, more
 * follows that many earlier ones and takes the longest.
 */
export function findSequences(input: Buffer, start: number, end: number, depth: number): number {
  const lastMatchAt = end - LAST_MATCH_BYTES
  if (lastMatchAt <= start) return 0
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
  const matchLimit = end - TAIL_BYTES
  const found = sequences
  const table = heads
  table.fill(0)
  let count = 0
  let literalFrom = start
  // position 0 of the block stands for "none" in the tables, so it is never a candidate
  let at = start + 1
  let tries = 1 << SKIP_SHIFT
  while (at <= lastMatchAt) {
    const word = view.getInt32(at, true)
    const slot = Math.imul(word, 0x9e37_79b1) >>> (32 - HASH_BITS)
    let candidate = table[slot]
    table[slot] = at - start
    let best = 0
    let bestAt = 0
    if (depth === 0) {
      if (candidate !== 0 && view.getInt32(start + candidate, true) === word) {
        bestAt = start + candidate
        best = matchBytes(input, bestAt, at, matchLimit)
      }
    } else {
      chain[at - start] = candidate
      for (let left = depth; candidate !== 0 && left > 0; left--, candidate = chain[candidate]) {
        if (view.getInt32(start + candidate, true) !== word) continue
        const length = matchBytes(input, start + candidate, at, matchLimit)
        if (length > best) {
          best = length
          bestAt = start + candidate
        }
      }
    }
    if (best === 0) {
      at += depth === 0 ? tries++ >>> SKIP_SHIFT : 1
      continue
    }
    // the bytes before may repeat too
    let from = at
    while (from > literalFrom && bestAt > start && input[from - 1] === input[bestAt - 1]) {
      from--
      bestAt--
      best++
    }
    found[count] = from - literalFrom
    found[count + 1] = best
    found[count + 2] = from - bestAt
    count += 3
    const next = from + best
    if (depth > 0) {
      const last = Math.min(next - 1, lastMatchAt)
      for (let inside = at + 1; inside <= last; inside++) {
        const insideSlot = Math.imul(view.getInt32(inside, true), 0x9e37_79b1) >>> (32 - HASH_BITS)
        chain[inside - start] = table[insideSlot]
        table[insideSlot] = inside - start
      }
    } else if (next - 2 <= lastMatchAt) {
      const inside = next - 2
      table[Math.imul(view.getInt32(inside, true), 0x9e37_79b1) >>> (32 - HASH_BITS)] = inside - start
    }
    at = next
    literalFrom = next
    tries = 1 << SKIP_SHIFT
  }
  return count
}

/** How many bytes at `from` and `at` are alike, the first four known to be; never past `limit`. */
function matchBytes(input: Buffer, from: number, at: number, limit: number): number {
  let end = at + MATCH_BYTES_MIN
  let earlier = from + MATCH_BYTES_MIN
  while (end < limit && input[end] === input[earlier]) {
    end++
    earlier++
  }
  return end - at
}

const BYTEWISE_MAX = 32

/**
 * Repeats `length` bytes from `distance` back at `at`, source and target overlapping as they may. The caller has checked
 * that `1 <= distance <= at` and that `length` bytes have room.
 */
export function repeat(output: Uint8Array, at: number, distance: number, length: number): void {
  const from = at - distance
  if (length <= BYTEWISE_MAX) {
    for (let i = 0; i < length; i++) output[at + i] = output[from + i]
    return
  }
  // what lies between `from` and the target is periodic, so each round may copy all of it
  for (let done = 0; done < length; ) {
    const bytes = Math.min(length - done, distance + done)
    output.copyWithin(at + done, from, from + bytes)
    done += bytes
  }
}

/** Copies literals; a call into the engine's memcpy costs more than a few single bytes. */
export function copyLiterals(input: Uint8Array, from: number, output: Uint8Array, at: number, length: number): void {
  if (length <= BYTEWISE_MAX) for (let i = 0; i < length; i++) output[at + i] = input[from + i]
  else output.set(input.subarray(from, from + length), at)
}
