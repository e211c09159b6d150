/** Classic groups and committed offsets over a socket, in every version. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CreatePartitionsRequest,
  CreatePartitionsResponse,
  DeleteGroupsRequest,
  DeleteGroupsResponse,
  DeleteTopicsRequest,
  DeleteTopicsResponse,
  DescribeGroupsRequest,
  DescribeGroupsResponse,
  ErrorCode,
  FindCoordinatorRequest,
  FindCoordinatorResponse,
  HeartbeatRequest,
  HeartbeatResponse,
  JoinGroupRequest,
  JoinGroupResponse,
  LeaveGroupRequest,
  LeaveGroupResponse,
  ListGroupsRequest,
  ListGroupsResponse,
  OffsetCommitRequest,
  OffsetCommitResponse,
  OffsetDeleteRequest,
  OffsetDeleteResponse,
  OffsetFetchRequest,
  OffsetFetchResponse,
  SyncGroupRequest,
  SyncGroupResponse,
} from '@ottla/protocol'
import { memoryFileSystem } from '@ottla/runtime/node'
import type { RawClient } from '@ottla/testkit'
import { createTopic, produceTo, versions } from './support/admin.ts'
import { batchOf } from './support/batches.ts'
import { startBroker } from './support/start.ts'

const OFFSETS = '__consumer_offsets'

/** Has the offsets topic made. */
async function findCoordinator(client: RawClient): Promise<void> {
  const { errorCode } = await client.call(FindCoordinatorRequest, FindCoordinatorResponse, 3, { key: 'g' })
  assert.equal(errorCode, ErrorCode.NONE)
}

async function commit(client: RawClient, groupId: string, topic: string, offset: number, index = 0): Promise<number> {
  const partitions = [{ partitionIndex: index, committedOffset: offset, committedMetadata: 'm' }]
  const body = { groupId, topics: [{ name: topic, partitions }] }
  const { topics } = await client.call(OffsetCommitRequest, OffsetCommitResponse, 8, body)
  return topics[0].partitions[0].errorCode
}

/** Null: none. Asks again while the coordinator reads its state. */
async function committed(client: RawClient, groupId: string, topic: string, index = 0): Promise<number | null> {
  for (;;) {
    const body = { groupId, topics: [{ name: topic, partitionIndexes: [index] }] }
    const { errorCode, topics } = await client.call(OffsetFetchRequest, OffsetFetchResponse, 7, body)
    if (errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) continue
    assert.equal(errorCode, ErrorCode.NONE)
    const [partition] = topics[0].partitions
    assert.equal(partition.errorCode, ErrorCode.NONE)
    return partition.committedOffset === -1 ? null : partition.committedOffset
  }
}

test('offsets are committed and fetched in every version of both', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  const topicId = await createTopic(client, 'orders', 2)
  await findCoordinator(client)
  for (const version of versions(0, 10)) {
    const partitions = [
      {
        partitionIndex: 1,
        committedOffset: 100 + version,
        committedLeaderEpoch: version >= 6 ? 0 : -1,
        committedMetadata: 'x',
      },
      { partitionIndex: 7, committedOffset: 1, committedMetadata: null },
    ]
    const named = version >= 10 ? { topicId } : { name: 'orders' }
    const body = { groupId: `g${version}`, topics: [{ ...named, partitions }] }
    const { topics } = await client.call(OffsetCommitRequest, OffsetCommitResponse, version, body)
    assert.deepEqual(
      topics[0].partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex).map(({ errorCode }) => errorCode),
      [ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      `version ${version}`,
    )
  }
  for (const version of versions(0, 10)) {
    for (const group of versions(0, 10)) {
      const named = version >= 10 ? { topicId } : { name: 'orders' }
      const asked = [{ ...named, partitionIndexes: [0, 1] }]
      const groupId = `g${group}`
      const body = version >= 8 ? { groups: [{ groupId, topics: asked }] } : { groupId, topics: asked }
      const answer = await client.call(OffsetFetchRequest, OffsetFetchResponse, version, body as never)
      const { topics } = version >= 8 ? answer.groups[0] : answer
      const found = topics[0].partitions.map((p) => [p.partitionIndex, p.committedOffset, p.metadata, p.errorCode])
      assert.deepEqual(found, [
        [0, -1, '', ErrorCode.NONE],
        [1, 100 + group, 'x', ErrorCode.NONE],
      ])
      if (version >= 5) assert.equal(topics[0].partitions[1].committedLeaderEpoch, group >= 6 ? 0 : -1)
    }
  }
})

test('null topics are all that the group has offsets of', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  const ids = [await createTopic(client, 'a', 1), await createTopic(client, 'b', 3)]
  await findCoordinator(client)
  await commit(client, 'g', 'a', 1)
  await commit(client, 'g', 'b', 2, 2)
  for (const version of versions(2, 10)) {
    const body = version >= 8 ? { groups: [{ groupId: 'g', topics: null }] } : { groupId: 'g', topics: null }
    const answer = await client.call(OffsetFetchRequest, OffsetFetchResponse, version, body as never)
    const { topics } = version >= 8 ? answer.groups[0] : answer
    const found = topics.map((topic) => [
      'topicId' in topic && version >= 10 ? topic.topicId : topic.name,
      topic.partitions.map((p) => [p.partitionIndex, p.committedOffset]),
    ])
    assert.deepEqual(
      found.sort(),
      version >= 10
        ? [
            [ids[0], [[0, 1]]],
            [ids[1], [[2, 2]]],
          ].sort()
        : [
            ['a', [[0, 1]]],
            ['b', [[2, 2]]],
          ],
    )
  }
})

test('what is asked for by an id that nobody has', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await findCoordinator(client)
  const topicId = 'BBBBBBBBBBBBBBBBBBBBBA'
  const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }]
  const committing = { groupId: 'g', topics: [{ topicId, partitions }] }
  const answer = await client.call(OffsetCommitRequest, OffsetCommitResponse, 10, committing)
  assert.equal(answer.topics[0].partitions[0].errorCode, ErrorCode.UNKNOWN_TOPIC_ID)
  const fetching = { groups: [{ groupId: 'g', topics: [{ topicId, partitionIndexes: [0] }] }] }
  const { groups } = await client.call(OffsetFetchRequest, OffsetFetchResponse, 10, fetching)
  assert.equal(groups[0].topics[0].partitions[0].errorCode, ErrorCode.UNKNOWN_TOPIC_ID)
})

test('a member joins, learns its assignment, is alive and leaves, in every version', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await findCoordinator(client)
  for (const version of versions(0, 9)) {
    const groupId = `v${version}`
    const joining = {
      groupId,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 20_000,
      memberId: '',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from('topics') }],
    }
    let joined = await client.call(JoinGroupRequest, JoinGroupResponse, version, joining)
    if (version >= 4) {
      assert.equal(joined.errorCode, ErrorCode.MEMBER_ID_REQUIRED)
      assert.equal(joined.protocolName, version >= 7 ? null : '')
      assert.match(joined.memberId, /^raw-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      const again = { ...joining, memberId: joined.memberId }
      joined = await client.call(JoinGroupRequest, JoinGroupResponse, version, again)
    }
    const { memberId, generationId } = joined
    assert.deepEqual(
      [joined.errorCode, generationId, joined.protocolName, joined.leader, joined.members.length],
      [ErrorCode.NONE, 1, 'range', memberId, 1],
    )
    assert.equal(joined.members[0].metadata.toString(), 'topics')
    const as = { groupId, memberId, generationId }
    const assignments = [{ memberId, assignment: Buffer.from(`v${version}`) }]
    const syncVersion = Math.min(version, 5)
    const of = syncVersion >= 5 ? { protocolType: 'consumer', protocolName: 'range' } : {}
    if (syncVersion >= 5) {
      const { errorCode } = await client.call(SyncGroupRequest, SyncGroupResponse, syncVersion, { ...as, assignments })
      assert.equal(errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL, 'says nothing of its protocol')
    }
    const sync = await client.call(SyncGroupRequest, SyncGroupResponse, syncVersion, { ...as, ...of, assignments })
    assert.deepEqual([sync.errorCode, sync.assignment.toString()], [ErrorCode.NONE, `v${version}`])
    const alive = await client.call(HeartbeatRequest, HeartbeatResponse, Math.min(version, 4), as)
    assert.equal(alive.errorCode, ErrorCode.NONE)
    for (const describing of versions(0, 6)) {
      const { groups } = await client.call(DescribeGroupsRequest, DescribeGroupsResponse, describing, {
        groups: [groupId],
      })
      const [{ groupState, protocolType, protocolData, members }] = groups
      assert.deepEqual(
        [groupState, protocolType, protocolData, members[0].memberId, members[0].clientId, members[0].clientHost],
        ['Stable', 'consumer', 'range', memberId, 'raw', '/127.0.0.1'],
      )
      assert.equal(members[0].memberAssignment.toString(), `v${version}`)
    }
    const leaveVersion = Math.min(version, 5)
    const leaving = leaveVersion < 3 ? { groupId, memberId } : { groupId, members: [{ memberId }, { memberId: 'x' }] }
    const left = await client.call(LeaveGroupRequest, LeaveGroupResponse, leaveVersion, leaving)
    assert.equal(left.errorCode, ErrorCode.NONE)
    if (leaveVersion >= 3) {
      assert.deepEqual(
        left.members.map(({ errorCode }) => errorCode),
        [ErrorCode.NONE, ErrorCode.UNKNOWN_MEMBER_ID],
      )
    }
    const gone = await client.call(HeartbeatRequest, HeartbeatResponse, Math.min(version, 4), as)
    assert.equal(gone.errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
    if (leaveVersion < 3) {
      const again = await client.call(LeaveGroupRequest, LeaveGroupResponse, leaveVersion, leaving)
      assert.equal(again.errorCode, ErrorCode.UNKNOWN_MEMBER_ID, 'the one member has the error of the whole')
    }
  }
})

test('groups are listed, by state and type where asked, described and deleted, in every version', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders')
  await findCoordinator(client)
  await commit(client, 'offsets-only', 'orders', 1)
  const joining = {
    groupId: 'with-member',
    sessionTimeoutMs: 10_000,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
  }
  await client.call(JoinGroupRequest, JoinGroupResponse, 3, { ...joining, rebalanceTimeoutMs: 10_000 })
  for (const version of versions(0, 5)) {
    const { groups } = await client.call(ListGroupsRequest, ListGroupsResponse, version, {})
    const rows = groups.toSorted((a, b) => (a.groupId < b.groupId ? -1 : 1))
    assert.deepEqual(
      rows.map(({ groupId, protocolType }) => [groupId, protocolType]),
      [
        ['offsets-only', ''],
        ['with-member', 'consumer'],
      ],
    )
    if (version >= 4)
      assert.deepEqual(
        rows.map(({ groupState }) => groupState),
        ['Empty', 'CompletingRebalance'],
      )
    if (version >= 5)
      assert.deepEqual(
        rows.map(({ groupType }) => groupType),
        ['classic', 'classic'],
      )
  }
  const twice = { groups: ['with-member', 'x', 'with-member'] }
  const described = await client.call(DescribeGroupsRequest, DescribeGroupsResponse, 5, twice)
  assert.deepEqual(
    described.groups.map(({ groupId }) => groupId),
    ['with-member', 'x'],
  )
  const all = { groupId: 'offsets-only', topics: null }
  const fetched = await client.call(OffsetFetchRequest, OffsetFetchResponse, 8, { groups: [all, all] })
  assert.deepEqual(
    fetched.groups.map(({ errorCode, topics }) => [errorCode, topics.length]),
    [
      [ErrorCode.NONE, 1],
      [ErrorCode.INVALID_REQUEST, 0],
    ],
  )
  for (const [filter, expected] of [
    [{ statesFilter: ['empty'] }, ['offsets-only']],
    [{ statesFilter: ['Stable'] }, []],
    [{ typesFilter: ['Classic'] }, ['offsets-only', 'with-member']],
    [{ typesFilter: ['consumer'] }, []],
  ] as const) {
    const { groups } = await client.call(ListGroupsRequest, ListGroupsResponse, 5, filter)
    assert.deepEqual(groups.map(({ groupId }) => groupId).sort(), expected)
  }
  for (const version of versions(0, 6)) {
    const { groups } = await client.call(DescribeGroupsRequest, DescribeGroupsResponse, version, { groups: ['nobody'] })
    const expected = version >= 6 ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.NONE
    assert.deepEqual([groups[0].groupState, groups[0].errorCode], ['Dead', expected])
  }
  for (const version of versions(0, 3)) {
    await commit(client, `gone-${version}`, 'orders', 1)
    const groupsNames = [`gone-${version}`, 'with-member', 'nobody']
    const { results } = await client.call(DeleteGroupsRequest, DeleteGroupsResponse, version, { groupsNames })
    assert.deepEqual(
      results.map(({ groupId, errorCode }) => [groupId, errorCode]),
      [
        [`gone-${version}`, ErrorCode.NONE],
        ['with-member', ErrorCode.NON_EMPTY_GROUP],
        ['nobody', ErrorCode.GROUP_ID_NOT_FOUND],
      ],
    )
    assert.equal(await committed(client, `gone-${version}`, 'orders'), null)
  }
  const topics = [{ name: 'orders', partitions: [{ partitionIndex: 0 }, { partitionIndex: 9 }] }]
  const deleted = await client.call(OffsetDeleteRequest, OffsetDeleteResponse, 0, { groupId: 'offsets-only', topics })
  assert.deepEqual(
    deleted.topics[0].partitions.map(({ errorCode }) => errorCode),
    [ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
  )
  assert.equal(await committed(client, 'offsets-only', 'orders'), null)
})

test('a commit that was answered outlives kill -9, over many rounds', async (t) => {
  const fs = memoryFileSystem()
  const expected = new Map<string, number>()
  for (let round = 0; round < 8; round++) {
    const { broker, connect } = await startBroker(t, { fs })
    const client = await connect()
    if (round === 0) {
      await createTopic(client, 'orders', 3)
      await findCoordinator(client)
    }
    for (const [place, offset] of expected) {
      const [group, index] = place.split('/')
      assert.equal(await committed(client, group, 'orders', Number(index)), offset, `${place} in round ${round}`)
    }
    for (let i = 0; i < 30; i++) {
      const group = `group-${(round * 7 + i) % 11}`
      const offset = round * 1000 + i
      assert.equal(await commit(client, group, 'orders', offset, i % 3), ErrorCode.NONE)
      expected.set(`${group}/${i % 3}`, offset)
    }
    if (round % 2 === 0) await broker.kill()
    else await broker.close()
  }
})

test('a stable group outlives kill -9: its members go on as if nothing had been', async (t) => {
  const fs = memoryFileSystem()
  const first = await startBroker(t, { fs })
  const client = await first.connect()
  await findCoordinator(client)
  const joining = {
    groupId: 'g',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from('what it says') }],
  }
  const { memberId, generationId } = await client.call(JoinGroupRequest, JoinGroupResponse, 3, joining)
  const assignments = [{ memberId, assignment: Buffer.from('all of it') }]
  const as = { groupId: 'g', memberId, generationId }
  await client.call(SyncGroupRequest, SyncGroupResponse, 3, { ...as, assignments })
  await first.broker.kill()
  const second = await startBroker(t, { fs })
  const again = await second.connect()
  for (;;) {
    const { errorCode, assignment } = await again.call(SyncGroupRequest, SyncGroupResponse, 3, as)
    if (errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) continue
    assert.deepEqual([errorCode, assignment.toString()], [ErrorCode.NONE, 'all of it'])
    break
  }
  assert.equal((await again.call(HeartbeatRequest, HeartbeatResponse, 3, as)).errorCode, ErrorCode.NONE)
})

test('without the offsets topic nobody coordinates; asking for the coordinator makes it, once', async (t) => {
  const { broker, connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders')
  assert.equal(await commit(client, 'g', 'orders', 1), ErrorCode.NOT_COORDINATOR)
  const others = await Promise.all([connect(), connect(), connect()])
  await Promise.all(others.map(findCoordinator))
  assert.equal(await commit(client, 'g', 'orders', 1), ErrorCode.NONE)
  assert.equal(broker.topics.all().filter(({ name }) => name === OFFSETS).length, 1)
})

test('the offsets topic has as many partitions as configured, and keeps them; producers cannot write to it', async (t) => {
  const config = { 'offsets.topic.num.partitions': 3, 'offsets.topic.segment.bytes': 1_048_576 }
  const { broker, connect } = await startBroker(t, { config })
  const client = await connect()
  await findCoordinator(client)
  assert.equal(broker.topics.get(OFFSETS)?.partitions.length, 3)
  assert.equal(broker.replicas.partition(OFFSETS, 0)?.log.config.segmentBytes, 1_048_576)
  const growing = { topics: [{ name: OFFSETS, count: 5, assignments: null }], timeoutMs: 1000, validateOnly: false }
  const { results } = await client.call(CreatePartitionsRequest, CreatePartitionsResponse, 3, growing)
  assert.equal(results[0].errorCode, ErrorCode.INVALID_PARTITIONS)
  const produced = await produceTo(client, OFFSETS, batchOf(['x']))
  assert.equal(produced.errorCode, ErrorCode.INVALID_TOPIC_EXCEPTION)
})

test('a topic that is deleted takes its offsets with it; the offsets topic, all groups', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders')
  await createTopic(client, 'others')
  await findCoordinator(client)
  await commit(client, 'g', 'orders', 1)
  await commit(client, 'g', 'others', 2)
  const drop = async (name: string): Promise<void> => {
    const body = { topics: [{ name }], timeoutMs: 1000 }
    const { responses } = await client.call(DeleteTopicsRequest, DeleteTopicsResponse, 6, body)
    assert.equal(responses[0].errorCode, ErrorCode.NONE)
  }
  await drop('orders')
  await createTopic(client, 'orders')
  assert.deepEqual([await committed(client, 'g', 'orders'), await committed(client, 'g', 'others')], [null, 2])
  await drop(OFFSETS)
  assert.equal(await commit(client, 'g', 'others', 3), ErrorCode.NOT_COORDINATOR)
  await findCoordinator(client)
  assert.equal(await committed(client, 'g', 'others'), null)
  assert.equal(await commit(client, 'g', 'others', 3), ErrorCode.NONE)
})

test('members that wait for others are told when the broker stops', async (t) => {
  const { broker, connect } = await startBroker(t, { config: { 'group.initial.rebalance.delay.ms': 60_000 } })
  const client = await connect()
  await findCoordinator(client)
  const joining = client.call(JoinGroupRequest, JoinGroupResponse, 3, {
    groupId: 'g',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 100_000,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
  })
  // The join is there when the next request has been answered.
  const other = await connect()
  await other.call(ListGroupsRequest, ListGroupsResponse, 4, {})
  const closing = broker.close()
  assert.equal((await joining).errorCode, ErrorCode.NOT_COORDINATOR)
  await closing
})
