/** The ways to commit. */
import assert from 'node:assert/strict'
import type { JoinRequest } from '../contract.ts'
import { Group } from '../group.ts'
import type { Scenario, ScenarioContext } from './scenario.ts'

/** A group that reads one partition with ten records. */
async function ofTen(context: ScenarioContext, options: Partial<JoinRequest>): Promise<Group> {
  const group = new Group(context, [context.topic()], options)
  await group.create(1)
  await group.produce(10)
  return group
}

/** Ten records, a commit after five: who comes next begins with the sixth. */
const afterFive = (name: string, async: boolean): Scenario => ({
  name,
  beside: true,
  async run(context) {
    const group = await ofTen(context, { maxPollRecords: 5 })
    const first = await group.join()
    await group.until('five records', () => first.records.length >= 5)
    assert.equal(first.records.length, 5)
    await first.program.ask<'commit'>('', { op: 'commit', offsets: null, async })
    await group.readCommitted()
    await group.crash(first)
    const second = await group.join()
    await group.readAll()
    assert.deepEqual(
      second.records.map(({ offset }) => offset),
      [5, 6, 7, 8, 9],
    )
    return {}
  },
})

export const commits: readonly Scenario[] = [
  afterFive('commit', false),
  afterFive('commit-async', true),
  {
    name: 'commit-by-interval',
    beside: true,
    async run(context) {
      const group = await ofTen(context, { autoCommitMs: 200 })
      await group.join()
      await group.readAll()
      await group.until('committed by interval', () => group.allCommitted())
      return {}
    },
  },
  {
    name: 'commit-on-close',
    beside: true,
    async run(context) {
      const group = await ofTen(context, { autoCommitMs: 600_000 })
      const member = await group.join()
      await group.readAll()
      const early = await group.allCommitted()
      await group.leave(member)
      assert.equal(await group.allCommitted(), true, 'committed on close')
      // Some clients commit after each fetch, whatever the interval.
      return { 'before the close': early }
    },
  },
]
