/** The ways of sharing partitions, as pure functions. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { AssigningMember, Assignment } from '../../src/group/assignors/assignor.ts'
import { assignors } from '../../src/group/assignors/index.ts'
import { decodeStickyData, encodeStickyData } from '../../src/group/assignors/sticky-data.ts'

function member(memberId: string, topics: readonly string[], more: Partial<AssigningMember> = {}): AssigningMember {
  return { memberId, instanceId: null, topics, owned: new Map(), ownedGeneration: -1, userData: null, ...more }
}

/** `{ member: 'topic: partitions; …' }` */
function shown(assigned: ReadonlyMap<string, Assignment>): Record<string, string> {
  return Object.fromEntries(
    [...assigned].map(([id, topics]) => [
      id,
      [...topics]
        .sort()
        .map(([topic, partitions]) => `${topic}: ${partitions.join(' ')}`)
        .join('; '),
    ]),
  )
}

test("range gives what Kafka's RangeAssignor gives", () => {
  const { range } = assignors
  const both = ['t', 'u']
  const sizes = new Map([
    ['t', 3],
    ['u', 3],
  ])
  assert.deepEqual(shown(range.assign([member('a', both), member('b', both)], sizes)), {
    a: 't: 0 1; u: 0 1',
    b: 't: 2; u: 2',
  })
  assert.deepEqual(shown(range.assign([member('b', ['t']), member('a', both), member('c', ['u'])], sizes)), {
    b: 't: 2',
    a: 't: 0 1; u: 0 1',
    c: 'u: 2',
  })
  // Static members come first, by their instances.
  const statics = [member('z', ['t'], { instanceId: 'i1' }), member('a', ['t'])]
  assert.deepEqual(shown(range.assign(statics, sizes)), { z: 't: 0 1', a: 't: 2' })
  assert.deepEqual(shown(range.assign([member('a', ['none'])], sizes)), { a: '' })
})

test("round robin gives what Kafka's RoundRobinAssignor gives", () => {
  const sizes = new Map([
    ['t0', 1],
    ['t1', 2],
    ['t2', 3],
  ])
  const members = [member('c0', ['t0']), member('c1', ['t0', 't1']), member('c2', ['t0', 't1', 't2'])]
  // The example in its documentation.
  assert.deepEqual(shown(assignors.roundrobin.assign(members, sizes)), {
    c0: 't0: 0',
    c1: 't1: 0',
    c2: 't1: 1; t2: 0 1 2',
  })
})

const topics = ['t0', 't1', 't2']
const memberships = fc.record({
  sizes: fc.tuple(fc.nat(12), fc.nat(12), fc.nat(12)),
  reads: fc.array(fc.subarray(topics), { minLength: 1, maxLength: 7 }),
})

test('every partition that somebody reads has one owner, who reads it', () => {
  fc.assert(
    fc.property(memberships, ({ sizes, reads }) => {
      const members = reads.map((of, i) => member(`m${i}`, of))
      const partitions = new Map(topics.map((topic, i) => [topic, sizes[i]]))
      for (const assignor of Object.values(assignors)) {
        const assigned = assignor.assign(members, partitions)
        const owners = new Map<string, string>()
        for (const [id, of] of assigned) {
          for (const [topic, list] of of) {
            assert.ok(members.find(({ memberId }) => memberId === id)!.topics.includes(topic))
            for (const partition of list) {
              assert.equal(owners.has(`${topic} ${partition}`), false)
              owners.set(`${topic} ${partition}`, id)
            }
          }
        }
        const wanted = topics.flatMap((topic, i) => (reads.some((of) => of.includes(topic)) ? [sizes[i]] : []))
        assert.equal(
          owners.size,
          wanted.reduce((sum, size) => sum + size, 0),
          assignor.name,
        )
      }
    }),
    { seed: 4, numRuns: 300 },
  )
})

/** What members own after they have taken up an assignment and joined again, until nothing changes. */
function settle(
  members: AssigningMember[],
  partitions: ReadonlyMap<string, number>,
): { members: AssigningMember[]; rounds: number } {
  let generation = Math.max(...members.map(({ ownedGeneration }) => ownedGeneration)) + 1
  for (let rounds = 1; ; rounds++, generation++) {
    const assigned = assignors['cooperative-sticky'].assign(members, partitions)
    // Nobody is given what another has.
    for (const [id, of] of assigned) {
      for (const [topic, list] of of) {
        for (const other of members) {
          if (other.memberId === id) continue
          for (const partition of list) assert.equal(other.owned.get(topic)?.includes(partition) ?? false, false)
        }
      }
    }
    const before = shown(new Map(members.map(({ memberId, owned }) => [memberId, owned])))
    members = members.map((m) => ({ ...m, owned: assigned.get(m.memberId)!, ownedGeneration: generation }))
    const after = shown(new Map(members.map(({ memberId, owned }) => [memberId, owned])))
    if (JSON.stringify(before) === JSON.stringify(after)) return { members, rounds }
    assert.ok(rounds < 5, 'it comes to rest')
  }
}

function count(owned: Assignment): number {
  return [...owned.values()].reduce((sum, list) => sum + list.length, 0)
}

test('cooperative-sticky: even, in two rounds, with what can stay staying, and never two owners', () => {
  fc.assert(
    fc.property(fc.nat(20), fc.integer({ min: 1, max: 6 }), fc.integer({ min: -2, max: 3 }), (size, before, change) => {
      const partitions = new Map([['t', size]])
      const first = settle(
        Array.from({ length: before }, (_, i) => member(`m${i}`, ['t'])),
        partitions,
      ).members
      const after = Math.max(1, before + change)
      const kept = first.slice(0, after)
      const added = Array.from({ length: Math.max(0, after - before) }, (_, i) => member(`new${i}`, ['t']))
      const { members } = settle([...kept, ...added], partitions)
      const counts = members.map(({ owned }) => count(owned))
      assert.equal(
        counts.reduce((a, b) => a + b, 0),
        size,
      )
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, `${counts}`)
      // Whoever stays keeps as much of its own as its even share has room for.
      for (const old of kept) {
        const now = members.find(({ memberId }) => memberId === old.memberId)!
        const had = old.owned.get('t') ?? []
        const has = new Set(now.owned.get('t'))
        const stayed = had.filter((partition) => has.has(partition)).length
        assert.ok(stayed >= Math.min(had.length, Math.floor(size / after)), `${stayed} of ${had.length} stayed`)
      }
    }),
    { seed: 4, numRuns: 300 },
  )
})

test('of two who claim the same partition the later generation has it; of the same generation, nobody', () => {
  const owned = new Map([['t', [0]]])
  const assign = (generations: readonly [number, number]) =>
    shown(
      assignors['cooperative-sticky'].assign(
        [
          member('a', ['t'], { owned, ownedGeneration: generations[0] }),
          member('b', ['t'], { owned, ownedGeneration: generations[1] }),
        ],
        new Map([['t', 1]]),
      ),
    )
  assert.deepEqual(assign([1, 2]), { a: '', b: 't: 0' })
  assert.deepEqual(assign([3, 2]), { a: 't: 0', b: '' })
  assert.deepEqual(assign([2, 2]), { a: 't: 0', b: '' })
})

test('sticky: members that gave everything up say what they had, and keep what can stay', () => {
  const { sticky } = assignors
  const partitions = new Map([['t', 6]])
  const before = sticky.assign([member('a', ['t']), member('b', ['t'])], partitions)
  assert.deepEqual([...before.values()].map(count), [3, 3])
  const userData = (id: string, generation: number) => sticky.userData!({ assignment: before.get(id)!, generation })
  const after = sticky.assign(
    [
      member('a', ['t'], { userData: userData('a', 1) }),
      member('b', ['t'], { userData: userData('b', 1) }),
      member('c', ['t']),
    ],
    partitions,
  )
  assert.deepEqual([...after.values()].map(count), [2, 2, 2])
  for (const id of ['a', 'b']) {
    const had = before.get(id)!.get('t')!
    assert.ok(
      after
        .get(id)!
        .get('t')!
        .every((partition) => had.includes(partition)),
      id,
    )
  }
  // What it had two generations ago counts less than what another has had since.
  const late = sticky.assign(
    [member('a', ['t'], { userData: userData('a', 1) }), member('b', ['t'], { userData: userData('a', 2) })],
    partitions,
  )
  assert.deepEqual(late.get('b')!.get('t'), before.get('a')!.get('t'))
})

test('sticky: the bytes are those of Apache Kafka, and what is none of them is nothing', () => {
  const last = { assignment: new Map([['t', [0, 2]]]), generation: 3 }
  const bytes = Buffer.from('00000001' + '000174' + '00000002' + '00000000' + '00000002' + '00000003', 'hex')
  assert.deepEqual(encodeStickyData(last), bytes)
  assert.deepEqual(decodeStickyData(bytes), last)
  // Version 0 had no generation.
  assert.deepEqual(decodeStickyData(bytes.subarray(0, -4)), { ...last, generation: -1 })
  for (let length = 0; length < bytes.length - 4; length++) {
    assert.equal(decodeStickyData(bytes.subarray(0, length)), null, String(length))
  }
  assert.equal(decodeStickyData(Buffer.from('7fffffff' + '000174' + '7fffffff' + '00000000', 'hex')), null)
  const bad = [member('a', ['t'], { userData: Buffer.from('x') }), member('b', ['t'])]
  assert.deepEqual([...assignors.sticky.assign(bad, new Map([['t', 2]])).values()].map(count), [1, 1])
})
