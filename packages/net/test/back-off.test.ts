import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backOffMs } from '../src/back-off.ts'

const fixed = (float: number) => ({ float: () => float, uint32: () => 0, below: () => 0 })

test('back-off doubles to its bound and is spread by its jitter', () => {
  const middle = [0, 1, 2, 3, 4, 100].map((attempt) => backOffMs(attempt, fixed(0.5)))
  assert.deepEqual(middle, [100, 200, 400, 800, 1000, 1000])
  assert.equal(backOffMs(0, fixed(0)), 80)
  assert.ok(backOffMs(0, fixed(0.999999)) < 120)
  assert.equal(backOffMs(3, fixed(0.9), { initialMs: 10, maxMs: 50, jitter: 0 }), 50)
})
