import type { Random, SecureRandom } from '../ports/random.ts'

/** Spreads a name over 32 bits (FNV-1a), so that streams of different purposes start far apart. */
function hashText(text: string, basis: number): number {
  let hash = basis >>> 0
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193) >>> 0
  return hash
}

/** A seeded stream: xoshiro128** (Blackman and Vigna), its state filled by splitmix32. */
export class SeededRandom implements Random {
  readonly #seed: number
  #a: number
  #b: number
  #c: number
  #d: number

  /** `seed` is taken modulo 2^32. */
  constructor(seed: number) {
    this.#seed = seed >>> 0
    let state = this.#seed
    const next = (): number => {
      state = (state + 0x9e37_79b9) >>> 0
      let z = state
      z = Math.imul(z ^ (z >>> 16), 0x85eb_ca6b)
      z = Math.imul(z ^ (z >>> 13), 0xc2b2_ae35)
      return (z ^ (z >>> 16)) >>> 0
    }
    this.#a = next()
    this.#b = next()
    this.#c = next()
    // The all-zero state is the one the generator cannot leave.
    this.#d = next() | 1
  }

  /** A stream of its own for one purpose; drawing from it does not disturb any other. */
  split(purpose: string): SeededRandom {
    return new SeededRandom(hashText(purpose, this.#seed ^ 0x811c_9dc5))
  }

  uint32(): number {
    const scrambled = Math.imul(this.#b, 5)
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = (this.#d << 11) | (this.#d >>> 21)
    return result
  }

  below(bound: number): number {
    if (!(bound >= 1 && bound <= 0x1_0000_0000)) throw new RangeError(`bound ${bound} is outside 1 … 2^32`)
    return Math.floor((this.uint32() / 0x1_0000_0000) * bound)
  }

  float(): number {
    return this.uint32() / 0x1_0000_0000
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return probability > 0 && this.float() < probability
  }

  /** A uniform number in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.float()
  }
}

/** Nothing is secret in a simulation; it only has to be the same again for the same seed. */
export class SeededSecureRandom implements SecureRandom {
  readonly #random: SeededRandom

  constructor(random: SeededRandom) {
    this.#random = random
  }

  bytes(length: number): Buffer {
    const target = Buffer.alloc(length)
    for (let i = 0; i < length; i++) target[i] = this.#random.uint32() >>> 24
    return target
  }
}
