import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { CODEC_NAMES } from '@ottla/protocol/records'
import { startBroker } from 'ottla'
import { type ConsumerRecord, Kafka, type KafkaError, type ProducerOptions, type RecordMetadata } from '../src/index.ts'

async function setUp(t: TestContext, options: Parameters<typeof startBroker>[0] = {}) {
  const broker = await startBroker(options)
  const kafka = new Kafka({ bootstrap: broker.bootstrap, retryBackOffMs: 5, unknownTopicRetries: 1 })
  t.after(async () => {
    await kafka.close()
    await broker.close()
  })
  return { broker, kafka }
}

async function readAll(kafka: Kafka, topic: string): Promise<ConsumerRecord[]> {
  const ends = await kafka.admin.topicOffsets(topic, 'latest')
  const records: ConsumerRecord[] = []
  const consumer = kafka.consumer({
    assign: ends.map(({ offset }, partition) => ({ topic, partition, until: offset })),
  })
  for await (const record of consumer) records.push(record)
  return records
}

const text = (record: ConsumerRecord) => record.value?.toString()

/** The same choices for the same seed. */
function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
}

test('what is sent comes back, with every codec and acks', async (t) => {
  const { kafka } = await setUp(t, { topics: { all: { partitions: 2 } } })
  const expected: unknown[] = []
  for (const compression of CODEC_NAMES) {
    for (const acks of [1, 'all'] as const) {
      const producer = kafka.producer({ compression, acks })
      const sent = await producer.sendAll('all', [
        { partition: 1, key: 'k', value: `${compression} ${acks}`, headers: { a: 'b', n: null }, timestamp: 1000 },
        { partition: 1, key: null, value: null, headers: [{ key: 'a', value: 'c' }], timestamp: 900 },
        { partition: 1, key: Buffer.from([0xff]), value: '', timestamp: 1_700_000_000_000 },
      ])
      const from = expected.length
      assert.deepEqual(
        sent,
        [1000, 900, 1_700_000_000_000].map((timestamp, i) => ({
          topic: 'all',
          partition: 1,
          offset: from + i,
          timestamp,
        })),
      )
      expected.push(
        ['k', `${compression} ${acks}`, 1000, 'a=b,n=null'],
        [null, null, 900, 'a=c'],
        ['\ufffd', '', 1_700_000_000_000, ''],
      )
      await producer.close()
    }
  }
  const records = await readAll(kafka, 'all')
  assert.deepEqual(
    records.map((r) => [
      r.key?.toString() ?? null,
      r.value?.toString() ?? null,
      r.timestamp,
      r.headers.map((h) => `${h.key}=${h.value}`).join(),
    ]),
    expected,
  )
})

test('with acks 0 everything leaves before close resolves, and nothing is told', async (t) => {
  const { broker, kafka } = await setUp(t, { topics: ['fire'] })
  const producer = kafka.producer({ acks: 0, batchBytes: 500 })
  const results: Promise<RecordMetadata>[] = []
  for (let i = 0; i < 2000; i++) results.push(producer.send('fire', { value: `${i}`, timestamp: 5 }))
  await producer.close()
  for (const result of results) {
    assert.deepEqual(await result, { topic: 'fire', partition: 0, offset: -1, timestamp: 5 })
  }
  await broker.waitFor({ topic: 'fire', records: 2000 })
  assert.deepEqual(
    (await readAll(kafka, 'fire')).map(text),
    results.map((_, i) => `${i}`),
  )
})

test('a connection cut after the append leaves one copy when idempotent, two when not, and is not retried at acks 0', async (t) => {
  const { broker, kafka } = await setUp(t, { topics: ['cut'] })
  const copies = async (options: ProducerOptions): Promise<number> => {
    const before = (await readAll(kafka, 'cut')).length
    const producer = kafka.producer(options)
    await producer.send('cut', { value: 'before' })
    if (options.acks === 0) await broker.waitFor({ topic: 'cut', records: before + 1 })
    const met = broker.intercept('Produce', { action: 'drop', when: 'after' })
    await producer.send('cut', { value: 'cut' })
    await met
    await producer.close()
    return (await readAll(kafka, 'cut')).length - before - 1
  }
  assert.equal(await copies({ idempotent: true }), 1)
  assert.equal(await copies({ idempotent: false }), 2)
  assert.equal(await copies({ acks: 1 }), 2)
  assert.equal(await copies({ acks: 0 }), 1)
})

test('a first batch that is refused is not overtaken by the second, whose number the broker would take', async (t) => {
  const NOT_ENOUGH_REPLICAS = 19
  const { broker, kafka } = await setUp(t, { topics: ['first'] })
  const producer = kafka.producer({ batchBytes: 100, deliveryTimeoutMs: 5_000 })
  const met = broker.intercept('Produce', { action: 'fail', errorCode: NOT_ENOUGH_REPLICAS })
  const values = Array.from({ length: 8 }, (_, i) => `${i}`.repeat(100))
  await Promise.all(values.map((value) => producer.send('first', { value })))
  await met
  await producer.close()
  assert.deepEqual((await readAll(kafka, 'first')).map(text), values)
})

test('through random cuts and errors, pipelined, every record is there once and in order', async (t) => {
  const NOT_ENOUGH_REPLICAS = 19
  const seed = 20261122
  t.diagnostic(`seed ${seed}`)
  const random = seeded(seed)
  const { broker, kafka } = await setUp(t, { topics: { storm: { partitions: 3 } } })
  const producer = kafka.producer({ batchBytes: 400 })
  let stormy = true
  const ended = Promise.withResolvers<void>()
  const storm = (async () => {
    while (stormy) {
      const kind = Math.floor(random() * 3)
      const met =
        kind === 2
          ? broker.intercept('Produce', { action: 'fail', errorCode: NOT_ENOUGH_REPLICAS })
          : broker.intercept('Produce', { action: 'drop', when: kind === 0 ? 'before' : 'after' })
      await Promise.race([met, ended.promise])
    }
  })()
  const sent: Promise<RecordMetadata>[] = []
  for (let i = 0; i < 3000; i++) {
    sent.push(producer.send('storm', { partition: i % 3, value: `${i}` }))
    if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
    if (i === 2900) {
      stormy = false
      ended.resolve()
    }
  }
  await storm
  const places = await Promise.all(sent)
  await producer.close()
  const records = await readAll(kafka, 'storm')
  assert.equal(records.length, 3000)
  for (let p = 0; p < 3; p++) {
    assert.deepEqual(
      records.filter((r) => r.partition === p).map(text),
      Array.from({ length: 1000 }, (_, i) => `${i * 3 + p}`),
    )
  }
  for (const record of records) {
    const place = places[Number(text(record))]
    // An answer that came too late to be repeated by the broker has no offset.
    if (place.offset >= 0) assert.deepEqual([place.partition, place.offset], [record.partition, record.offset])
  }
})

test('records without a key are spread evenly, those with one as by Java', async (t) => {
  const { kafka } = await setUp(t, { topics: { six: { partitions: 6 } } })
  const producer = kafka.producer()
  const counts = new Array<number>(6).fill(0)
  await Promise.all(
    Array.from({ length: 10_000 }, async (_, i) => {
      counts[(await producer.send('six', { value: `${i}` })).partition] += 1
    }),
  )
  for (const count of counts) assert.ok(Math.abs(count - 10_000 / 6) < 0.3 * (10_000 / 6), counts.join())
  const { partition } = await producer.send('six', { key: 'foobar', value: null })
  assert.equal(partition, (-790332482 & 0x7fffffff) % 6)
})

test('what cannot be written fails by name, and the rest goes on', async (t) => {
  const { kafka } = await setUp(t, { topics: ['some'], config: { 'auto.create.topics.enable': false } })
  const producer = kafka.producer({ maxRequestBytes: 1000 })
  const codeOf = (promise: Promise<unknown>) =>
    promise.then(
      () => 'OK',
      (error: KafkaError) => error.code,
    )
  const codes = await Promise.all([
    codeOf(producer.send('some', { value: Buffer.alloc(2000) })),
    codeOf(producer.send('some', { value: 'x', partition: 7 })),
    codeOf(producer.send('some', { value: 'x', timestamp: 1.5 })),
    codeOf(producer.send('nope', { value: 'x' })),
    codeOf(producer.send('some', { value: 'good' })),
  ])
  assert.deepEqual(codes, [
    'RECORD_TOO_LARGE',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'CONFIG',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'OK',
  ])
  await producer.close()
  assert.equal(await codeOf(producer.send('some', { value: 'late' })), 'CLOSED')
  assert.throws(() => kafka.producer({ acks: 1, idempotent: true }), { code: 'CONFIG' })
  assert.throws(() => kafka.producer({ maxInFlight: 6 }), { code: 'CONFIG' })
})

test('what is no record is refused at once, whether its topic is known or not, and nothing of it waits', async (t) => {
  const { kafka } = await setUp(t, { topics: ['known'] })
  const producer = kafka.producer()
  await producer.send('known', { value: 'first' })
  const send = producer.send.bind(producer) as (...args: unknown[]) => Promise<unknown>
  const wrong: unknown[][] = [
    [],
    ['TOPIC'],
    ['TOPIC', null],
    ['TOPIC', 'x'],
    ['TOPIC', ['x']],
    ['TOPIC', Buffer.from('x')],
    ['TOPIC', { messages: [{ value: 'x' }] }],
    [{ topic: 'TOPIC', messages: [{ value: 'x' }] }],
    ['TOPIC', { value: 5 }],
    ['TOPIC', { key: {}, value: 'x' }],
    ['TOPIC', { value: 'x', headers: 'h' }],
    ['TOPIC', { value: 'x', headers: [null] }],
    ['TOPIC', { value: 'x', headers: [{ key: 5, value: 'v' }] }],
    ['TOPIC', { value: 'x', headers: { h: 5 } }],
    ['TOPIC', { value: 'x', timestamp: 'now' }],
    ['TOPIC', { key: 'k', vlaue: 'x' }],
    ['TOPIC', { value: 'x', headers: new Map([['h', 'v']]) }],
    ['TOPIC', { value: 'x', partition: '0' }],
    ['TOPIC', { value: 'x', partition: 'none' }],
  ]
  for (const topic of ['known', 'unknown']) {
    for (const args of wrong) {
      const filled = args.map((arg) => (arg === 'TOPIC' ? topic : arg))
      await assert.rejects(send(...filled), (error: KafkaError) => {
        assert.match(error.code, /^(CONFIG|UNKNOWN_TOPIC_OR_PARTITION)$/, String(error))
        return true
      })
    }
  }
  await assert.rejects(send('known', { value: 'x', header: { h: 'v' } }), /no field header; did you mean headers\?$/)
  await assert.rejects((producer.sendAll as (...args: unknown[]) => Promise<unknown>)('known', { value: 'x' }), {
    code: 'CONFIG',
  })
  await producer.send('known', { headers: null as never })
  await producer.flush()
  await producer.close()
  const kept = (await readAll(kafka, 'known')).map(text)
  assert.deepEqual(kept, ['first', undefined])
})

test('buffers may be used again at once, also while their records wait', async (t) => {
  const { kafka } = await setUp(t, { topics: ['reused'] })
  // The first ones wait for the topic to be known, the next for room.
  const producer = kafka.producer({ bufferBytes: 40_000, batchBytes: 16_384 })
  const value = Buffer.alloc(1000)
  const key = Buffer.alloc(4)
  const header = Buffer.alloc(4)
  const sent: Promise<unknown>[] = []
  for (const round of [0, 1]) {
    for (let i = 0; i < 100; i++) {
      const number = round * 100 + i
      for (const buffer of [value, key, header]) buffer.writeUInt32BE(number)
      sent.push(producer.send('reused', { partition: 0, key, value, headers: { number: header } }))
    }
    await Promise.all(sent)
  }
  const numbers = (await readAll(kafka, 'reused')).map((record) =>
    [record.key, record.value, record.headers[0].value].map((bytes) => Buffer.from(bytes!).readUInt32BE()),
  )
  assert.deepEqual(
    numbers,
    Array.from({ length: 200 }, (_, i) => [i, i, i]),
  )
})

test('a partitioner that throws fails its record, and nobody else', async (t) => {
  const { kafka } = await setUp(t, { topics: ['own'] })
  const partitioner = (_topic: string, key: Uint8Array | null): number => {
    if (key === null) throw new Error('no key')
    return 0
  }
  const producer = kafka.producer({ partitioner })
  const sent = await Promise.allSettled([
    producer.send('own', { value: 'a' }),
    producer.send('own', { key: 'k', value: 'b' }),
  ])
  assert.deepEqual(
    sent.map(({ status }) => status),
    ['rejected', 'fulfilled'],
  )
  assert.match(
    String((sent[0] as PromiseRejectedResult).reason),
    /partitioner failed for a record of own: Error: no key/,
  )
})

test('a topic is made by its first record where the broker allows it', async (t) => {
  const { kafka } = await setUp(t)
  assert.equal((await kafka.producer().send('made', { value: 'x' })).offset, 0)
  const refused = kafka.producer({ autoCreateTopics: false }).send('not-made', { value: 'x' })
  await assert.rejects(refused, { code: 'UNKNOWN_TOPIC_OR_PARTITION', message: 'topic not-made does not exist' })
})

test('a full buffer makes senders wait, or fails them, as chosen', async (t) => {
  const { kafka } = await setUp(t, { topics: ['full'] })
  const waiting = kafka.producer({ bufferBytes: 5000 })
  await waiting.send('full', { value: 'first' })
  const sent: Promise<RecordMetadata>[] = []
  let refused = 0
  for (let i = 0; i < 1000; i++) {
    const done = Promise.withResolvers<RecordMetadata>()
    sent.push(done.promise)
    if (
      !waiting.produce('full', { value: `${i}` }, (error, place) => (error ? done.reject(error) : done.resolve(place!)))
    ) {
      refused += 1
    }
  }
  assert.ok(refused > 0)
  await waiting.ready()
  await waiting.flush()
  assert.deepEqual(
    (await Promise.all(sent)).map((place) => place.offset),
    sent.map((_, i) => i + 1),
  )
  const failing = kafka.producer({ bufferBytes: 100, whenFull: 'fail' })
  await failing.send('full', { value: 'first' })
  const outcomes = await Promise.allSettled(
    Array.from({ length: 50 }, () => failing.send('full', { value: Buffer.alloc(20) })),
  )
  const failures = outcomes.filter((o) => o.status === 'rejected')
  assert.ok(failures.length > 0 && failures.length < 50)
  assert.ok(failures.every((f) => f.reason.code === 'BUFFER_FULL' && f.reason.retriable))
})

test('the time of a record is the broker’s where the topic says so', async (t) => {
  const { kafka } = await setUp(t, { topics: { stamped: { configs: { 'message.timestamp.type': 'LogAppendTime' } } } })
  const { timestamp } = await kafka.producer().send('stamped', { value: 'x', timestamp: 1 })
  assert.ok(timestamp > 1_700_000_000_000)
  assert.equal((await readAll(kafka, 'stamped'))[0].timestamp, timestamp)
})

test('flush waits for what was sent before it, close for everything', async (t) => {
  const { kafka } = await setUp(t, { topics: ['flushed'] })
  const producer = kafka.producer({ lingerMs: 60_000 })
  let settled = 0
  for (let i = 0; i < 10; i++) void producer.send('flushed', { value: `${i}` }).then(() => settled++)
  await producer.flush()
  assert.equal(settled, 10)
  for (let i = 0; i < 10; i++) void producer.send('flushed', { value: `${i}` }).then(() => settled++)
  await producer.close()
  assert.equal(settled, 20)
  await producer.close()
})

test('a broker that dies and comes back has every acked record once, in order, and the rest arrives', async (t) => {
  const { broker, kafka } = await setUp(t, { topics: ['killed'] })
  const producer = kafka.producer({ batchBytes: 300 })
  const sent: Promise<RecordMetadata>[] = []
  const send = () => sent.push(producer.send('killed', { value: `${sent.length}` }))
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 200; i++) send()
    await sent[sent.length - 100]
    await broker.kill()
    for (let i = 0; i < 50; i++) send()
    await broker.restart()
  }
  await Promise.all(sent)
  assert.deepEqual(
    (await readAll(kafka, 'killed')).map(text),
    sent.map((_, i) => `${i}`),
  )
})

test('without a broker a record fails in the bootstrap time; what waits is bounded, and room comes back', async () => {
  const kafka = new Kafka({ bootstrap: '127.0.0.1:1', apiTimeoutMs: 3_600_000, bootstrapTimeoutMs: 50 })
  const producer = kafka.producer({ bufferBytes: 1000 })
  const errors: string[] = []
  const produce = () => producer.produce('t', { value: 'x'.repeat(600) }, (error) => errors.push(String(error)))
  assert.equal(produce(), true)
  assert.equal(produce(), false)
  await producer.ready()
  assert.deepEqual(
    errors.map((error) => /refused/.test(error)),
    [true, true],
  )
  await kafka.close()
})
