/** Handlers called by a group consumer, against our own broker. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type ConsumerRecord,
  type GroupConsumer,
  type GroupConsumerOptions,
  type RunOptions,
  serde,
} from '@ottla/client'
import {
  type Bench,
  consumerOf as groupConsumer,
  numbers,
  PROTOCOLS,
  setUp,
  TOPIC,
  take,
} from '../support/group-bench.ts'

/** Runs until so many records have been handled, and closes then. */
async function handle(consumer: GroupConsumer, count: number, options: Omit<RunOptions, 'eachRecord'> = {}) {
  const values: string[] = []
  await consumer.run({
    ...options,
    eachRecord: ({ value }) => {
      values.push(String(value))
      if (values.length === count) void consumer.close()
    },
  })
  return values
}

/** Resolves when `isSo`; looked at whenever `look` is called. */
function moment(isSo: () => boolean) {
  const reached = Promise.withResolvers<void>()
  return {
    reached: reached.promise,
    look: () => {
      if (isSo()) reached.resolve()
    },
  }
}

async function offsetOf(bench: Bench, partition = 0): Promise<number | undefined> {
  const [{ offsets }] = await bench.client().admin.listGroupOffsets(['g'])
  return offsets.find((one) => one.partition === partition)?.offset
}

for (const groupProtocol of PROTOCOLS) {
  const consumerOf = (bench: Bench, options: Partial<GroupConsumerOptions> = {}) =>
    groupConsumer(bench, { groupProtocol, ...options })

  test(`${groupProtocol}: a run handles each record once, in order, and commits what is finished when it is closed`, async (t) => {
    const bench = await setUp(t)
    await bench.produce(20)
    assert.deepEqual(await handle(consumerOf(bench), 7), numbers(0, 7))
    assert.equal(await offsetOf(bench), 7)
    assert.deepEqual(await handle(consumerOf(bench), 13), numbers(7, 20))
    assert.equal(await offsetOf(bench), 20)
  })

  test(`${groupProtocol}: what a handler throws ends the run, once the others are done; the record comes again`, async (t) => {
    const bench = await setUp(t, 2)
    await bench.produce(6)
    const other = Promise.withResolvers<void>()
    const handled: string[] = []
    const run = consumerOf(bench).run({
      concurrency: 2,
      eachRecord: async ({ value }, { signal }) => {
        const text = String(value)
        handled.push(text)
        if (text === '3') {
          // While the other partition's 2 is worked on.
          signal.addEventListener('abort', () => other.resolve())
          throw new RangeError('out of ink')
        }
        if (text === '2') await other.promise
      },
    })
    await assert.rejects(run, { name: 'RangeError', message: 'out of ink' })
    // 0, 2 and 4 are in partition 0. 2 was finished and counts, 4 was not begun; 1 and 3 are in partition 1.
    assert.deepEqual(handled.toSorted(), ['0', '1', '2', '3'])
    assert.deepEqual([await offsetOf(bench, 0), await offsetOf(bench, 1)], [2, 1])
    assert.deepEqual((await take(consumerOf(bench), 3)).toSorted(), ['3', '4', '5'])
  })

  test(`${groupProtocol}: a partition goes to another member when its handler is done, and none of its records is handled twice`, async (t) => {
    const bench = await setUp(t, 2)
    await bench.produce(40)
    const handled: string[] = []
    const all = moment(() => handled.length === 40)
    const begun = Promise.withResolvers<void>()
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const eachRecord = async ({ value, partition }: ConsumerRecord) => {
      // At the fifth record of each partition its first owner is held up.
      if (value !== null && Math.floor(Number(String(value)) / 2) === 5) {
        if (handled.length === 10) begun.resolve()
        await gates[partition]!.promise
      }
      handled.push(String(value))
      all.look()
    }
    const first = consumerOf(bench)
    const second = consumerOf(bench)
    const runs = [first.run({ eachRecord, concurrency: 2 })]
    await begun.promise
    runs.push(second.run({ eachRecord, concurrency: 2 }))
    // The second asks for a partition, and gets none while both are worked on.
    for (const gate of gates) gate.resolve()
    await all.reached
    await Promise.all([first.close(), second.close(), ...runs])
    assert.deepEqual(
      handled.map(Number).toSorted((a, b) => a - b),
      numbers(0, 40).map(Number),
    )
    for (const partition of [0, 1]) {
      const ofPartition = handled.map(Number).filter((n) => n % 2 === partition)
      assert.deepEqual(
        ofPartition,
        ofPartition.toSorted((a, b) => a - b),
      )
    }
    assert.deepEqual([await offsetOf(bench, 0), await offsetOf(bench, 1)], [20, 20])
  })
}

test('so many handlers are at work at a time, each on a partition of its own', async (t) => {
  const bench = await setUp(t, 4)
  await bench.produce(40)
  const consumer = groupConsumer(bench)
  const working = new Set<number>()
  let most = 0
  let count = 0
  await consumer.run({
    concurrency: 3,
    eachRecord: async ({ partition }) => {
      assert.ok(!working.has(partition))
      working.add(partition)
      most = Math.max(most, working.size)
      await new Promise(setImmediate)
      working.delete(partition)
      if (++count === 40) void consumer.close()
    },
  })
  assert.deepEqual([most, count], [3, 40])
})

test('in the order of keys equal keys wait for each other, and nothing else does', async (t) => {
  const bench = await setUp(t)
  const producer = bench.client().producer()
  const keys = ['a', 'a', 'b', 'c', 'a', 'd', 'e', 'b']
  await producer.sendAll(
    TOPIC,
    keys.map((key, i) => ({ key, value: String(i) })),
  )
  const consumer = groupConsumer(bench)
  const gate = Promise.withResolvers<void>()
  const order: string[] = []
  const others = moment(() => order.length === 5)
  const run = consumer.run({
    order: 'key',
    // Keys a to e are in lanes of their own with as many.
    concurrency: 64,
    eachRecord: async ({ key, value }) => {
      if (String(key) === 'a') await gate.promise
      order.push(`${key}${value}`)
      others.look()
      if (order.length === keys.length) void consumer.close()
    },
  })
  await others.reached
  assert.deepEqual(order, ['b2', 'c3', 'd5', 'e6', 'b7'])
  gate.resolve()
  await run
  assert.deepEqual(order.slice(5), ['a0', 'a1', 'a4'])
  assert.equal(await offsetOf(bench), 8)
})

test('records without a key wait for none', async (t) => {
  const bench = await setUp(t)
  await bench.produce(5)
  const consumer = groupConsumer(bench)
  let working = 0
  const all = moment(() => working === 5)
  await consumer.run({
    order: 'key',
    concurrency: 5,
    eachRecord: async () => {
      working += 1
      all.look()
      await all.reached
      if (--working === 0) void consumer.close()
    },
  })
  assert.equal(await offsetOf(bench), 5)
})

test('with handlers that overtake each other the lowest record that is not finished is committed', async (t) => {
  const bench = await setUp(t)
  await bench.produce(10)
  const consumer = groupConsumer(bench)
  const slow = Promise.withResolvers<void>()
  let done = 0
  const others = moment(() => done === 9)
  const run = consumer.run({
    order: 'key',
    concurrency: 10,
    eachRecord: async ({ value }) => {
      if (String(value) === '3') await slow.promise
      done += 1
      others.look()
    },
  })
  await others.reached
  await consumer.commit()
  assert.equal(await offsetOf(bench), 3)
  assert.deepEqual(
    consumer.positions().map(({ offset }) => offset),
    [3],
  )
  const closing = consumer.close()
  slow.resolve()
  await Promise.all([closing, run])
  assert.equal(await offsetOf(bench), 10)
})

test('closing waits for the handlers at work, tells them, and begins no other', async (t) => {
  const bench = await setUp(t)
  await bench.produce(10)
  const consumer = groupConsumer(bench)
  const handled: string[] = []
  const begun = Promise.withResolvers<void>()
  const run = consumer.run({
    eachRecord: async ({ value }, { signal }) => {
      if (String(value) === '4') {
        begun.resolve()
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
      }
      handled.push(String(value))
    },
  })
  await begun.promise
  await consumer.close()
  await run
  assert.deepEqual(handled, numbers(0, 5))
  assert.equal(await offsetOf(bench), 5)
})

test('a handler that throws while the consumer is being closed is heard of', async (t) => {
  const bench = await setUp(t)
  await bench.produce(3)
  const consumer = groupConsumer(bench)
  const begun = Promise.withResolvers<void>()
  const run = consumer.run({
    eachRecord: async ({ value }, { signal }) => {
      if (String(value) !== '1') return
      begun.resolve()
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      throw new RangeError('too late')
    },
  })
  await begun.promise
  const [ended] = await Promise.allSettled([run, consumer.close()])
  assert.equal(ended.status === 'rejected' && ended.reason.message, 'too late')
  assert.equal(await offsetOf(bench), 1)
})

test('a batch is handled as a whole, with its types, and without its bad records once they are dealt with', async (t) => {
  const bench = await setUp(t)
  const producer = bench.client().producer()
  const batches = [['1', '2', '{'], ['3'], ['{']]
  for (const batch of batches) {
    await producer.sendAll(
      TOPIC,
      batch.map((value) => ({ value })),
    )
  }
  const bad: number[] = []
  const consumer = bench.client().consumer({
    group: 'g',
    topics: [TOPIC],
    from: 'earliest',
    value: serde.json<number>(),
    onBadRecord: ({ offset }) => {
      bad.push(offset)
      if (offset === 4) void consumer.close()
    },
  })
  const handled: (number | null)[][] = []
  await consumer.run({
    eachBatch: async (records) => {
      handled.push(records.map(({ value }) => value))
    },
  })
  assert.deepEqual(
    [handled, bad],
    [
      [[1, 2], [3]],
      [2, 4],
    ],
  )
  assert.equal(await offsetOf(bench), 5)
})

test('a batch whose handler throws comes again as a whole', async (t) => {
  const bench = await setUp(t)
  await bench
    .client()
    .producer()
    .sendAll(
      TOPIC,
      ['0', '1', '2'].map((value) => ({ value })),
    )
  const run = groupConsumer(bench).run({
    eachBatch: () => {
      throw new RangeError('no')
    },
  })
  await assert.rejects(run, RangeError)
  assert.equal(await offsetOf(bench), undefined)
  assert.deepEqual(await handle(groupConsumer(bench), 3), numbers(0, 3))
})

test('a handler may pause its partition and seek in it', async (t) => {
  const bench = await setUp(t, 2)
  await bench.produce(12)
  const consumer = groupConsumer(bench)
  const place = { topic: TOPIC, partition: 0 }
  const handled: string[] = []
  let sought = false
  const run = consumer.run({
    concurrency: 2,
    eachRecord: ({ value, partition }) => {
      handled.push(String(value))
      if (partition === 0 && handled.filter((one) => Number(one) % 2 === 0).length === 3) consumer.pause([place])
      const ofOther = handled.filter((one) => Number(one) % 2 === 1).length
      if (ofOther === 6 && !sought) {
        sought = true
        // Back by one: record 4 of partition 0 again, then on to the end.
        consumer.seek(place, 2)
        consumer.resume([place])
      }
      if (value !== null && String(value) === '10') void consumer.close()
    },
  })
  await run
  const ofFirst = handled.filter((one) => Number(one) % 2 === 0)
  assert.deepEqual(ofFirst, ['0', '2', '4', '4', '6', '8', '10'])
  assert.deepEqual([await offsetOf(bench, 0), await offsetOf(bench, 1)], [6, 6])
})

test('a handler that takes longer than maxPollIntervalMs costs the membership, and its record comes again', async (t) => {
  const bench = await setUp(t)
  await bench.produce(3)
  const slow = groupConsumer(bench, { maxPollIntervalMs: 100 })
  const gate = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const run = slow.run({
    eachRecord: async ({ value }) => {
      if (String(value) !== '1') return
      begun.resolve()
      await gate.promise
    },
  })
  await begun.promise
  // It had 0 finished, but nothing committed yet.
  assert.deepEqual(await handle(groupConsumer(bench), 3), numbers(0, 3))
  gate.resolve()
  await slow.close()
  await run
  assert.equal(await offsetOf(bench), 3)
})

test('a run is refused options that cannot be, and a second reader', async (t) => {
  const bench = await setUp(t)
  const consumer = groupConsumer(bench)
  const refused: [object, RegExp][] = [
    [{}, /^run takes eachRecord or eachBatch, one of them$/],
    [{ eachRecord: () => {}, eachBatch: () => {} }, /^run takes eachRecord or eachBatch, one of them$/],
    [{ eachBatch: () => {}, order: 'key' }, /it has no order 'key'$/],
    [{ eachRecord: () => {}, order: 'topic' }, /^order is 'partition' or 'key', not 'topic'$/],
    [{ eachRecord: () => {}, concurrency: 0 }, /^concurrency is a whole number from 1 to 10000, not 0$/],
    [{ eachMessage: () => {} }, /^run has no option "eachMessage"; it has eachRecord, /],
  ]
  for (const [options, message] of refused) await assert.rejects(consumer.run(options), { code: 'CONFIG', message })
  const run = consumer.run({ eachRecord: () => {} })
  await assert.rejects(consumer.run({ eachRecord: () => {} }), { code: 'INVALID_STATE' })
  await consumer.close()
  await run
})
