/** Consumers of a group, against our own broker. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError, type GroupConsumer, type GroupConsumerOptions, Kafka, type KafkaError } from '@ottla/client'
import {
  type Bench,
  fast,
  consumerOf as groupConsumer,
  numbers,
  PROTOCOLS,
  setUp,
  TOPIC,
  take,
} from '../support/group-bench.ts'

for (const groupProtocol of PROTOCOLS) {
  const FAST = fast(groupProtocol)
  const consumerOf = (bench: Bench, options: Partial<GroupConsumerOptions> = {}) =>
    groupConsumer(bench, { groupProtocol, ...options })

  test(`${groupProtocol}: what was processed is committed on close; the record in hand comes again`, async (t) => {
    const bench = await setUp(t)
    await bench.produce(10)
    assert.deepEqual(await take(consumerOf(bench), 5), numbers(0, 5))
    assert.deepEqual(await take(consumerOf(bench), 6), numbers(4, 10))
  })

  test(`${groupProtocol}: a commit takes the record in hand: ten records, a commit after five, and the next consumer begins at the sixth`, async (t) => {
    const bench = await setUp(t)
    await bench.produce(10)
    const first = consumerOf(bench, { autoCommit: false })
    await take(first, 8, async (_value, n) => {
      if (n === 5) await first.commit()
    })
    assert.deepEqual(await take(consumerOf(bench, { autoCommit: false }), 5), numbers(5, 10))
  })

  test(`${groupProtocol}: a consumer whose group waits for others holds up no other consumer of its client`, async (t) => {
    const bench = await setUp(t, 2)
    const kafka = bench.client()
    let lost = 0
    const onLost = () => {
      lost += 1
    }
    const make = (group: string) =>
      kafka.consumer({ group, topics: [TOPIC], from: 'earliest', onLost, ...FAST } as GroupConsumerOptions)
    const readToItsEnd = async (consumer: GroupConsumer) => {
      for await (const _ of consumer);
    }
    const has = async (consumer: GroupConsumer, count: number) => {
      while (consumer.assignment().length !== count) await new Promise(setImmediate)
    }
    const [first, second, other] = ['g', 'g', 'other'].map(make)
    const reading = [readToItsEnd(first)]
    await has(first, 2)
    // It waits for the first to join again, which a heartbeat tells it to.
    reading.push(readToItsEnd(second), readToItsEnd(other))
    await Promise.all([has(first, 1), has(second, 1), has(other, 2)])
    // By that, and not because the session of the one was over.
    assert.equal(lost, 0)
    await Promise.all([first, second, other].map((consumer) => consumer.close()))
    await Promise.all(reading)
  })

  test(`${groupProtocol}: without a commit everything comes again; each group has its own`, async (t) => {
    const bench = await setUp(t)
    await bench.produce(4)
    for (let i = 0; i < 2; i++) assert.deepEqual(await take(consumerOf(bench, { autoCommit: false }), 4), numbers(0, 4))
    assert.deepEqual(await take(consumerOf(bench, { group: 'other' }), 4), numbers(0, 4))
  })

  test(`${groupProtocol}: a loop that fails leaves the record it failed on to be read again`, async (t) => {
    const bench = await setUp(t)
    await bench.produce(5)
    const failing = take(consumerOf(bench), 5, async (value) => {
      if (value === '3') throw new Error('out of ink')
    })
    await assert.rejects(failing, /out of ink/)
    assert.deepEqual(await take(consumerOf(bench), 2), ['3', '4'])
  })

  test(`${groupProtocol}: automatic commits come by the interval, too`, async (t) => {
    const bench = await setUp(t)
    await bench.produce(3)
    const consumer = consumerOf(bench, { autoCommitIntervalMs: 1 })
    const iterator = consumer[Symbol.asyncIterator]()
    for (let i = 0; i < 3; i++) await iterator.next()
    const waiting = iterator.next()
    for (;;) {
      const [offset] = await consumer.committed()
      if (offset?.offset === 3) break
    }
    await bench.produce(1)
    assert.equal(String((await waiting).value?.value), '3')
  })

  test(`${groupProtocol}: asynchronous commits are answered in their order, each with what it has committed`, async (t) => {
    const bench = await setUp(t)
    await bench.produce(6)
    const consumer = consumerOf(bench, { autoCommit: false })
    const answers: [KafkaError | null, number][] = []
    await take(consumer, 6, async (_value, n) => {
      consumer.commitAsync((error, [{ offset }]) => answers.push([error, offset]))
      if (n === 6) await consumer.commit()
    })
    assert.deepEqual(
      answers,
      [1, 2, 3, 4, 5, 6].map((offset) => [null, offset]),
    )
  })

  test(`${groupProtocol}: one partition through five owners, by leaving, a crash and rebalances: each goes on where the one before has committed, in order`, async (t) => {
    const sessionTimeoutMs = 1000
    const bench = await setUp(t, 1, { 'group.consumer.session.timeout.ms': sessionTimeoutMs })
    await bench.produce(50)
    await bench.client().admin.createTopics([{ name: 'other' }])
    const options = { autoCommit: false, ...(groupProtocol === 'classic' ? { sessionTimeoutMs } : {}) }
    const read: string[] = []
    /** Ten records are worked on and committed; one more is in hand when the partition goes. */
    const own = async (consumer: GroupConsumer, iterator: ReturnType<typeof start>['iterator']) => {
      for (let n = 0; n < 10; n++) read.push(String((await iterator.next()).value?.value))
      await consumer.commit()
      assert.equal(String((await iterator.next()).value?.value), String(read.length))
    }
    const readToItsEnd = async (iterator: ReturnType<typeof start>['iterator']): Promise<void> => {
      while ((await iterator.next()).done !== true);
    }
    const start = (from: Pick<Bench, 'client'>, more: Partial<GroupConsumerOptions> = {}) => {
      const consumer = groupConsumer(from, { groupProtocol, ...options, ...more })
      return { consumer, iterator: consumer[Symbol.asyncIterator]() }
    }

    const leaving = start(bench)
    await own(leaving.consumer, leaving.iterator)
    await leaving.consumer.close()

    const { kafka, die } = bench.mortal()
    const dying = start({ client: () => kafka })
    await own(dying.consumer, dying.iterator)
    die()

    // The third gets it when the session of the second is over.
    const third = start(bench, { instanceId: 'a' })
    await own(third.consumer, third.iterator)
    const members = [third]
    const asking: Promise<unknown>[] = []
    for (const instanceId of ['b', 'c']) {
      const owner = members[members.length - 1]
      const next = start(bench, { instanceId })
      members.push(next)
      const waiting = next.iterator.next()
      // A rebalance: the owner wants something else. It reads on meanwhile, and commits nothing of that.
      owner.consumer.subscribe({ topics: ['other'] })
      asking.push(readToItsEnd(owner.iterator))
      read.push(String((await waiting).value?.value))
      for (let n = 1; n < 10; n++) read.push(String((await next.iterator.next()).value?.value))
      await next.consumer.commit()
    }
    assert.deepEqual(read, numbers(0, 50))
    for (const { consumer } of members) await consumer.close()
    await Promise.all(asking)
  })

  test(`${groupProtocol}: partitions that are added reach a live group`, async (t) => {
    const bench = await setUp(t)
    const consumer = consumerOf(bench)
    const iterator = consumer[Symbol.asyncIterator]()
    const waiting = iterator.next()
    await bench.client().admin.createPartitions([{ name: TOPIC, count: 2 }])
    const producer = bench.client().producer()
    // It is new to the group: from its beginning.
    await producer.send(TOPIC, { value: 'new', partition: 1 })
    const { value } = await waiting
    assert.deepEqual([value?.partition, String(value?.value)], [1, 'new'])
    await consumer.close()
  })

  test(`${groupProtocol}: a listener may seek: where an outside database has got to`, async (t) => {
    const bench = await setUp(t)
    await bench.produce(10)
    const consumer = consumerOf(bench, {
      autoCommit: false,
      onAssigned: (partitions) => {
        for (const partition of partitions) consumer.seek(partition, 7)
      },
    })
    assert.deepEqual(await take(consumer, 3), numbers(7, 10))
  })

  test(`${groupProtocol}: what is paused is not read until it is resumed`, async (t) => {
    const bench = await setUp(t, 2)
    await bench.produce(8)
    const consumer = consumerOf(bench, { onAssigned: () => consumer.pause([{ topic: TOPIC, partition: 0 }]) })
    const values: string[] = []
    for await (const { value } of consumer) {
      values.push(String(value))
      if (values.length === 4) consumer.resume([{ topic: TOPIC, partition: 0 }])
      if (values.length === 8) break
    }
    assert.deepEqual(values, ['1', '3', '5', '7', '0', '2', '4', '6'])
    assert.throws(() => consumer.pause([{ topic: TOPIC, partition: 9 }]), { code: 'NOT_ASSIGNED' })
  })

  test(`${groupProtocol}: who works on a record for too long is out, and can commit nothing, though nobody else is there`, async (t) => {
    const bench = await setUp(t)
    await bench.produce(3)
    const consumer = consumerOf(bench, { maxPollIntervalMs: 60, autoCommit: false })
    const iterator = consumer[Symbol.asyncIterator]()
    await iterator.next()
    const { admin } = bench.client()
    for (;;) {
      const { groups } = await admin.listGroups()
      if (groups.some(({ groupId, state }) => groupId === 'g' && state === 'Empty')) break
    }
    await assert.rejects(consumer.commit(), { code: 'UNKNOWN_MEMBER_ID' })
    assert.deepEqual(await consumer.committed(), [])
    // It comes back with the next look, and reads on from what is committed.
    assert.equal(String((await iterator.next()).value?.value), '0')
    await consumer.commit()
    assert.deepEqual(
      (await consumer.committed()).map(({ offset }) => offset),
      [1],
    )
    await consumer.close()
  })

  test(`${groupProtocol}: nobody commits before it is a member`, async (t) => {
    const bench = await setUp(t)
    await assert.rejects(consumerOf(bench).commit([{ topic: TOPIC, partition: 0, offset: 1 }]), {
      code: 'UNKNOWN_MEMBER_ID',
    })
  })

  test(`${groupProtocol}: with read_committed, what was aborted is left out and what is open is waited for`, async (t) => {
    const bench = await setUp(t)
    const producer = bench.client().producer({ transactionalId: 'tx' })
    const write = async (value: string, end: 'commit' | 'abort'): Promise<void> => {
      const transaction = await producer.begin()
      await transaction.send(TOPIC, { value })
      await transaction[end]()
    }
    await write('a', 'commit')
    await write('b', 'abort')
    await write('c', 'commit')
    const open = await producer.begin()
    await open.send(TOPIC, { value: 'd' })
    const all = consumerOf(bench, { group: 'all' })
    assert.deepEqual(await take(all, 4), ['a', 'b', 'c', 'd'])
    const committed = consumerOf(bench, { isolation: 'read_committed' })
    const iterator = committed[Symbol.asyncIterator]()
    const values = [await iterator.next(), await iterator.next()].map(({ value }) => String(value?.value))
    assert.deepEqual(values, ['a', 'c'])
    const waiting = iterator.next()
    await open.commit()
    assert.equal(String((await waiting).value?.value), 'd')
  })

  test(`${groupProtocol}: exactly once inside Kafka: what is read, written and committed is one transaction`, async (t) => {
    const bench = await setUp(t)
    await bench.produce(10)
    const kafka = bench.client()
    await kafka.admin.createTopics([{ name: 'out', partitions: 1 }])
    const producer = kafka.producer({ transactionalId: 'tx' })
    const source = consumerOf(bench, { autoCommit: false, isolation: 'read_committed' })
    let n = 0
    for await (const { value } of source) {
      const transaction = await producer.begin()
      await transaction.send('out', { value: `out ${value}` })
      await transaction.sendOffsets(source)
      // Every third one fails, and is read again.
      if (++n % 3 === 0) {
        await transaction.abort()
        source.seek({ topic: TOPIC, partition: 0 }, Number(value))
      } else await transaction.commit()
      if (Number(value) === 9 && n % 3 !== 0) break
    }
    const out = kafka.consumer({ group: 'o', topics: ['out'], from: 'earliest', isolation: 'read_committed', ...FAST })
    assert.deepEqual(
      await take(out, 10),
      numbers(0, 10).map((value) => `out ${value}`),
    )
  })

  test(`${groupProtocol}: who has left its group, or was put out, takes its transaction along`, async (t) => {
    const bench = await setUp(t)
    await bench.produce(4)
    const kafka = bench.client()
    await kafka.admin.createTopics([{ name: 'out', partitions: 1 }])
    const producer = kafka.producer({ transactionalId: 'tx' })
    const write = async (source: GroupConsumer, value: string): Promise<void> => {
      await producer.transaction(async (transaction) => {
        await transaction.send('out', { value })
        await transaction.sendOffsets(source)
      })
    }
    const slow = consumerOf(bench, { maxPollIntervalMs: 60, autoCommit: false })
    await slow[Symbol.asyncIterator]().next()
    for (;;) {
      const { groups } = await kafka.admin.listGroups()
      if (groups.some(({ groupId, state }) => groupId === 'g' && state === 'Empty')) break
    }
    await assert.rejects(write(slow, 'too late'), { code: 'UNKNOWN_MEMBER_ID', fatal: false })
    await slow.close()

    const closed = consumerOf(bench, { autoCommit: false })
    await closed[Symbol.asyncIterator]().next()
    const closing = closed.close()
    await assert.rejects(write(closed, 'while it leaves'), { code: 'CLOSED' })
    await closing
    await assert.rejects(write(closed, 'when it has left'), { code: 'CLOSED' })
    const heedless = await producer.begin()
    void heedless.send('out', { value: 'without looking' })
    void heedless.sendOffsets(closed)
    await assert.rejects(heedless.commit(), { code: 'CLOSED', fatal: false })
    await heedless.abort()
    const next = consumerOf(bench, { autoCommit: false })
    assert.equal(String((await next[Symbol.asyncIterator]().next()).value?.value), '0')
    await write(next, 'in time')
    const out = kafka.consumer({ group: 'o', topics: ['out'], from: 'earliest', isolation: 'read_committed', ...FAST })
    assert.deepEqual(await take(out, 1), ['in time'])
  })

  test(`${groupProtocol}: positions are where the reader is, not what has been fetched ahead`, async (t) => {
    const bench = await setUp(t, 3)
    await bench.produce(30)
    const consumer = consumerOf(bench, { autoCommit: false })
    const iterator = consumer[Symbol.asyncIterator]()
    const { value } = await iterator.next()
    for (let looks = 0; looks < 5; looks++) {
      await bench.client().admin.describeCluster()
      const read = consumer.positions().filter(({ offset }) => offset !== 0 && offset !== null)
      assert.deepEqual(
        read.map(({ partition, offset }) => [partition, offset]),
        [[value?.partition, 1]],
      )
    }
    await consumer.close()
  })

  test(`${groupProtocol}: a group without an offset begins at the end, or fails where it must have one`, async (t) => {
    const bench = await setUp(t)
    await bench.produce(3)
    const latest = bench
      .client()
      .consumer({ group: 'late', topics: [TOPIC], ...FAST, onAssigned: () => void bench.produce(1) })
    assert.deepEqual(await take(latest, 1), ['3'])
    await assert.rejects(take(consumerOf(bench, { group: 'none', from: 'none' }), 1), { code: 'NO_OFFSET' })
  })
}

const WAYS = {
  range: { assignors: ['range'] },
  'cooperative-sticky': { assignors: ['cooperative-sticky'] },
  'the consumer protocol': { groupProtocol: 'consumer' },
} as const
for (const [way, options] of Object.entries(WAYS)) {
  test(`members share the partitions as they come and go, by ${way}`, async (t) => {
    const bench = await setUp(t, 6)
    const owners = new Map<number, string>()
    const revoked: string[] = []
    const seen = new Map<string, number>()
    let onRecord = (): void => undefined
    const start = (name: string) => {
      const consumer = groupConsumer(bench, {
        ...options,
        onAssigned: (partitions) => {
          for (const { partition } of partitions) {
            assert.equal(owners.get(partition), undefined, `${partition} has an owner already`)
            owners.set(partition, name)
          }
        },
        onRevoked: (partitions) => {
          for (const { partition } of partitions) {
            assert.equal(owners.get(partition), name)
            owners.delete(partition)
            revoked.push(`${name} ${partition}`)
          }
        },
      })
      const done = (async () => {
        for await (const { value } of consumer) {
          seen.set(String(value), (seen.get(String(value)) ?? 0) + 1)
          onRecord()
        }
      })()
      return { consumer, done }
    }
    /** Until the partitions are shared like that. */
    const until = async (shares: Record<string, number>): Promise<void> => {
      for (;;) {
        const now: Record<string, number> = {}
        for (const name of owners.values()) now[name] = (now[name] ?? 0) + 1
        const isThere = Object.keys(now).length === Object.keys(shares).length
        if (isThere && Object.entries(shares).every(([name, share]) => now[name] === share)) return
        await bench.client().admin.describeCluster()
      }
    }
    const a = start('a')
    await until({ a: 6 })
    revoked.length = 0
    const b = start('b')
    await until({ a: 3, b: 3 })
    const stayed = way !== 'range'
    assert.equal(revoked.length, stayed ? 3 : 6, 'what stays is not revoked, but by range')
    const c = start('c')
    await until({ a: 2, b: 2, c: 2 })
    await a.consumer.close()
    await until({ b: 3, c: 3 })
    await Promise.all([
      new Promise<void>((resolve) => {
        onRecord = () => {
          if (seen.size === 60) resolve()
        }
      }),
      bench.produce(60),
    ])
    assert.ok(
      [...seen.values()].every((times) => times === 1),
      'nobody read what another had',
    )
    await Promise.all([b.consumer.close(), c.consumer.close()])
    await Promise.all([a.done, b.done, c.done])
  })
}

test('a second consumer of the same instance fences the first', async (t) => {
  const bench = await setUp(t)
  await bench.produce(2)
  const first = groupConsumer(bench, { instanceId: 'one' })
  const iterator = first[Symbol.asyncIterator]()
  await iterator.next()
  const second = groupConsumer(bench, { instanceId: 'one' })
  await second[Symbol.asyncIterator]().next()
  await assert.rejects(first.commit(), { code: 'FENCED_INSTANCE_ID' })
  await assert.rejects(iterator.next(), { code: 'FENCED_INSTANCE_ID' }, 'it does not take the name back')
  await second.commit()
})

test('options that cannot be are refused by name', () => {
  const kafka = new Kafka({ bootstrap: 'localhost:1' })
  for (const [options, message] of [
    [{ group: '', topics: ['t'] }, /group is a text/],
    [{ group: 'g' }, /needs topics or a pattern/],
    [{ group: 'g', topics: ['t'], pattern: 't' }, /topics or a pattern, not both/],
    [{ group: 'g', pattern: '(' }, /pattern "\(" is no regular expression/],
    [{ group: 'g', topics: ['t'], groupProtocol: 'streams' }, /groupProtocol is 'classic' or 'consumer'/],
    [
      { group: 'g', topics: ['t'], groupRemoteAssignor: 'range' },
      /groupRemoteAssignor has no meaning with the classic/,
    ],
    [{ group: 'g', topics: ['t'], groupProtocol: 'consumer', sessionTimeoutMs: 9 }, /no meaning with the consumer/],
    [{ group: 'g', topics: ['t'], groupProtocol: 'consumer', assignors: ['range'] }, /no meaning with the consumer/],
    [{ group: 'g', topics: [] }, /topics is a list/],
    [{ group: 'g', topics: ['t'], heartbeatIntervalMs: 10, sessionTimeoutMs: 10 }, /is less than sessionTimeoutMs/],
    [{ group: 'g', topics: ['t'], assignors: ['random'] }, /assignors is a list of one or more of range/],
    [{ group: 'g', topics: ['t'], onAssigned: 5 }, /onAssigned is a function/],
    [{ group: 'g', topics: ['t'], autocommit: false }, /did you mean autoCommit/],
  ] as const) {
    assert.throws(
      () => kafka.consumer(options as unknown as GroupConsumerOptions),
      (error: unknown) => error instanceof ConfigError && message.test(error.message),
    )
  }
})
