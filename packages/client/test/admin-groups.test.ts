import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ConsumerProtocolAssignment, ConsumerProtocolSubscription, ErrorCode, encodeVersioned } from '@ottla/protocol'
import {
  deleteGroupsApi,
  deleteOffsetsApi,
  describeConsumerGroupsApi,
  describeGroupsApi,
  listGroupsApi,
} from '../src/admin/apis.ts'
import {
  findCoordinatorApi,
  leaveGroupApi,
  listOffsetsApi,
  metadataApi,
  offsetCommitApi,
  offsetFetchApi,
} from '../src/apis.ts'
import { Kafka } from '../src/index.ts'
import { FakeBroker, metadataOf } from './support/fake-broker.ts'

/** Two brokers that share the groups: those whose id begins with `b` are the second one's. */
async function twoBrokers(t: TestContext) {
  const brokers = [await new FakeBroker(1).listen(t), await new FakeBroker(2).listen(t)]
  const ownerOf = (key: string) => brokers[key.startsWith('b') ? 1 : 0]
  const located = (key: string) => ({ key, nodeId: ownerOf(key).id, host: '127.0.0.1', port: ownerOf(key).port })
  for (const broker of brokers) {
    broker
      .on(metadataApi, () => metadataOf(brokers, { t: [1, 2] }))
      .on(findCoordinatorApi, ({ coordinatorKeys, key }, version) =>
        version < 4 ? located(key) : { coordinators: coordinatorKeys.map(located) },
      )
  }
  const bootstrap = brokers.map((b) => `127.0.0.1:${b.port}`)
  const kafka = new Kafka({ bootstrap, retryBackOffMs: 1, retryBackOffMaxMs: 1, apiTimeoutMs: 5000 })
  t.after(() => kafka.close())
  return { brokers, admin: kafka.admin }
}

const codes = (items: readonly { error: { code: string } | null }[]) => items.map((i) => i.error?.code ?? 'OK')

test('groups are listed from every broker, and one that fails hides only its own', async (t) => {
  const { brokers, admin } = await twoBrokers(t)
  const group = (groupId: string) => ({
    groupId,
    protocolType: 'consumer',
    groupState: 'Stable',
    groupType: 'Consumer',
  })
  brokers[0].on(listGroupsApi, () => ({ groups: [group('z'), group('a')] }))
  brokers[1].on({ ...listGroupsApi, maxVersion: 3 }, () => ({ groups: [group('b')] }))
  const all = await admin.listGroups()
  assert.deepEqual(
    all.groups.map((g) => [g.groupId, g.type, g.state, g.coordinatorId]),
    [
      ['a', 'consumer', 'Stable', 1],
      // A broker that knows neither states nor types has classic groups only.
      ['b', 'classic', null, 2],
      ['z', 'consumer', 'Stable', 1],
    ],
  )
  const stable = await admin.listGroups({ states: ['Stable'], types: ['consumer'] })
  assert.deepEqual(
    stable.groups.map((g) => g.groupId),
    ['a', 'z'],
  )
  assert.deepEqual(
    stable.failures.map((f) => [f.brokerId, f.error.code]),
    [[2, 'UNSUPPORTED_VERSION']],
  )
  brokers[0].on(listGroupsApi, () => ({ errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED }))
  await assert.rejects(admin.listGroups({ states: ['Stable'] }))
})

test('a group is described by the protocol it has', async (t) => {
  const { brokers, admin } = await twoBrokers(t)
  const consumer = { topicName: 't', partitions: [1, 0] }
  brokers[1].on(describeConsumerGroupsApi, ({ groupIds }) => ({
    groups: groupIds.map((groupId) =>
      groupId === 'b-modern'
        ? {
            groupId,
            groupState: 'Stable',
            groupEpoch: 3,
            assignmentEpoch: 2,
            assignorName: 'uniform',
            members: [
              {
                memberId: 'm',
                memberEpoch: 3,
                clientId: 'c',
                clientHost: '/10.0.0.1',
                memberType: 0,
                assignment: { topicPartitions: [consumer] },
                targetAssignment: { topicPartitions: [] },
              },
            ],
          }
        : { groupId, errorCode: ErrorCode.GROUP_ID_NOT_FOUND },
    ),
  }))
  const subscription = encodeVersioned(ConsumerProtocolSubscription, 3, { topics: ['t', 's'], rackId: 'r1' })
  const assignment = encodeVersioned(ConsumerProtocolAssignment, 1, {
    assignedPartitions: [{ topic: 't', partitions: [1, 0] }],
  })
  const member = { memberId: 'm', clientId: 'c', clientHost: '/10.0.0.1' }
  const members = [
    { ...member, memberMetadata: subscription, memberAssignment: assignment },
    // What another language's client has written wrong is its own affair.
    { ...member, memberId: 'a', memberMetadata: Buffer.from('??'), memberAssignment: Buffer.alloc(0) },
  ]
  const classic = { groupState: 'Stable', protocolType: 'consumer', protocolData: 'range', members }
  brokers[1].on(describeGroupsApi, ({ groups }) => ({
    groups: groups.map((groupId) =>
      groupId === 'b-nope' ? { groupId, errorCode: ErrorCode.GROUP_ID_NOT_FOUND } : { groupId, ...classic },
    ),
  }))
  // The first broker is an old one.
  brokers[0].on({ ...describeGroupsApi, maxVersion: 4 }, ({ groups }) => ({
    groups: groups.map((groupId) =>
      groupId === 'a-nope'
        ? { groupId, groupState: 'Dead', protocolType: '', protocolData: '', members: [] }
        : { groupId, groupState: 'Stable', protocolType: 'connect', protocolData: 'sessioned', members },
    ),
  }))
  const described = await admin.describeGroups(['b-modern', 'b-classic', 'b-nope', 'a-nope', 'a-connect'])
  assert.deepEqual(codes(described), ['OK', 'OK', 'GROUP_ID_NOT_FOUND', 'GROUP_ID_NOT_FOUND', 'OK'])
  const [modern, old, , , connect] = described.map((d) => d.group)
  assert.deepEqual([modern?.type, modern?.groupEpoch, modern?.members[0].protocol], ['consumer', 3, 'classic'])
  assert.deepEqual(modern?.members[0].assignment, [
    { topic: 't', partition: 0 },
    { topic: 't', partition: 1 },
  ])
  assert.deepEqual([old?.type, old?.assignor, old?.coordinatorId], ['classic', 'range', 2])
  assert.deepEqual(
    old?.members.map((m) => [m.memberId, m.host, m.rack, m.subscribedTopics, m.assignment?.length]),
    [
      ['a', '10.0.0.1', null, [], 0],
      ['m', '10.0.0.1', 'r1', ['s', 't'], 2],
    ],
  )
  assert.deepEqual([connect?.protocolType, connect?.members[0].assignment], ['connect', null])
})

test('a coordinator that moves or still loads is looked for again, with one request for several groups', async (t) => {
  const { brokers, admin } = await twoBrokers(t)
  const errors = [
    ErrorCode.NOT_COORDINATOR,
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ]
  brokers[0].on(deleteGroupsApi, ({ groupsNames }) => ({
    results: groupsNames.map((groupId) => ({
      groupId,
      errorCode: groupId === 'a1' ? (errors.shift() ?? 0) : ErrorCode.NON_EMPTY_GROUP,
    })),
  }))
  const results = await admin.deleteGroups(['a1', 'a2'])
  assert.deepEqual(
    results.map((r) => r.error?.message ?? 'OK'),
    ['OK', 'group a2 has members'],
  )
  const asked = [...brokers[0].requests, ...brokers[1].requests].filter((r) => r.name === 'FindCoordinator')
  assert.deepEqual(
    asked.map((r) => (r.body as { coordinatorKeys: string[] }).coordinatorKeys),
    [['a1', 'a2'], ['a1'], ['a1'], ['a1']],
  )
  assert.deepEqual(
    brokers[0].requests
      .filter((r) => r.name === 'DeleteGroups')
      .map((r) => (r.body as { groupsNames: string[] }).groupsNames),
    [['a1', 'a2'], ['a1'], ['a1'], ['a1']],
  )
})

test('older brokers are asked for one coordinator and one group at a time', async (t) => {
  const { brokers, admin } = await twoBrokers(t)
  for (const broker of brokers) {
    broker.on({ ...findCoordinatorApi, maxVersion: 3 }, ({ key }) => ({
      nodeId: key.startsWith('b') ? 2 : 1,
      host: '127.0.0.1',
      port: brokers[key.startsWith('b') ? 1 : 0].port,
    }))
    broker.on({ ...offsetFetchApi, maxVersion: 7 }, ({ groupId }) => ({
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: groupId.length, metadata: null }] }],
    }))
  }
  const listed = await admin.listGroupOffsets(['a', 'aaa', 'bb'], { requireStable: true })
  assert.deepEqual(
    listed.map((g) => [g.name, g.offsets.map((o) => [o.topic, o.partition, o.offset, o.metadata])]),
    [
      ['a', [['t', 0, 1, '']]],
      ['aaa', [['t', 0, 3, '']]],
      ['bb', [['t', 0, 2, '']]],
    ],
  )
})

test('offsets are stored and deleted partition by partition', async (t) => {
  const { brokers, admin } = await twoBrokers(t)
  let loads = 1
  brokers[0]
    .on(offsetCommitApi, ({ topics, generationIdOrMemberEpoch, memberId }) => {
      assert.deepEqual([generationIdOrMemberEpoch, memberId], [-1, ''])
      const whole = loads-- > 0 ? ErrorCode.COORDINATOR_LOAD_IN_PROGRESS : 0
      return {
        topics: topics.map(({ name, partitions }) => ({
          name,
          partitions: partitions.map(({ partitionIndex, committedOffset }) => ({
            partitionIndex,
            errorCode: whole || (committedOffset > 5 ? ErrorCode.UNKNOWN_MEMBER_ID : 0),
          })),
        })),
      }
    })
    .on(deleteOffsetsApi, ({ topics }) => ({
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({
          partitionIndex,
          errorCode: partitionIndex === 0 ? 0 : ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC,
        })),
      })),
    }))
  const altered = await admin.alterGroupOffsets('a', [
    { topic: 't', partition: 0, offset: 5 },
    { topic: 't', partition: 1, offset: 6 },
  ])
  assert.deepEqual(codes(altered), ['OK', 'UNKNOWN_MEMBER_ID'])
  assert.equal(altered[1].error?.message, 'group a has members, which commit for it')
  assert.ok(brokers[0].requests.every((r) => r.name !== 'OffsetCommit' || r.version === 9))
  const partitions = [
    { topic: 't', partition: 0 },
    { topic: 't', partition: 1 },
  ]
  assert.deepEqual(codes(await admin.deleteGroupOffsets('a', partitions)), ['OK', 'GROUP_SUBSCRIBED_TO_TOPIC'])
  brokers[0].on(deleteOffsetsApi, () => ({ errorCode: ErrorCode.GROUP_ID_NOT_FOUND }))
  await assert.rejects(admin.deleteGroupOffsets('a', partitions), { code: 'GROUP_ID_NOT_FOUND' })
})

test('lag is the end less what is committed, also of partitions that only a member names', async (t) => {
  const { brokers, admin } = await twoBrokers(t)
  const isolation: number[] = []
  for (const broker of brokers) {
    broker.on(listOffsetsApi, ({ topics, isolationLevel }) => {
      isolation.push(isolationLevel)
      return {
        topics: topics.map(({ name, partitions }) => ({
          name,
          partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, offset: 10 })),
        })),
      }
    })
  }
  brokers[0]
    .on(describeGroupsApi, ({ groups }) => ({
      groups: groups.map((groupId) => ({
        groupId,
        groupState: 'Stable',
        protocolType: 'consumer',
        protocolData: 'range',
        members: [
          {
            memberId: 'm',
            clientId: 'c',
            clientHost: 'h',
            memberMetadata: encodeVersioned(ConsumerProtocolSubscription, 0, { topics: ['t'] }),
            memberAssignment: encodeVersioned(ConsumerProtocolAssignment, 0, {
              assignedPartitions: [{ topic: 't', partitions: [1] }],
            }),
          },
        ],
      })),
    }))
    .on(offsetFetchApi, ({ groups }) => ({
      groups: groups.map(({ groupId }) => ({
        groupId,
        topics: [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 4, metadata: 'x' }] }],
      })),
    }))
  const [{ partitions }] = await admin.groupLag(['a'], { readCommitted: true })
  assert.deepEqual(
    partitions.map((p) => [p.partition, p.committedOffset, p.endOffset, p.lag, p.member?.memberId ?? null, p.metadata]),
    [
      [0, 4, 10, 6, null, 'x'],
      [1, null, 10, null, 'm', ''],
    ],
  )
  assert.deepEqual(new Set(isolation), new Set([1]))
})

test('members are removed by id or instance, one by one where a broker knows no better', async (t) => {
  const { brokers, admin } = await twoBrokers(t)
  brokers[0].on(leaveGroupApi, ({ members }) => ({
    members: members.map(({ memberId, groupInstanceId }) => ({
      memberId,
      groupInstanceId,
      errorCode: groupInstanceId === 'gone' ? ErrorCode.UNKNOWN_MEMBER_ID : 0,
    })),
  }))
  const members = [{ memberId: 'm' }, { instanceId: 'gone' }]
  assert.deepEqual(codes(await admin.removeMembers('a', members, { reason: 'test' })), ['OK', 'UNKNOWN_MEMBER_ID'])
  brokers[1].on({ ...leaveGroupApi, maxVersion: 2 }, ({ memberId }) => ({
    errorCode: memberId === 'm' ? 0 : ErrorCode.UNKNOWN_MEMBER_ID,
  }))
  const one = await admin.removeMembers('b', [{ memberId: 'm' }, { memberId: 'n' }])
  assert.deepEqual(codes(one), ['OK', 'UNKNOWN_MEMBER_ID'])
  await assert.rejects(admin.removeMembers('b', members), { code: 'UNSUPPORTED_VERSION' })
})
