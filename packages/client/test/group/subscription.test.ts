/** Subscriptions by pattern, and that change; and what members by the consumer protocol have of their own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupConsumer, GroupConsumerOptions } from '@ottla/client'
import { type Bench, consumerOf, PROTOCOLS, setUp, TOPIC } from '../support/group-bench.ts'

/** Reads until told to end, and keeps what it has read and owns. */
function reader(consumer: GroupConsumer) {
  const values: string[] = []
  const waiting: { isThere(): boolean; resolve(): void }[] = []
  const look = () => {
    for (const one of [...waiting]) if (one.isThere()) one.resolve()
  }
  const done = (async () => {
    for await (const { value } of consumer) {
      values.push(String(value))
      look()
    }
  })()
  return {
    consumer,
    done,
    values,
    look,
    until(isThere: () => boolean): Promise<void> {
      if (isThere()) return Promise.resolve()
      const there = new Promise<void>((resolve) => waiting.push({ isThere, resolve }))
      return Promise.race([there, done.then(() => assert.fail('the consumer ended'))])
    },
  }
}

/** As `reader`, and tells of its topics as they come and go. */
function member(bench: Bench, options: Partial<GroupConsumerOptions>) {
  const topics = new Set<string>()
  const change = (what: 'add' | 'delete') => (partitions: readonly { readonly topic: string }[]) => {
    for (const { topic } of partitions) topics[what](topic)
    made.look()
  }
  const consumer = consumerOf(bench, {
    ...options,
    onAssigned: change('add'),
    onRevoked: change('delete'),
  })
  const made = reader(consumer)
  const owns = (...names: string[]) => made.until(() => [...topics].sort().join() === names.sort().join())
  return { ...made, owns }
}

async function create(bench: Bench, ...names: string[]): Promise<void> {
  const results = await bench.client().admin.createTopics(names.map((name) => ({ name, partitions: 1 })))
  for (const { error } of results) assert.equal(error, null)
}

for (const groupProtocol of PROTOCOLS) {
  test(`${groupProtocol}: a pattern takes the topics whose whole name it matches, those of later, too`, async (t) => {
    const bench = await setUp(t)
    await create(bench, 'a.1', 'a.2', 'b.1', 'a.x')
    const one = member(bench, { groupProtocol, pattern: 'a\\.[0-9]+' })
    await one.owns('a.1', 'a.2')
    await create(bench, 'a.3', 'xa.3')
    await one.owns('a.1', 'a.2', 'a.3')
    const producer = bench.client().producer()
    await producer.send('a.3', { value: 'late' })
    await one.until(() => one.values.includes('late'))
    await one.consumer.close()
    await one.done
  })

  test(`${groupProtocol}: a pattern without a match waits for one`, async (t) => {
    const bench = await setUp(t)
    const one = member(bench, { groupProtocol, pattern: groupProtocol === 'classic' ? '(__|late).*' : 'late.*' })
    const two = member(bench, { groupProtocol, group: 'h' })
    await two.owns(TOPIC)
    await create(bench, 'late')
    await one.owns('late')
    await Promise.all([one.consumer.close(), two.consumer.close()])
    await Promise.all([one.done, two.done])
  })

  test(`${groupProtocol}: members of one subscription to several topics share them; each of several groups gets everything`, async (t) => {
    const bench = await setUp(t, 2)
    const topics = [TOPIC, 'left', 'right']
    const { admin } = bench.client()
    for (const name of topics.slice(1)) await admin.createTopics([{ name, partitions: 2 }])
    const places = topics.flatMap((topic) => [`${topic} 0`, `${topic} 1`])
    const members: ReturnType<typeof reader>[] = []
    const start = (group: string) => {
      const owned = new Set<string>()
      const consumer = consumerOf(bench, {
        groupProtocol,
        group,
        topics,
        onAssigned: (partitions) => {
          for (const { topic, partition } of partitions) owned.add(`${topic} ${partition}`)
          for (const { look } of members) look()
        },
        onRevoked: (partitions) => {
          for (const { topic, partition } of partitions) owned.delete(`${topic} ${partition}`)
        },
      })
      const made = { ...reader(consumer), owned }
      members.push(made)
      return made
    }
    const alone = start('alone')
    const [one, two] = [start('shared'), start('shared')]
    await alone.until(() => alone.owned.size === places.length)
    const isShared = () => one.owned.size === 3 && two.owned.size === 3
    await Promise.race([one.until(isShared), two.until(isShared)])
    assert.deepEqual([...one.owned, ...two.owned].toSorted(), places.toSorted(), 'each partition has one owner')
    const producer = bench.client().producer()
    const sent: string[] = []
    for (const topic of topics) {
      for (let n = 0; n < 6; n++) {
        sent.push(`${topic} ${n % 2} ${n}`)
        void producer.send(topic, { value: `${topic} ${n % 2} ${n}`, partition: n % 2 })
      }
    }
    await producer.close()
    // Nine each, since each owns three of six partitions.
    await Promise.all([
      alone.until(() => alone.values.length >= sent.length),
      ...[one, two].map((made) => made.until(() => made.values.length >= sent.length / 2)),
    ])
    for (const { consumer, done } of members) {
      await consumer.close()
      await done
    }
    assert.deepEqual(alone.values.toSorted(), sent.toSorted())
    assert.deepEqual([...one.values, ...two.values].toSorted(), sent.toSorted())
  })

  test(`${groupProtocol}: a subscription may change, from names to a pattern and back`, async (t) => {
    const bench = await setUp(t)
    await create(bench, 'a', 'b')
    const one = member(bench, { groupProtocol, topics: ['a'] })
    await one.owns('a')
    one.consumer.subscribe({ topics: ['b', TOPIC] })
    await one.owns('b', TOPIC)
    one.consumer.subscribe({ pattern: '[ab]' })
    await one.owns('a', 'b')
    one.consumer.subscribe({ topics: [TOPIC] })
    await one.owns(TOPIC)
    assert.throws(() => one.consumer.subscribe({ topics: [] }), { code: 'CONFIG' })
    await one.consumer.close()
    await one.done
  })
}

for (const groupProtocol of PROTOCOLS) {
  test(`${groupProtocol}: a topic that is deleted is given up, while others are read; made again, it is read again`, async (t) => {
    const bench = await setUp(t)
    const { admin } = bench.client()
    await create(bench, 'short')
    const one = member(bench, { groupProtocol, topics: ['short', TOPIC] })
    await one.owns('short', TOPIC)
    await bench.client().producer().send('short', { value: 'before' })
    await one.until(() => one.values.includes('before'))
    const [{ error }] = await admin.deleteTopics(['short'])
    assert.equal(error, null)
    await one.owns(TOPIC)
    await bench.produce(1)
    await one.until(() => one.values.includes('0'))
    await create(bench, 'short')
    await one.owns('short', TOPIC)
    await bench.client().producer().send('short', { value: 'after' })
    await one.until(() => one.values.includes('after'))
    await one.consumer.close()
    await one.done
  })
}

test('a pattern that is none is refused: by name where it is compiled', async (t) => {
  const bench = await setUp(t)
  assert.throws(() => consumerOf(bench, { pattern: '(' }), { code: 'CONFIG', message: /no regular expression/ })
  const consumer = consumerOf(bench, { groupProtocol: 'consumer', pattern: '(' })
  await assert.rejects(consumer[Symbol.asyncIterator]().next(), { code: 'INVALID_REGULAR_EXPRESSION' })
})

test('an assignor that the broker does not have is refused', async (t) => {
  const bench = await setUp(t)
  const consumer = consumerOf(bench, { groupProtocol: 'consumer', groupRemoteAssignor: 'random' })
  await assert.rejects(consumer[Symbol.asyncIterator]().next(), { code: 'UNSUPPORTED_ASSIGNOR' })
  const known = member(bench, { groupProtocol: 'consumer', groupRemoteAssignor: 'range' })
  await known.owns(TOPIC)
  await known.consumer.close()
})

test('a static member comes back to its partitions; its name is its own until it leaves', async (t) => {
  const bench = await setUp(t)
  const options = { groupProtocol: 'consumer', instanceId: 'one' } as const
  const first = member(bench, options)
  await first.owns(TOPIC)
  const second = consumerOf(bench, options)
  await assert.rejects(second[Symbol.asyncIterator]().next(), { code: 'UNRELEASED_INSTANCE_ID' })
  await first.consumer.close()
  const { groups } = await bench
    .client()
    .admin.describeGroups(['g'])
    .then((found) => ({ groups: found }))
  assert.equal(groups.length, 1)
  const third = member(bench, options)
  await third.owns(TOPIC)
  await third.consumer.close()
})

test('commits go through while the epoch of their member goes on', async (t) => {
  const bench = await setUp(t)
  await bench.produce(1)
  const consumer = consumerOf(bench, { groupProtocol: 'consumer', autoCommit: false })
  const iterator = consumer[Symbol.asyncIterator]()
  await iterator.next()
  const epochs = new Set<number>()
  const others: ReturnType<typeof member>[] = []
  // Nobody looks after the group here but the heartbeats: the reader works on its record, and commits.
  while (epochs.size < 3) {
    epochs.add(consumer.groupMetadata().generationId)
    if (others.length < epochs.size) others.push(member(bench, { groupProtocol: 'consumer' }))
    await consumer.commit()
  }
  assert.deepEqual(
    (await consumer.committed()).map(({ offset }) => offset),
    [1],
  )
  await Promise.all([consumer, ...others.map((other) => other.consumer)].map((one) => one.close()))
})

test('members of both protocols share one group', async (t) => {
  const bench = await setUp(t, 2)
  const owners = new Map<number, string>()
  const start = (name: string, options: Partial<GroupConsumerOptions>) => {
    const consumer = consumerOf(bench, {
      ...options,
      onAssigned: (partitions) => {
        for (const { partition } of partitions) owners.set(partition, name)
        made.look()
      },
      onRevoked: (partitions) => {
        for (const { partition } of partitions) owners.delete(partition)
      },
    })
    const made = reader(consumer)
    return made
  }
  const old = start('old', { groupProtocol: 'classic', assignors: ['cooperative-sticky'] })
  await old.until(() => owners.size === 2)
  const modern = start('modern', { groupProtocol: 'consumer' })
  await modern.until(() => new Set(owners.values()).size === 2)
  await old.consumer.close()
  await modern.until(() => [...owners.values()].join() === 'modern,modern')
  await modern.consumer.close()
  await Promise.all([old.done, modern.done])
})

test('a topic that is made anew under its name is another one: it is read from its beginning', async (t) => {
  const bench = await setUp(t)
  const { admin } = bench.client()
  await bench.produce(3)
  const one = member(bench, { groupProtocol: 'consumer' })
  await one.until(() => one.values.length === 3)
  const [{ error }] = await admin.deleteTopics([TOPIC])
  assert.equal(error, null)
  await create(bench, TOPIC)
  await bench.client().producer().send(TOPIC, { value: 'anew' })
  await one.until(() => one.values.includes('anew'))
  await one.consumer.close()
  await one.done
})
