import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRecordKey, encodeRecordKey, OffsetCommitKey } from '@ottla/protocol'
import fc from 'fast-check'
import { offsetCommit } from '../../src/group/records.ts'

const name = fc.constantFrom('', 'a', 'b', 'ab', 'ba', 'é')
const place = fc.record({ group: name, topic: name, partition: fc.constantFrom(-1, 0, 1, 2 ** 31 - 1) })

test('keys in any order are encoded and decoded as each by itself', () => {
  fc.assert(
    fc.property(fc.array(place, { maxLength: 40 }), (places) => {
      // One piece of memory that is written anew for each, as a loader reads them.
      const memory = Buffer.alloc(64)
      for (const of of places) {
        const bytes = encodeRecordKey(OffsetCommitKey, of)
        assert.deepEqual(Buffer.from(offsetCommit.encodeKey(of)), bytes)
        const key = memory.subarray(0, bytes.copy(memory))
        assert.deepEqual({ ...offsetCommit.decodeKey(key) }, { ...decodeRecordKey(OffsetCommitKey, key) })
      }
    }),
    { seed: 4, numRuns: 500 },
  )
})

test('a key that is cut short or too long is refused, also behind one that was like it', () => {
  const good = encodeRecordKey(OffsetCommitKey, { group: 'g', topic: 't', partition: 7 })
  for (let length = 0; length < good.length; length++) {
    offsetCommit.decodeKey(good)
    assert.throws(() => offsetCommit.decodeKey(good.subarray(0, length)), { name: 'CodecError' }, `${length} bytes`)
  }
  assert.throws(() => offsetCommit.decodeKey(Buffer.concat([good, Buffer.from([0])])), { name: 'CodecError' })
})
