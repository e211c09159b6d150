import fs from 'node:fs'
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
  bytes: (length) => fromDevice(length) ?? process.getBuiltinModule('node:crypto').randomBytes(length),
}

/** What `randomBytes` would give as well, without the crypto module, which takes 10 ms to load: a third of a broker's own start. */
function fromDevice(length: number): Buffer | null {
  try {
    const device = fs.openSync('/dev/urandom', 'r')
    try {
      const bytes = Buffer.alloc(length)
      return fs.readSync(device, bytes, 0, length, null) === length ? bytes : null
    } finally {
      fs.closeSync(device)
    }
  } catch {
    return null
  }
}
