import { array, int8, int16, int32, int64, string, uuid } from '../../codec/fields.ts'
import { data } from '../../codec/message.ts'

/**
 * Records of `__share_group_state`: per share partition a snapshot (type 0) and the updates since (type 1). No value:
 * the state is deleted.
 */

export const ShareSnapshotKey = data({ key: 0, name: 'ShareSnapshotKey', versions: '0' }, () => ({
  groupId: string(),
  topicId: uuid(),
  partition: int32(),
}))

export const ShareSnapshotValue = data({ key: 0, name: 'ShareSnapshotValue', versions: '0', flexible: '0+' }, () => ({
  snapshotEpoch: int32(),
  /** Raised with each initialization of the share partition. */
  stateEpoch: int32(),
  leaderEpoch: int32(),
  startOffset: int64(),
  /** Offsets from the start offset on that are done with; -1 if unknown. */
  deliveryCompleteCount: int32({ tag: 0, default: -1 }),
  createTimestamp: int64(),
  writeTimestamp: int64(),
  stateBatches: array({
    firstOffset: int64(),
    lastOffset: int64(),
    /** 0: available; 2: acknowledged; 4: archived. */
    deliveryState: int8(),
    deliveryCount: int16(),
  }),
}))

export const ShareUpdateKey = data({ key: 1, name: 'ShareUpdateKey', versions: '0' }, () => ({
  groupId: string(),
  topicId: uuid(),
  partition: int32(),
}))

/** What has changed since the snapshot of this epoch. */
export const ShareUpdateValue = data({ key: 1, name: 'ShareUpdateValue', versions: '0', flexible: '0+' }, () => ({
  snapshotEpoch: int32(),
  leaderEpoch: int32(),
  /** -1 if unchanged. */
  startOffset: int64(),
  deliveryCompleteCount: int32({ tag: 0, default: -1 }),
  stateBatches: array({
    firstOffset: int64(),
    lastOffset: int64(),
    deliveryState: int8(),
    deliveryCount: int16(),
  }),
}))
