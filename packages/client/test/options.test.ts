import assert from 'node:assert/strict'
import { test } from 'node:test'
import { consumerOptionsFrom, kafkaOptionsFrom, parseBootstrap, producerOptionsFrom } from '../src/index.ts'

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
  for (const name of [...names, 'metadata.max.idle.ms', 'socket.nagle.disable', 'enable.auto.commit', 'group.id']) {
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
  refuse('acks', '2', /acks is 0, 1, all or -1, not "2"/)
  refuse('request.timeout.ms', 'soon', /request.timeout.ms is a whole number of at least 1/)
  refuse('security.protocol', 'SASL_SSL', /not supported yet/)
  refuse('sasl.mechanism', 'PLAIN', /not supported yet/)
  refuse('isolation.level', 'read_committed', /not supported yet/)
  refuse('compression.type', 'rar', /"rar" is not known/)
})
