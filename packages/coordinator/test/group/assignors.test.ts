import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Assignment, AssignorMember, AssignorTopic } from '../../src/group/assignors/assignor.ts'
import { assignRange } from '../../src/group/assignors/range.ts'
import { assignUniformly } from '../../src/group/assignors/uniform.ts'
import { Seeded } from '../support/seeded.ts'

function topics(...counts: number[]): Map<string, AssignorTopic> {
  return new Map(counts.map((partitions, i) => [`t${i}`, { topicId: `t${i}`, partitions, racks: [] }]))
}

function member(memberId: string, topicIds: Iterable<string>, more: Partial<AssignorMember> = {}): AssignorMember {
  return { memberId, instanceId: null, rackId: null, topicIds: new Set(topicIds), target: new Map(), ...more }
}

function plain(assignments: ReadonlyMap<string, Assignment>): Record<string, Record<string, readonly number[]>> {
  return Object.fromEntries([...assignments].map(([id, assignment]) => [id, Object.fromEntries(assignment)]))
}

const size = (assignment: Assignment): number => [...assignment.values()].reduce((sum, { length }) => sum + length, 0)

function again(
  members: readonly AssignorMember[],
  assignments: ReadonlyMap<string, Assignment>,
): readonly AssignorMember[] {
  return members.map((m) => ({ ...m, target: assignments.get(m.memberId) ?? m.target }))
}

/** Every partition of every topic with subscribers belongs to exactly one of them. */
function checkComplete(
  members: readonly AssignorMember[],
  all: ReadonlyMap<string, AssignorTopic>,
  assignments: ReadonlyMap<string, Assignment>,
): void {
  const owners = new Map<string, string>()
  for (const { memberId, topicIds } of members) {
    for (const [topicId, partitions] of assignments.get(memberId)!) {
      assert.ok(topicIds.has(topicId), `${memberId} has ${topicId} without a subscription`)
      assert.deepEqual(
        [...partitions].sort((a, b) => a - b),
        partitions,
      )
      for (const partition of partitions) {
        assert.ok(partition < all.get(topicId)!.partitions)
        assert.equal(owners.get(`${topicId}:${partition}`), undefined, 'two owners')
        owners.set(`${topicId}:${partition}`, memberId)
      }
    }
  }
  let expected = 0
  for (const topic of all.values()) {
    if (members.some(({ topicIds }) => topicIds.has(topic.topicId))) expected += topic.partitions
  }
  assert.equal(owners.size, expected)
}

test('range: each topic in ranges, static members first, then by name', () => {
  const all = topics(5, 3)
  const members = [member('c', all.keys()), member('a', all.keys()), member('z', all.keys(), { instanceId: 'i' })]
  assert.deepEqual(plain(assignRange(members, all)), {
    z: { t0: [0, 1], t1: [0] },
    a: { t0: [2, 3], t1: [1] },
    c: { t0: [4], t1: [2] },
  })
})

test('range: more members than partitions leaves the last ones without', () => {
  const all = topics(2)
  const members = ['a', 'b', 'c'].map((id) => member(id, all.keys()))
  assert.deepEqual(plain(assignRange(members, all)), { a: { t0: [0] }, b: { t0: [1] }, c: {} })
})

test('range: subscriptions of their own', () => {
  const all = topics(4, 4)
  const members = [member('a', ['t0']), member('b', ['t0', 't1']), member('c', ['t1'])]
  assert.deepEqual(plain(assignRange(members, all)), {
    a: { t0: [0, 1] },
    b: { t0: [2, 3], t1: [0, 1] },
    c: { t1: [2, 3] },
  })
})

test('uniform: a new member takes only its share, the others keep the rest', () => {
  const all = topics(6)
  const two = ['a', 'b'].map((id) => member(id, all.keys()))
  const first = assignUniformly(two, all)
  assert.deepEqual(plain(first), { a: { t0: [0, 1, 2] }, b: { t0: [3, 4, 5] } })
  const three = [...again(two, first), member('c', all.keys())]
  assert.deepEqual(plain(assignUniformly(three, all)), { a: { t0: [0, 1] }, b: { t0: [3, 4] }, c: { t0: [2, 5] } })
})

test('uniform: who has one more than the others keeps it', () => {
  const all = topics(5)
  const members = [
    member('a', all.keys(), { target: new Map([['t0', [0, 1]]]) }),
    member('b', all.keys(), { target: new Map([['t0', [2, 3, 4]]]) }),
  ]
  const assignments = assignUniformly(members, all)
  for (const m of members) assert.equal(assignments.get(m.memberId), m.target)
})

test('uniform: what is handed out goes to members in the racks of its replicas', () => {
  const all = new Map([['t0', { topicId: 't0', partitions: 4, racks: [['x'], ['y'], ['x'], ['y']] }]])
  const members = [member('a', ['t0'], { rackId: 'y' }), member('b', ['t0'], { rackId: 'x' })]
  assert.deepEqual(plain(assignUniformly(members, all)), { a: { t0: [1, 3] }, b: { t0: [0, 2] } })
})

test('uniform: mixed subscriptions are balanced among those who share a topic', () => {
  const all = topics(6, 6)
  const members = [member('a', ['t0']), member('b', ['t0', 't1']), member('c', ['t1'])]
  const assignments = assignUniformly(members, all)
  checkComplete(members, all, assignments)
  assert.deepEqual([...assignments.values()].map(size), [4, 4, 4])
})

test('uniform: a target that names foreign, deleted or doubled partitions is mended', () => {
  for (const other of [['t0'], ['t0', 't1']]) {
    const all = topics(4, 2)
    const members = [
      member('a', ['t0'], {
        target: new Map([
          ['t0', [0, 1, 9]],
          ['gone', [3]],
        ]),
      }),
      member('b', other, { target: new Map([['t0', [1, 2]]]) }),
    ]
    checkComplete(members, all, assignUniformly(members, all))
  }
})

test('uniform, all subscriptions alike: complete, within one, and as little moves as can be', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = new Seeded(seed)
    let all = topics(...Array.from({ length: 1 + random.below(4) }, () => 1 + random.below(12)))
    let members: readonly AssignorMember[] = []
    let names = 0
    for (let step = 0; step < 12; step++) {
      if (random.chance(60) || members.length === 0) {
        const rackId = random.chance(50) ? random.pick(['x', 'y']) : null
        members = [...members, member(`m${names++}`, all.keys(), { rackId })]
      } else if (members.length > 1 && random.chance(70)) {
        const gone = random.pick(members)
        members = members.filter((m) => m !== gone)
      } else {
        all = new Map([...all].map(([id, t]) => [id, { ...t, partitions: t.partitions + random.below(3) }]))
      }
      const assignments = assignUniformly(members, all)
      checkComplete(members, all, assignments)
      const sizes = members.map(({ memberId }) => size(assignments.get(memberId)!))
      assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, `seed ${seed}: ${sizes}`)
      const total = [...all.values()].reduce((sum, { partitions }) => sum + partitions, 0)
      const least = Math.floor(total / members.length)
      const owned = members.map(({ target }) => size(target))
      const extra = Math.min(total % members.length, owned.filter((n) => n > least).length)
      const mayStay = owned.reduce((sum, n) => sum + Math.min(n, least), 0) + extra
      const stayed = members.reduce((sum, { memberId, target }) => sum + kept(target, assignments.get(memberId)!), 0)
      assert.equal(stayed, mayStay, `seed ${seed}: moves without need`)
      members = again(members, assignments)
    }
  }
})

function kept(before: Assignment, after: Assignment): number {
  let count = 0
  for (const [topicId, partitions] of before) {
    const now = new Set(after.get(topicId))
    for (const partition of partitions) if (now.has(partition)) count++
  }
  return count
}

test('any subscriptions: complete, no topic can be balanced better, and a second run changes nothing', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = new Seeded(seed)
    const all = topics(...Array.from({ length: 1 + random.below(5) }, () => 1 + random.below(10)))
    let members: readonly AssignorMember[] = []
    for (let step = 0; step < 8; step++) {
      const some = [...all.keys()].filter(() => random.chance(50))
      if (members.length > 1 && random.chance(30)) members = members.slice(1)
      else members = [...members, member(`m${step}`, some)]
      checkComplete(members, all, assignRange(members, all))
      const assignments = assignUniformly(members, all)
      checkComplete(members, all, assignments)
      for (const topicId of all.keys()) {
        const subscribers = members.filter(({ topicIds }) => topicIds.has(topicId))
        const least = Math.min(...subscribers.map(({ memberId }) => size(assignments.get(memberId)!)))
        for (const { memberId } of subscribers) {
          const assignment = assignments.get(memberId)!
          if (assignment.has(topicId)) assert.ok(size(assignment) - least <= 1, `seed ${seed}`)
        }
      }
      members = again(members, assignments)
      assert.deepEqual(assignUniformly(members, all), assignments, `seed ${seed}`)
    }
  }
})
