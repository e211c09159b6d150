import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startBroker } from 'ottla'
import { type Assignment, type ConsumerOptions, Kafka } from '../src/index.ts'

async function setUp(t: TestContext, options: Parameters<typeof startBroker>[0] = {}) {
  const broker = await startBroker(options)
  const kafka = new Kafka({ bootstrap: broker.bootstrap, retryBackOffMs: 5, unknownTopicRetries: 1 })
  t.after(async () => {
    await kafka.close()
    await broker.close()
  })
  return { broker, kafka }
}

/** Ten records in one batch, with the timestamps 1000, 1100, … */
async function tenRecords(kafka: Kafka, topic: string, compression: 'none' | 'zstd' = 'none'): Promise<void> {
  const producer = kafka.producer({ compression, lingerMs: 20 })
  const records = Array.from({ length: 10 }, (_, i) => ({ partition: 0, value: `${i}`, timestamp: 1000 + 100 * i }))
  await producer.sendAll(topic, records)
  await producer.close()
}

async function read(kafka: Kafka, assign: Assignment, options: Partial<ConsumerOptions> = {}): Promise<string[]> {
  const values: string[] = []
  for await (const record of kafka.consumer({ assign: [assign], ...options })) values.push(`${record.value}`)
  return values
}

test('reading begins and ends where it is told to, inside a batch too', async (t) => {
  const { kafka } = await setUp(t, { topics: ['t'] })
  for (const compression of ['none', 'zstd'] as const) {
    await kafka.admin.deleteTopics(['t'])
    await kafka.admin.createTopics([{ name: 't', partitions: 1 }])
    await tenRecords(kafka, 't', compression)
    const from = (from: Assignment['from'], until = 10) => read(kafka, { topic: 't', partition: 0, from, until })
    assert.equal((await from(undefined)).join(''), '0123456789')
    assert.equal((await from('earliest')).join(''), '0123456789')
    assert.equal((await from(4)).join(''), '456789')
    assert.equal((await from(4, 7)).join(''), '456')
    assert.equal((await from('latest')).join(''), '')
    assert.equal((await from({ timestamp: 1500 })).join(''), '56789')
    assert.equal((await from({ timestamp: 1501 })).join(''), '6789')
    assert.equal((await from({ timestamp: 5000 })).join(''), '')
    assert.equal((await from('max-timestamp')).join(''), '9')
  }
})

test('partitions that are added are read from their first record, unless named or bounded', async (t) => {
  const { broker } = await setUp(t, { topics: ['t'] })
  const kafka = new Kafka({ bootstrap: broker.bootstrap, metadataMaxAgeMs: 5, retryBackOffMs: 5 })
  t.after(() => kafka.close())
  const producer = kafka.producer()
  await producer.send('t', { partition: 0, value: 'old' })
  const growing = kafka.consumer({ assign: [{ topic: 't', from: 'latest' }], fetchMaxWaitMs: 20 })
  const named = kafka.consumer({ assign: [{ topic: 't', partition: 0 }], fetchMaxWaitMs: 20 })
  const seen = growing[Symbol.asyncIterator]()
  const other = named[Symbol.asyncIterator]()
  assert.equal(`${(await other.next()).value?.value}`, 'old')
  const first = seen.next()
  await broker.waitFor(() => growing.positions().length === 1 && growing.positions()[0].offset === 1)
  await kafka.admin.createPartitions([{ name: 't', count: 3 }])
  const late = kafka.producer()
  await broker.waitFor(async () => (await kafka.admin.describeTopics(['t']))[0].topic?.partitions.length === 3)
  await late.send('t', { partition: 2, value: 'two' })
  assert.deepEqual([(await first).value?.partition, `${(await first).value?.value}`], [2, 'two'])
  await late.send('t', { partition: 1, value: 'one' })
  assert.equal(`${(await seen.next()).value?.value}`, 'one')
  assert.deepEqual(
    growing
      .positions()
      .map((p) => [p.partition, p.offset])
      .sort(),
    [
      [0, 1],
      [1, 1],
      [2, 1],
    ],
  )
  assert.deepEqual(
    named.positions().map((p) => p.partition),
    [0],
  )
})

test('reading a topic that is deleted ends with an error', async (t) => {
  const { broker, kafka } = await setUp(t, { topics: ['t'], records: { t: [{ value: 'v' }] } })
  const reader = new Kafka({ bootstrap: broker.bootstrap, retryBackOffMs: 5, apiTimeoutMs: 300 })
  t.after(() => reader.close())
  const records = reader.consumer({ assign: [{ topic: 't' }], fetchMaxWaitMs: 20 })[Symbol.asyncIterator]()
  assert.equal(`${(await records.next()).value?.value}`, 'v')
  const next = records.next()
  await kafka.admin.deleteTopics(['t'])
  await assert.rejects(next, { code: 'UNKNOWN_TOPIC_OR_PARTITION', message: /topic t does not exist/ })
})

test('a batch tells where it lies, and gives its records by loop and by call', async (t) => {
  const { kafka } = await setUp(t, { topics: ['t'] })
  await tenRecords(kafka, 't')
  const consumer = kafka.consumer({ assign: [{ topic: 't', from: 2, until: 9 }] })
  for await (const batch of consumer.batches()) {
    assert.deepEqual(
      [batch.topic, batch.partition, batch.baseOffset, batch.lastOffset, batch.codec, batch.leaderEpoch],
      ['t', 0, 2, 8, 0, 0],
    )
    const byLoop = [...batch].map((r) => r.offset)
    const byCall: number[] = []
    batch.forEach((r) => {
      byCall.push(r.offset)
    })
    assert.deepEqual(byLoop, [2, 3, 4, 5, 6, 7, 8])
    assert.deepEqual(byCall, byLoop)
  }
  assert.deepEqual(consumer.positions(), [{ topic: 't', partition: 0, offset: 9, lag: 1 }])
})

test('a reader that is not behind waits for what comes', async (t) => {
  const { kafka } = await setUp(t, { topics: { t: { partitions: 3 } } })
  const producer = kafka.producer()
  const sendThree = () => Promise.all([0, 1, 2].map((partition) => producer.send('t', { partition, value: 'x' })))
  await sendThree()
  let seen = 0
  for await (const _ of kafka.consumer({ assign: [{ topic: 't' }] })) {
    seen += 1
    if (seen === 30) break
    if (seen % 3 === 0) await sendThree()
  }
  assert.equal(seen, 30)
})

test('an offset that is not in the log fails the reading, or resets it, as chosen', async (t) => {
  const { kafka } = await setUp(t, { topics: ['t'] })
  await tenRecords(kafka, 't')
  const [{ lowWatermark }] = await kafka.admin.deleteRecords([{ topic: 't', partition: 0, offset: 5 }])
  assert.equal(lowWatermark, 5)
  const assign = { topic: 't', from: 2, until: 10 }
  await assert.rejects(read(kafka, assign), { code: 'OFFSET_OUT_OF_RANGE', message: 'partition t-0 has no offset 2' })
  assert.equal((await read(kafka, assign, { reset: 'earliest' })).join(''), '56789')
  assert.equal((await read(kafka, assign, { reset: 'latest' })).join(''), '')
})

test('what does not exist is said by name', async (t) => {
  const { kafka } = await setUp(t, { topics: ['t'], config: { 'auto.create.topics.enable': false } })
  await assert.rejects(read(kafka, { topic: 'nope' }), { message: 'topic nope does not exist' })
  await assert.rejects(read(kafka, { topic: 't', partition: 3 }), { message: 'topic t has no partition 3' })
})

test('cut connections and errors that pass are not seen by the reader', async (t) => {
  const NOT_LEADER_OR_FOLLOWER = 6
  const { broker, kafka } = await setUp(t, { topics: ['t'] })
  const producer = kafka.producer({ batchBytes: 100 })
  const seen: number[] = []
  const consumer = kafka.consumer({ assign: [{ topic: 't' }], fetchMaxWaitMs: 50 })
  const reading = (async () => {
    for await (const record of consumer) {
      seen.push(Number(record.value))
      if (seen.length === 300) break
    }
  })()
  for (let round = 0; round < 6; round++) {
    const met = broker.intercept(
      'Fetch',
      round % 2 === 0 ? { action: 'drop', when: 'after' } : { action: 'fail', errorCode: NOT_LEADER_OR_FOLLOWER },
    )
    await Promise.all(Array.from({ length: 50 }, (_, i) => producer.send('t', { value: `${round * 50 + i}` })))
    await met
  }
  await reading
  assert.deepEqual(
    seen,
    seen.map((_, i) => i),
  )
})

test('fetching stops when the reader is behind by its bound', async (t) => {
  const { kafka } = await setUp(t, { topics: ['t'] })
  const producer = kafka.producer()
  await Promise.all(Array.from({ length: 200 }, () => producer.send('t', { value: Buffer.alloc(10_000) })))
  const consumer = kafka.consumer({
    assign: [{ topic: 't', until: 200 }],
    bufferBytes: 100_000,
    partitionMaxBytes: 20_000,
    fetchMaxBytes: 20_000,
  })
  const iterator = consumer.batches()
  await iterator.next()
  // Long enough for many fetches, if nothing held them back.
  await kafka.admin.describeCluster()
  const buffered = (consumer as unknown as { queue: { bufferedBytes: number } }).queue.bufferedBytes
  assert.ok(buffered < 400_000, `${buffered} bytes`)
  let count = 0
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) count += [...next.value].length
  assert.ok(count > 150)
})

test('leaving the loop closes the consumer, closing it ends the loop', async (t) => {
  const { kafka } = await setUp(t, { topics: ['t'] })
  await tenRecords(kafka, 't')
  const consumer = kafka.consumer({ assign: [{ topic: 't' }] })
  for await (const record of consumer) {
    if (record.offset === 3) break
  }
  for await (const record of consumer) assert.fail(`${record.offset} after the end`)
  const waiting = kafka.consumer({ assign: [{ topic: 't', from: 'latest' }] })
  const ended = waiting[Symbol.asyncIterator]().next()
  await waiting.close()
  assert.equal((await ended).done, true)
})
