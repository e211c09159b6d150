import assert from 'node:assert/strict'
import { api, type Connection } from '@ottla/net'
import {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
  ErrorCode,
  JoinGroupRequest,
  JoinGroupResponse,
  SyncGroupRequest,
  SyncGroupResponse,
} from '@ottla/protocol'
import type { GroupMetadata } from '../../../src/index.ts'

const joinApi = api(JoinGroupRequest, JoinGroupResponse)
const syncApi = api(SyncGroupRequest, SyncGroupResponse)
const heartbeatApi = api(ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse)

const SESSION_TIMEOUT_MS = 30_000
/** Subscription and assignment of version 0 with nothing in them. */
const NOTHING = Buffer.alloc(10)

/** The only member of a classic group joins it, again if `again` is what it was: each time makes a generation. */
export async function joinClassic(
  connection: Connection,
  groupId: string,
  again: GroupMetadata | null = null,
): Promise<GroupMetadata> {
  let memberId = again?.memberId ?? ''
  for (;;) {
    const protocols = [{ name: 'range', metadata: NOTHING }]
    const joining = { groupId, memberId, sessionTimeoutMs: SESSION_TIMEOUT_MS, rebalanceTimeoutMs: SESSION_TIMEOUT_MS }
    const joined = await connection.call(joinApi, { ...joining, protocolType: 'consumer', protocols }, { version: 5 })
    memberId = joined.memberId
    if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) continue
    assert.equal(joined.errorCode, 0)
    const { generationId } = joined
    const assignments = [{ memberId, assignment: NOTHING }]
    const synced = await connection.call(syncApi, { groupId, generationId, memberId, assignments }, { version: 3 })
    assert.equal(synced.errorCode, 0)
    return { groupId, generationId, memberId, groupInstanceId: null }
  }
}

/** Joins a group of KIP-848; null where the broker has none. */
export async function joinConsumerGroup(
  connection: Connection,
  groupId: string,
  topic: string,
): Promise<GroupMetadata | null> {
  if (connection.versions.highest(heartbeatApi) < 0) return null
  const memberId = `member-of-${groupId}`
  const response = await connection.call(
    heartbeatApi,
    {
      groupId,
      memberId,
      memberEpoch: 0,
      rebalanceTimeoutMs: 30_000,
      subscribedTopicNames: [topic],
      topicPartitions: [],
    },
    { version: 0 },
  )
  // Known, but switched off.
  if (response.errorCode === ErrorCode.UNSUPPORTED_VERSION) return null
  assert.equal(response.errorCode, 0, response.errorMessage ?? '')
  return { groupId, generationId: response.memberEpoch, memberId: response.memberId!, groupInstanceId: null }
}
