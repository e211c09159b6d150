import assert from 'node:assert/strict'
import { test } from 'node:test'
import { enumerate } from './enumerate.ts'

/** Each of the two test files, which run beside each other, has half of the 20,000. */
const STATES = 10_000
const STATES_PER_PHASE = 250
/** S6 and S7, a disk that fails or is full, are no crash: see `log.test.ts`, `damage.test.ts` and the simulator. */
const INVARIANTS = 'L1 L2 L3 L4 L5 L6 L7 L8 L9 L9-newest L10 P1 P2 R2 S1 S2 S3 S4 S5 S8 S9 T11 C3'.split(' ')

export function testCrashStates(firstSeed: number): void {
  test(`${STATES} crash states: nothing promised is lost, nothing else appears`, async (t) => {
    const result = await enumerate({ states: STATES, firstSeed, statesPerPhase: 250 })
    const phases = [...result.byPhase].map(([phase, states]) => `${phase} ${states}`).join(', ')
    t.diagnostic(`${result.states} states of ${result.scripts} scripts (${phases}), ${result.nested} within recovery`)
    assert.equal(result.states, STATES)
    for (const [phase, states] of result.byPhase)
      assert.ok(states >= STATES_PER_PHASE, `${phase}: only ${states} states`)
    for (const invariant of INVARIANTS)
      assert.ok((result.exercised.get(invariant) ?? 0) > 0, `${invariant} was never looked at`)
  })
}
