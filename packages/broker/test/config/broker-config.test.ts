import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { BrokerConfig } from '../../src/config/broker-config.ts'
import { ConfigError } from '../../src/config/error.ts'
import { argumentLayer, fileLayer, objectLayer } from '../../src/config/layer.ts'
import { Secret } from '../../src/config/secret.ts'

const from = (values: Parameters<typeof objectLayer>[0]) => BrokerConfig.from(objectLayer(values))
const file = (text: string) => fileLayer(Buffer.from(text), 'server.properties')
const refused = (values: Parameters<typeof objectLayer>[0], message: string | RegExp) =>
  assert.throws(
    () => from(values),
    (error) => {
      assert.ok(error instanceof ConfigError, String(error))
      if (typeof message === 'string') assert.equal(error.message, message)
      else assert.match(error.message, message)
      return true
    },
  )

test('values are typed and default to what the declaration says', () => {
  const config = BrokerConfig.from()
  const segmentBytes: number = config.get('log.segment.bytes')
  const autoCreate: boolean = config.get('auto.create.topics.enable')
  const rack: string | null = config.get('broker.rack')
  const policy: readonly string[] = config.get('log.cleanup.policy')
  const compression: 'producer' | 'uncompressed' | 'gzip' | 'snappy' | 'lz4' | 'zstd' = config.get('compression.type')
  assert.deepEqual(
    [segmentBytes, autoCreate, rack, policy, compression],
    [1073741824, true, null, ['delete'], 'producer'],
  )
  assert.equal(config.nodeId, 1)
  assert.deepEqual(config.logDirs, ['./ottla-data'])
  assert.deepEqual(config.warnings, [])
  assert.deepEqual(config.inertKeys, [])
})

test('later layers win: file, then --set', () => {
  const config = BrokerConfig.from(
    file('num.partitions=3\nlog.segment.bytes = 1048576 \n'),
    argumentLayer(['num.partitions=6', 'broker.rack=a=b']),
  )
  assert.equal(config.get('num.partitions'), 6)
  assert.equal(config.get('log.segment.bytes'), 1048576)
  assert.equal(config.get('broker.rack'), 'a=b')
})

test('an argument must be name=value', () => {
  for (const item of ['num.partitions', '=3', ' =3']) {
    assert.throws(() => argumentLayer([item]), /^ConfigError: --set .* is not allowed: it must be name=value$/)
  }
})

test('a program may give numbers, lists, booleans and Infinity', () => {
  const config = from({
    'num.partitions': 3,
    'log.cleanup.policy': ['compact', 'delete'],
    'auto.create.topics.enable': false,
    'log.flush.interval.messages': Infinity,
    'broker.rack': undefined,
  })
  assert.equal(config.get('num.partitions'), 3)
  assert.deepEqual(config.get('log.cleanup.policy'), ['compact', 'delete'])
  assert.equal(config.get('auto.create.topics.enable'), false)
  assert.equal(config.get('log.flush.interval.messages'), Infinity)
})

test('an error names the place, the key, the value and what is allowed', () => {
  assert.throws(() => BrokerConfig.from(file('\nnum.partitions=0')), {
    name: 'ConfigError',
    key: 'num.partitions',
    message:
      'server.properties line 2: num.partitions=0 is not allowed: it must be a whole number from 1 to 2147483647',
  })
  refused({ 'num.partitions': '1.5' }, /num\.partitions=1\.5 is not allowed: it must be a whole number/)
  refused({ 'delete.topic.enable': 'yes' }, 'config: delete.topic.enable=yes is not allowed: it must be true or false')
  refused({ 'log.cleanup.policy': 'compact,keep' }, /it must be a list separated by commas out of compact, delete$/)
  refused({ 'compression.type': 'gz' }, /it must be one of uncompressed, zstd, lz4, snappy, gzip, producer$/)
  refused({ 'log.cleaner.min.cleanable.ratio': '1.01' }, /it must be a number from 0 to 1$/)
  refused({ 'compression.gzip.level': 0 }, /it must be a whole number from 1 to 9, or -1$/)
  refused({ 'log.index.size.max.bytes': '2147483648' }, /it must be a whole number from 4 to 2147483647$/)
  refused({ 'log.flush.interval.messages': '9223372036854775808' }, /it must be a whole number of at least 1$/)
  refused({ 'ottla.http.listener': '9090' }, /it must be host:port$/)
})

test('the shapes of numbers are those of Java', () => {
  assert.equal(from({ 'num.partitions': ' +7 ' }).get('num.partitions'), 7)
  assert.equal(from({ 'log.cleaner.min.cleanable.ratio': '1e-1' }).get('log.cleaner.min.cleanable.ratio'), 0.1)
  assert.equal(from({ 'log.cleaner.min.cleanable.ratio': '.5f' }).get('log.cleaner.min.cleanable.ratio'), 0.5)
  for (const text of ['', '0x10', '1e3', '1_000', '--1', 'NaN']) refused({ 'num.partitions': text }, /whole number/)
  for (const text of ['NaN', 'Infinity', '', '1e999', '0x1'])
    refused({ 'log.cleaner.min.cleanable.ratio': text }, /number/)
})

test('a long beyond the safe integers is Infinity', () => {
  const read = (text: string) => from({ 'log.retention.ms': text }).get('log.retention.ms')
  assert.equal(read('9223372036854775807'), Infinity)
  assert.equal(read('9007199254740992'), Infinity)
  assert.equal(read('9007199254740991'), Number.MAX_SAFE_INTEGER)
})

test('unknown keys are warned of, with the key that was meant', () => {
  const { warnings } = BrokerConfig.from(
    file('log.segment.byte=1\nsome.plugin.key=1\nnum.partitions=1\nnum.partitions=2'),
  )
  assert.deepEqual(warnings, [
    'server.properties line 1: unknown key log.segment.byte is ignored; did you mean log.segment.bytes?',
    'server.properties line 2: unknown key some.plugin.key is ignored',
    'server.properties sets num.partitions more than once; the last value counts',
  ])
})

test('inert keys are accepted and listed', () => {
  const config = from({ 'num.io.threads': 16, 'socket.send.buffer.bytes': 1, 'num.partitions': 2 })
  assert.deepEqual(config.inertKeys, ['num.io.threads', 'socket.send.buffer.bytes'])
})

test('a refused key may be set to its harmless default and to nothing, and otherwise says what to do', () => {
  const harmless = from({
    'security.inter.broker.protocol': 'PLAINTEXT',
    'sasl.enabled.mechanisms': 'GSSAPI',
    'authorizer.class.name': '',
    'ssl.keystore.location': '',
    'ssl.client.auth': 'none',
    'remote.log.storage.system.enable': 'FALSE',
    'principal.builder.class': 'org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder',
  })
  assert.deepEqual(harmless.warnings, [])
  const rows: [string, string, RegExp][] = [
    [
      'ssl.keystore.location',
      '/k.jks',
      /^config: ssl\.keystore\.location=\/k\.jks is refused\. TLS is not built in yet: /,
    ],
    ['authorizer.class.name', 'x.Y', /is refused\. Access rules are not enforced yet: .* remove the key\.$/],
    ['super.users', 'User:a', /is refused\. Access rules/],
    ['sasl.enabled.mechanisms', 'PLAIN', /is refused\. Authentication is not built in yet/],
    ['remote.log.storage.system.enable', 'true', /is refused\. Old segments cannot be moved/],
    ['client.quota.callback.class', 'x.Y', /is refused\. Code of one's own cannot be loaded/],
    ['create.topic.policy.class.name', 'x.Y', /is refused\. Code of one's own cannot be loaded/],
    ['config.providers', 'file', /is refused\. Values are taken as they are written/],
    ['connections.max.reauth.ms', '1', /is refused\. Authentication is not built in yet/],
  ]
  for (const [name, value, message] of rows) refused({ [name]: value }, message)
})

test('a refused key is refused for one listener too', () => {
  refused({ 'listener.name.external.ssl.keystore.location': '/k' }, /is refused\. TLS is not built in yet/)
  refused(
    { 'listener.name.external.scram-sha-256.sasl.jaas.config': 'x' },
    /is refused\. Authentication is not built in/,
  )
  assert.deepEqual(from({ 'listener.name.external.max.connections': '5' }).warnings, [
    'config: listener.name.external.max.connections is ignored; set max.connections, which holds for every listener',
  ])
})

test('a secret is never shown', () => {
  assert.throws(
    () => from({ 'ssl.key.password': 'hunter2' }),
    (error) => error instanceof ConfigError && !error.message.includes('hunter2'),
  )
  assert.throws(
    () => from({ 'listener.name.a.ssl.key.password': 'hunter2' }),
    (error) => error instanceof ConfigError && !error.message.includes('hunter2'),
  )
  const config = from({ 'zookeeper.ssl.keystore.password': 'hunter2' })
  const secret = config.get('zookeeper.ssl.keystore.password')
  assert.ok(secret instanceof Secret)
  assert.equal(secret.reveal(), 'hunter2')
  for (const shown of [`${secret}`, inspect(secret), JSON.stringify({ secret }), inspect(config, { depth: 9 })]) {
    assert.ok(!shown.includes('hunter2'), shown)
  }
})

test('node.id and broker.id are one number', () => {
  assert.equal(from({ 'node.id': 7 }).get('broker.id'), 7)
  assert.equal(from({ 'broker.id': 0 }).nodeId, 0)
  assert.equal(from({ 'broker.id': -1 }).nodeId, 1)
  assert.equal(from({ 'broker.id': -1, 'node.id': 4 }).get('broker.id'), 4)
  refused({ 'node.id': 1, 'broker.id': 2 }, 'node.id=1 and broker.id=2 differ: they name the same broker')
})

test('relations between keys are checked', () => {
  const rows: [Record<string, string | number>, RegExp][] = [
    [{ 'log.retention.ms': 0 }, /^log\.retention\.ms=0 is not allowed: it must be -1 \(never\) or at least 1$/],
    [{ 'log.retention.hours': -2 }, /^log\.retention\.hours=-2 is not allowed/],
    [{ 'log.roll.ms': 0 }, /^log\.roll\.ms=0 is not allowed/],
    [{ 'log.roll.jitter.ms': -1 }, /^log\.roll\.jitter\.ms=-1 is not allowed/],
    [{ 'log.dirs': '' }, /^log\.dirs is not allowed to be empty/],
    [{ 'log.cleaner.dedupe.buffer.size': 1000 }, /^log\.cleaner\.dedupe\.buffer\.size=1000 is not allowed/],
    [
      { 'queued.max.request.bytes': 1000 },
      /^queued\.max\.request\.bytes=1000 is not allowed: it must hold one request of socket\.request\.max\.bytes=104857600$/,
    ],
    [{ 'max.connections.per.ip': 0, 'max.connections.per.ip.overrides': '' }, /nobody could connect$/],
    [{ 'max.connections.per.ip.overrides': '10.0.0.1' }, /it must be address:count$/],
    [{ 'replica.fetch.wait.max.ms': 40000 }, /it must not exceed replica\.(socket\.timeout|lag\.time\.max)\.ms=30000$/],
    [{ 'group.min.session.timeout.ms': 2000000 }, /it must not exceed group\.max\.session\.timeout\.ms=1800000$/],
    [
      { 'log.cleaner.min.compaction.lag.ms': 10, 'log.cleaner.max.compaction.lag.ms': 5 },
      /it must not exceed log\.cleaner\.max\.compaction\.lag\.ms=5$/,
    ],
    [{ 'process.roles': 'controller' }, /this program is always a broker$/],
  ]
  for (const [values, message] of rows) refused(values, message)
})

test('the bound on queued requests always holds one request', () => {
  assert.equal(BrokerConfig.from().queuedMaxRequestBytes, 268435456)
  assert.equal(from({ 'queued.max.request.bytes': -1 }).queuedMaxRequestBytes, Infinity)
  assert.equal(from({ 'socket.request.max.bytes': 2000000000 }).queuedMaxRequestBytes, 2000000000)
})

test('exceptions to the connections per address', () => {
  const overrides = (text: string) => [...from({ 'max.connections.per.ip.overrides': text }).connectionsPerIpOverrides]
  assert.deepEqual(
    [...BrokerConfig.from().connectionsPerIpOverrides],
    [
      ['127.0.0.1', 10000],
      ['::1', 10000],
    ],
  )
  assert.deepEqual(overrides(' a.example.org : 5 ,[fe80::1]:6,'), [
    ['a.example.org', 5],
    ['fe80::1', 6],
  ])
  assert.deepEqual(overrides(''), [])
})

test('what is less than it seems is said at start', () => {
  assert.match(from({ 'zookeeper.connect': 'localhost:2181' }).warnings[0], /joins no cluster$/)
  assert.match(from({ 'controller.quorum.voters': '1@a:1,2@b:2' }).warnings[0], /joins no quorum$/)
  assert.deepEqual(from({ 'controller.quorum.voters': '1@a:1' }).warnings, [])
  assert.deepEqual(from({ listeners: 'PLAINTEXT://10.0.0.1:9092' }).warnings, [
    'listener PLAINTEXT is open on 10.0.0.1 port 9092 without authentication: anyone who reaches it can read and write everything',
  ])
})

test('dynamic values lie over static ones, this broker over the cluster', () => {
  const base = from({ 'log.retention.ms': 1000, 'message.max.bytes': 1000 })
  const changed = base.withDynamic({
    cluster: new Map([
      ['log.retention.ms', '2000'],
      ['message.max.bytes', '2000'],
    ]),
    broker: new Map([['message.max.bytes', '3000']]),
  })
  assert.equal(changed.get('log.retention.ms'), 2000)
  assert.equal(changed.get('message.max.bytes'), 3000)
  assert.equal(base.get('message.max.bytes'), 1000)
  assert.throws(
    () => base.withDynamic({ cluster: new Map([['log.retention.ms', 'x']]), broker: new Map() }),
    ConfigError,
  )
})
