import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokerConfig } from '../../src/config/broker-config.ts'
import { ConfigError } from '../../src/config/error.ts'
import { objectLayer } from '../../src/config/layer.ts'

const listening = (values: Record<string, string>) => BrokerConfig.from(objectLayer(values)).listening
const refused = (values: Record<string, string>, message: RegExp) =>
  assert.throws(
    () => listening(values),
    (error) => {
      assert.ok(error instanceof ConfigError)
      assert.match(error.message, message)
      return true
    },
  )

test('without any setting the broker listens on both loopback addresses', () => {
  assert.deepEqual(listening({}), {
    listeners: [
      {
        name: 'PLAINTEXT',
        securityProtocol: 'PLAINTEXT',
        host: 'localhost',
        port: 9092,
        addresses: ['127.0.0.1', '::1'],
        loopback: true,
      },
    ],
    advertised: [{ name: 'PLAINTEXT', securityProtocol: 'PLAINTEXT', host: 'localhost', port: 9092 }],
  })
})

test('the host decides what is bound and who can reach it', () => {
  const rows: [string, string | null, string[], boolean][] = [
    ['localhost', 'localhost', ['127.0.0.1', '::1'], true],
    ['LocalHost', 'LocalHost', ['127.0.0.1', '::1'], true],
    ['127.0.0.1', '127.0.0.1', ['127.0.0.1'], true],
    ['127.8.8.8', '127.8.8.8', ['127.8.8.8'], true],
    ['[::1]', '::1', ['::1'], true],
    ['', null, [], false],
    ['0.0.0.0', null, ['0.0.0.0'], false],
    ['[::]', null, ['::'], false],
    ['kafka-1.example.org', 'kafka-1.example.org', ['kafka-1.example.org'], false],
    ['10.0.0.1', '10.0.0.1', ['10.0.0.1'], false],
    ['[fe80::1%eth0]', 'fe80::1%eth0', ['fe80::1%eth0'], false],
  ]
  for (const [written, host, addresses, loopback] of rows) {
    const [listener] = listening({ listeners: `PLAINTEXT://${written}:9092` }).listeners
    assert.deepEqual(
      { ...listener },
      {
        name: 'PLAINTEXT',
        securityProtocol: 'PLAINTEXT',
        host,
        port: 9092,
        addresses,
        loopback,
      },
    )
  }
})

test('several listeners with names of their own', () => {
  const { listeners, advertised } = listening({
    listeners: 'internal://:9092, EXTERNAL://0.0.0.0:9093,LOCAL://localhost:0',
    'advertised.listeners': 'EXTERNAL://kafka.example.org:19093,INTERNAL://broker-1:9092',
    'listener.security.protocol.map': 'INTERNAL:PLAINTEXT,external:plaintext,LOCAL:PLAINTEXT',
    'inter.broker.listener.name': 'INTERNAL',
  })
  assert.deepEqual(
    listeners.map(({ name, port }) => [name, port]),
    [
      ['INTERNAL', 9092],
      ['EXTERNAL', 9093],
      ['LOCAL', 0],
    ],
  )
  assert.deepEqual(
    advertised.map(({ name, host, port }) => [name, host, port]),
    [
      ['INTERNAL', 'broker-1', 9092],
      ['EXTERNAL', 'kafka.example.org', 19093],
      ['LOCAL', 'localhost', 0],
    ],
  )
})

test('a listener on every address is advertised under the name of the machine, which the server knows', () => {
  assert.equal(listening({ listeners: 'PLAINTEXT://:9092' }).advertised[0].host, null)
  assert.equal(listening({ listeners: 'PLAINTEXT://0.0.0.0:9092' }).advertised[0].host, null)
})

test('controller listeners are accepted and not opened', () => {
  const { listeners, advertised } = listening({
    'process.roles': 'broker,controller',
    'controller.listener.names': 'CONTROLLER',
    listeners: 'PLAINTEXT://:9092,CONTROLLER://:9093',
    'advertised.listeners': 'PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093',
    'listener.security.protocol.map': 'CONTROLLER:SSL,PLAINTEXT:PLAINTEXT',
  })
  assert.deepEqual(
    listeners.map(({ name }) => name),
    ['PLAINTEXT'],
  )
  assert.deepEqual(
    advertised.map(({ name }) => name),
    ['PLAINTEXT'],
  )
})

test('one port may serve two different addresses', () => {
  const protocols = 'A:PLAINTEXT,B:PLAINTEXT'
  const map = { 'listener.security.protocol.map': protocols }
  assert.equal(listening({ ...map, listeners: 'A://127.0.0.1:9092,B://[::1]:9092' }).listeners.length, 2)
  assert.equal(listening({ ...map, listeners: 'A://:0,B://:0' }).listeners.length, 2)
  for (const listeners of [
    'A://127.0.0.1:9092,B://127.0.0.1:9092',
    'A://localhost:9092,B://[::1]:9092',
    'A://:9092,B://10.0.0.1:9092',
    'A://0.0.0.0:9092,B://10.0.0.1:9092',
  ]) {
    refused({ ...map, listeners }, /^listeners A and B both want port 9092 of one address$/)
  }
})

test('what cannot be a listener is refused with a sentence', () => {
  for (const text of [
    'localhost:9092',
    'PLAINTEXT://h',
    'PLAINTEXT://h:',
    'PLAINTEXT://h:65536',
    '://h:1',
    'P://h h:1',
  ]) {
    refused({ listeners: text }, /is not an address: write NAME:\/\/host:port, such as PLAINTEXT:\/\/:9092$/)
  }
  refused({ listeners: 'PLAINTEXT://a:1,plaintext://b:2' }, /^listeners names PLAINTEXT twice/)
  refused({ listeners: 'FOO://a:1' }, /^listener FOO has no security protocol: add FOO:PLAINTEXT to listener\.security/)
  refused({ listeners: '' }, /leaves no address for clients/)
  refused(
    { listeners: 'CONTROLLER://:9093', 'controller.listener.names': 'CONTROLLER' },
    /leaves no address for clients: name one that is not in controller\.listener\.names$/,
  )
})

test('a protocol that does not exist yet is refused, not served in the clear', () => {
  for (const protocol of ['SSL', 'SASL_PLAINTEXT', 'SASL_SSL']) {
    refused(
      { listeners: `${protocol}://:9092` },
      new RegExp(`^listener ${protocol} wants ${protocol}, which is not built`),
    )
  }
})

test('the protocol map is checked', () => {
  const map = (text: string) => ({ 'listener.security.protocol.map': text })
  refused(map('PLAINTEXT'), /is not NAME:PROTOCOL/)
  refused(map('PLAINTEXT:TLS'), /is not NAME:PROTOCOL/)
  refused(map('A:PLAINTEXT:x'), /is not NAME:PROTOCOL/)
  refused(map('PLAINTEXT:PLAINTEXT,plaintext:SSL'), /names plaintext twice$/)
})

test('advertised listeners must listen and be reachable', () => {
  refused({ 'advertised.listeners': 'FOO://h:1' }, /^advertised\.listeners names FOO, which is not among listeners$/)
  refused({ 'advertised.listeners': 'PLAINTEXT://0.0.0.0:9092' }, /is no address a client can reach/)
  refused({ 'advertised.listeners': 'PLAINTEXT://h:1,PLAINTEXT://i:1' }, /^advertised\.listeners names PLAINTEXT twice/)
  refused({ 'inter.broker.listener.name': 'FOO' }, /^inter\.broker\.listener\.name=FOO is not among listeners$/)
})
