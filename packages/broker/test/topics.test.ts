import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CreatePartitionsRequest,
  CreatePartitionsResponse,
  CreateTopicsRequest,
  CreateTopicsResponse,
  DeleteTopicsRequest,
  DeleteTopicsResponse,
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponse,
  ErrorCode,
  ZERO_UUID,
} from '@ottla/protocol'
import { memoryFileSystem } from '@ottla/runtime/node'
import type { RawClient } from '@ottla/testkit'
import { createTopic, topicNames, versions } from './support/admin.ts'
import { startBroker } from './support/start.ts'

const UNKNOWN_ID = 'AAAAAAAAAAAAAAAAAAAAAQ'

test('topics are created in every version', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  const names: string[] = []
  for (const version of versions(0, 7)) {
    const name = `v${version}`
    names.push(name)
    const wanted = { name, numPartitions: 2, replicationFactor: 1, configs: [{ name: 'retention.ms', value: '1000' }] }
    const body = { topics: [wanted], timeoutMs: 1000 }
    const [topic] = (await client.call(CreateTopicsRequest, CreateTopicsResponse, version, body)).topics
    assert.deepEqual([topic.name, topic.errorCode], [name, ErrorCode.NONE], `version ${version}`)
    if (version >= 7) assert.notEqual(topic.topicId, ZERO_UUID)
    if (version < 5) continue
    assert.deepEqual([topic.numPartitions, topic.replicationFactor], [2, 1])
    const retention = topic.configs?.find((entry) => entry.name === 'retention.ms')
    assert.deepEqual([retention?.value, retention?.configSource], ['1000', 1])
  }
  assert.deepEqual(await topicNames(client), names)
})

test('what cannot be created says why, in every version, and the rest of the request is done', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'there')
  await createTopic(client, 'a.b')
  const plain = { numPartitions: 1, replicationFactor: 1 }
  const cases = [
    [{ name: 'there', ...plain }, ErrorCode.TOPIC_ALREADY_EXISTS],
    [{ name: 'a_b', ...plain }, ErrorCode.INVALID_TOPIC_EXCEPTION],
    [{ name: '', ...plain }, ErrorCode.INVALID_TOPIC_EXCEPTION],
    [{ name: 'none', ...plain, numPartitions: 0 }, ErrorCode.INVALID_PARTITIONS],
    [{ name: 'minus', ...plain, numPartitions: -2 }, ErrorCode.INVALID_PARTITIONS],
    [{ name: 'two', ...plain, replicationFactor: 2 }, ErrorCode.INVALID_REPLICATION_FACTOR],
    [{ name: 'zero', ...plain, replicationFactor: 0 }, ErrorCode.INVALID_REPLICATION_FACTOR],
    [{ name: 'key', ...plain, configs: [{ name: 'no.such.key', value: '1' }] }, ErrorCode.INVALID_CONFIG],
    [{ name: 'value', ...plain, configs: [{ name: 'retention.ms', value: 'x' }] }, ErrorCode.INVALID_CONFIG],
    [{ name: 'null', ...plain, configs: [{ name: 'retention.ms', value: null }] }, ErrorCode.INVALID_CONFIG],
    [{ name: '__cluster_metadata', ...plain }, ErrorCode.INVALID_REQUEST],
    [{ name: 'both', ...plain, assignments: [{ partitionIndex: 0, brokerIds: [1] }] }, ErrorCode.INVALID_REQUEST],
    [
      { name: 'gap', numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 1, brokerIds: [1] }] },
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
    ],
    [
      { name: 'who', numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 0, brokerIds: [9] }] },
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
    ],
  ] as const
  for (const version of versions(0, 7)) {
    const fine = { name: `fine-${version}`, ...plain }
    const body = { topics: [...cases.map(([topic]) => topic), fine], timeoutMs: 1000 }
    const { topics } = await client.call(CreateTopicsRequest, CreateTopicsResponse, version, body)
    const told = topics.map(({ name, errorCode }) => [name, errorCode])
    const expected = cases.map(([{ name }, code]) => [name, code])
    assert.deepEqual(told, [...expected, [fine.name, ErrorCode.NONE]], `version ${version}`)
  }
})

test('-1 stands for the default in every version, as in Kafka', async (t) => {
  const { broker, connect } = await startBroker(t, { config: { 'num.partitions': 3 } })
  const client = await connect()
  const ask = async (version: number, name: string) => {
    const body = { topics: [{ name, numPartitions: -1, replicationFactor: -1 }], timeoutMs: 1000 }
    return (await client.call(CreateTopicsRequest, CreateTopicsResponse, version, body)).topics[0].errorCode
  }
  for (const version of versions(0, 7)) {
    assert.equal(await ask(version, `by-${version}`), ErrorCode.NONE)
    assert.equal(broker.topics.get(`by-${version}`)?.partitions.length, 3)
  }
})

test('validate only makes nothing', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  const body = {
    topics: [{ name: 'dry', numPartitions: 4, replicationFactor: 1 }],
    timeoutMs: 1000,
    validateOnly: true,
  }
  const [topic] = (await client.call(CreateTopicsRequest, CreateTopicsResponse, 7, body)).topics
  assert.deepEqual([topic.errorCode, topic.numPartitions, topic.topicId], [ErrorCode.NONE, 4, ZERO_UUID])
  assert.deepEqual(await topicNames(client), [])
})

test('a request for more than ten thousand partitions over all its topics is refused', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  const topics = ['a', 'b'].map((name) => ({ name, numPartitions: 6000, replicationFactor: 1 }))
  const answer = await client.call(CreateTopicsRequest, CreateTopicsResponse, 7, { topics, timeoutMs: 1000 })
  assert.deepEqual(
    answer.topics.map(({ errorCode }) => errorCode),
    [ErrorCode.POLICY_VIOLATION, ErrorCode.POLICY_VIOLATION],
  )
  assert.deepEqual(await topicNames(client), [])
})

async function deleteTopics(client: RawClient, version: number, names: readonly string[]) {
  const body = version >= 6 ? { topics: names.map((name) => ({ name })) } : { topicNames: [...names] }
  const answer = await client.call(DeleteTopicsRequest, DeleteTopicsResponse, version, { ...body, timeoutMs: 1000 })
  return answer.responses.map(({ name, errorCode }) => [name, errorCode])
}

test('topics are deleted by name in every version, and by id from 6 on; it holds after a restart', async (t) => {
  const fs = memoryFileSystem()
  const first = await startBroker(t, { fs })
  const client = await first.connect()
  for (const version of versions(0, 6)) {
    await createTopic(client, `v${version}`)
    assert.deepEqual(
      await deleteTopics(client, version, [`v${version}`, 'missing']),
      [
        [`v${version}`, ErrorCode.NONE],
        ['missing', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      ],
      `version ${version}`,
    )
  }
  const topicId = await createTopic(client, 'by-id')
  const body = { topics: [{ name: null, topicId }, { name: null, topicId: UNKNOWN_ID }, { name: null }], timeoutMs: 1 }
  const { responses } = await client.call(DeleteTopicsRequest, DeleteTopicsResponse, 6, body)
  assert.deepEqual(
    responses.map(({ name, errorCode }) => [name, errorCode]),
    [
      ['by-id', ErrorCode.NONE],
      [null, ErrorCode.UNKNOWN_TOPIC_ID],
      [null, ErrorCode.INVALID_REQUEST],
    ],
  )
  await createTopic(client, 'kept')
  await first.broker.close()
  const second = await startBroker(t, { fs })
  assert.deepEqual(await topicNames(await second.connect()), ['kept'])
})

test('a topic named twice, or by name and by id, is not deleted', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  const topicId = await createTopic(client, 'once')
  assert.deepEqual(await deleteTopics(client, 5, ['once', 'once']), [
    ['once', ErrorCode.INVALID_REQUEST],
    ['once', ErrorCode.INVALID_REQUEST],
  ])
  const body = { topics: [{ name: 'once' }, { name: null, topicId }], timeoutMs: 1000 }
  const { responses } = await client.call(DeleteTopicsRequest, DeleteTopicsResponse, 6, body)
  assert.deepEqual(
    responses.map(({ errorCode }) => errorCode),
    [ErrorCode.INVALID_REQUEST, ErrorCode.INVALID_REQUEST],
  )
  assert.deepEqual(await topicNames(client), ['once'])
})

test('delete.topic.enable=false keeps topics and says so', async (t) => {
  const { connect } = await startBroker(t, { config: { 'delete.topic.enable': false } })
  const client = await connect()
  await createTopic(client, 'safe')
  assert.deepEqual(await deleteTopics(client, 2, ['safe']), [['safe', ErrorCode.INVALID_REQUEST]])
  assert.deepEqual(await deleteTopics(client, 6, ['safe']), [['safe', ErrorCode.TOPIC_DELETION_DISABLED]])
  assert.deepEqual(await topicNames(client), ['safe'])
})

test('partitions are added in every version and never taken away', async (t) => {
  const fs = memoryFileSystem()
  const first = await startBroker(t, { fs })
  const client = await first.connect()
  await createTopic(client, 'grows')
  const grow = async (version: number, wanted: object, validateOnly = false) => {
    const body = {
      topics: [{ name: 'grows', assignments: null, count: 0, ...wanted }],
      timeoutMs: 1000,
      validateOnly,
    }
    return (await client.call(CreatePartitionsRequest, CreatePartitionsResponse, version, body)).results[0].errorCode
  }
  for (const version of versions(0, 3)) {
    assert.equal(await grow(version, { count: version + 2 }), ErrorCode.NONE)
    assert.equal(await grow(version, { count: version + 2 }), ErrorCode.INVALID_PARTITIONS)
    assert.equal(await grow(version, { count: 1 }), ErrorCode.INVALID_PARTITIONS)
  }
  assert.equal(await grow(3, { count: 9 }, true), ErrorCode.NONE)
  assert.equal(await grow(3, { count: 6, assignments: [{ brokerIds: [1] }] }), ErrorCode.NONE)
  assert.equal(await grow(3, { count: 7, assignments: [] }), ErrorCode.INVALID_REPLICA_ASSIGNMENT)
  assert.equal(await grow(3, { count: 7, assignments: [{ brokerIds: [8] }] }), ErrorCode.INVALID_REPLICA_ASSIGNMENT)
  assert.equal(await grow(3, { name: 'missing', count: 7 }), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  const twice = { topics: [8, 9].map((count) => ({ name: 'grows', count, assignments: null })), timeoutMs: 1000 }
  const { results } = await client.call(CreatePartitionsRequest, CreatePartitionsResponse, 3, twice)
  assert.deepEqual(
    results.map(({ name, errorCode }) => [name, errorCode]),
    [['grows', ErrorCode.INVALID_REQUEST]],
  )
  await first.broker.close()
  const second = await startBroker(t, { fs })
  assert.equal(second.broker.topics.get('grows')?.partitions.length, 6)
})

test('a listing of topics comes in pages that together hold every partition once', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  for (const [name, partitions] of [
    ['a', 3],
    ['b', 1],
    ['c', 5],
  ] as const) {
    await createTopic(client, name, partitions)
  }
  const page = (body: object) =>
    client.call(DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, 0, { topics: [], ...body })
  for (const limit of versions(1, 10)) {
    const seen: string[] = []
    let cursor: { topicName: string; partitionIndex: number } | null = null
    do {
      const answer: Awaited<ReturnType<typeof page>> = await page({ responsePartitionLimit: limit, cursor })
      const here = answer.topics.flatMap(({ name, partitions }) => partitions.map((p) => `${name}-${p.partitionIndex}`))
      assert.ok(here.length <= limit)
      seen.push(...here)
      cursor = answer.nextCursor
    } while (cursor !== null)
    assert.deepEqual(seen, ['a-0', 'a-1', 'a-2', 'b-0', 'c-0', 'c-1', 'c-2', 'c-3', 'c-4'])
  }
  const named = await page({ topics: [{ name: 'c' }, { name: 'missing' }, { name: 'a/b' }], responsePartitionLimit: 9 })
  assert.deepEqual(
    named.topics.map(({ name, errorCode }) => [name, errorCode]),
    [
      ['a/b', ErrorCode.INVALID_TOPIC_EXCEPTION],
      ['c', ErrorCode.NONE],
      ['missing', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ],
  )
  const odd = await page({ topics: [{ name: 'a' }], cursor: { topicName: 'a', partitionIndex: -1 } })
  assert.equal(odd.topics[0].errorCode, ErrorCode.INVALID_REQUEST)
})
