import { array, int16, int32, string, struct, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * Joins, keeps and leaves a share group (KIP-932). Members of one do not own their partitions, so nothing is given up
 * or acknowledged.
 */
const shape = { key: 76, name: 'ShareGroupHeartbeat', versions: '1', flexible: '0+' } as const

const topicPartitions = {
  topicId: uuid(),
  partitions: array(int32()),
}

export const ShareGroupHeartbeatRequest = request(shape, () => ({
  groupId: string({ entity: 'groupId' }),
  /** Chosen by the client and kept for its life. */
  memberId: string(),
  /** 0 to join; -1 to leave. */
  memberEpoch: int32(),
  rackId: string({ nullable: '0+', default: null }),
  subscribedTopicNames: array(string(), { nullable: '0+', default: null, entity: 'topicName' }),
}))

export const ShareGroupHeartbeatResponse = response(shape, () => ({
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
