import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CodecError,
  ConsumerProtocolSubscription,
  decodeRecordKey,
  decodeVersioned,
  decodeVersionedLeniently,
  encodeRecordKey,
  encodeVersioned,
  OffsetCommitKey,
  OffsetCommitValue,
  recordType,
} from '@ottla/protocol'

const plain = (text: string) => text.replaceAll(' ', '')

test('a committed offset as it stands in __consumer_offsets', () => {
  const key = encodeRecordKey(OffsetCommitKey, { group: 'g', topic: 't', partition: 2 })
  assert.equal(key.toString('hex'), plain('0001 0001 67 0001 74 00000002'))
  assert.equal(recordType(key), 1)
  assert.deepEqual(decodeRecordKey(OffsetCommitKey, key), { group: 'g', topic: 't', partition: 2 })

  const value = encodeVersioned(OffsetCommitValue, 3, { offset: 9, leaderEpoch: 1, metadata: '', commitTimestamp: 5 })
  assert.equal(value.toString('hex'), plain('0003 0000000000000009 00000001 0000 0000000000000005'))
  assert.equal(decodeVersioned(OffsetCommitValue, value).offset, 9)
})

test('a subscription of a later version is read as far as we know it', () => {
  const known = encodeVersioned(ConsumerProtocolSubscription, 3, { topics: ['t'], rackId: 'r' })
  const later = Buffer.concat([known, Buffer.from([1, 2, 3])])
  later.writeInt16BE(4)
  assert.throws(() => decodeVersioned(ConsumerProtocolSubscription, later), CodecError)
  assert.deepEqual(decodeVersionedLeniently(ConsumerProtocolSubscription, later).topics, ['t'])
  assert.equal(decodeVersionedLeniently(ConsumerProtocolSubscription, later).rackId, 'r')
})
