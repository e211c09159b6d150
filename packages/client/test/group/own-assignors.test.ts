/** How a group's partitions are shared is the members' choice, against our own broker. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Assignor, GroupAssignment, GroupConsumer } from '@ottla/client'
import { type Bench, consumerOf, setUp, TOPIC } from '../support/group-bench.ts'

/** All partitions to the member whose id is the last. */
const allToLast: Assignor = {
  name: 'all-to-last',
  cooperative: false,
  assign(members, partitions) {
    const last = members
      .map(({ memberId }) => memberId)
      .sort()
      .at(-1)!
    const everything = [...partitions].map(([topic, count]): [string, number[]] => [topic, [...Array(count).keys()]])
    return new Map([[last, new Map(everything)]])
  },
}

const partitionsOf = (consumer: GroupConsumer) => consumer.assignment().map(({ partition }) => partition)

/** Reads with these, and resolves once the group is stable and each has so many partitions, in some order. */
async function atRest(bench: Bench, consumers: readonly GroupConsumer[], counts: readonly number[]): Promise<void> {
  const { admin } = bench.client()
  for (;;) {
    const [{ group }] = await admin.describeGroups(['g'])
    const now = consumers.map((consumer) => partitionsOf(consumer).length).toSorted()
    if (group?.state === 'Stable' && group.members.length === consumers.length && now.join() === counts.join()) return
  }
}

async function readToItsEnd(consumer: GroupConsumer): Promise<void> {
  for await (const _ of consumer);
}

test("an assignor of the program's own is what the group goes by", async (t) => {
  const bench = await setUp(t, 4)
  const consumers = [1, 2, 3].map(() => consumerOf(bench, { assignors: [allToLast] }))
  const reading = consumers.map(readToItsEnd)
  await atRest(bench, consumers, [0, 0, 4])
  await Promise.all(consumers.map((consumer) => consumer.close()))
  await Promise.all(reading)
})

test('sticky: whoever comes gets a share, and the others keep what they have of theirs', async (t) => {
  const bench = await setUp(t, 6)
  const [first, second, third] = [1, 2, 3].map(() => consumerOf(bench, { assignors: ['sticky'] }))
  const reading = [first, second].map(readToItsEnd)
  await atRest(bench, [first, second], [3, 3])
  const had = [first, second].map(partitionsOf)
  reading.push(readToItsEnd(third))
  await atRest(bench, [first, second, third], [2, 2, 2])
  for (const [i, consumer] of [first, second].entries()) {
    for (const partition of partitionsOf(consumer)) assert.ok(had[i].includes(partition), `${partition} of ${had[i]}`)
  }
  await Promise.all([first, second, third].map((consumer) => consumer.close()))
  await Promise.all(reading)
})

test('what an assignor of its own cannot mean ends its leader, by name', async (t) => {
  const bench = await setUp(t, 1)
  const given = (partitions: [string, number[]][], to = (id: string) => id): Assignor['assign'] => {
    return (members) => new Map<string, GroupAssignment>([[to(members[0].memberId), new Map(partitions)]])
  }
  const wrong: [Assignor['assign'], RegExp][] = [
    [
      () => {
        throw new RangeError('no idea')
      },
      /^the assignor mine has failed: RangeError: no idea$/,
    ],
    [given([[TOPIC, [0, 0]]]), /^the assignor mine has given partition orders-0 to two members$/],
    [given([[TOPIC, [7]]]), /^the assignor mine has given partition orders-7, which does not exist$/],
    [given([['other', [0]]]), /partition other-0, which does not exist$/],
    [given([], () => 'nobody'), /^the assignor mine has given partitions to nobody, which is no member$/],
  ]
  for (const [assign, message] of wrong) {
    const consumer = consumerOf(bench, { assignors: [{ name: 'mine', cooperative: false, assign }] })
    const read = async () => {
      for await (const _ of consumer);
    }
    await assert.rejects(read, { code: 'CONFIG', message })
  }
  const twice = [allToLast, allToLast]
  assert.throws(() => consumerOf(bench, { assignors: twice }), {
    code: 'CONFIG',
    message: 'assignors have a name each',
  })
})
