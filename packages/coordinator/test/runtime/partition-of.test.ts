import assert from 'node:assert/strict'
import { test } from 'node:test'
import { coordinatorPartition, javaHash } from '@ottla/coordinator'

test("hashes are those of Java's String.hashCode", () => {
  const known: readonly (readonly [string, number])[] = [
    ['', 0],
    ['a', 97],
    ['ab', 3105],
    ['hello', 99162322],
    ['polygenelubricants', -2147483648],
    ['consumer-group-1', javaHashOf('consumer-group-1')],
    ['ä\u{1F600}', javaHashOf('ä\u{1F600}')],
  ]
  for (const [text, hash] of known) assert.equal(javaHash(text), hash, text)
})

test('the partition of a group: the absolute value of the smallest integer is 0', () => {
  assert.equal(coordinatorPartition('polygenelubricants', 50), 0)
  assert.equal(coordinatorPartition('hello', 50), 99162322 % 50)
  // A negative hash.
  assert.equal(javaHash('console-consumer-1234'), javaHashOf('console-consumer-1234'))
  for (const id of ['g1', 'orders', 'console-consumer-1234', 'zzzzzz', 'Group With Spaces']) {
    const hash = Number(javaHashOf(id))
    assert.equal(coordinatorPartition(id, 50), Math.abs(hash) % 50, id)
    assert.equal(coordinatorPartition(id, 7), Math.abs(hash) % 7, id)
  }
})

/** The definition: s[0]*31^(n-1) + s[1]*31^(n-2) + ... + s[n-1], as a signed integer of 32 bits. */
function javaHashOf(text: string): number {
  let hash = 0n
  for (let i = 0; i < text.length; i++) hash += BigInt(text.charCodeAt(i)) * 31n ** BigInt(text.length - 1 - i)
  return Number(BigInt.asIntN(32, hash))
}
