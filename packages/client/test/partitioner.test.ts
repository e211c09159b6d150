import assert from 'node:assert/strict'
import { test } from 'node:test'
import { murmur2 } from '../src/producer/murmur2.ts'
import { partitionOfKey, StickySpread } from '../src/producer/partitioner.ts'

const seeded = (seed: number) => {
  let state = seed >>> 0
  const uint32 = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0)
  return { uint32, below: (bound: number) => uint32() % bound, float: () => uint32() / 2 ** 32 }
}

test('murmur2 gives the values of the Java client', () => {
  for (const [text, hash] of [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
    ['', 275646681],
  ] as const) {
    assert.equal(murmur2(Buffer.from(text)), hash, text)
  }
})

test('a key keeps its partition', () => {
  assert.equal(partitionOfKey(Buffer.from('foobar'), 6), (-790332482 & 0x7fffffff) % 6)
})

test('records without a key are spread evenly, whatever their size', () => {
  for (const bytes of [5, 100, 5000, 2_000_000]) {
    for (let seed = 1; seed <= 20; seed++) {
      const spread = new StickySpread(131072, seeded(seed))
      const counts = new Array<number>(6).fill(0)
      for (let i = 0; i < 10_000; i++) counts[spread.next(6, bytes, () => true)] += 1
      for (const count of counts) assert.ok(Math.abs(count - 10_000 / 6) < 0.15 * (10_000 / 6), `${bytes}: ${counts}`)
    }
  }
})

test('few records are spread evenly, too: after any number of them no partition is 30 % off the mean', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const spread = new StickySpread(131072, seeded(seed))
    const counts = new Array<number>(6).fill(0)
    for (let sent = 1; sent <= 60_000; sent++) {
      counts[spread.next(6, 100, () => true)] += 1
      const mean = sent / 6
      if (sent >= 24)
        for (const count of counts) assert.ok(Math.abs(count - mean) <= 0.3 * mean, `seed ${seed}, ${sent}: ${counts}`)
    }
  }
})

test('partitions without a leader are passed over, unless there is no other', () => {
  const spread = new StickySpread(1, seeded(3))
  const seen = new Set<number>()
  for (let i = 0; i < 100; i++) seen.add(spread.next(4, 10, (p) => p !== 2))
  assert.deepEqual([...seen].sort(), [0, 1, 3])
  assert.ok(spread.next(4, 10, () => false) < 4)
})
