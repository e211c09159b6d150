import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { Codec, compress, decompress } from '../../src/records/compression/index.ts'
import { forgetNative, type NativeMissing, onNativeMissing } from '../../src/records/native.ts'
import { lines, withNative } from './support.ts'

const require = createRequire(import.meta.url)

/** Puts `stub` where `require` finds the module, for the time of `run`. */
function withModule(name: string, stub: object, run: () => void): void {
  const path = require.resolve(name)
  const before = require.cache[path]
  const fake = Object.assign(Object.create(null) as NodeJS.Module, {
    id: path,
    filename: path,
    loaded: true,
    exports: stub,
  })
  require.cache[path] = fake
  try {
    run()
  } finally {
    if (before === undefined) delete require.cache[path]
    else require.cache[path] = before
    forgetNative()
  }
}

test('hidden native modules are nobody’s news', () => {
  const heard: NativeMissing[] = []
  const unsubscribe = onNativeMissing((missing) => heard.push(missing))
  const before = heard.length
  withNative(false, () => compress(Codec.SNAPPY, lines(4096)))
  assert.equal(heard.length, before)
  unsubscribe()
})

test('a native module that gives wrong answers is not used, and that is said once, in one line', (t) => {
  try {
    require.resolve('snappy')
  } catch {
    t.skip('the package snappy is not installed here')
    return
  }
  const heard: NativeMissing[] = []
  const unsubscribe = onNativeMissing((missing) => heard.push(missing))
  heard.length = 0
  const liar = { compressSync: (input: Buffer) => input, uncompressSync: (input: Buffer) => input }
  withNative(true, () => {
    withModule('snappy', liar, () => {
      const input = lines(4096)
      for (let i = 0; i < 3; i++) {
        forgetNative()
        assert.deepEqual(decompress(Codec.SNAPPY, compress(Codec.SNAPPY, input), input.length), input)
      }
    })
  })
  assert.deepEqual(
    heard.map((missing) => missing.name),
    ['snappy'],
  )
  assert.match(heard[0].message, /^native module snappy is not used \(.+\); the slower TypeScript .+$/)
  unsubscribe()
  // who comes later hears of it too
  const later: string[] = []
  onNativeMissing((missing) => later.push(missing.name))()
  assert.ok(later.includes('snappy'))
})
