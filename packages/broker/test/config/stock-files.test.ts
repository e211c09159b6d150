// The server.properties that Apache Kafka ships, as key=value pairs (the comments are not ours to copy). Each must start
// a broker as it is, so each must make a configuration.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokerConfig } from '../../src/config/broker-config.ts'
import { fileLayer } from '../../src/config/layer.ts'

const ZOOKEEPER_392 = `
broker.id=0
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs=/tmp/kafka-logs
num.partitions=1
num.recovery.threads.per.data.dir=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.retention.check.interval.ms=300000
zookeeper.connect=localhost:2181
zookeeper.connection.timeout.ms=18000
group.initial.rebalance.delay.ms=0
`

const KRAFT_392 = `
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@localhost:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs=/tmp/kraft-combined-logs
num.partitions=1
num.recovery.threads.per.data.dir=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
`

const KRAFT_431 = KRAFT_392.replace(
  'controller.quorum.voters=1@localhost:9093',
  'controller.quorum.bootstrap.servers=localhost:9093',
).replace(
  'transaction.state.log.replication.factor=1',
  'share.coordinator.state.topic.replication.factor=1\nshare.coordinator.state.topic.min.isr=1\ntransaction.state.log.replication.factor=1',
)

const load = (text: string) => BrokerConfig.from(fileLayer(Buffer.from(text), 'server.properties'))

test('server.properties of Kafka 3.9.2 in ZooKeeper mode', () => {
  const config = load(ZOOKEEPER_392)
  assert.equal(config.nodeId, 0)
  assert.deepEqual(config.logDirs, ['/tmp/kafka-logs'])
  assert.deepEqual(
    config.listening.listeners.map(({ addresses, port }) => [addresses, port]),
    [[['127.0.0.1', '::1'], 9092]],
  )
  assert.deepEqual(config.warnings, [
    'zookeeper.connect is set, but this broker keeps its metadata itself and joins no cluster',
  ])
  assert.ok(config.inertKeys.includes('num.io.threads'))
  assert.ok(!config.inertKeys.includes('log.dirs'))
})

for (const [release, text] of [
  ['3.9.2', KRAFT_392],
  ['4.3.1', KRAFT_431],
]) {
  test(`server.properties of Kafka ${release} in KRaft mode`, () => {
    const config = load(text)
    assert.equal(config.nodeId, 1)
    assert.deepEqual(config.logDirs, ['/tmp/kraft-combined-logs'])
    assert.deepEqual(config.listening, {
      listeners: [
        {
          name: 'PLAINTEXT',
          securityProtocol: 'PLAINTEXT',
          host: null,
          port: 9092,
          addresses: [],
          loopback: false,
        },
      ],
      advertised: [{ name: 'PLAINTEXT', securityProtocol: 'PLAINTEXT', host: 'localhost', port: 9092 }],
    })
    assert.deepEqual(config.warnings, [
      'listener PLAINTEXT is open on every address port 9092 without authentication: anyone who reaches it can read and write everything',
    ])
  })
}
