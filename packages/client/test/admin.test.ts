import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBroker } from 'ottla'
import { Kafka } from '../src/index.ts'

test('each item of a call has its own outcome', async (t) => {
  const broker = await startBroker()
  const kafka = new Kafka({ bootstrap: broker.bootstrap, unknownTopicRetries: 0, retryBackOffMs: 1 })
  t.after(async () => {
    await kafka.close()
    await broker.close()
  })
  const { admin } = kafka
  const outcome = <T extends { name: string; error: { code: string } | null }>(items: T[]) =>
    items.map(({ name, error }) => [name, error?.code ?? 'OK'])

  const created = await admin.createTopics([
    { name: 'a', partitions: 3, configs: { 'retention.ms': '1000' } },
    { name: 'b/c' },
    { name: 'd', replicationFactor: 3 },
    { name: 'e', assignments: [[1], [1]] },
  ])
  assert.deepEqual(outcome(created), [
    ['a', 'OK'],
    ['b/c', 'INVALID_TOPIC_EXCEPTION'],
    ['d', 'INVALID_REPLICATION_FACTOR'],
    ['e', 'OK'],
  ])
  assert.deepEqual([created[0].partitions, created[0].replicationFactor], [3, 1])
  assert.deepEqual(outcome(await admin.createTopics([{ name: 'dry' }], { validateOnly: true })), [['dry', 'OK']])
  assert.deepEqual(
    (await admin.listTopics()).map((t) => [t.name, t.partitions, t.topicId === null]),
    [
      ['a', 3, false],
      ['e', 2, false],
    ],
  )
  assert.deepEqual(
    outcome(
      await admin.createPartitions([
        { name: 'a', count: 5 },
        { name: 'e', count: 1 },
      ]),
    ),
    [
      ['a', 'OK'],
      ['e', 'INVALID_PARTITIONS'],
    ],
  )
  const described = await admin.describeTopics(['a', 'nope'])
  assert.deepEqual(outcome(described), [
    ['a', 'OK'],
    ['nope', 'UNKNOWN_TOPIC_OR_PARTITION'],
  ])
  assert.equal(described[0].topic?.partitions.length, 5)

  const altered = await admin.alterConfigs([
    {
      type: 'topic',
      name: 'a',
      changes: [
        { name: 'retention.ms', op: 'delete' },
        { name: 'cleanup.policy', op: 'append', value: 'compact' },
      ],
    },
    { type: 'topic', name: 'e', changes: [{ name: 'retention.ms', op: 'set', value: 'never' }] },
  ])
  assert.deepEqual(outcome(altered), [
    ['a', 'OK'],
    ['e', 'INVALID_CONFIG'],
  ])
  const [config] = await admin.describeConfigs([{ type: 'topic', name: 'a' }], {
    names: ['cleanup.policy', 'retention.ms'],
  })
  assert.deepEqual(
    config.entries.map((e) => [e.name, e.value, e.source]),
    [
      ['cleanup.policy', 'delete,compact', 'topic'],
      ['retention.ms', '604800000', 'default'],
    ],
  )
  const cluster = await admin.describeCluster()
  assert.deepEqual([cluster.clusterId, cluster.brokers.length], [broker.clusterId, 1])
  assert.deepEqual((await admin.describeConfigs([{ type: 'broker', name: String(broker.nodeId) }]))[0].error, null)

  await kafka.producer().sendAll('a', [
    { partition: 1, key: 'x', value: 'x' },
    { partition: 1, key: 'y', value: 'y' },
  ])
  assert.deepEqual(
    (await admin.topicOffsets('a', 'latest')).map((o) => o.offset),
    [0, 2, 0, 0, 0],
  )
  const deleted = await admin.deleteRecords([
    { topic: 'a', partition: 1, offset: -1 },
    { topic: 'a', partition: 2, offset: 9 },
    { topic: 'a', partition: 9, offset: 0 },
  ])
  assert.deepEqual(
    deleted.map((d) => [d.lowWatermark, d.error?.code]),
    [
      [2, undefined],
      [-1, 'OFFSET_OUT_OF_RANGE'],
      [-1, 'UNKNOWN_TOPIC_OR_PARTITION'],
    ],
  )
  assert.deepEqual(outcome(await admin.deleteTopics(['a', 'nope'])), [
    ['a', 'OK'],
    ['nope', 'UNKNOWN_TOPIC_OR_PARTITION'],
  ])
})
