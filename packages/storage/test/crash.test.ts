import assert from 'node:assert/strict'
import { test } from 'node:test'
import { enumerate } from './crash/enumerate.ts'

const STATES = 20_000
const STATES_PER_PHASE = 500

test(`${STATES} crash states: nothing promised is lost, nothing else appears`, async (t) => {
  const result = await enumerate({ states: STATES, firstSeed: 1, statesPerIndex: 12 })
  const phases = [...result.byPhase].map(([phase, states]) => `${phase} ${states}`).join(', ')
  t.diagnostic(`${result.states} states of ${result.scripts} scripts (${phases}), ${result.nested} within recovery`)
  assert.equal(result.states, STATES)
  for (const [phase, states] of result.byPhase) assert.ok(states >= STATES_PER_PHASE, `${phase}: only ${states} states`)
  for (const invariant of [
    'L2',
    'L7',
    'L9',
    'L9-newest',
    'L10',
    'P1',
    'P2',
    'R2',
    'S1',
    'S2',
    'S3',
    'S4',
    'S9',
    'T11',
    'C3',
  ])
    assert.ok((result.exercised.get(invariant) ?? 0) > 0, `${invariant} was never looked at`)
})
