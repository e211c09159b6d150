import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  brokerIdZnode,
  clusterIdZnode,
  configChangeZnode,
  configZnode,
  controllerEpochZnode,
  controllerZnode,
  deleteTopicZnode,
  desanitizeEntityName,
  featureZnode,
  isrChangeZnode,
  logDirEventZnode,
  partitionStateZnode,
  persistentPaths,
  preferredReplicaElectionZnode,
  producerIdBlockZnode,
  reassignPartitionsZnode,
  sanitizeEntityName,
  topicPartitionsZnode,
  topicPartitionZnode,
  topicZnode,
  ZnodeFormatError,
} from '@ottla/cluster'

const bytes = (text: string): Buffer => Buffer.from(text)
const topicId = 'ikAub9q6QcW9qUakngNwfQ'

/** Paths and payloads as Apache Kafka 3.9 has them, keys in the order in which its Scala maps write them. */
describe('znodes as Kafka 3.9 writes them', () => {
  const registration = {
    endpoints: [
      { listenerName: 'PLAINTEXT', securityProtocol: 'PLAINTEXT', host: 'broker-1', port: 9092 },
      { listenerName: 'INTERNAL', securityProtocol: 'SASL_SSL', host: 'fe80::1', port: 9093 },
    ],
    rack: 'r1',
    jmxPort: -1,
    timestampMs: 1719917952299,
    features: {},
  }

  test('/brokers/ids/<id>', () => {
    assert.equal(brokerIdZnode.path(7), '/brokers/ids/7')
    const text =
      '{"features":{},"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT","INTERNAL":"SASL_SSL"},' +
      '"endpoints":["PLAINTEXT://broker-1:9092","INTERNAL://[fe80::1]:9093"],"rack":"r1","jmx_port":-1,' +
      '"port":9092,"host":"broker-1","version":5,"timestamp":"1719917952299"}'
    assert.equal(brokerIdZnode.encode(registration).toString(), text)
    assert.deepEqual(brokerIdZnode.decode(7, bytes(text)), registration)
    const bare = { ...registration, endpoints: registration.endpoints.slice(1), rack: null }
    assert.equal(
      brokerIdZnode.encode(bare).toString(),
      '{"features":{},"listener_security_protocol_map":{"INTERNAL":"SASL_SSL"},"endpoints":["INTERNAL://[fe80::1]:9093"],' +
        '"jmx_port":-1,"port":-1,"host":null,"version":5,"timestamp":"1719917952299"}',
    )
    assert.deepEqual(brokerIdZnode.decode(7, brokerIdZnode.encode(bare)), bare)
  })

  test('/brokers/ids/<id> of older versions', () => {
    const plaintext = { listenerName: 'PLAINTEXT', securityProtocol: 'PLAINTEXT', host: 'h', port: 9092 }
    const rest = { rack: null, jmxPort: 9999, timestampMs: 5, features: {} }
    assert.deepEqual(
      brokerIdZnode.decode(1, bytes('{"version":1,"host":"h","port":9092,"jmx_port":9999,"timestamp":"5"}')),
      { ...rest, endpoints: [plaintext] },
    )
    const v3 =
      '{"version":3,"host":"h","port":9092,"jmx_port":9999,"timestamp":"5","endpoints":["PLAINTEXT://h:9092","SSL://h:9093"],"rack":"dc1"}'
    assert.deepEqual(brokerIdZnode.decode(1, bytes(v3)), {
      ...rest,
      rack: 'dc1',
      endpoints: [plaintext, { listenerName: 'SSL', securityProtocol: 'SSL', host: 'h', port: 9093 }],
    })
    const features =
      '{"version":5,"endpoints":[],"jmx_port":9999,"timestamp":"5","features":{"f":{"min_version":1,"max_version":3}}}'
    assert.deepEqual(brokerIdZnode.decode(1, bytes(features)).features, { f: { minVersion: 1, maxVersion: 3 } })
    assert.throws(() => brokerIdZnode.decode(1, bytes('{"version":0,"jmx_port":1}')), ZnodeFormatError)
    assert.throws(() => brokerIdZnode.decode(1, bytes('{"version":5,"endpoints":["h:1"]}')), ZnodeFormatError)
  })

  test('/brokers/topics/<topic>', () => {
    assert.equal(topicZnode.path('orders'), '/brokers/topics/orders')
    const partitions = new Map([
      [0, { replicas: [2, 3, 1], addingReplicas: [], removingReplicas: [] }],
      [1, { replicas: [3, 1, 2], addingReplicas: [2], removingReplicas: [1, 3] }],
    ])
    const text =
      `{"partitions":{"0":[2,3,1],"1":[3,1,2]},"topic_id":"${topicId}",` +
      '"adding_replicas":{"1":[2]},"removing_replicas":{"1":[1,3]},"version":3}'
    assert.equal(topicZnode.encode({ topicId, partitions }).toString(), text)
    assert.deepEqual(topicZnode.decode('orders', bytes(text)), { topicId, partitions })
    const v1 = topicZnode.decode('orders', bytes('{"version":1,"partitions":{"1":[0],"0":[0]}}'))
    assert.equal(v1.topicId, null)
    assert.deepEqual([...v1.partitions.keys()], [0, 1])
    assert.throws(() => topicZnode.decode('orders', bytes('{"version":1}')), /brokers\/topics\/orders cannot be read/)
    assert.throws(() => topicZnode.decode('orders', null), ZnodeFormatError)
  })

  test('/brokers/topics/<topic>/partitions/<partition>/state', () => {
    assert.equal(topicPartitionsZnode.path('t'), '/brokers/topics/t/partitions')
    assert.equal(topicPartitionZnode.path('t', 3), '/brokers/topics/t/partitions/3')
    assert.equal(partitionStateZnode.path('t', 3), '/brokers/topics/t/partitions/3/state')
    const state = {
      leader: 2,
      leaderEpoch: 4,
      isr: [2, 3, 1],
      controllerEpoch: 9,
      leaderRecoveryState: 'recovered',
    } as const
    const text = '{"controller_epoch":9,"leader":2,"version":1,"leader_epoch":4,"isr":[2,3,1]}'
    assert.equal(partitionStateZnode.encode(state).toString(), text)
    assert.deepEqual(partitionStateZnode.decode('t', 3, bytes(text)), state)
    const recovering = { ...state, leaderRecoveryState: 'recovering' } as const
    const recoveringText =
      '{"controller_epoch":9,"leader":2,"version":1,"leader_recovery_state":1,"leader_epoch":4,"isr":[2,3,1]}'
    assert.equal(partitionStateZnode.encode(recovering).toString(), recoveringText)
    assert.deepEqual(partitionStateZnode.decode('t', 3, bytes(recoveringText)), recovering)
  })

  test('/config/<kind>/<name> and /config/changes', () => {
    assert.equal(configZnode.path('brokers', '<default>'), '/config/brokers/<default>')
    const configs = new Map([
      ['cleanup.policy', 'compact'],
      ['retention.ms', '-1'],
    ])
    const text = '{"version":1,"config":{"cleanup.policy":"compact","retention.ms":"-1"}}'
    assert.equal(configZnode.encode(configs).toString(), text)
    assert.deepEqual(configZnode.decode('topics', 't', bytes(text)), configs)
    assert.equal(configZnode.encode(new Map()).toString(), '{"version":1,"config":{}}')
    assert.equal(configZnode.decode('topics', 't', null).size, 0)
    assert.equal(configZnode.decode('topics', 't', bytes('{"version":1}')).size, 0)
    assert.throws(() => configZnode.decode('topics', 't', bytes('{"config":{"a":1}}')), ZnodeFormatError)

    assert.equal(configChangeZnode.createPath, '/config/changes/config_change_')
    const change = '{"version":2,"entity_path":"topics/orders"}'
    assert.equal(configChangeZnode.encode('topics', 'orders').toString(), change)
    assert.equal(configChangeZnode.decode('/config/changes/config_change_0000000001', bytes(change)), 'topics/orders')
    const v1 = bytes('{"version":1,"entity_type":"topics","entity_name":"orders"}')
    assert.equal(configChangeZnode.decode('/config/changes/config_change_0000000001', v1), 'topics/orders')
  })

  test('names of users and clients', () => {
    assert.equal(sanitizeEntityName("User:a b*(c)!'~+/é"), 'User%3Aa%20b%2A%28c%29%21%27%7E%2B%2F%C3%A9')
    assert.equal(sanitizeEntityName('plain.Name-1_2'), 'plain.Name-1_2')
    for (const name of ['CN=x, O=ö & co/1', '%', '+', '<default>']) {
      assert.equal(desanitizeEntityName(sanitizeEntityName(name)), name)
    }
    assert.equal(desanitizeEntityName('a+b'), 'a b')
    assert.equal(desanitizeEntityName('%zz'), null)
  })

  test('/controller and /controller_epoch', () => {
    const text = '{"version":2,"brokerid":0,"timestamp":"1719917952299","kraftControllerEpoch":-1}'
    const controller = { brokerId: 0, timestampMs: 1719917952299, kraftControllerEpoch: -1 }
    assert.equal(controllerZnode.encode(controller).toString(), text)
    assert.deepEqual(controllerZnode.decode(bytes(text)), controller)
    assert.equal(controllerZnode.decode(bytes('{"version":1,"brokerid":4,"timestamp":"1"}')).brokerId, 4)
    assert.equal(controllerEpochZnode.encode(12).toString(), '12')
    assert.equal(controllerEpochZnode.decode(bytes('12')), 12)
    assert.throws(() => controllerEpochZnode.decode(bytes('x')), ZnodeFormatError)
  })

  test('/cluster/id, /latest_producer_id_block, /feature', () => {
    assert.equal(clusterIdZnode.encode(topicId).toString(), `{"version":"1","id":"${topicId}"}`)
    assert.equal(clusterIdZnode.decode(bytes(`{"version":"1","id":"${topicId}"}`)), topicId)
    const block = '{"version":1,"broker":1,"block_start":"1000","block_end":"1999"}'
    assert.equal(
      producerIdBlockZnode.encode({ brokerId: 1, firstProducerId: 1000, lastProducerId: 1999 }).toString(),
      block,
    )
    assert.deepEqual(producerIdBlockZnode.decode(bytes(block)), {
      brokerId: 1,
      firstProducerId: 1000,
      lastProducerId: 1999,
    })
    const feature = { status: 'enabled', version: 2, maxVersionLevels: {} } as const
    assert.equal(featureZnode.encode(feature).toString(), '{"features":{},"version":2,"status":1}')
    assert.deepEqual(featureZnode.decode(bytes('{"features":{},"version":2,"status":1}')), feature)
    const old = { status: 'disabled', version: 1, maxVersionLevels: { f: 2 } } as const
    const oldText = '{"features":{"f":{"max_version_level":2,"min_version_level":2}},"version":1,"status":0}'
    assert.equal(featureZnode.encode(old).toString(), oldText)
    assert.deepEqual(featureZnode.decode(bytes(oldText)), old)
  })

  test('notifications and what tools ask for', () => {
    const partitions = [
      { topic: 'a', partition: 0 },
      { topic: 'b', partition: 12 },
    ]
    const list = '{"version":1,"partitions":[{"topic":"a","partition":0},{"topic":"b","partition":12}]}'
    assert.equal(isrChangeZnode.createPath, '/isr_change_notification/isr_change_')
    assert.equal(isrChangeZnode.encode(partitions).toString(), list)
    assert.deepEqual(isrChangeZnode.decode('/isr_change_notification/isr_change_0000000000', bytes(list)), partitions)
    assert.equal(preferredReplicaElectionZnode.path, '/admin/preferred_replica_election')
    assert.equal(preferredReplicaElectionZnode.encode(partitions).toString(), list)
    assert.deepEqual(preferredReplicaElectionZnode.decode(bytes(list)), partitions)
    const reassignment = '{"version":1,"partitions":[{"topic":"a","partition":0,"replicas":[1,2]}]}'
    assert.equal(
      reassignPartitionsZnode.encode([{ topic: 'a', partition: 0, replicas: [1, 2] }]).toString(),
      reassignment,
    )
    assert.deepEqual(reassignPartitionsZnode.decode(bytes(reassignment)), [
      { topic: 'a', partition: 0, replicas: [1, 2] },
    ])
    assert.equal(logDirEventZnode.createPath, '/log_dir_event_notification/log_dir_event_')
    assert.equal(logDirEventZnode.encode(3).toString(), '{"version":1,"broker":3,"event":1}')
    assert.equal(logDirEventZnode.decode('/x', bytes('{"version":1,"broker":3,"event":1}')), 3)
    assert.equal(deleteTopicZnode.path('t'), '/admin/delete_topics/t')
  })

  test('the nodes every cluster has', () => {
    assert.deepEqual(persistentPaths, [
      '/consumers',
      '/brokers/ids',
      '/brokers/topics',
      '/config/changes',
      '/admin/delete_topics',
      '/brokers/seqid',
      '/isr_change_notification',
      '/latest_producer_id_block',
      '/log_dir_event_notification',
      '/config/topics',
      '/config/clients',
      '/config/users',
      '/config/brokers',
      '/config/ips',
      // Ours.
      '/config/groups',
    ])
  })
})
