/** Members beyond the partitions: idle, and next in line. Clients of a broker of our own, looked at by `group members`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupConsumer } from '@ottla/client'
import { type Bench, consumerOf, setUp } from '../../client/test/support/group-bench.ts'
import { ottla } from './support/run.ts'

const PARTITIONS = 2
const NAMES = ['a', 'b', 'c', 'd']
/** How soon a crash is noticed. */
const SESSION_TIMEOUT_MS = 1000

const WAYS = {
  range: { assignors: ['range'], sessionTimeoutMs: SESSION_TIMEOUT_MS },
  'cooperative-sticky': { assignors: ['cooperative-sticky'], sessionTimeoutMs: SESSION_TIMEOUT_MS },
  'the consumer protocol': { groupProtocol: 'consumer' },
} as const

interface Member {
  readonly consumer: GroupConsumer
  readonly done: Promise<void>
  /** The end of its process, without a word to anybody. */
  die(): void
}

interface Shown {
  readonly state: string
  readonly members: readonly { readonly idle: boolean; readonly assignment: readonly unknown[] }[]
}

async function shownBy(bench: Bench): Promise<{ readonly group: Shown; readonly table: string }> {
  const env = { OTTLA_BOOTSTRAP: bench.bootstrap }
  const json = await ottla(['group', 'members', 'g', '-o', 'json'], { env })
  const table = await ottla(['group', 'members', 'g'], { env })
  return { group: JSON.parse(json.stdout)[0], table: table.stdout }
}

for (const [way, options] of Object.entries(WAYS)) {
  test(`who is idle is marked so, and takes over in one rebalance when an owner leaves or crashes, by ${way}`, async (t) => {
    const bench = await setUp(t, PARTITIONS, { 'group.consumer.session.timeout.ms': SESSION_TIMEOUT_MS })
    const members = new Map<string, Member>()
    const owners = new Map<number, string>()
    const read: string[] = []

    const start = (name: string): Member => {
      const { kafka, die } = bench.mortal()
      const consumer = consumerOf(
        { client: () => kafka },
        {
          ...options,
          onAssigned: (partitions) => {
            for (const { partition } of partitions) {
              assert.equal(owners.get(partition), undefined, `${partition} has an owner already`)
              owners.set(partition, name)
            }
          },
          onRevoked: (partitions) => {
            for (const { partition } of partitions) if (owners.get(partition) === name) owners.delete(partition)
          },
        },
      )
      const done = (async () => {
        for await (const { value } of consumer) read.push(String(value))
      })()
      // Of one that has crashed nobody asks how it ended.
      done.catch(() => {})
      return { consumer, done, die }
    }
    const until = async (holds: () => boolean): Promise<void> => {
      const { admin } = bench.client()
      while (!holds()) await admin.describeCluster()
    }
    const generations = (): number[] =>
      [...members.values()].map(({ consumer }) => consumer.groupMetadata().generationId)
    /** Until each partition has an owner of its own and everybody has heard of it. */
    const settled = async (isEnough: (generation: number) => boolean): Promise<number> => {
      await until(() => new Set(owners.values()).size === PARTITIONS && generations().every(isEnough))
      const { group, table } = await shownBy(bench)
      const idle = members.size - PARTITIONS
      assert.equal(group.state, 'Stable')
      assert.deepEqual(group.members.map((member) => `${member.assignment.length} ${member.idle}`).toSorted(), [
        ...Array(idle).fill('0 true'),
        ...Array(PARTITIONS).fill('1 false'),
      ])
      assert.equal(table.match(/ {2}idle$/gm)?.length ?? 0, idle, table)
      assert.match(table, idle === 0 ? /, 2 members, / : new RegExp(`, ${members.size} members \\(${idle} idle\\), `))
      const all = generations()
      assert.equal(new Set(all).size, 1, `generations ${all}`)
      return all[0]
    }

    let generation = -1
    for (const name of NAMES) {
      members.set(name, start(name))
      // One after the other: by then the rebalance of the one before is over.
      await until(
        () =>
          new Set(owners.values()).size === Math.min(members.size, PARTITIONS) &&
          owners.size === PARTITIONS &&
          new Set(generations()).size === 1 &&
          generations()[0] > generation,
      )
      generation = generations()[0]
    }
    assert.equal(await settled((now) => now >= generation), generation)

    const goes = async (partition: number, how: (member: Member) => Promise<void>): Promise<void> => {
      const name = owners.get(partition) as string
      const member = members.get(name) as Member
      members.delete(name)
      await how(member)
      for (const [owned, owner] of owners) if (owner === name) owners.delete(owned)
      assert.equal(await settled((now) => now > generation), generation + 1, 'one rebalance, and no other after it')
      generation++
    }
    await goes(0, async ({ consumer, done }) => {
      await consumer.close()
      await done
    })
    await goes(1, async ({ die }) => die())

    await bench.produce(20)
    await until(() => read.length >= 20)
    assert.equal(new Set(read).size, 20, 'the two that were idle read it all, each record once')
    assert.equal(read.length, 20)
    for (const { consumer, done } of members.values()) {
      await consumer.close()
      await done
    }
  })
}
