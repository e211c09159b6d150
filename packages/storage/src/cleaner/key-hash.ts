/**
 * HalfSipHash-2-4 (Aumasson, Bernstein) twice with different keys: 128 bits for a record's key. Keyed with random bits for
 * each run, since two keys with one hash would cost a record: nobody outside can look for such a pair.
 */
export class KeyHasher {
  readonly #keys: Int32Array
  /** The last hash: four words. */
  readonly out: Int32Array = new Int32Array(4)

  /** Four random words. */
  constructor(random: { uint32(): number }) {
    this.#keys = Int32Array.from({ length: 4 }, () => random.uint32())
  }

  hash(bytes: Buffer, from: number, length: number): void {
    const [k0, k1, k2, k3] = this.#keys
    halfSip(bytes, from, length, k0, k1, this.out, 0)
    halfSip(bytes, from, length, k2, k3, this.out, 2)
  }
}

function halfSip(
  bytes: Buffer,
  from: number,
  length: number,
  k0: number,
  k1: number,
  out: Int32Array,
  slot: number,
): void {
  let v0 = k0
  let v1 = k1 ^ 0xee
  let v2 = k0 ^ 0x6c796765
  let v3 = k1 ^ 0x74656462
  const words = length >>> 2
  const end = from + (words << 2)
  // Words from the message, the last one with the length on top, then 0xff to close, then two words of output.
  let last = length << 24
  for (let i = length & 3; i > 0; i--) last |= bytes[end + i - 1] << ((i - 1) << 3)
  for (let at = from, left = words + 1; left > 0; left--, at += 4) {
    const m = left > 1 ? bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24) : last
    v3 ^= m
    for (let round = 0; round < 2; round++) {
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
    }
    v0 ^= m
  }
  for (let word = 0; word < 2; word++) {
    if (word === 0) v2 ^= 0xee
    else v1 ^= 0xdd
    for (let round = 0; round < 4; round++) {
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
    }
    out[slot + word] = v1 ^ v3
  }
}
