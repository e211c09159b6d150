import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeSpot, layOut, type Spot } from '../fuzz/layout.ts'
import { derivedSeed, Random } from '../fuzz/random.ts'
import { randomValue } from '../fuzz/values.ts'
import { allMessages, versionsOf } from './all.ts'

const VALUES = 3
/** Higher than any that a message has, with two bytes of content. */
const UNKNOWN_TAG = Buffer.from([...encodeSpot('uvarint', 10_000), 2, 0xab, 0xcd])

test('a tag that nobody knows is passed over, in every struct of every flexible version, and is not kept', () => {
  let sections = 0
  for (const message of allMessages) {
    for (const version of versionsOf(message).filter((each) => message.isFlexible(each))) {
      const random = new Random(derivedSeed(7, `${message.name} ${version}`))
      const done = new Set<string>()
      for (let i = 0; i < VALUES; i++) {
        const { bytes, spots } = layOut(message, version, randomValue(message, version, random))
        const expected = message.decode(bytes, version)
        // Behind the known ones it would have to stand at the end of the section; where there are none, it is all of it.
        for (const { at, field } of spots.filter((spot) => spot.field.endsWith(' tags') && spot.value === 0)) {
          if (done.has(field) || isTagged(spots, at)) continue
          done.add(field)
          const one = Buffer.from([1])
          const extended = Buffer.concat([bytes.subarray(0, at), one, UNKNOWN_TAG, bytes.subarray(at + 1)])
          const decoded = message.decode(extended, version)
          assert.deepEqual(decoded, expected, `${message.name} version ${version},${field}`)
          assert.deepEqual(message.encode(version, decoded), message.encode(version, expected))
          sections++
        }
      }
    }
  }
  assert.ok(sections > 1000, `${sections} tagged sections`)
})

/** Inside the content of a tagged field, whose size would have to grow. */
function isTagged(spots: readonly Spot[], at: number): boolean {
  const sizes = spots.filter(({ field }) => field.endsWith(' size'))
  return sizes.some((size) => at >= size.at + size.bytes && at < size.at + size.bytes + size.value)
}
