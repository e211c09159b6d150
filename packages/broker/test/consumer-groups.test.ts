/** Groups of the consumer protocol over a socket. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ApiVersionsRequest,
  ApiVersionsResponse,
  ConsumerGroupDescribeRequest,
  ConsumerGroupDescribeResponse,
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
  CreatePartitionsRequest,
  CreatePartitionsResponse,
  ErrorCode,
  FindCoordinatorRequest,
  FindCoordinatorResponse,
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
  type InputOf,
} from '@ottla/protocol'
import { memoryFileSystem } from '@ottla/runtime/node'
import type { RawClient } from '@ottla/testkit'
import { createTopic } from './support/admin.ts'
import { startBroker } from './support/start.ts'

/** Has the offsets topic made. */
async function findCoordinator(client: RawClient): Promise<void> {
  const { errorCode } = await client.call(FindCoordinatorRequest, FindCoordinatorResponse, 3, { key: 'g' })
  assert.equal(errorCode, ErrorCode.NONE)
}

async function beat(client: RawClient, more: Partial<InputOf<typeof ConsumerGroupHeartbeatRequest>>, version = 1) {
  for (;;) {
    const body = { groupId: 'g', memberId: 'm', memberEpoch: 0, ...more }
    const reply = await client.call(ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, version, body)
    if (reply.errorCode !== ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) return reply
  }
}

const join = { subscribedTopicNames: ['t'], rebalanceTimeoutMs: 60_000, topicPartitions: [] }

async function describe(client: RawClient, version: number) {
  const body = { groupIds: ['g', 'absent'], includeAuthorizedOperations: false }
  return client.call(ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, version, body)
}

test('a group may have a heartbeat of its own', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 't')
  await findCoordinator(client)
  const configs = [{ name: 'consumer.heartbeat.interval.ms', configOperation: 0, value: '7000' }]
  const body = { resources: [{ resourceType: 32, resourceName: 'g', configs }], validateOnly: false }
  await client.call(IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, 1, body)
  assert.equal((await beat(client, { ...join, memberId: 'one' })).heartbeatIntervalMs, 7000)
  assert.equal((await beat(client, { ...join, memberId: 'two', groupId: 'h' })).heartbeatIntervalMs, 5000)
})

test('a member joins, is described, goes on after a restart, gets new partitions, and leaves', async (t) => {
  const fs = memoryFileSystem()
  const first = await startBroker(t, { fs })
  const client = await first.connect()
  await createTopic(client, 't', 2)
  await findCoordinator(client)
  const joined = await beat(client, { ...join, memberId: '' }, 0)
  const { memberId, memberEpoch } = joined
  assert.deepEqual([joined.errorCode, memberEpoch, joined.heartbeatIntervalMs], [ErrorCode.NONE, 1, 5000])
  assert.deepEqual(joined.assignment?.topicPartitions[0].partitions, [0, 1])
  for (const version of [0, 1]) {
    const { groups } = await describe(client, version)
    assert.deepEqual(
      groups.map(({ groupId, errorCode, groupState }) => [groupId, errorCode, groupState]),
      [
        ['g', ErrorCode.NONE, 'Stable'],
        ['absent', ErrorCode.GROUP_ID_NOT_FOUND, ''],
      ],
    )
    assert.equal(groups[0].members[0].memberType, version === 0 ? -1 : 1)
    assert.equal(groups[0].members[0].assignment.topicPartitions[0].topicName, 't')
  }
  await first.broker.close()

  const second = await startBroker(t, { fs })
  const again = await second.connect()
  const alive = await beat(again, { memberId: memberId!, memberEpoch })
  assert.deepEqual([alive.errorCode, alive.memberEpoch, alive.assignment], [ErrorCode.NONE, 1, null])
  await again.call(CreatePartitionsRequest, CreatePartitionsResponse, 3, {
    topics: [{ name: 't', count: 3, assignments: null }],
    timeoutMs: 10_000,
    validateOnly: false,
  })
  const more = await beat(again, { memberId: memberId!, memberEpoch })
  assert.deepEqual(more.assignment?.topicPartitions[0].partitions, [0, 1, 2])
  assert.equal((await beat(again, { memberId: memberId!, memberEpoch: -1 })).errorCode, ErrorCode.NONE)
  assert.equal((await describe(again, 1)).groups[0].groupState, 'Empty')
})

test('the protocol is a feature of the broker, and can be switched off', async (t) => {
  const { connect } = await startBroker(t, { config: { 'group.coordinator.rebalance.protocols': 'classic' } })
  const client = await connect()
  await findCoordinator(client)
  assert.equal((await beat(client, join)).errorCode, ErrorCode.UNSUPPORTED_VERSION)
  assert.equal((await describe(client, 1)).groups[0].errorCode, ErrorCode.UNSUPPORTED_VERSION)
  const isGroups = ({ name }: { name: string }): boolean => name === 'group.version'
  for (const version of [3, 4]) {
    const body = { clientSoftwareName: 'test', clientSoftwareVersion: '1' }
    const reply = await client.call(ApiVersionsRequest, ApiVersionsResponse, version, body)
    assert.deepEqual(
      reply.supportedFeatures.filter(isGroups).map(({ maxVersion }) => maxVersion),
      version === 3 ? [] : [1],
      'clients of version 3 stumble over levels that begin at 0',
    )
    assert.deepEqual(
      reply.finalizedFeatures.filter(isGroups).map(({ maxVersionLevel }) => maxVersionLevel),
      [1],
    )
  }
})
