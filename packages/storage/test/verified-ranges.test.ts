import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VerifiedRanges } from '../src/verified-ranges.ts'

test('what is written in small pieces is verified granule by granule, once each is whole', () => {
  const ranges = new VerifiedRanges()
  for (let at = 10_000; at < 30_000; at += 500) ranges.addWritten(at, at + 500)
  // The granule in which the run began holds what nobody has looked at.
  assert.equal(ranges.has(10_000), false)
  assert.equal(ranges.has(4096 * 3), true)
  assert.equal(ranges.has(4096 * 7 - 1), true)
  assert.equal(ranges.has(4096 * 7), false)
})

test('a write elsewhere begins a run of its own', () => {
  const ranges = new VerifiedRanges()
  ranges.addWritten(0, 5000)
  ranges.addWritten(6000, 13_000)
  assert.equal(ranges.has(0), true)
  assert.equal(ranges.has(4096), false)
  assert.equal(ranges.has(8192), true)
})

test('after a truncation nothing is verified, and what is written where it ended begins anew', () => {
  const ranges = new VerifiedRanges()
  ranges.addWritten(0, 6000)
  ranges.clear()
  ranges.addWritten(6000, 12_288)
  assert.equal(ranges.has(0), false)
  assert.equal(ranges.has(4096), false)
  assert.equal(ranges.has(8192), true)
})
