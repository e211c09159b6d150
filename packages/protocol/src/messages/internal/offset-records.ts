import { array, bytes, int32, int64, string, uuid } from '../../codec/fields.ts'
import { data } from '../../codec/message.ts'

/** Records of `__consumer_offsets`: committed offsets and classic groups. `key` is the record type. */

const memberMetadata = {
  memberId: string(),
  groupInstanceId: string({ v: '3+', nullable: '3+', default: null, ignorable: true }),
  clientId: string(),
  clientHost: string(),
  rebalanceTimeout: int32({ v: '1+', default: -1, ignorable: true }),
  sessionTimeout: int32(),
  subscription: bytes(),
  assignment: bytes(),
}

/** As written by Kafka 0.8; treated like type 1. */
export const LegacyOffsetCommitKey = data({ key: 0, name: 'LegacyOffsetCommitKey', versions: '0' }, () => ({
  group: string(),
  topic: string(),
  partition: int32(),
}))

export const LegacyOffsetCommitValue = data({ key: 0, name: 'LegacyOffsetCommitValue', versions: '0' }, () => ({
  offset: int64(),
  metadata: string(),
  commitTimestamp: int64(),
}))

export const OffsetCommitKey = data({ key: 1, name: 'OffsetCommitKey', versions: '0' }, () => ({
  group: string(),
  topic: string(),
  partition: int32(),
}))

/** No value: the offset is deleted. */
export const OffsetCommitValue = data({ key: 1, name: 'OffsetCommitValue', versions: '0-4', flexible: '4+' }, () => ({
  offset: int64(),
  /** Of the last record read; -1 if unknown. */
  leaderEpoch: int32({ v: '3+', default: -1, ignorable: true }),
  metadata: string(),
  /** Milliseconds since the epoch, as the next one. */
  commitTimestamp: int64(),
  /** -1 to go by the broker's retention. */
  expireTimestamp: int64({ v: '1', default: -1, ignorable: true }),
  /** Zero if unknown. */
  topicId: uuid({ v: '4+', tag: 0, ignorable: true }),
}))

export const GroupMetadataKey = data({ key: 2, name: 'GroupMetadataKey', versions: '0' }, () => ({
  group: string(),
}))

/** A classic group as of its last complete rebalance. No value: the group is deleted. */
export const GroupMetadataValue = data({ key: 2, name: 'GroupMetadataValue', versions: '0-4', flexible: '4+' }, () => ({
  protocolType: string(),
  generation: int32(),
  /** Null while the group is empty, as is `leader`. */
  protocol: string({ nullable: '0+' }),
  leader: string({ nullable: '0+' }),
  /** Milliseconds since the epoch; -1 if unknown. */
  currentStateTimestamp: int64({ v: '2+', default: -1, ignorable: true }),
  members: array(memberMetadata),
}))
