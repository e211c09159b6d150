import { array, int16, int32, string, struct, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * The one request of KIP-848 groups: it joins, stays, acknowledges partitions, changes the subscription, and leaves.
 * What has not changed since the heartbeat before may be null.
 */
const shape = { key: 68, name: 'ConsumerGroupHeartbeat', versions: '0-1', flexible: '0+' } as const

const topicPartitions = {
  topicId: uuid(),
  partitions: array(int32()),
}

export const ConsumerGroupHeartbeatRequest = request(shape, () => ({
  groupId: string({ entity: 'groupId' }),
  /** Chosen by the client and kept for its life; in version 0 empty to be given one. */
  memberId: string(),
  /** 0 to join; -1 to leave; -2 to leave for a while as a static member. */
  memberEpoch: int32(),
  instanceId: string({ nullable: '0+', default: null }),
  rackId: string({ nullable: '0+', default: null }),
  /** How long the member may take to give up partitions, in milliseconds; -1 if unchanged. */
  rebalanceTimeoutMs: int32({ default: -1 }),
  subscribedTopicNames: array(string(), { nullable: '0+', default: null, entity: 'topicName' }),
  /** RE2 syntax; the broker resolves it. */
  subscribedTopicRegex: string({ v: '1+', nullable: '1+', default: null }),
  /** Null for the broker's choice. */
  serverAssignor: string({ nullable: '0+', default: null }),
  /** What the member has, the answer to what it was assigned. */
  topicPartitions: array(
    {
      topicId: uuid(),
      partitions: array(int32()),
    },
    { nullable: '0+', default: null },
  ),
}))

export const ConsumerGroupHeartbeatResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: '0+', default: null }),
  memberId: string({ nullable: '0+', default: null }),
  memberEpoch: int32(),
  /** Milliseconds between heartbeats. */
  heartbeatIntervalMs: int32(),
  /** Null if unchanged. */
  assignment: struct(
    {
      topicPartitions: array(topicPartitions),
    },
    { nullable: '0+', default: null },
  ),
}))
