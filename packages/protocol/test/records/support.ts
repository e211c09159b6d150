import assert from 'node:assert/strict'
import { RecordsError, type RecordsErrorCode } from '../../src/records/errors.ts'
import { forgetNative } from '../../src/records/native.ts'

/** Runs with native modules as the machine has them, or hidden. */
export function withNative<T>(native: boolean, run: () => T): T {
  const before = process.env.OTTLA_NATIVE
  if (native) delete process.env.OTTLA_NATIVE
  else process.env.OTTLA_NATIVE = '0'
  forgetNative()
  try {
    return run()
  } finally {
    if (before === undefined) delete process.env.OTTLA_NATIVE
    else process.env.OTTLA_NATIVE = before
    forgetNative()
  }
}

/** Both ways, with words for a test's name. */
export const NATIVE_OR_NOT = [
  [true, 'native if it loads'],
  [false, 'native hidden'],
] as const

export function throwsRecordsError(run: () => unknown, ...codes: RecordsErrorCode[]): void {
  assert.throws(run, (error) => {
    assert.ok(error instanceof RecordsError, `threw ${error}`)
    assert.ok(codes.includes(error.code), `${error.code} (${error.message}), not ${codes.join(' or ')}`)
    return true
  })
}

/** Numbers in [0, 1) from a seed (mulberry32): a failing case comes back with its seed. */
export function seeded(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b_79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

/** Bytes no codec can shorten. */
export function noise(length: number, seed = 1): Buffer {
  const random = seeded(seed)
  const bytes = Buffer.allocUnsafe(length)
  for (let i = 0; i < length; i++) bytes[i] = random() * 256
  return bytes
}

/** Lines of JSON such as people send: repeating, with changing numbers. */
export function lines(length: number): Buffer {
  let text = ''
  for (let i = 0; text.length < length; i++) text += `{"key":${i},"name":"item-${i % 97}","tags":["a","b"]}\n`
  return Buffer.from(text.slice(0, length))
}

/** Options of a property run that finds the same cases every time; fast-check prints the seed of a failure. */
export function withSeed(options: { numRuns?: number } = {}): { seed: number; numRuns?: number } {
  return { seed: 20_261_103, ...options }
}
