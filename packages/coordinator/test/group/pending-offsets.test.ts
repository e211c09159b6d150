/** Offsets under way in transactions: what is kept of them, however many there are. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OffsetStore } from '../../src/group/offsets/offset-store.ts'
import { Timeline } from '../../src/runtime/timeline.ts'

const PRODUCER = 7
const place = (partition: number) => ({ group: 'g', topic: 't', partition })
const stored = (offset: number) => ({ offset, metadata: '', commitTimestamp: 0 })

function loadedStore(): { readonly timeline: Timeline; readonly store: OffsetStore } {
  const timeline = new Timeline()
  const store = new OffsetStore(timeline)
  timeline.loaded(0)
  return { timeline, store }
}

test('as many as one request may name, and again and again, cost what they are and no square of it', () => {
  const { timeline, store } = loadedStore()
  const count = 20_000
  for (let round = 0; round < 5; round++) {
    timeline.begin((round + 1) * count)
    for (let i = 0; i < count; i++) store.replay(place(i), stored(round), round * count + i, PRODUCER)
    timeline.commit((round + 1) * count)
  }
  assert.equal(store.placesOf('g').length, count)
  timeline.begin(5 * count + 1)
  store.endTransaction(PRODUCER, true)
  timeline.commit(5 * count + 1)
  assert.equal(store.get(place(count - 1))?.offset, 4)
  assert.equal(store.isUnstable(place(0)), false)
})

test('a second commit to a partition is taken back to the first, and both to nothing', () => {
  const { timeline, store } = loadedStore()
  timeline.begin(1)
  store.replay(place(0), stored(10), 0, PRODUCER)
  timeline.begin(2)
  store.replay(place(0), stored(20), 1, PRODUCER)
  timeline.rollBack(1)
  timeline.begin(2)
  store.endTransaction(PRODUCER, true)
  assert.equal(store.latest(place(0))?.offset, 10)
  assert.equal(store.hasPending(place(0)), false)
  timeline.rollBack(0)
  assert.equal(store.latest(place(0)), undefined)
  assert.equal(store.isUsedBy('g'), false)
})

test('what groups have of a topic is found, under way or there, and nothing of others', () => {
  const { timeline, store } = loadedStore()
  timeline.begin(4)
  store.replay({ group: 'g', topic: 'u', partition: 0 }, stored(1), 0, -1)
  store.replay({ group: 'g', topic: 't', partition: 1 }, stored(1), 1, -1)
  store.replay({ group: 'g', topic: 't', partition: 1 }, stored(2), 2, PRODUCER)
  store.replay({ group: 'h', topic: 't', partition: 2 }, stored(1), 3, PRODUCER)
  const found = store.placesIn(new Set(['t', 'unknown'])).map(({ group, partition }) => `${group}${partition}`)
  assert.deepEqual(found, ['g1', 'h2'])
})

test('an end that is taken back leaves the transaction open, also when maps have been let go of meanwhile', () => {
  const { timeline, store } = loadedStore()
  timeline.begin(1)
  store.replay(place(0), stored(10), 0, PRODUCER)
  timeline.commit(1)
  timeline.begin(2)
  store.endTransaction(PRODUCER, false)
  store.sweep()
  assert.equal(store.isUnstable(place(0)), true)
  timeline.rollBack(1)
  assert.equal(store.hasPending(place(0)), true)
  timeline.begin(2)
  store.endTransaction(PRODUCER, true)
  timeline.commit(2)
  store.sweep()
  assert.equal(store.get(place(0))?.offset, 10)
})
