import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startBroker } from 'ottla'
import {
  type BadRecord,
  type ConsumerRecord,
  DeserializationError,
  deadLetter,
  Kafka,
  type KafkaError,
  type Serializer,
  serde,
} from '../src/index.ts'

interface Order {
  readonly id: number
  readonly items: readonly string[]
}

async function setUp(t: TestContext) {
  const broker = await startBroker({ topics: { orders: {} } })
  const kafka = new Kafka({ bootstrap: broker.bootstrap, retryBackOffMs: 5 })
  t.after(async () => {
    await kafka.close()
    await broker.close()
  })
  return { kafka }
}

const context = { topic: 'orders', part: 'value' } as const

test('the built-in serdes write what Java’s serializers write, and read it back', () => {
  const hex = (content: ReturnType<Serializer<never>['serialize']>) => Buffer.from(content ?? '').toString('hex')
  const cases = [
    [serde.string, 'žluť', 'c5be6c75c5a5'],
    [serde.int32, -2, 'fffffffe'],
    [serde.int32, 2 ** 31 - 1, '7fffffff'],
    [serde.int64, -(2n ** 63n), '8000000000000000'],
    [serde.int64, 258n, '0000000000000102'],
    [serde.float64, 1.5, '3ff8000000000000'],
    [serde.json(), { a: [1, null] }, '7b2261223a5b312c6e756c6c5d7d'],
    [serde.json(), null, '6e756c6c'],
  ] as const
  for (const [one, data, bytes] of cases) {
    assert.equal(hex(one.serialize(data as never, context)), bytes)
    assert.deepEqual(one.deserialize(Buffer.from(bytes, 'hex'), context), data)
  }
  const own = Buffer.from([0, 0xff])
  assert.equal(serde.bytes.serialize(own, context), own)
  assert.equal(serde.bytes.deserialize(own, context), own)
})

test('the built-in serdes refuse what is of another kind', () => {
  const refused = [
    [serde.string, 1],
    [serde.int32, 0.5],
    [serde.int32, 2 ** 31],
    [serde.int32, '1'],
    [serde.int64, 1],
    [serde.int64, 2n ** 63n],
    [serde.float64, 1n],
    [serde.json(), undefined],
    [serde.json(), () => 1],
    [serde.json(), 1n],
  ] as const
  for (const [one, data] of refused) {
    assert.throws(() => (one as Serializer<unknown>).serialize(data, context), TypeError, String(data))
  }
  assert.throws(() => serde.int32.deserialize(Buffer.alloc(8), context), { message: 'an int32 has 4 bytes, not 8' })
  assert.throws(() => serde.int64.deserialize(Buffer.alloc(4), context), TypeError)
  assert.throws(() => serde.float64.deserialize(Buffer.alloc(0), context), TypeError)
  assert.throws(() => serde.json().deserialize(Buffer.from('{'), context), SyntaxError)
})

test('a record is what it was when it was sent, with its type', async (t) => {
  const { kafka } = await setUp(t)
  const orders = serde.json<Order>()
  const producer = kafka.producer({ key: serde.string, value: orders })
  // The topic is not known yet: this record waits, and what is in it may change meanwhile.
  const items = ['tea']
  const first = producer.send('orders', { key: 'a', value: { id: 1, items }, headers: { h: 'x' }, timestamp: 7 })
  items.push('milk')
  await Promise.all([first, producer.send('orders', { key: 'b', value: null })])
  // Without a serializer for keys they are text or bytes, beside values that have one.
  const txn = kafka.producer({ transactionalId: 'typed', value: serde.int64 })
  await txn.transaction((transaction) => transaction.send('orders', { key: Buffer.from('c'), value: 3n }))

  const seen: unknown[] = []
  const consumer = kafka.consumer({
    assign: [{ topic: 'orders', partition: 0, until: 2 }],
    key: serde.string,
    value: orders,
  })
  for await (const record of consumer) {
    const typed: ConsumerRecord<string, Order> = record
    seen.push([typed.offset, typed.key, typed.value, typed.headers.map((h) => `${h.key}=${h.value}`)])
  }
  assert.deepEqual(seen, [
    [0, 'a', { id: 1, items: ['tea'] }, ['h=x']],
    [1, 'b', null, []],
  ])
  const sent: unknown[] = []
  const numbers = kafka.consumer({ assign: [{ topic: 'orders', partition: 0, from: 2, until: 3 }], value: serde.int64 })
  for await (const { key, value } of numbers) sent.push([key?.toString(), value])
  assert.deepEqual(sent, [['c', 3n]])
})

test('a serializer is told of what record, and what it throws fails that record alone', async (t) => {
  const { kafka } = await setUp(t)
  const told: unknown[] = []
  const picky: Serializer<string> = {
    serialize: (data, { topic, part }) => {
      told.push([topic, part, data])
      if (data === 'bad') throw new RangeError('too bad')
      return data === 'wrong' ? (5 as never) : data
    },
  }
  const producer = kafka.producer({ key: picky, value: picky })
  const outcomes = await Promise.allSettled([
    producer.send('orders', { key: 'k', value: '1' }),
    producer.send('orders', { key: 'bad', value: '2' }),
    producer.send('orders', { value: 'wrong' }),
    producer.send('orders', { key: null, value: '3' }),
  ])
  const [first, second, third, fourth] = outcomes.map((one) => (one.status === 'fulfilled' ? one.value : one.reason))
  assert.equal(first.offset, 0)
  assert.deepEqual(
    { ...second, message: second.message, cause: String(second.cause) },
    {
      ...{ name: 'SerializationError', code: 'SERIALIZATION', retriable: false, topic: 'orders', part: 'key' },
      message: 'the key of a record for orders cannot be serialized: too bad',
      cause: 'RangeError: too bad',
    },
  )
  assert.equal(third.code, 'CONFIG')
  assert.equal(fourth.offset, 1)
  assert.deepEqual(told, [
    ['orders', 'key', 'k'],
    ['orders', 'value', '1'],
    ['orders', 'key', 'bad'],
    ['orders', 'value', 'wrong'],
    ['orders', 'value', '3'],
  ])

  // A transaction is not whole without it.
  const txn = kafka.producer({ transactionalId: 'picky', value: picky })
  const work = txn.transaction((transaction) => {
    transaction.produce('orders', { value: 'good' })
    transaction.produce('orders', { value: 'bad' })
  })
  await assert.rejects(work, { name: 'TransactionError', code: 'SERIALIZATION', fatal: false })
})

/** Values 1, 2, {, 4 in partition 0 of `orders`; the third has a header and a time. */
async function writeWithBadOne(kafka: Kafka): Promise<void> {
  const producer = kafka.producer()
  const values = ['1', '2', '{', '4']
  await producer.sendAll(
    'orders',
    values.map((value) => ({ key: 'k', value, headers: { of: value }, timestamp: 1_700_000_000_000 })),
  )
}

const everything = [{ topic: 'orders', partition: 0, until: 4 }]

test('a record that cannot be deserialized ends the loop, and says which it is', async (t) => {
  const { kafka } = await setUp(t)
  await writeWithBadOne(kafka)
  const seen: (number | null)[] = []
  const read = async () => {
    for await (const r of kafka.consumer({ assign: everything, value: serde.json<number>() })) seen.push(r.value)
  }
  await assert.rejects(read, (error) => {
    assert.ok(error instanceof DeserializationError)
    const { code, topic, partition, offset, part, cause } = error
    assert.deepEqual([code, topic, partition, offset, part], ['DESERIALIZATION', 'orders', 0, 2, 'value'])
    assert.ok(cause instanceof SyntaxError)
    assert.match(error.message, /^the value of record 2 of partition orders-0 cannot be deserialized: /)
    return true
  })
  assert.deepEqual(seen, [1, 2])
})

test('bad records are skipped, or handed over as they came; what the handler throws ends the loop', async (t) => {
  const { kafka } = await setUp(t)
  await writeWithBadOne(kafka)
  const value = serde.json<number>()
  const read = async (onBadRecord: 'skip' | ((bad: BadRecord) => void | Promise<void>)) => {
    const seen: unknown[] = []
    for await (const r of kafka.consumer({ assign: everything, value, onBadRecord })) seen.push(r.value)
    return seen
  }
  assert.deepEqual(await read('skip'), [1, 2, 4])
  const bad: BadRecord[] = []
  assert.deepEqual(await read((one) => void bad.push(one)), [1, 2, 4])
  assert.equal(bad.length, 1)
  assert.deepEqual([bad[0].offset, bad[0].value?.toString(), bad[0].key?.toString()], [2, '{', 'k'])
  const failing = async () => {
    throw new RangeError('enough')
  }
  await assert.rejects(read(failing), RangeError)
})

test('a dead letter has all that came, and says where from and why', async (t) => {
  const { kafka } = await setUp(t)
  await writeWithBadOne(kafka)
  const onBadRecord = deadLetter(kafka.producer(), 'orders-bad')
  const seen: unknown[] = []
  const consumer = kafka.consumer({ assign: everything, value: serde.json<number>(), onBadRecord })
  for await (const r of consumer) seen.push(r.value)
  assert.deepEqual(seen, [1, 2, 4])
  const letters: unknown[] = []
  for await (const r of kafka.consumer({ assign: [{ topic: 'orders-bad', partition: 0, until: 1 }] })) {
    const { message, ...headers } = Object.fromEntries(
      r.headers.map(({ key, value }) => [key.replace('__ottla.errors.', ''), String(value)]),
    )
    letters.push([r.key?.toString(), r.value?.toString(), r.timestamp, headers])
    assert.match(message, /^the value of record 2 of partition orders-0 cannot be deserialized/)
  }
  const headers = { of: '{', topic: 'orders', partition: '0', offset: '2', part: 'value' }
  assert.deepEqual(letters, [['k', '{', 1_700_000_000_000, headers]])
})

test('in a group a bad record that was dealt with counts as processed, and one that was not comes again', async (t) => {
  const { kafka } = await setUp(t)
  await writeWithBadOne(kafka)
  const options = { group: 'readers', topics: ['orders'], from: 'earliest', value: serde.json<number>() } as const
  const committed = async () => {
    const [{ offsets }] = await kafka.admin.listGroupOffsets(['readers'])
    return offsets.map(({ offset }) => offset)
  }
  const seen: (number | null)[] = []
  await assert.rejects(
    async () => {
      for await (const { value } of kafka.consumer(options)) seen.push(value)
    },
    { code: 'DESERIALIZATION' } satisfies Partial<KafkaError>,
  )
  assert.deepEqual([seen, await committed()], [[1, 2], [2]])
  const bad: number[] = []
  const onBadRecord = ({ offset }: BadRecord) => void bad.push(offset)
  for await (const { value } of kafka.consumer({ ...options, onBadRecord })) {
    seen.push(value)
    break
  }
  // The 4 was in the body of the loop that was left: it is not processed.
  assert.deepEqual([seen, bad, await committed()], [[1, 2, 4], [2], [3]])
})

test('serdes and options that are none are refused by name', async (t) => {
  const { kafka } = await setUp(t)
  const wrong = { code: 'CONFIG', message: /^value is a serializer: an object with the method serialize, such as / }
  assert.throws(() => kafka.producer({ value: JSON.stringify as never }), wrong)
  const { deserialize } = serde.string
  assert.throws(() => kafka.producer({ transactionalId: 't', value: { deserialize } as never }), wrong)
  const assign = [{ topic: 'orders' }]
  assert.throws(() => kafka.consumer({ assign, key: {} as never }), {
    code: 'CONFIG',
    message: /^key is a deserializer: /,
  })
  assert.throws(() => kafka.consumer({ assign, onBadRecord: 'ignore' as never }), {
    message: "onBadRecord is 'fail' or 'skip', or a function, not 'ignore'",
  })
  assert.throws(() => kafka.consumer({ asign: assign } as never), {
    message: 'a consumer has no option "asign"; did you mean assign?',
  })
  assert.throws(() => kafka.consumer({} as never), { message: 'a consumer needs group, or assign' })
})

/** Never called: it has to compile, and what is marked must not. */
export function types(kafka: Kafka): void {
  const producer = kafka.producer({ key: serde.string, value: serde.json<Order>() })
  void producer.send('orders', { key: 'k', value: { id: 1, items: [] } })
  void producer.send('orders', { key: null, value: null })
  // @ts-expect-error: a key is a string
  void producer.send('orders', { key: 5, value: { id: 1, items: [] } })
  // @ts-expect-error: an order has items
  void producer.send('orders', { key: 'k', value: { id: 1 } })
  const plain = kafka.producer()
  void plain.send('orders', { key: 'k', value: Buffer.alloc(1) })
  // @ts-expect-error: without a serializer
  void plain.send('orders', { value: { id: 1 } })
  const txn = kafka.producer({ transactionalId: 't', value: serde.int32 })
  // @ts-expect-error: a value is a number
  void txn.transaction((transaction) => transaction.send('orders', { value: 'x' }))
  const read = async () => {
    for await (const { key, value } of kafka.consumer({ group: 'g', topics: ['orders'], value: serde.json<Order>() })) {
      const bytes: Buffer | null = key
      const id: number | undefined = value?.id
      // @ts-expect-error: it may be a tombstone
      const items: readonly string[] = value.items
      void [bytes, id, items]
    }
  }
  void read
  // @ts-expect-error: a serializer reads nothing
  kafka.consumer({ assign: [], value: { serialize: () => null } })
}
