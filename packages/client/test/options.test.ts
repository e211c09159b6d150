import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  consumerOptionsFrom,
  groupConsumerOptionsFrom,
  Kafka,
  kafkaOptionsFrom,
  parseBootstrap,
  producerOptionsFrom,
  transactionalProducerOptionsFrom,
} from '../src/index.ts'

test('bootstrap addresses in all their forms', () => {
  assert.deepEqual(parseBootstrap('a:1, b ,[::1]:3'), [
    { host: 'a', port: 1 },
    { host: 'b', port: 9092 },
    { host: '::1', port: 3 },
  ])
  assert.deepEqual(parseBootstrap(['PLAINTEXT://kafka-1.example:9093', '::1']), [
    { host: 'kafka-1.example', port: 9093 },
    { host: '::1', port: 9092 },
  ])
  for (const wrong of ['', 'a:b', 'a:99999', 'a:0', 'http://x/y']) {
    assert.throws(() => parseBootstrap(wrong), { code: 'CONFIG' }, wrong)
  }
})

test('properties by Kafka’s and librdkafka’s names', () => {
  const properties = new Map(
    Object.entries({
      'client.id': 'me',
      'request.timeout.ms': '5000',
      acks: '-1',
      'compression.codec': 'lz4',
      'queue.buffering.max.ms': '0.5',
      'fetch.wait.max.ms': '10',
      'auto.offset.reset': 'beginning',
      'socket.keepalive.enable': 'true',
      'key.deserializer': 'x',
    }),
  )
  assert.deepEqual(kafkaOptionsFrom(properties), { clientId: 'me', requestTimeoutMs: 5000 })
  assert.deepEqual(producerOptionsFrom(properties), { acks: 'all', compression: 'lz4', lingerMs: 0.5 })
  assert.deepEqual(consumerOptionsFrom(properties), { fetchMaxWaitMs: 10, reset: 'earliest' })
})

test('properties without a meaning here are no mistake', () => {
  const names = ['batch.num.messages', 'queue.buffering.max.kbytes', 'fetch.error.backoff.ms', 'log_level', 'debug']
  for (const name of [
    ...names,
    'metadata.max.idle.ms',
    'socket.nagle.disable',
    'max.poll.records',
    'enable.auto.offset.store',
  ]) {
    assert.deepEqual(kafkaOptionsFrom(new Map([[name, '1']])), {}, name)
  }
})

test('unknown, impossible and unsafe properties are refused by name', () => {
  const refuse = (name: string, value: string, pattern: RegExp) => {
    const properties = new Map([[name, value]])
    assert.throws(
      () => {
        kafkaOptionsFrom(properties)
        producerOptionsFrom(properties)
      },
      { code: 'CONFIG', message: pattern },
    )
  }
  refuse('no.such', '1', /there is no client property "no.such"/)
  refuse('compresion.type', 'gzip', /there is no client property "compresion.type"; did you mean compression.type\?$/)
  refuse('acks', '2', /acks is 0, 1, all or -1, not "2"/)
  refuse('request.timeout.ms', 'soon', /request.timeout.ms is a whole number of at least 1/)
  refuse('security.protocol', 'TLS', /^security.protocol is PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL, not TLS$/)
  refuse('sasl.kerberos.keytab', 'x', /^sasl.kerberos.keytab is not supported yet$/)
  refuse('compression.type', 'rar', /"rar" is not known/)
})

test('a producer’s options are checked by name, and the refusal says what is allowed', async () => {
  const kafka = new Kafka({ bootstrap: 'localhost:1' })
  const refuse = (options: unknown, message: RegExp) => {
    assert.throws(() => kafka.producer(options as never), { code: 'CONFIG', message })
  }
  refuse(5, /^the options of a producer are an object, not 5$/)
  refuse({ lingerms: 5 }, /^a producer has no option "lingerms"; did you mean lingerMs\?$/)
  refuse({ 'linger.ms': 5 }, /did you mean lingerMs/)
  refuse({ wait: 5 }, /^a producer has no option "wait"; it has key, value, acks, idempotent, /)
  refuse({ acks: 2 }, /^acks is 0, 1, 'all' or -1, not 2$/)
  refuse({ idempotent: 'x' }, /^idempotent is true or false, not 'x'$/)
  refuse({ idempotent: true, acks: 1 }, /^an idempotent producer needs acks 'all', not 1$/)
  refuse({ compression: 'rar' }, /^compression is 'none', 'gzip', 'snappy', 'lz4' or 'zstd', not 'rar'$/)
  refuse({ compression: 'gzip', compressionLevel: 10 }, /^compressionLevel of gzip is from -1 to 9 without 0, not 10$/)
  refuse({ compression: 'gzip', compressionLevel: 0 }, /not 0$/)
  refuse({ compression: 'snappy', compressionLevel: 1 }, /^compressionLevel 1: snappy has no levels$/)
  refuse({ compressionLevel: 'high' }, /^compressionLevel is a whole number/)
  refuse({ lingerMs: -1 }, /^lingerMs is a number of ms from 0 to 2147483647, not -1$/)
  refuse({ lingerMs: Number.NaN }, /not NaN$/)
  refuse({ batchBytes: 0 }, /^batchBytes is a whole number of bytes from 1 to 2147483647, not 0$/)
  refuse({ maxRequestBytes: '1' }, /^maxRequestBytes is .*, not '1'$/)
  refuse({ bufferBytes: 1.5 }, /^bufferBytes is a whole number of bytes of at least 1, not 1.5$/)
  refuse({ whenFull: 'drop' }, /^whenFull is 'wait' or 'fail', not 'drop'$/)
  refuse({ maxInFlight: 0 }, /^maxInFlight is a whole number of at least 1, not 0$/)
  refuse({ maxInFlight: 6 }, /^maxInFlight of an idempotent producer is from 1 to 5, not 6$/)
  refuse({ retries: -1 }, /^retries is a whole number of at least 0, or Infinity, not -1$/)
  refuse({ deliveryTimeoutMs: Infinity }, /^deliveryTimeoutMs is .*, not Infinity$/)
  refuse({ ackTimeoutMs: null }, /^ackTimeoutMs is .*, not null$/)
  refuse({ autoCreateTopics: 1 }, /^autoCreateTopics is true or false, not 1$/)
  refuse({ partitioner: 5 }, /^partitioner is a function, not 5$/)
  refuse({ transactionTimeoutMs: 5 }, /^a producer has no option "transactionTimeoutMs"/)
  refuse({ transactionalId: '' }, /^transactionalId is a text that is not empty, not ''$/)
  refuse({ transactionalId: 'id', acks: 1 }, /^acks is 'all' or -1, not 1$/)
  refuse({ transactionalId: 'id', idempotent: false }, /^idempotent is true, not false$/)
  refuse({ transactionalId: 'id', transactionTimeoutMs: 0 }, /^transactionTimeoutMs is .* of ms from 1 to .*, not 0$/)
  kafka.producer({ lingerMs: 0.5, maxInFlight: 9, acks: 1, retries: Infinity, compression: undefined })
  kafka.producer({ compression: 'none', compressionLevel: 5 })
  kafka.producer({ transactionalId: 'id', acks: 'all', idempotent: true })
  await kafka.close()
})

test('properties of security', () => {
  const files: Record<string, string> = { 'ca.pem': 'CA', 'me.pem': 'ME', 'me.key': 'KEY' }
  const from = (properties: Record<string, string>) =>
    kafkaOptionsFrom(new Map(Object.entries(properties)), (path) => files[path]!)
  const librdkafka = {
    'security.protocol': 'sasl_ssl',
    'sasl.mechanisms': 'SCRAM-SHA-512',
    'sasl.username': 'ann',
    'sasl.password': 'secret',
    'ssl.ca.location': 'ca.pem',
    'ssl.certificate.location': 'me.pem',
    'ssl.key.location': 'me.key',
    'ssl.key.password': 'open',
    'enable.ssl.certificate.verification': 'false',
  }
  assert.deepEqual(from(librdkafka), {
    tls: { ca: 'CA', cert: 'ME', key: 'KEY', passphrase: 'open', rejectUnauthorized: false },
    sasl: { mechanism: 'scram-sha-512', username: 'ann', password: 'secret' },
  })
  const login = 'org.apache.kafka.common.security.plain.PlainLoginModule required'
  const java = {
    'security.protocol': 'SASL_SSL',
    'sasl.mechanism': 'PLAIN',
    'sasl.jaas.config': `${login} username="ann" password="a\\"b";`,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.certificates': 'CA itself',
    'ssl.keystore.location': 'me.pem',
  }
  assert.deepEqual(from(java), {
    tls: { ca: 'CA itself', cert: 'ME', key: 'ME' },
    sasl: { mechanism: 'plain', username: 'ann', password: 'a"b' },
  })
  assert.deepEqual(from({ 'security.protocol': 'SSL' }), { tls: {} })
  assert.deepEqual(from({ 'security.protocol': 'plaintext' }), {})
  const wrong: [Record<string, string>, RegExp][] = [
    [
      { 'ssl.ca.location': 'ca.pem' },
      /^ssl.ca.location has no effect with security.protocol PLAINTEXT, but with SSL or/,
    ],
    [{ 'security.protocol': 'SSL', 'sasl.username': 'ann' }, /^sasl.username has no effect with security.protocol SSL/],
    [{ 'security.protocol': 'SSL', 'ssl.truststore.type': 'JKS' }, /^ssl.truststore.type is PEM/],
    [{ 'security.protocol': 'SSL', 'ssl.endpoint.identification.algorithm': '' }, /the name of the broker is always/],
    [{ 'security.protocol': 'SSL', 'enable.ssl.certificate.verification': 'no' }, /is true or false, not "no"$/],
    [{ 'security.protocol': 'SASL_SSL' }, /^sasl.mechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, not ""$/],
    [{ 'security.protocol': 'SASL_SSL', 'sasl.mechanism': 'OAUTHBEARER' }, /needs a function that gives tokens/],
    [
      { 'security.protocol': 'SASL_PLAINTEXT', 'sasl.mechanism': 'PLAIN', 'sasl.username': 'a' },
      /^sasl.password is missing$/,
    ],
  ]
  for (const [properties, message] of wrong) assert.throws(() => from(properties), { code: 'CONFIG', message })
  const file = new Map([
    ['security.protocol', 'SSL'],
    ['ssl.ca.location', 'ca.pem'],
  ])
  assert.throws(() => kafkaOptionsFrom(file), { code: 'CONFIG', message: /^ca.pem is a file, which nobody reads here/ })
})

test('options of security are checked by name', () => {
  const refuse = (options: object, message: string | RegExp) => {
    assert.throws(() => new Kafka({ bootstrap: 'a:1', ...options }), { code: 'CONFIG', message })
  }
  const pem = '-----BEGIN CERTIFICATE-----'
  refuse({ tls: 1 }, 'tls is true, false or an object, not 1')
  refuse({ tls: { ca: 'ca.pem' } }, /^ca is PEM as a text or a Buffer, or a list of them, not 'ca.pem'$/)
  refuse({ tls: { cert: pem } }, 'tls needs both cert and key, or none')
  refuse({ tls: { rejectUnauthorised: false } }, /did you mean rejectUnauthorized\?$/)
  refuse(
    { sasl: {} },
    /^the mechanism of sasl is 'plain', 'scram-sha-256', 'scram-sha-512' or 'oauthbearer', not undefined$/,
  )
  refuse({ sasl: { mechanism: 'PLAIN' } }, /not "PLAIN"$/)
  refuse({ sasl: { mechanism: 'plain', username: 'a' } }, 'sasl with plain needs password')
  // A secret is not repeated.
  refuse({ sasl: { mechanism: 'plain', username: 'a', password: 1234 } }, 'password is a text that is not empty')
  refuse({ tls: { key: 'hunter2' } }, 'key is PEM as a text or a Buffer')
  refuse({ sasl: { mechanism: 'oauthbearer', token: 'x' } }, /^token is a function that gives \{ token \}/)
  refuse({ sasl: { mechanism: 'plain', user: 'a' } }, 'sasl with plain has no option "user"; it has username, password')
})

test('properties of a group consumer', () => {
  const properties = new Map(
    Object.entries({
      'group.id': 'g',
      'group.instance.id': 'i',
      'group.protocol': 'CLASSIC',
      'client.rack': 'r',
      'enable.auto.commit': 'false',
      'auto.commit.interval.ms': '100',
      'session.timeout.ms': '9000',
      'heartbeat.interval.ms': '1000',
      'max.poll.interval.ms': '60000',
      'partition.assignment.strategy': 'org.apache.kafka.clients.consumer.CooperativeStickyAssignor, range',
      'isolation.level': 'read_committed',
      'auto.offset.reset': 'smallest',
      'fetch.min.bytes': '5',
    }),
  )
  assert.deepEqual(kafkaOptionsFrom(properties), {})
  assert.deepEqual(groupConsumerOptionsFrom(properties), {
    group: 'g',
    instanceId: 'i',
    groupProtocol: 'classic',
    rackId: 'r',
    autoCommit: false,
    autoCommitIntervalMs: 100,
    sessionTimeoutMs: 9000,
    heartbeatIntervalMs: 1000,
    maxPollIntervalMs: 60_000,
    assignors: ['cooperative-sticky', 'range'],
    isolation: 'read_committed',
    from: 'earliest',
    fetchMinBytes: 5,
  })
  assert.deepEqual(consumerOptionsFrom(properties), {
    isolation: 'read_committed',
    reset: 'earliest',
    fetchMinBytes: 5,
  })
  const modern = new Map([
    ['group.protocol', 'consumer'],
    ['group.remote.assignor', 'range'],
  ])
  assert.deepEqual(groupConsumerOptionsFrom(modern), { groupProtocol: 'consumer', groupRemoteAssignor: 'range' })
  for (const [name, value, message] of [
    ['group.protocol', 'streams', /^group.protocol is classic or consumer, not "streams"$/],
    ['isolation.level', 'serializable', /^isolation.level is read_uncommitted or read_committed, not/],
    ['partition.assignment.strategy', 'HashAssignor', /the strategy "HashAssignor" is not known; range, roundrobin/],
    ['enable.auto.commit', 'perhaps', /is true or false/],
    ['session.timeout.ms', '0', /is a whole number of at least 1/],
  ] as const) {
    assert.throws(() => groupConsumerOptionsFrom(new Map([[name, value]])), { code: 'CONFIG', message })
  }
  for (const name of [
    'group.name',
    'session.timeout',
    'heartbeat.ms',
    'max.poll.bytes',
    'enable.auto',
    'auto.commit',
  ]) {
    assert.throws(() => kafkaOptionsFrom(new Map([[name, '1']])), {
      code: 'CONFIG',
      message: /there is no client property/,
    })
  }
  const store = new Map([['enable.auto.offset.store', 'false']])
  assert.throws(() => kafkaOptionsFrom(store), { code: 'CONFIG', message: /commit by hand/ })
})

test('properties of a transactional producer', () => {
  const properties = new Map([
    ['transactional.id', 'id'],
    ['transaction.timeout.ms', '5000'],
    ['batch.size', '0'],
  ])
  const options = { transactionalId: 'id', transactionTimeoutMs: 5000, batchBytes: 1 }
  assert.deepEqual(kafkaOptionsFrom(properties), {})
  assert.deepEqual(transactionalProducerOptionsFrom(properties), options)
  assert.throws(() => producerOptionsFrom(properties), { code: 'CONFIG', message: /transactional.id/ })
  assert.throws(() => transactionalProducerOptionsFrom(new Map()), { code: 'CONFIG', message: /is missing/ })
})

test('a client’s options are checked likewise', () => {
  const refuse = (options: unknown, message: RegExp) => {
    assert.throws(() => new Kafka(options as never), { code: 'CONFIG', message })
  }
  const bootstrap = 'localhost:1'
  refuse(undefined, /^the options of a client are an object, not undefined$/)
  refuse({}, /^bootstrap is missing/)
  refuse({ bootstrap: '' }, /^bootstrap names no broker/)
  refuse({ bootstrap: 9092 }, /^bootstrap is 'host:port', or a list of them, not 9092$/)
  refuse({ brokers: ['localhost:1'] }, /^a client has no option "brokers"; it has bootstrap, clientId, /)
  refuse({ bootstrap, clientid: 'x' }, /did you mean clientId\?$/)
  refuse({ bootstrap, clientId: 5 }, /^clientId is a text, not 5$/)
  refuse({ bootstrap, requestTimeoutMs: '5' }, /^requestTimeoutMs is a number of ms from 1 to 2147483647, not '5'$/)
  refuse({ bootstrap, retryBackOffMs: -1 }, /^retryBackOffMs is .*, not -1$/)
  refuse({ bootstrap, unknownTopicRetries: 0.5 }, /^unknownTopicRetries is a whole number of at least 0, not 0.5$/)
  refuse({ bootstrap, maxResponseBytes: 2 ** 31 }, /^maxResponseBytes is .*, not 2147483648$/)
})
