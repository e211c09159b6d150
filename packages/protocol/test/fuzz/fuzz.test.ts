import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Message } from '@ottla/protocol'
import { ALLOCATION_FACTOR, ALLOCATION_FLOOR } from '../../src/codec/reader.ts'
import { allMessages, versionsOf } from '../messages/all.ts'
import { type Measured, measureAllocation } from './allocation.ts'
import { amplify } from './amplify.ts'
import { Costliest, fuzz, type Input, newOutcome, tryInput } from './fuzz.ts'

const seed = Number(process.env.OTTLA_SEED ?? 1)
/** `.ci/run` takes 5,000. */
const perPair = Number(process.env.OTTLA_FUZZ_PER_PAIR ?? 1000)
/** Measured: of the damaged ones, and of those with many small parts. */
const COSTLIEST = 940
const COSTLIEST_GROWN = 60
const PARTS = 300
const PARTS_MEASURED = 50_000

const costliest = new Costliest(COSTLIEST)
const costliestGrown = new Costliest(COSTLIEST_GROWN)

test(`damaged messages are decoded or refused, ${perPair} per message and version (seed ${seed})`, (t) => {
  const stackTraceLimit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  let decoded = 0
  let refused = 0
  for (const message of allMessages) {
    for (const version of versionsOf(message)) {
      const outcome = fuzz(message, version, seed, perPair, costliest)
      decoded += outcome.decoded
      refused += outcome.refused
      const replay = `node tools/fuzz.ts --seed ${seed} --per ${perPair} --api ${message.name}`
      assert.deepEqual(outcome.failures, [], `${message.name} version ${version}; ${replay}`)
      assert.equal(outcome.decoded + outcome.refused, perPair)
      assert.equal(outcome.fieldsMissed, 0, `${message.name} version ${version} has lengths that were never changed`)
    }
  }
  Error.stackTraceLimit = stackTraceLimit
  t.diagnostic(`${decoded} decoded, ${refused} refused`)
  assert.ok(decoded > refused / 20 && refused > decoded / 20, 'the mutations are neither harmless nor hopeless')
})

test('messages of many small parts are decoded or refused', () => {
  const outcome = newOutcome()
  for (const message of allMessages) {
    for (const version of versionsOf(message)) {
      for (const [shape, bytes] of amplify(message, version, PARTS)) {
        tryInput(message, version, bytes, outcome, costliestGrown, shape)
      }
    }
  }
  assert.deepEqual(outcome.failures, [])
  assert.equal(outcome.refused, 0)
})

/** How many parts the reader puts up with, by its own account of the parts tried. */
function asManyAsAllowed({ cost, bytes }: Input): number {
  const excess = (cost - ALLOCATION_FACTOR * bytes.length) / PARTS
  return excess <= 0 ? PARTS_MEASURED : Math.min(PARTS_MEASURED, Math.floor((0.99 * ALLOCATION_FLOOR) / excess))
}

test('the 1,000 costliest take at most 8 times their size and 1 MiB, and leave at most as much again as garbage', async (t) => {
  const grown = costliestGrown.top().flatMap((input) => {
    const { message, version, shape } = input
    for (const [, bytes] of amplify(message, version, asManyAsAllowed(input), shape)) {
      return [{ message, version, bytes, cost: 0 }]
    }
    return []
  })
  assert.equal(grown.length, COSTLIEST_GROWN)
  const measured = await measureAllocation([...costliest.top(), ...grown])
  const describe = ({ input, alive, allocated, allowed }: Measured) =>
    `${input.message.name} version ${input.version}, ${input.bytes.length} bytes: ` +
    `${alive} alive and ${allocated} allocated of ${allowed} allowed`
  const worst = (by: (one: Measured) => number) => measured.reduce((a, b) => (by(a) > by(b) ? a : b))
  t.diagnostic(`most alive: ${describe(worst((one) => one.alive / one.allowed))}`)
  t.diagnostic(`most allocated: ${describe(worst((one) => one.allocated / one.allowed))}`)
  t.diagnostic(`${measured.filter((one) => one.alive > 256 * 1024).length} of them above 256 KiB`)
  // What an array leaves behind as it grows depends on when the compiler gets to the decoder: no strict bound for that.
  for (const one of measured) assert.ok(one.alive <= one.allowed && one.allocated <= 2 * one.allowed, describe(one))
})

test('what is thrown besides the codec error is a failure', () => {
  const broken = {
    read: () => {
      throw new TypeError('a bug')
    },
  }
  const outcome = newOutcome()
  tryInput(broken as unknown as Message, 0, Buffer.from([1]), outcome)
  assert.deepEqual(outcome.failures, ['TypeError: a bug: 01'])
})
