/** What a seed draws is the same each time, and enough of everything. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '@ottla/runtime/sim'
import { isMember, isProducer, parts, protocolsOf, strokesOfMinute } from '../plan.ts'

test('the same seed strikes the same way', () => {
  assert.deepEqual(strokesOfMinute(new SeededRandom(7)), strokesOfMinute(new SeededRandom(7)))
  assert.notDeepEqual(strokesOfMinute(new SeededRandom(7)), strokesOfMinute(new SeededRandom(8)))
})

test('each minute has more than the least of each blow, in order, within the minute', () => {
  for (let seed = 0; seed < 50; seed++) {
    const strokes = strokesOfMinute(new SeededRandom(seed))
    const count = (type: string): number => strokes.filter(({ blow }) => blow.type === type).length
    assert.ok(count('kill-broker') > 4 && count('pause-broker') + count('pause-worker') > 2, `seed ${seed}`)
    const times = strokes.map(({ atMs }) => atMs)
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    )
    assert.ok(times.every((atMs) => atMs >= 0 && atMs < 60_000))
  }
})

test('both languages play every role', () => {
  for (const { role } of parts) {
    const languages = parts.filter((part) => part.role === role).map(({ language }) => language)
    assert.deepEqual([...new Set(languages)].sort(), ['py', 'ts'])
  }
  assert.equal(parts.filter(isMember).length, 8)
  assert.equal(parts.filter(isProducer).length, 4)
})

test('of the two groups one is of each protocol', () => {
  for (const seed of [1, 2]) assert.deepEqual(Object.values(protocolsOf(seed)).sort(), ['classic', 'consumer'])
})
