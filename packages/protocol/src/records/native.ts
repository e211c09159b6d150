import { createRequire } from 'node:module'

/**
 * Native modules are accelerators: each has a TypeScript twin that gives the same bytes, and a prebuilt file that does
 * not load (other libc, `--omit=optional`, unknown platform) costs speed and one warning, never a feature.
 * `OTTLA_NATIVE=0` in the environment hides all of them.
 */

export type NativeName = '@node-rs/crc32' | 'snappy' | 'lz4-napi'

export interface NativeMissing {
  readonly name: NativeName
  /** One line for a person: what was not loaded, why, and what it costs. */
  readonly message: string
}

/** Where a module stands: not yet looked for, absent, or there. */
type Slot<T> = undefined | null | T

interface NativeCrc32 {
  crc32c(input: Uint8Array, initialState?: number): number
}

interface NativeSnappy {
  compressSync(input: Uint8Array, options?: { copyOutputData: boolean }): Buffer
  uncompressSync(input: Uint8Array, options?: { copyOutputData: boolean }): Buffer
}

/** Blocks with their size in front (int32 little endian). */
interface NativeLz4 {
  compressSync(input: Buffer): Buffer
  uncompressSync(input: Buffer): Buffer
}

interface Slots {
  crc32: Slot<NativeCrc32>
  snappy: Slot<NativeSnappy>
  lz4: Slot<NativeLz4>
}

const slots: Slots = { crc32: undefined, snappy: undefined, lz4: undefined }
const require = createRequire(import.meta.url)
const missing = new Map<NativeName, NativeMissing>()
const listeners = new Set<(missing: NativeMissing) => void>()

/**
 * Hears of every native module that was wanted and did not load: once for each module, those already missed at once.
 * Modules hidden by `OTTLA_NATIVE=0` are not reported, somebody asked for that. Returns the function that unsubscribes.
 */
export function onNativeMissing(listener: (missing: NativeMissing) => void): () => void {
  listeners.add(listener)
  for (const each of missing.values()) listener(each)
  return () => listeners.delete(listener)
}

/** Forgets what was loaded: the next use looks at `OTTLA_NATIVE` and at the disk again. For tests and benchmarks. */
export function forgetNative(): void {
  slots.crc32 = undefined
  slots.snappy = undefined
  slots.lz4 = undefined
}

export const nativeCrc32 = (): NativeCrc32 | null =>
  slots.crc32 !== undefined ? slots.crc32 : (slots.crc32 = load<NativeCrc32>('@node-rs/crc32', answersCrc32))

export const nativeSnappy = (): NativeSnappy | null =>
  slots.snappy !== undefined ? slots.snappy : (slots.snappy = load<NativeSnappy>('snappy', answersSnappy))

export const nativeLz4 = (): NativeLz4 | null =>
  slots.lz4 !== undefined ? slots.lz4 : (slots.lz4 = load<NativeLz4>('lz4-napi', answersLz4))

function load<T>(name: NativeName, answers: (module: T) => boolean): T | null {
  if (process.env.OTTLA_NATIVE === '0') return null
  let reason: string
  try {
    const module = require(name) as T
    if (answers(module)) return module
    reason = 'it answers a known question wrongly'
  } catch (error) {
    reason = firstLine(error)
  }
  if (!missing.has(name)) {
    const message = `native module ${name} is not used (${reason}); the slower TypeScript implementation takes its place`
    missing.set(name, { name, message })
    for (const listener of listeners) listener({ name, message })
  }
  return null
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.split('\n', 1)[0]
}

// A prebuilt file that loads can still be one for another processor or interface; ask before it is trusted with data.

function answersCrc32(module: NativeCrc32): boolean {
  return (
    module.crc32c(Buffer.from('123456789')) === 0xe306_9283 &&
    module.crc32c(Buffer.from('6789'), module.crc32c(Buffer.from('12345'))) === 0xe306_9283
  )
}

function answersSnappy(module: NativeSnappy): boolean {
  const text = Buffer.from('a log, a log, a log, a log')
  const packed = module.compressSync(text)
  return packed[0] === text.length && module.uncompressSync(packed).equals(text)
}

function answersLz4(module: NativeLz4): boolean {
  const text = Buffer.from('a log, a log, a log, a log')
  const packed = module.compressSync(text)
  return packed.readUInt32LE(0) === text.length && module.uncompressSync(packed).equals(text)
}
