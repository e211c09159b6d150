// The server.properties that Apache Kafka ships, as key=value pairs (the comments are not ours to copy). Each must make a
// configuration, and start a broker that takes records, as it is.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Broker } from '@ottla/broker'
import { ErrorCode, FetchRequest, FetchResponse, MetadataRequest, MetadataResponse } from '@ottla/protocol'
import type { Network } from '@ottla/runtime'
import { memoryFileSystem, nodeRuntime } from '@ottla/runtime/node'
import { RawClient } from '@ottla/testkit'
import { BrokerConfig } from '../../src/config/broker-config.ts'
import { fileLayer } from '../../src/config/layer.ts'
import { produceTo } from '../support/admin.ts'
import { batchOf } from '../support/batches.ts'
import { valuesIn } from '../support/values.ts'

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

/** Loopback and a free port in place of what the file says, which this machine may not have to give. */
class ElsewhereNetwork implements Network {
  readonly asked: string[] = []
  /** Of the last listener. */
  port = 0
  readonly #real = nodeRuntime().net

  async listen(...[options, onConnection]: Parameters<Network['listen']>): ReturnType<Network['listen']> {
    this.asked.push(`${options.host} ${options.port}`)
    const listener = await this.#real.listen({ ...options, host: '127.0.0.1', port: 0 }, onConnection)
    this.port = listener.port
    return { host: options.host, port: options.port, close: () => listener.close() }
  }

  connect(...args: Parameters<Network['connect']>): ReturnType<Network['connect']> {
    return this.#real.connect(...args)
  }
}

for (const [name, text, addresses, dir] of [
  ['3.9.2 in ZooKeeper mode', ZOOKEEPER_392, ['127.0.0.1 9092', '::1 9092'], '/tmp/kafka-logs'],
  ['3.9.2 in KRaft mode', KRAFT_392, [':: 9092'], '/tmp/kraft-combined-logs'],
  ['4.3.1 in KRaft mode', KRAFT_431, [':: 9092'], '/tmp/kraft-combined-logs'],
] as const) {
  test(`server.properties of Kafka ${name} starts a broker, and starts it again`, async () => {
    const fs = memoryFileSystem()
    for (const run of [0, 1]) {
      const net = new ElsewhereNetwork()
      const identity = { pid: 1, startedAt: `${run}`, bootId: 'test' }
      const broker = await Broker.start(
        { config: load(text), identity, isAlive: () => false },
        { ...nodeRuntime({ fs }), net },
      )
      const client = await RawClient.connect(net.port)
      try {
        assert.deepEqual(net.asked, addresses)
        const { topics, brokers } = await client.call(MetadataRequest, MetadataResponse, 12, {
          topics: [{ name: 'orders' }],
          allowAutoTopicCreation: true,
        })
        assert.deepEqual(
          brokers.map(({ host, port }) => [host, port]),
          [['localhost', 9092]],
        )
        assert.equal(topics[0].name, 'orders')
        const { errorCode, baseOffset } = await produceTo(client, 'orders', batchOf([`of run ${run}`]))
        assert.deepEqual([errorCode, baseOffset], [ErrorCode.NONE, run])
        const { responses } = await client.call(FetchRequest, FetchResponse, 12, {
          maxWaitMs: 0,
          topics: [{ topic: 'orders', partitions: [{ partition: 0, fetchOffset: run, partitionMaxBytes: 1 << 20 }] }],
        })
        assert.deepEqual(valuesIn(responses[0].partitions[0].records), [[run, `of run ${run}`]])
        assert.ok(fs.exists(`${dir}/orders-0`))
      } finally {
        client.close()
        await broker.close()
      }
    }
  })
}
