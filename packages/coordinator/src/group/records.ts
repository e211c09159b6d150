import {
  GroupMetadataKey,
  GroupMetadataValue,
  type Infer,
  LegacyOffsetCommitKey,
  LegacyOffsetCommitValue,
  type Message,
  OffsetCommitKey,
  OffsetCommitValue,
} from '@ottla/protocol'
import { RecordType } from '../runtime/record.ts'

/** Records of `__consumer_offsets` that classic groups and offsets are made of. */

type OffsetKeyFields = typeof OffsetCommitKey extends Message<infer K> ? K : never
type OffsetValueFields = typeof OffsetCommitValue extends Message<infer V> ? V : never

const PARTITION_BYTES = 4

/**
 * A group commits many partitions of one topic together, whose keys differ in the partition alone, their last field. What
 * stands before it is decoded once, so that a million offsets are not two million strings, each to be hashed anew.
 */
class OffsetCommitType extends RecordType<OffsetKeyFields, OffsetValueFields> {
  /** The key decoded last, up to its partition. */
  #last = Buffer.alloc(0)
  #lastLength = 0
  #group = ''
  #topic = ''

  override decodeKey(bytes: Buffer): Infer<OffsetKeyFields> {
    const length = bytes.length - PARTITION_BYTES
    if (length === this.#lastLength && this.#isLast(bytes, length)) {
      return { group: this.#group, topic: this.#topic, partition: bytes.readInt32BE(length) }
    }
    const key = super.decodeKey(bytes)
    if (this.#last.length < length) this.#last = Buffer.alloc(length * 2)
    bytes.copy(this.#last, 0, 0, length)
    this.#lastLength = length
    this.#group = key.group
    this.#topic = key.topic
    return key
  }

  #isLast(bytes: Buffer, length: number): boolean {
    const last = this.#last
    // From behind: names tend to begin alike.
    for (let i = length - 1; i >= 0; i--) if (bytes[i] !== last[i]) return false
    return length > 0
  }
}

/** As written by Kafka 0.8; only ever read. */
export const legacyOffsetCommit = new RecordType(LegacyOffsetCommitKey, LegacyOffsetCommitValue)
/** Version 1 is for offsets with an expiry of their own, 4 for those with a topic id. */
export const offsetCommit = new OffsetCommitType(OffsetCommitKey, OffsetCommitValue, 3)
export const groupMetadata = new RecordType(GroupMetadataKey, GroupMetadataValue, 3)
