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
 * stands before it is coded once, so that a million offsets are not two million strings, each to be hashed anew.
 */
class OffsetCommitType extends RecordType<OffsetKeyFields, OffsetValueFields> {
  readonly #encoded = new LastKey()
  readonly #decoded = new LastKey()

  override encodeKey(key: Infer<OffsetKeyFields>): Buffer {
    const last = this.#encoded
    if (!last.isOf(key.group, key.topic)) last.keep(super.encodeKey(key), key)
    last.bytes.writeInt32BE(key.partition, last.bytes.length - PARTITION_BYTES)
    return last.bytes
  }

  override decodeKey(bytes: Buffer): Infer<OffsetKeyFields> {
    const last = this.#decoded
    if (last.beginsAs(bytes)) {
      return { group: last.group, topic: last.topic, partition: bytes.readInt32BE(bytes.length - PARTITION_BYTES) }
    }
    const key = super.decodeKey(bytes)
    last.keep(bytes, key)
    return key
  }
}

/** The key seen last. Which partition it was of is of no matter. */
class LastKey {
  /** Empty before the first one. */
  bytes = Buffer.alloc(0)
  group = ''
  topic = ''
  #memory = this.bytes

  isOf(group: string, topic: string): boolean {
    return this.bytes.length > 0 && this.group === group && this.topic === topic
  }

  beginsAs(bytes: Buffer): boolean {
    const last = this.bytes
    if (bytes.length !== last.length || last.length === 0) return false
    // From behind: names tend to begin alike.
    for (let i = last.length - PARTITION_BYTES - 1; i >= 0; i--) if (bytes[i] !== last[i]) return false
    return true
  }

  keep(bytes: Buffer, { group, topic }: Infer<OffsetKeyFields>): void {
    if (this.#memory.length < bytes.length) this.#memory = Buffer.alloc(bytes.length * 2)
    this.bytes = this.#memory.subarray(0, bytes.copy(this.#memory))
    this.group = group
    this.topic = topic
  }
}

/** As written by Kafka 0.8; only ever read. */
export const legacyOffsetCommit = new RecordType(LegacyOffsetCommitKey, LegacyOffsetCommitValue)
/** Version 1 is for offsets with an expiry of their own, 4 for those with a topic id. */
export const offsetCommit = new OffsetCommitType(OffsetCommitKey, OffsetCommitValue, 3)
export const groupMetadata = new RecordType(GroupMetadataKey, GroupMetadataValue, 3)
