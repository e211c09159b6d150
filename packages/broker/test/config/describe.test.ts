import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alterBrokerConfig, replaceBrokerConfig } from '../../src/config/alter.ts'
import { BrokerConfig } from '../../src/config/broker-config.ts'
import {
  type DescribeOptions,
  describeBroker,
  describeClusterDefaults,
  describeTopic,
} from '../../src/config/describe.ts'
import { objectLayer } from '../../src/config/layer.ts'

const broker = (values: Parameters<typeof objectLayer>[0] = {}) => BrokerConfig.from(objectLayer(values))
const one = (config: BrokerConfig, name: string, options: DescribeOptions = { includeSynonyms: true }) => {
  const described = describeBroker(config, { ...options, names: [name] })
  assert.equal(described.length, 1)
  return described[0]
}
const topic = (overrides: Record<string, string>, config: BrokerConfig, name: string) => {
  const options = { names: [name], includeSynonyms: true }
  const described = describeTopic(new Map(Object.entries(overrides)), config, options)
  assert.equal(described.length, 1)
  return described[0]
}

test('a default is described as one', () => {
  assert.deepEqual(one(broker(), 'log.segment.bytes', {}), {
    name: 'log.segment.bytes',
    value: '1073741824',
    readOnly: false,
    source: 5,
    sensitive: false,
    synonyms: [],
    type: 3,
    documentation: null,
  })
})

test('types have the numbers of Kafka, values the text of Kafka', () => {
  const rows: [string, number, string | null][] = [
    ['auto.create.topics.enable', 1, 'true'],
    ['compression.type', 2, 'producer'],
    ['num.partitions', 3, '1'],
    ['offsets.topic.replication.factor', 4, '3'],
    ['log.flush.interval.messages', 5, '9223372036854775807'],
    ['log.cleaner.io.max.bytes.per.second', 6, '1.7976931348623157E308'],
    ['log.cleaner.min.cleanable.ratio', 6, '0.5'],
    ['log.cleanup.policy', 7, 'delete'],
    ['replica.selector.class', 2, null],
    ['principal.builder.class', 8, 'org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder'],
    ['ssl.key.password', 9, null],
    ['log.retention.ms', 5, null],
  ]
  for (const [name, type, value] of rows) {
    const described = one(broker(), name)
    assert.deepEqual([described.type, described.value], [type, value], name)
  }
})

test('the source is the strongest level that says something, the synonyms are all of them', () => {
  const config = broker({ 'message.max.bytes': 1000 }).withDynamic({
    cluster: new Map([['message.max.bytes', '2000']]),
    broker: new Map([['message.max.bytes', '3000']]),
  })
  const { value, source, synonyms } = one(config, 'message.max.bytes')
  assert.deepEqual([value, source], ['3000', 2])
  assert.deepEqual(synonyms, [
    { name: 'message.max.bytes', value: '3000', source: 2 },
    { name: 'message.max.bytes', value: '2000', source: 3 },
    { name: 'message.max.bytes', value: '1000', source: 4 },
    { name: 'message.max.bytes', value: '1048588', source: 5 },
  ])
})

test('keys that fall back to others list them', () => {
  const config = broker({ 'log.retention.minutes': 5 })
  assert.deepEqual(one(config, 'log.retention.ms'), {
    name: 'log.retention.ms',
    value: null,
    readOnly: false,
    source: 5,
    sensitive: false,
    synonyms: [
      { name: 'log.retention.minutes', value: '5', source: 4 },
      { name: 'log.retention.hours', value: '168', source: 5 },
    ],
    type: 5,
    documentation: null,
  })
  const minutes = one(config, 'log.retention.minutes')
  assert.deepEqual([minutes.value, minutes.source], ['5', 4])
})

test('read-only follows the update mode', () => {
  assert.equal(one(broker(), 'num.partitions').readOnly, true)
  assert.equal(one(broker(), 'message.max.bytes').readOnly, false)
  assert.equal(one(broker(), 'listeners').readOnly, true)
})

test('a secret shows nothing, not even in synonyms', () => {
  const described = one(broker({ 'zookeeper.ssl.keystore.password': 'hunter2' }), 'zookeeper.ssl.keystore.password')
  assert.equal(described.sensitive, true)
  assert.equal(described.value, null)
  assert.equal(described.source, 4)
  assert.deepEqual(described.synonyms, [{ name: 'zookeeper.ssl.keystore.password', value: null, source: 4 }])
})

test('the documentation says what has no effect here', () => {
  const text = (name: string) => one(broker(), name, { includeDocumentation: true }).documentation
  assert.equal(
    text('broker.rack'),
    'Name of the rack, zone or machine this broker stands in; told to clients in Metadata.',
  )
  assert.match(text('num.io.threads')!, /Accepted without effect here: one event loop does this work/)
  assert.match(text('ssl.keystore.location')!, /Refused here unless it has its default\. TLS is not built in yet/)
})

test('all configs: internal ones and those of older releases only where they are set', () => {
  const names = (config: BrokerConfig) => describeBroker(config).map(({ name }) => name)
  const plain = names(broker())
  assert.equal(plain.length, 350 + 10, 'the 350 public keys of Kafka 4.4 and ten of ours')
  assert.ok(!plain.includes('zookeeper.connect'))
  assert.ok(!plain.includes('producer.id.expiration.check.interval.ms'))
  const set = names(broker({ 'zookeeper.connect': 'a:1', 'producer.id.expiration.check.interval.ms': 5 }))
  assert.equal(set.length, plain.length + 2)
})

test('unknown names are left out, repeated ones described once', () => {
  const options = { names: ['num.partitions', 'foo', 'num.partitions', 'constructor'] }
  assert.deepEqual(
    describeBroker(broker(), options).map(({ name }) => name),
    ['num.partitions'],
  )
})

test('the defaults of the cluster', () => {
  const config = broker().withDynamic({ cluster: new Map([['log.retention.ms', '5']]), broker: new Map() })
  assert.deepEqual(describeClusterDefaults(config, { includeSynonyms: true }), [
    {
      name: 'log.retention.ms',
      value: '5',
      readOnly: false,
      source: 3,
      sensitive: false,
      synonyms: [{ name: 'log.retention.ms', value: '5', source: 3 }],
      type: 5,
      documentation: null,
    },
  ])
  assert.deepEqual(describeClusterDefaults(config, { names: ['num.partitions'] }), [])
})

test('a topic has all 37 public configs of Kafka 4.4', () => {
  assert.equal(describeTopic(new Map(), broker()).length, 37)
  assert.equal(describeTopic(new Map([['message.format.version', '3.0']]), broker()).length, 38)
})

test("a topic's own setting is dynamic, with the broker behind it", () => {
  assert.deepEqual(topic({ 'segment.bytes': '2000' }, broker({ 'log.segment.bytes': 1000 }), 'segment.bytes'), {
    name: 'segment.bytes',
    value: '2000',
    readOnly: false,
    source: 1,
    sensitive: false,
    synonyms: [
      { name: 'segment.bytes', value: '2000', source: 1 },
      { name: 'log.segment.bytes', value: '1000', source: 4 },
      { name: 'log.segment.bytes', value: '1073741824', source: 5 },
    ],
    type: 3,
    documentation: null,
  })
})

test('what a topic inherits has the source of the broker key that supplies it', () => {
  const described = topic({}, broker({ 'log.retention.hours': 2 }), 'retention.ms')
  assert.deepEqual([described.value, described.source], ['7200000', 4])
  assert.deepEqual(described.synonyms, [
    { name: 'log.retention.hours', value: '2', source: 4 },
    { name: 'log.retention.hours', value: '168', source: 5 },
  ])
  const plain = topic({}, broker(), 'cleanup.policy')
  assert.deepEqual([plain.value, plain.source], ['delete', 5])
  const own = topic({}, broker(), 'remote.storage.enable')
  assert.deepEqual([own.value, own.source, own.synonyms], ['false', 5, []])
})

const changed = (config: BrokerConfig, level: 'broker' | 'cluster', name: string, value: string) => {
  const result = alterBrokerConfig(config, level, [{ name, op: 'set', value }])
  return result.ok ? Object.fromEntries(result.entries) : [result.errorCode, result.message]
}

test('a dynamic broker config can be changed where its update mode allows it', () => {
  const config = broker()
  assert.deepEqual(changed(config, 'cluster', 'log.retention.ms', ' 5'), { 'log.retention.ms': '5' })
  assert.deepEqual(changed(config, 'broker', 'message.max.bytes', '5'), { 'message.max.bytes': '5' })
  assert.deepEqual(changed(config, 'broker', 'num.partitions', '5'), [
    42,
    'num.partitions cannot be changed while the broker runs: set it in its file and restart',
  ])
  assert.deepEqual(changed(config, 'cluster', 'ssl.keystore.type', 'JKS'), [
    42,
    'ssl.keystore.type cannot be set for the whole cluster: set it for each broker',
  ])
  assert.deepEqual(changed(config, 'broker', 'foo', '5'), [40, 'foo is not a broker config'])
  assert.deepEqual(changed(config, 'broker', 'mesage.max.bytes', '5'), [
    40,
    'mesage.max.bytes is not a broker config; did you mean message.max.bytes?',
  ])
  assert.match(
    String(changed(config, 'broker', 'ssl.keystore.location', '/k')),
    /^40,ssl\.keystore\.location=\/k is refused/,
  )
  assert.match(String(changed(config, 'cluster', 'log.retention.ms', '0')), /^40,log\.retention\.ms=0 is not allowed/)
})

test('all dynamic configs of one level can be set anew', () => {
  const config = broker().withDynamic({
    cluster: new Map([['log.retention.ms', '5']]),
    broker: new Map([['log.preallocate', 'true']]),
  })
  const result = replaceBrokerConfig(config, 'cluster', [['message.max.bytes', '9']])
  assert.ok(result.ok)
  assert.deepEqual([...result.entries], [['message.max.bytes', '9']])
})
