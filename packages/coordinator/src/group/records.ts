import {
  GroupMetadataKey,
  GroupMetadataValue,
  LegacyOffsetCommitKey,
  LegacyOffsetCommitValue,
  OffsetCommitKey,
  OffsetCommitValue,
} from '@ottla/protocol'
import { RecordType } from '../runtime/record.ts'

/** Records of `__consumer_offsets` that classic groups and offsets are made of. */

/** As written by Kafka 0.8; only ever read. */
export const legacyOffsetCommit = new RecordType(LegacyOffsetCommitKey, LegacyOffsetCommitValue)
/** Version 1 is for offsets with an expiry of their own, 4 for those with a topic id. */
export const offsetCommit = new RecordType(OffsetCommitKey, OffsetCommitValue, 3)
export const groupMetadata = new RecordType(GroupMetadataKey, GroupMetadataValue, 3)
