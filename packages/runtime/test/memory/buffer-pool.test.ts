import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BufferPool, POOLED_BYTES_MAX } from '../../src/memory/buffer-pool.ts'

test('memory comes back when its last holder has let go, and not before', () => {
  const pool = new BufferPool({ idleBytesMax: 1 << 20 })
  const first = pool.take(10_000)
  const { buffer } = first
  pool.retain(buffer)
  pool.release(buffer)
  assert.notEqual(pool.take(10_000).buffer, buffer)
  pool.release(buffer)
  assert.equal(pool.take(10_000).buffer, buffer)
})

test('a buffer holds what was asked for and not much more', () => {
  const pool = new BufferPool({ idleBytesMax: 0 })
  for (let bytes = 1; bytes <= POOLED_BYTES_MAX; bytes = Math.ceil(bytes * 1.07)) {
    const { length } = pool.take(bytes)
    assert.ok(length >= bytes, `${length} for ${bytes}`)
    assert.ok(length <= Math.max(8192, bytes * 1.25 + 1), `${length} for ${bytes}`)
  }
})

test('an idle buffer of up to twice the size serves where none of the size is left', () => {
  const pool = new BufferPool({ idleBytesMax: 10 << 20 })
  const sizes = [3 << 20, 2 << 20]
  const taken = sizes.map((size) => pool.take(size).buffer)
  for (const memory of taken) pool.release(memory)
  assert.equal(pool.take(1_800_000).buffer, taken[1], 'the smallest that is large enough')
  assert.equal(pool.idleBytes, 3 << 20)
  assert.notEqual(pool.take(1 << 20).buffer, taken[0], 'three times the size is too much')
  pool.release(taken[1])
  assert.equal(pool.take(2 << 20).buffer, taken[1], 'it is of its own size again')
})

test('idle memory is bounded', () => {
  const pool = new BufferPool({ idleBytesMax: 100_000 })
  const taken = Array.from({ length: 10 }, () => pool.take(32_768))
  for (const { buffer } of taken) pool.release(buffer)
  assert.equal(pool.idleBytes, 3 * 32_768)
  assert.equal(pool.inUse, 0)
})

test('memory of a size that is wanted now takes the place of one that no longer is', () => {
  const pool = new BufferPool({ idleBytesMax: 100_000 })
  const former = Array.from({ length: 6 }, () => pool.take(16_384))
  for (const { buffer } of former) pool.release(buffer)
  const first = Array.from({ length: 3 }, () => pool.take(32_768))
  for (const { buffer } of first) pool.release(buffer)
  assert.ok(pool.idleBytes <= 100_000)
  const again = Array.from({ length: 3 }, () => pool.take(32_768).buffer)
  assert.deepEqual(new Set(again), new Set(first.map(({ buffer }) => buffer)))
})

test('memory of others is left alone', () => {
  const pool = new BufferPool({ idleBytesMax: 1 << 20, poison: true })
  const foreign = Buffer.alloc(8192, 7)
  pool.retain(foreign.buffer)
  pool.release(foreign.buffer)
  pool.release(foreign.buffer)
  const large = pool.take(POOLED_BYTES_MAX + 1).fill(7)
  pool.release(large.buffer)
  assert.equal(foreign[0], 7)
  assert.equal(large[0], 7)
  assert.equal(pool.idleBytes, 0)
})

test('poisoned memory shows that nobody holds it', () => {
  const pool = new BufferPool({ idleBytesMax: 1 << 20, poison: true })
  const taken = pool.take(8192).fill(1)
  pool.release(taken.buffer)
  assert.equal(taken[100], 0xdb)
})
