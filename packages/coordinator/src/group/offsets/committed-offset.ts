import { ZERO_UUID } from '@ottla/protocol'
import type { CoordinatorRecord } from '../../runtime/record.ts'
import { offsetCommit } from '../records.ts'

/** Where a group goes on in a partition. */
export interface CommittedOffset {
  /** The next one to read. */
  readonly offset: number
  /** Of the last record read; -1 if unknown. */
  readonly leaderEpoch: number
  readonly metadata: string
  /** ms since the epoch. */
  readonly commitTimestampMs: number
  /** ms since the epoch; -1: by the broker's retention. Only OffsetCommit 2 to 4 sets it. */
  readonly expireTimestampMs: number
  /** All zeros if unknown. */
  readonly topicId: string
  /** Of its record in `__consumer_offsets`: of two the later one counts. */
  readonly recordOffset: number
}

export interface OffsetPlace {
  readonly group: string
  readonly topic: string
  readonly partition: number
}

/** As its record has it; records of old versions lack some of it. */
export interface StoredOffset {
  readonly offset: number
  readonly leaderEpoch?: number
  readonly metadata: string
  /** ms since the epoch, as the next one. */
  readonly commitTimestamp: number
  readonly expireTimestamp?: number
  readonly topicId?: string
}

export function commitRecord(
  group: string,
  topic: string,
  partition: number,
  value: Required<StoredOffset>,
): CoordinatorRecord {
  const version = value.expireTimestamp >= 0 ? 1 : value.topicId === ZERO_UUID ? 3 : 4
  return offsetCommit.put({ group, topic, partition }, value, version)
}

export function deleteRecord({ group, topic, partition }: OffsetPlace): CoordinatorRecord {
  return offsetCommit.tombstone({ group, topic, partition })
}
