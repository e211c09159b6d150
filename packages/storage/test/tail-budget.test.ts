import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BufferPool } from '@ottla/runtime'
import { TailBudget } from '../src/tail.ts'

const POOL_IDLE_BYTES = 1024 * 1024

test('small appends are copied next to each other: what they came in is let go, and each keeps its bytes', () => {
  const budget = new TailBudget(Number.POSITIVE_INFINITY, new BufferPool({ idleBytesMax: POOL_IDLE_BYTES }))
  const copies: Buffer[] = []
  for (let i = 0; i < 1000; i++) {
    const frame = Buffer.alloc(100_000, i)
    copies.push(budget.own(frame.subarray(10, 10 + 1 + (i % 4096))))
    frame.fill(0xee)
  }
  const total = copies.reduce((sum, copy) => sum + copy.length, 0)
  const memory = new Set(copies.map((copy) => copy.buffer))
  const held = [...memory].reduce((sum, buffer) => sum + buffer.byteLength, 0)
  assert.ok(held < total * 1.1 + 64 * 1024, `${held} bytes for ${total}`)
  for (const [i, copy] of copies.entries()) assert.deepEqual(copy, Buffer.alloc(1 + (i % 4096), i))
})

test('what is large is kept where it is, unless it is but a small part', () => {
  const budget = new TailBudget(Number.POSITIVE_INFINITY, new BufferPool({ idleBytesMax: POOL_IDLE_BYTES }))
  const frame = Buffer.alloc(1024 * 1024, 7)
  const half = frame.subarray(0, frame.length / 2)
  assert.equal(budget.own(half), half)
  const part = budget.own(frame.subarray(0, 8192))
  assert.deepEqual([part.buffer.byteLength, part[0], part.length], [8192, 7, 8192])
  const whole = Buffer.allocUnsafeSlow(100)
  assert.equal(budget.own(whole), whole)
})
