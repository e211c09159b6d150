import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecordIterator } from '../src/consumer/record-iterator.ts'

/** `null` is where `now` has nothing at hand. */
function setUp(values: (number | null)[], error: Error | null = null) {
  const told: string[] = []
  const source = {
    now: () => (values.length === 0 ? null : values[0] === null ? null : values.shift()!),
    later: async () => {
      told.push('later')
      while (values[0] === null) values.shift()
      if (values.length > 0) return values.shift()!
      if (error !== null) throw error
      return null
    },
    close: async () => void told.push('close'),
  }
  return { iterator: new RecordIterator(source), told }
}

test('what is at hand is given at once, and only what is not is waited for', async () => {
  const { iterator, told } = setUp([1, 2, null, 3, 4])
  const seen: number[] = []
  for await (const value of iterator) seen.push(value)
  assert.deepEqual(seen, [1, 2, 3, 4])
  assert.deepEqual(told, ['later', 'later', 'close'])
  assert.deepEqual(await iterator.next(), { done: true, value: undefined })
})

test('several that are asked for together come in their order, the end for the last', async () => {
  const { iterator, told } = setUp([null, 1, 2])
  const answers = await Promise.all([iterator.next(), iterator.next(), iterator.next(), iterator.next()])
  assert.deepEqual(
    answers.map(({ value }) => value),
    [1, 2, undefined, undefined],
  )
  assert.deepEqual(told, ['later', 'later', 'later', 'close'])
})

test('a loop that is left closes the source, and so does one that throws', async () => {
  const { iterator, told } = setUp([1, 2])
  for await (const _ of iterator) break
  assert.deepEqual(told, ['close'])
  assert.equal((await iterator.next()).done, true)
  const other = setUp([1, 2])
  const failing = async () => {
    for await (const _ of other.iterator) throw new RangeError('no')
  }
  await assert.rejects(failing, RangeError)
  assert.deepEqual(other.told, ['close'])
})

test('what the source fails with ends the loop once, after it is closed', async () => {
  const { iterator, told } = setUp([1], new RangeError('broken'))
  assert.equal((await iterator.next()).value, 1)
  const [first, second] = await Promise.allSettled([iterator.next(), iterator.next()])
  assert.equal(first.status === 'rejected' && first.reason.message, 'broken')
  assert.deepEqual(second, { status: 'fulfilled', value: { done: true, value: undefined } })
  assert.deepEqual(told, ['later', 'close'])
})
