import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  AlterConfigsRequest,
  AlterConfigsResponse,
  DescribeConfigsRequest,
  DescribeConfigsResponse,
  ErrorCode,
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
  ListConfigResourcesRequest,
  ListConfigResourcesResponse,
} from '@ottla/protocol'
import { memoryFileSystem } from '@ottla/runtime/node'
import type { RawClient } from '@ottla/testkit'
import { createTopic, produceTo, versions } from './support/admin.ts'
import { batchOf } from './support/batches.ts'
import { startBroker } from './support/start.ts'

const TOPIC = 2
const BROKER = 4
const GROUP = 32
const SET = 0
const DELETE = 1
const APPEND = 2
const SUBTRACT = 3

type Change = readonly [name: string, configOperation: number, value: string | null]

function changes(resourceType: number, resourceName: string, list: readonly Change[]) {
  const configs = list.map(([name, configOperation, value]) => ({ name, configOperation, value }))
  return { resourceType, resourceName, configs }
}

async function alter(client: RawClient, resourceType: number, resourceName: string, ...list: readonly Change[]) {
  const body = { resources: [changes(resourceType, resourceName, list)], validateOnly: false }
  const answer = await client.call(IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, 1, body)
  return answer.responses[0].errorCode
}

async function settingOf(client: RawClient, resourceType: number, resourceName: string, key: string) {
  const body = { resources: [{ resourceType, resourceName, configurationKeys: [key] }] }
  const { results } = await client.call(DescribeConfigsRequest, DescribeConfigsResponse, 4, body)
  const [entry] = results[0].configs
  return [entry.value, entry.configSource]
}

test('settings of a topic are described in every version, with their source', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders', 1, { 'retention.ms': '5000' })
  for (const version of versions(0, 4)) {
    const resources = [
      { resourceType: TOPIC, resourceName: 'orders', configurationKeys: null },
      { resourceType: TOPIC, resourceName: 'orders', configurationKeys: ['retention.ms', 'no.such.key'] },
      { resourceType: TOPIC, resourceName: 'missing', configurationKeys: null },
      { resourceType: TOPIC, resourceName: 'a/b', configurationKeys: null },
      { resourceType: BROKER, resourceName: '1', configurationKeys: ['num.partitions'] },
      { resourceType: BROKER, resourceName: '7', configurationKeys: null },
      { resourceType: 99, resourceName: 'x', configurationKeys: null },
    ]
    const body = { resources, includeSynonyms: version >= 1, includeDocumentation: version >= 3 }
    const { results } = await client.call(DescribeConfigsRequest, DescribeConfigsResponse, version, body)
    assert.deepEqual(
      results.map(({ errorCode }) => errorCode),
      [
        ErrorCode.NONE,
        ErrorCode.NONE,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.INVALID_TOPIC_EXCEPTION,
        ErrorCode.NONE,
        ErrorCode.INVALID_REQUEST,
        ErrorCode.INVALID_REQUEST,
      ],
      `version ${version}`,
    )
    assert.ok(results[0].configs.length > 25)
    const [own, ...none] = results[1].configs
    assert.deepEqual([own.name, own.value, own.isSensitive, none.length], ['retention.ms', '5000', false, 0])
    const byDefault = results[0].configs.find(({ name }) => name === 'cleanup.policy')
    if (version === 0) assert.deepEqual([own.isDefault, byDefault?.isDefault], [false, true])
    if (version >= 1) assert.deepEqual([own.configSource, byDefault?.configSource], [1, 5])
    if (version >= 1) assert.deepEqual(own.synonyms[0].name, 'retention.ms')
    if (version >= 3) assert.ok((own.documentation ?? '').length > 10)
  }
})

test('a resource named again in one request is not described again: a small request cannot ask for gigabytes', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  const resources = Array.from({ length: 10_000 }, () => ({ resourceType: BROKER, resourceName: '1' }))
  const { results } = await client.call(DescribeConfigsRequest, DescribeConfigsResponse, 4, { resources })
  assert.equal(results.length, resources.length)
  assert.deepEqual([results[0].errorCode, results[0].configs.length > 100], [ErrorCode.NONE, true])
  assert.ok(results.slice(1).every(({ errorCode, configs }) => errorCode !== ErrorCode.NONE && configs.length === 0))
})

test('settings change one by one: set, delete, append, subtract; and survive a restart', async (t) => {
  const fs = memoryFileSystem()
  const first = await startBroker(t, { fs })
  const client = await first.connect()
  await createTopic(client, 'orders', 1, { 'retention.ms': '5000', 'segment.bytes': '2000000' })
  assert.equal(
    await alter(client, TOPIC, 'orders', ['retention.ms', SET, '9000'], ['segment.bytes', DELETE, null]),
    ErrorCode.NONE,
  )
  assert.deepEqual(await settingOf(client, TOPIC, 'orders', 'retention.ms'), ['9000', 1])
  assert.deepEqual(await settingOf(client, TOPIC, 'orders', 'segment.bytes'), ['1073741824', 5])
  assert.equal(await alter(client, TOPIC, 'orders', ['cleanup.policy', APPEND, 'compact']), ErrorCode.NONE)
  assert.deepEqual(await settingOf(client, TOPIC, 'orders', 'cleanup.policy'), ['delete,compact', 1])
  assert.equal(await alter(client, TOPIC, 'orders', ['cleanup.policy', SUBTRACT, 'delete']), ErrorCode.NONE)
  await first.broker.close()
  const again = await (await startBroker(t, { fs })).connect()
  assert.deepEqual(await settingOf(again, TOPIC, 'orders', 'cleanup.policy'), ['compact', 1])
  assert.deepEqual(await settingOf(again, TOPIC, 'orders', 'retention.ms'), ['9000', 1])
})

test('a change that is not right changes nothing and says why', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders')
  const cases: readonly (readonly [Change, number])[] = [
    [['no.such.key', SET, '1'], ErrorCode.INVALID_CONFIG],
    [['retention.ms', SET, 'soon'], ErrorCode.INVALID_CONFIG],
    [['retention.ms', SET, null], ErrorCode.INVALID_REQUEST],
    [['retention.ms', APPEND, '1'], ErrorCode.INVALID_CONFIG],
    [['retention.ms', 9, '1'], ErrorCode.INVALID_REQUEST],
  ]
  for (const [change, code] of cases) {
    assert.equal(await alter(client, TOPIC, 'orders', ['segment.bytes', SET, '1500000'], change), code, String(change))
  }
  assert.equal(
    await alter(client, TOPIC, 'orders', ['retention.ms', SET, '1'], ['retention.ms', SET, '2']),
    ErrorCode.INVALID_REQUEST,
  )
  assert.deepEqual(await settingOf(client, TOPIC, 'orders', 'segment.bytes'), ['1073741824', 5])
  assert.equal(await alter(client, TOPIC, 'missing', ['retention.ms', SET, '1']), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  assert.equal(await alter(client, TOPIC, '..', ['retention.ms', SET, '1']), ErrorCode.INVALID_TOPIC_EXCEPTION)
  assert.equal(await alter(client, TOPIC, '', ['retention.ms', SET, '1']), ErrorCode.INVALID_REQUEST)
  // What nobody set is gone already, known or not.
  assert.equal(await alter(client, TOPIC, 'orders', ['no.such.key', DELETE, null]), ErrorCode.NONE)
})

test('of many changes at once none is lost', async (t) => {
  const { broker, connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders')
  const wanted = [
    ['retention.ms', '111111'],
    ['retention.bytes', '222222'],
    ['segment.bytes', '3333333'],
    ['segment.ms', '444444'],
    ['delete.retention.ms', '555555'],
    ['max.message.bytes', '666666'],
  ] as const
  const clients = await Promise.all(wanted.map(() => connect()))
  await Promise.all(wanted.map(([key, value], i) => alter(clients[i], TOPIC, 'orders', [key, SET, value])))
  assert.deepEqual(new Map(broker.topics.get('orders')?.configs), new Map(wanted))
  const dynamic = [
    ['log.retention.bytes', '777777'],
    ['message.max.bytes', '888888'],
    ['log.segment.bytes', '9999999'],
  ] as const
  await Promise.all(dynamic.map(([key, value], i) => alter(clients[i], BROKER, '', [key, SET, value])))
  for (const [key, value] of dynamic) assert.equal((await settingOf(client, BROKER, '', key))[0], value)
})

test('the older AlterConfigs replaces all settings, in every version', async (t) => {
  const { broker, connect } = await startBroker(t)
  const client = await connect()
  for (const version of versions(0, 2)) {
    const name = `v${version}`
    await createTopic(client, name, 1, { 'retention.ms': '5000' })
    const resource = (resourceName: string, value: string | null) => {
      return { resourceType: TOPIC, resourceName, configs: [{ name: 'segment.ms', value }] }
    }
    const ask = async (resources: ReturnType<typeof resource>[], validateOnly = false) => {
      const body = { resources, validateOnly }
      const { responses } = await client.call(AlterConfigsRequest, AlterConfigsResponse, version, body)
      return responses.map(({ errorCode }) => errorCode)
    }
    assert.deepEqual(await ask([resource(name, '70000')], true), [ErrorCode.NONE])
    assert.deepEqual(Object.fromEntries(broker.topics.get(name)?.configs ?? []), { 'retention.ms': '5000' })
    const twice = [resource(name, '60000'), resource(name, '70000')]
    assert.deepEqual(await ask(twice), [ErrorCode.INVALID_REQUEST, ErrorCode.INVALID_REQUEST])
    const mixed = [resource(name, '70000'), resource('missing', '1'), resource(name.slice(1), null)]
    assert.deepEqual(await ask(mixed), [
      ErrorCode.NONE,
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ])
    assert.deepEqual(Object.fromEntries(broker.topics.get(name)?.configs ?? []), { 'segment.ms': '70000' })
  }
})

test('a resource named twice in one incremental change is refused both times', async (t) => {
  const { broker, connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders')
  const resources = ['1', '2'].map((value) => changes(TOPIC, 'orders', [['retention.ms', SET, value]]))
  for (const version of [0, 1]) {
    const body = { resources, validateOnly: false }
    const { responses } = await client.call(
      IncrementalAlterConfigsRequest,
      IncrementalAlterConfigsResponse,
      version,
      body,
    )
    assert.deepEqual(
      responses.map(({ errorCode }) => errorCode),
      [ErrorCode.INVALID_REQUEST, ErrorCode.INVALID_REQUEST],
    )
  }
  assert.equal(broker.topics.get('orders')?.configs.size, 0)
})

test('a dynamic setting of the broker takes effect at once and after a restart; a static one is refused', async (t) => {
  const fs = memoryFileSystem()
  const first = await startBroker(t, { fs })
  const client = await first.connect()
  await createTopic(client, 'orders')
  const big = () => batchOf(['x'.repeat(5000)])
  assert.equal((await produceTo(client, 'orders', big())).errorCode, ErrorCode.NONE)
  assert.equal(await alter(client, BROKER, '', ['message.max.bytes', SET, '1000']), ErrorCode.NONE)
  assert.equal((await produceTo(client, 'orders', big())).errorCode, ErrorCode.MESSAGE_TOO_LARGE)
  assert.deepEqual(await settingOf(client, BROKER, '1', 'message.max.bytes'), ['1000', 3])
  assert.equal(await alter(client, BROKER, '1', ['message.max.bytes', SET, '1048588']), ErrorCode.NONE)
  assert.equal((await produceTo(client, 'orders', big())).errorCode, ErrorCode.NONE)
  assert.equal(await alter(client, BROKER, '1', ['message.max.bytes', DELETE, null]), ErrorCode.NONE)
  assert.equal(await alter(client, BROKER, '1', ['num.partitions', SET, '3']), ErrorCode.INVALID_REQUEST)
  assert.equal(await alter(client, BROKER, '8', ['message.max.bytes', SET, '3']), ErrorCode.INVALID_REQUEST)
  await first.broker.close()
  const again = await (await startBroker(t, { fs })).connect()
  assert.equal((await produceTo(again, 'orders', big())).errorCode, ErrorCode.MESSAGE_TOO_LARGE)
})

test('settings of a group lie within the bounds of the broker, and are there after a restart', async (t) => {
  const fs = memoryFileSystem()
  const config = { 'group.consumer.max.session.timeout.ms': 50_000 }
  const first = await startBroker(t, { fs, config })
  const client = await first.connect()
  const session = 'consumer.session.timeout.ms'
  const heartbeat = 'consumer.heartbeat.interval.ms'
  assert.deepEqual(await settingOf(client, GROUP, 'app', session), ['45000', 5])
  assert.equal(await alter(client, GROUP, 'app', [session, SET, '48000']), ErrorCode.NONE)
  assert.deepEqual(await settingOf(client, GROUP, 'app', session), ['48000', 8])
  assert.deepEqual(await settingOf(client, GROUP, 'other', session), ['45000', 5])
  for (const [name, value] of [
    [session, '50001'],
    [session, '44999'],
    [session, 'long'],
    [heartbeat, '4999'],
    ['retention.ms', '1'],
  ])
    assert.equal(await alter(client, GROUP, 'app', [name, SET, value]), ErrorCode.INVALID_CONFIG, `${name}=${value}`)
  assert.equal(await alter(client, GROUP, '', [session, SET, '48000']), ErrorCode.INVALID_REQUEST)
  const replaced = await client.call(AlterConfigsRequest, AlterConfigsResponse, 2, {
    resources: [{ resourceType: GROUP, resourceName: 'old/way', configs: [{ name: heartbeat, value: '9000' }] }],
    validateOnly: false,
  })
  assert.equal(replaced.responses[0].errorCode, ErrorCode.NONE)
  await first.broker.close()
  const again = await (await startBroker(t, { fs, config })).connect()
  assert.deepEqual(await settingOf(again, GROUP, 'app', session), ['48000', 8])
  assert.deepEqual(await settingOf(again, GROUP, 'old/way', heartbeat), ['9000', 8])
  const { configResources } = await again.call(ListConfigResourcesRequest, ListConfigResourcesResponse, 1, {
    resourceTypes: [GROUP],
  })
  assert.deepEqual(configResources.map(({ resourceName }) => resourceName).sort(), ['app', 'old/way'])
  assert.equal(await alter(again, GROUP, 'app', [session, DELETE, null]), ErrorCode.NONE)
  assert.deepEqual(await settingOf(again, GROUP, 'app', session), ['45000', 5])
})

test('a default of the broker that contradicts a topic neither fails nor keeps the broker from starting', async (t) => {
  const fs = memoryFileSystem()
  const first = await startBroker(t, { fs })
  const client = await first.connect()
  await createTopic(client, 'orders', 1, { 'min.compaction.lag.ms': '5000' })
  assert.equal(await alter(client, BROKER, '', ['log.cleaner.max.compaction.lag.ms', SET, '1000']), ErrorCode.NONE)
  assert.equal(first.broker.topics.configOf('orders').minCompactionLagMs, 1000)
  await first.broker.close()
  const second = await startBroker(t, { fs })
  assert.equal(second.broker.topics.configOf('orders').maxCompactionLagMs, 1000)
})

test('a stored setting that the file of the next start contradicts is left out, and can be deleted', async (t) => {
  const fs = memoryFileSystem()
  const first = await startBroker(t, { fs })
  const client = await first.connect()
  const key = 'log.cleaner.min.compaction.lag.ms'
  assert.equal(await alter(client, BROKER, '', [key, SET, '5000']), ErrorCode.NONE)
  assert.equal(await alter(client, BROKER, '', ['message.max.bytes', SET, '4000']), ErrorCode.NONE)
  await first.broker.close()
  const second = await startBroker(t, { fs, config: { 'log.cleaner.max.compaction.lag.ms': 1000 } })
  const again = await second.connect()
  assert.deepEqual(await settingOf(again, BROKER, '1', key), ['0', 5])
  assert.deepEqual(await settingOf(again, BROKER, '1', 'message.max.bytes'), ['4000', 3])
  assert.equal(await alter(again, BROKER, '', [key, DELETE, null]), ErrorCode.NONE)
  await second.broker.close()
  const third = await startBroker(t, { fs })
  assert.deepEqual(await settingOf(await third.connect(), BROKER, '1', key), ['0', 5])
})

test('resources with a configuration are listed', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders')
  const list = (version: number, resourceTypes: number[]) =>
    client.call(ListConfigResourcesRequest, ListConfigResourcesResponse, version, { resourceTypes })
  assert.deepEqual((await list(0, [])).configResources, [])
  const all = await list(1, [])
  assert.deepEqual(
    all.configResources.map(({ resourceType, resourceName }) => [resourceType, resourceName]),
    [
      [2, 'orders'],
      [4, '1'],
      [8, '1'],
    ],
  )
  assert.equal((await list(1, [2])).configResources.length, 1)
  assert.equal((await list(1, [77])).errorCode, ErrorCode.UNSUPPORTED_VERSION)
})
