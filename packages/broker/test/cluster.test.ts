import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ApiVersionsRequest,
  ApiVersionsResponse,
  DescribeClusterRequest,
  DescribeClusterResponse,
  ErrorCode,
  FindCoordinatorRequest,
  FindCoordinatorResponse,
  MetadataRequest,
  MetadataResponse,
  ZERO_UUID,
} from '@ottla/protocol'
import type { Handler } from '../src/server/handler.ts'
import { createTopic, versions } from './support/admin.ts'
import { startBroker } from './support/start.ts'

const SOFTWARE = { clientSoftwareName: 'test', clientSoftwareVersion: '1' }
const UNKNOWN_ID = 'AAAAAAAAAAAAAAAAAAAAAQ'

test('ApiVersions tells exactly the table of handlers, in every version', async (t) => {
  const { broker, connect } = await startBroker(t)
  const { handlers } = broker as unknown as { readonly handlers: ReadonlyMap<number, Handler> }
  const table = [...handlers.values()]
    .map(({ request, minVersion, maxVersion }) => ({ apiKey: request.key, minVersion, maxVersion }))
    .sort((a, b) => a.apiKey - b.apiKey)
  const client = await connect()
  for (const version of versions(0, 5)) {
    const answer = await client.call(ApiVersionsRequest, ApiVersionsResponse, version, version < 3 ? {} : SOFTWARE)
    assert.equal(answer.errorCode, ErrorCode.NONE, `version ${version}`)
    assert.deepEqual(answer.apiKeys, table)
  }
  assert.equal(table.find(({ apiKey }) => apiKey === 0)?.minVersion, 0)
})

test('a client that means another cluster or node is told to bootstrap again', async (t) => {
  const { broker, connect } = await startBroker(t)
  const client = await connect()
  const ask = async (clusterId: string | null, nodeId: number) => {
    const body = { ...SOFTWARE, clusterId, nodeId }
    return (await client.call(ApiVersionsRequest, ApiVersionsResponse, 5, body)).errorCode
  }
  assert.equal(await ask(null, -1), ErrorCode.NONE)
  assert.equal(await ask(broker.clusterId, 1), ErrorCode.NONE)
  assert.equal(await ask(broker.clusterId, 2), ErrorCode.REBOOTSTRAP_REQUIRED)
  assert.equal(await ask('elsewhere', 1), ErrorCode.REBOOTSTRAP_REQUIRED)
})

test('a share group has no coordinator, in any version that can ask for one', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  for (const version of versions(1, 6)) {
    const body = version < 4 ? { key: 'group', keyType: 2 } : { keyType: 2, coordinatorKeys: ['a', 'b'] }
    const answer = await client.call(FindCoordinatorRequest, FindCoordinatorResponse, version, body)
    if (version < 4) {
      assert.deepEqual([answer.errorCode, answer.nodeId], [ErrorCode.COORDINATOR_NOT_AVAILABLE, -1])
      continue
    }
    assert.deepEqual(
      answer.coordinators.map(({ key, errorCode, nodeId }) => [key, errorCode, nodeId]),
      [
        ['a', ErrorCode.COORDINATOR_NOT_AVAILABLE, -1],
        ['b', ErrorCode.COORDINATOR_NOT_AVAILABLE, -1],
      ],
    )
  }
})

test('the coordinator of a group is the one broker, whose offsets topic is made by the first who asks', async (t) => {
  const { broker, connect } = await startBroker(t)
  const client = await connect()
  for (const version of versions(0, 6)) {
    const body = version < 4 ? { key: 'group' } : { keyType: 0, coordinatorKeys: ['a', 'b'] }
    const answer = await client.call(FindCoordinatorRequest, FindCoordinatorResponse, version, body)
    const found = version < 4 ? [answer] : answer.coordinators
    for (const { errorCode, nodeId, host, port } of found) {
      assert.deepEqual([errorCode, nodeId, `${host}:${port}`], [ErrorCode.NONE, 1, broker.bootstrap])
    }
  }
  const topic = broker.topics.get('__consumer_offsets')
  assert.equal(topic?.partitions.length, 50)
  assert.deepEqual(Object.fromEntries(topic?.configs ?? []), {
    'cleanup.policy': 'compact',
    'compression.type': 'producer',
    'segment.bytes': '104857600',
  })
})

test('a coordinator of a kind that does not exist is INVALID_REQUEST', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  for (const version of versions(1, 6)) {
    const body = version < 4 ? { key: 'group', keyType: 9 } : { keyType: 9, coordinatorKeys: ['a'] }
    const answer = await client.call(FindCoordinatorRequest, FindCoordinatorResponse, version, body)
    const { errorCode } = version < 4 ? answer : answer.coordinators[0]
    assert.equal(errorCode, ErrorCode.INVALID_REQUEST, `version ${version}`)
  }
})

test('the cluster describes itself; controllers cannot be asked for', async (t) => {
  const { broker, port, connect } = await startBroker(t, { config: { 'broker.rack': 'left' } })
  const client = await connect()
  for (const version of versions(0, 2)) {
    const body = { includeClusterAuthorizedOperations: true }
    const answer = await client.call(DescribeClusterRequest, DescribeClusterResponse, version, body)
    const [{ brokerId, host, port: told, rack }] = answer.brokers
    assert.deepEqual([brokerId, host, told, rack], [1, '127.0.0.1', port, 'left'])
    assert.deepEqual([answer.clusterId, answer.controllerId], [broker.clusterId, 1])
    assert.ok(answer.clusterAuthorizedOperations > 0)
  }
  const ask = async (endpointType: number) =>
    (await client.call(DescribeClusterRequest, DescribeClusterResponse, 1, { endpointType })).errorCode
  assert.equal(await ask(2), ErrorCode.MISMATCHED_ENDPOINT_TYPE)
  assert.equal(await ask(3), ErrorCode.UNSUPPORTED_ENDPOINT_TYPE)
})

test('Metadata in every version: all, none, by name', async (t) => {
  const { broker, port, connect } = await startBroker(t)
  const client = await connect()
  const topicId = await createTopic(client, 'orders', 2)
  for (const version of versions(0, 13)) {
    const ask = (topics: { name: string }[] | null) => {
      const body = version >= 4 ? { topics, allowAutoTopicCreation: false } : { topics }
      return client.call(MetadataRequest, MetadataResponse, version, body)
    }
    const all = await ask(version === 0 ? [] : null)
    assert.deepEqual(
      all.brokers.map(({ nodeId, host, port: told }) => [nodeId, host, told]),
      [[1, '127.0.0.1', port]],
    )
    if (version >= 1) assert.equal(all.controllerId, 1)
    if (version >= 2) assert.equal(all.clusterId, broker.clusterId)
    const [topic] = all.topics
    assert.deepEqual(
      [topic.name, topic.isInternal, topic.partitions.length],
      ['orders', false, 2],
      `version ${version}`,
    )
    const [partition] = topic.partitions
    assert.deepEqual([partition.leaderId, partition.replicaNodes, partition.isrNodes], [1, [1], [1]])
    assert.equal(topic.topicId, version >= 10 ? topicId : ZERO_UUID)
    if (version >= 1) assert.deepEqual((await ask([])).topics, [])
    const twice = version >= 4 ? [{ name: 'orders' }, { name: 'missing' }, { name: 'orders' }] : [{ name: 'orders' }]
    const named = (await ask(twice)).topics.map(({ name, errorCode }) => [name, errorCode])
    const missing = version >= 4 ? [['missing', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]] : []
    assert.deepEqual(named, [['orders', ErrorCode.NONE], ...missing])
  }
  assert.deepEqual(
    broker.topics.all().map(({ name }) => name),
    ['orders'],
  )
})

test('Metadata by topic id works from version 12 on and is refused before', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  const topicId = await createTopic(client, 'orders')
  for (const version of versions(10, 13)) {
    const topics = [
      { name: null, topicId },
      { name: null, topicId: UNKNOWN_ID },
    ]
    const answer = await client.call(MetadataRequest, MetadataResponse, version, { topics })
    const codes = answer.topics.map(({ name, errorCode }) => [name, errorCode])
    const refused = ['', ErrorCode.INVALID_REQUEST]
    assert.deepEqual(
      codes,
      version < 12
        ? [refused, refused]
        : [
            ['orders', ErrorCode.NONE],
            [null, ErrorCode.UNKNOWN_TOPIC_ID],
          ],
    )
  }
})

test('topics are made on demand only where broker and client allow it, and never internal ones', async (t) => {
  const names = ['fresh', '__consumer_offsets', 'not/legal']
  const ask = async (autoCreate: boolean, allowAutoTopicCreation: boolean) => {
    const { connect } = await startBroker(t, { config: { 'auto.create.topics.enable': autoCreate } })
    const body = { topics: names.map((name) => ({ name })), allowAutoTopicCreation }
    const { topics } = await (await connect()).call(MetadataRequest, MetadataResponse, 9, body)
    return topics.map(({ errorCode }) => errorCode)
  }
  const unknown = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  const illegal = ErrorCode.INVALID_TOPIC_EXCEPTION
  assert.deepEqual(await ask(true, true), [ErrorCode.NONE, unknown, illegal])
  assert.deepEqual(await ask(true, false), [unknown, unknown, illegal])
  assert.deepEqual(await ask(false, true), [unknown, unknown, illegal])
})

test('operations that a client may do are told when asked for', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders')
  for (const version of versions(8, 10)) {
    const body = { topics: null, includeTopicAuthorizedOperations: true, includeClusterAuthorizedOperations: true }
    const answer = await client.call(MetadataRequest, MetadataResponse, version, body)
    assert.ok(answer.clusterAuthorizedOperations > 0)
    assert.ok(answer.topics[0].topicAuthorizedOperations > 0)
  }
})
