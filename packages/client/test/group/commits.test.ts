/** What a group consumer commits when its reader moves about, pauses, or ends. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupConsumer } from '@ottla/client'
import { consumerOf, numbers, setUp, TOPIC, take } from '../support/group-bench.ts'

const PLACE = { topic: TOPIC, partition: 0 }

const committedOf = async (consumer: GroupConsumer): Promise<number | undefined> =>
  (await consumer.committed([PLACE]))[0]?.offset

test('a seek to an offset is the position at once, and what the next commit commits', async (t) => {
  const bench = await setUp(t)
  await bench.produce(10)
  const consumer = consumerOf(bench, { autoCommit: false })
  const iterator = consumer[Symbol.asyncIterator]()
  await iterator.next()
  consumer.seek(PLACE, 7)
  assert.equal(consumer.positions()[0].offset, 7)
  await consumer.commit()
  assert.equal(await committedOf(consumer), 7)
  assert.equal(String((await iterator.next()).value?.value), '7')
  consumer.seek(PLACE, 2)
  const answered = new Promise<number>((resolve) => {
    consumer.commitAsync((_error, [{ offset }]) => resolve(offset))
  })
  assert.equal(await answered, 2, 'backwards, too')
  await consumer.close()
})

test('a seek backwards is committed when the consumer closes', async (t) => {
  const bench = await setUp(t)
  await bench.produce(10)
  const first = consumerOf(bench)
  await take(first, 8, async (_value, n) => {
    if (n !== 8) return
    await first.commit()
    first.seek(PLACE, 3)
  })
  assert.deepEqual(await take(consumerOf(bench), 2), ['3', '4'])
})

test('a partition begins at its committed offset, and its position says so before anything is fetched', async (t) => {
  const bench = await setUp(t)
  await bench.produce(6)
  const first = consumerOf(bench, { autoCommit: false })
  await take(first, 4, async () => first.commit())
  const positions: (number | null)[] = []
  const second = consumerOf(bench, {
    onAssigned: () => {
      positions.push(second.positions()[0].offset)
    },
  })
  await take(second, 1)
  assert.deepEqual(positions, [4])
})

test('what the callback of a commit throws ends the loop, and nothing else', async (t) => {
  const bench = await setUp(t)
  await bench.produce(3)
  const consumer = consumerOf(bench, { autoCommit: false })
  const reading = (async () => {
    for await (const _record of consumer) {
      consumer.commitAsync(() => {
        throw new Error('out of ink')
      })
    }
  })()
  await assert.rejects(reading, /out of ink/)
})

test('pausing the partition of the record in hand keeps the rest of its batch until it is resumed', async (t) => {
  const bench = await setUp(t, 2)
  await bench.produce(20)
  const consumer = consumerOf(bench)
  const read: number[][] = [[], []]
  let paused: number | null = null
  for await (const { partition, value } of consumer) {
    assert.notEqual(partition, paused, `${value} is of the paused partition`)
    read[partition].push(Number(value))
    const count = read[0].length + read[1].length
    if (count === 20) break
    if (count === 3) {
      paused = partition
      consumer.pause([{ topic: TOPIC, partition }])
    } else if (paused !== null && read[1 - paused].length === 10) {
      consumer.resume([{ topic: TOPIC, partition: paused }])
      paused = null
    }
  }
  for (const partition of [0, 1]) {
    assert.deepEqual(
      read[partition],
      Array.from({ length: 10 }, (_, i) => 2 * i + partition),
      'nothing twice, nothing left out',
    )
  }
})

test('what is paused in the midst of a batch is not committed beyond the record in hand', async (t) => {
  const bench = await setUp(t)
  await bench.produce(5)
  const consumer = consumerOf(bench)
  const iterator = consumer[Symbol.asyncIterator]()
  await iterator.next()
  await iterator.next()
  consumer.pause([PLACE])
  const waiting = iterator.next()
  await bench.client().admin.describeCluster()
  assert.equal(consumer.positions()[0].offset, 2)
  await consumer.close()
  assert.equal((await waiting).done, true)
  assert.deepEqual(await take(consumerOf(bench), 3), numbers(2, 5))
})

test('batches of a paused partition wait, too', async (t) => {
  const bench = await setUp(t)
  for (let i = 0; i < 4; i++) await bench.produce(5)
  const consumer = consumerOf(bench)
  const bases: number[] = []
  const whilePaused: number[] = []
  for await (const batch of consumer.batches()) {
    bases.push(batch.baseOffset)
    if (batch.baseOffset === 15) break
    consumer.pause([PLACE])
    void bench
      .client()
      .admin.describeCluster()
      .then(() => {
        whilePaused.push(bases.length)
        consumer.resume([PLACE])
      })
  }
  assert.deepEqual(bases, [0, 5, 10, 15])
  assert.deepEqual(whilePaused, [1, 2, 3])
})

for (const end of ['close', 'rebalance'] as const) {
  test(`${end}: commits under way are waited for, without automatic ones, too`, async (t) => {
    const bench = await setUp(t, 2)
    await bench.produce(6)
    const events: string[] = []
    const first = consumerOf(bench, { autoCommit: false, onRevoked: () => void events.push('revoked') })
    const iterator = first[Symbol.asyncIterator]()
    await iterator.next()
    await iterator.next()
    first.commitAsync((error) => events.push(error === null ? 'committed' : error.code))
    if (end === 'close') await first.close()
    else {
      const second = consumerOf(bench, { autoCommit: false })
      const reading = second[Symbol.asyncIterator]().next()
      while (!events.includes('revoked')) {
        await Promise.race([iterator.next(), bench.client().admin.describeCluster()])
      }
      await reading
    }
    assert.deepEqual(events.slice(0, 2), ['committed', 'revoked'])
    await first.close()
  })
}
