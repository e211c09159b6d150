import type { Random, SecureRandom } from '../ports/random.ts'

const mathRandom = Math.random

export const nodeRandom: Random = {
  uint32: () => (mathRandom() * 0x1_0000_0000) >>> 0,
  below: (bound) => {
    if (!(bound >= 1 && bound <= 0x1_0000_0000)) throw new RangeError(`bound ${bound} is outside 1 … 2^32`)
    return Math.floor(mathRandom() * bound)
  },
  float: () => mathRandom(),
}

export const nodeSecureRandom: SecureRandom = {
  // Loaded at the first use: the crypto module costs milliseconds at start-up.
  bytes: (length) => process.getBuiltinModule('node:crypto').randomBytes(length),
}
