import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawOptions, faultKinds, invariants, renderFailure, SimRun } from '@ottla/simulator'
import { passAll, regressions, runSeed } from './support/seeds.ts'

test('seeds that have found a bug pass', (t) =>
  passAll(
    t,
    regressions.filter(({ seed }) => seed > 200).map(({ seed }) => seed),
  ))

test('the same seed gives the same run, another seed another', async () => {
  const first = await runSeed(1)
  const again = await runSeed(1)
  const other = await runSeed(2)
  assert.equal(again.traceHash, first.traceHash)
  assert.equal(again.events, first.events)
  assert.deepEqual(again.tally, first.tally)
  assert.notEqual(other.traceHash, first.traceHash)
})

test('the same seed gives the same groups and transactions', async () => {
  const first = await runSeed(1, 'groups')
  const again = await runSeed(1, 'groups')
  assert.equal(again.traceHash, first.traceHash)
  assert.deepEqual(again.tally, first.tally)
  assert.notEqual((await runSeed(1)).traceHash, first.traceHash)
})

test('what a seed is about is drawn from the seed', () => {
  assert.deepEqual(drawOptions(77), drawOptions(77))
  const kinds = new Set<string>()
  for (let seed = 0; seed < 50; seed++) for (const kind of drawOptions(seed).faults) kinds.add(kind)
  assert.deepEqual([...kinds].sort(), [...faultKinds].sort())
})

test('a run can be stopped after an event', async () => {
  const result = await new SimRun(1, { untilEvent: 500 }).run()
  assert.equal(result.events, 500)
  assert.notEqual(result.lastEvents.length, 0)
})

test('a failure is told on one screen, with the command that repeats it', async () => {
  const run = new SimRun(5)
  run.strayRejection(new Error('made up'))
  const result = await run.run()
  const report = renderFailure(result, { node: 'v26', commit: 'abc' })
  assert.equal(result.violation?.invariant, 'OK')
  assert.match(report, /^FAIL OK no-bug {2}seed=0x00000005 {2}commit=abc {2}node=v26/)
  assert.match(report, /npm run sim -- --replay 0x00000005 --until \d+ --trace/)
  assert.match(report, /unhandled rejection: Error: made up/)
  assert.ok(report.split('\n').length <= 50)
})

test('every invariant has a name and a rule', () => {
  for (const rule of Object.values(invariants)) assert.match(rule, /^[a-z-]+: .+/)
})
