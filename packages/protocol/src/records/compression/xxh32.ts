/** xxHash32 (XXH32 of the xxHash specification), the checksum of LZ4 frames. Seed 0; the result is unsigned. */
export function xxh32(input: Buffer, start: number, end: number): number {
  let at = start
  let hash: number
  if (end - start >= 16) {
    let a = (PRIME_1 + PRIME_2) | 0
    let b = PRIME_2 | 0
    let c = 0
    let d = -PRIME_1 | 0
    for (const last = end - 16; at <= last; at += 16) {
      a = round(a, word(input, at))
      b = round(b, word(input, at + 4))
      c = round(c, word(input, at + 8))
      d = round(d, word(input, at + 12))
    }
    hash = (rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18)) | 0
  } else {
    hash = PRIME_5 | 0
  }
  hash = (hash + (end - start)) | 0
  for (; at + 4 <= end; at += 4) hash = Math.imul(rotate(hash + Math.imul(word(input, at), PRIME_3), 17), PRIME_4)
  for (; at < end; at++) hash = Math.imul(rotate(hash + Math.imul(input[at], PRIME_5), 11), PRIME_1)
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2)
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3)
  return (hash ^ (hash >>> 16)) >>> 0
}

const PRIME_1 = 0x9e37_79b1
const PRIME_2 = 0x85eb_ca77
const PRIME_3 = 0xc2b2_ae3d
const PRIME_4 = 0x27d4_eb2f
const PRIME_5 = 0x1656_67b1

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits))
const round = (lane: number, input: number): number =>
  Math.imul(rotate((lane + Math.imul(input, PRIME_2)) | 0, 13), PRIME_1)
const word = (input: Buffer, at: number): number =>
  input[at] | (input[at + 1] << 8) | (input[at + 2] << 16) | (input[at + 3] << 24)
