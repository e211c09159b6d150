import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OWNS_NOTHING, type OwnedPartitions } from '../../../src/group/consumer/assigned.ts'
import {
  type CurrentAssignment,
  type MemberState,
  NEWLY_JOINED,
  reconcile,
} from '../../../src/group/consumer/current-assignment.ts'

const EPOCH = 5

function owned(partitions: readonly number[], since = 1): OwnedPartitions {
  return partitions.length === 0 ? OWNS_NOTHING : new Map([['t', new Map(partitions.map((p) => [p, since]))]])
}

function plain(assigned: OwnedPartitions): number[] {
  return [...(assigned.get('t')?.keys() ?? [])]
}

function member(
  state: MemberState,
  memberEpoch: number,
  assigned: number[],
  pending: number[] = [],
): CurrentAssignment {
  return {
    ...NEWLY_JOINED,
    state,
    memberEpoch,
    assigned: owned(assigned),
    pendingRevocation: owned(pending),
  }
}

/** `others`: partitions that somebody else has. */
function step(current: CurrentAssignment, target: number[], others: number[], named: number[] | null) {
  const mine = new Set([...plain(current.assigned), ...plain(current.pendingRevocation)])
  const next = reconcile(
    current,
    {
      epoch: EPOCH,
      target: new Map(target.length === 0 ? [] : [['t', target]]),
      isOwned: (_topicId, partition) => others.includes(partition) || mine.has(partition),
    },
    named === null ? null : [{ topicId: 't', partitions: named }],
  )
  const { state, memberEpoch, assigned, pendingRevocation } = next
  return [state, memberEpoch, plain(assigned), plain(pendingRevocation)]
}

// Each row: before, target, what others have, what the member names, after. As in the table of the source.
const rows: readonly (readonly [
  name: string,
  before: CurrentAssignment,
  target: number[],
  others: number[],
  named: number[] | null,
  after: unknown[],
])[] = [
  ['stable, target as before', member('Stable', 5, [1]), [1], [], null, ['Stable', 5, [1], []]],
  ['stable, more, all free', member('Stable', 4, [1]), [1, 2], [], null, ['Stable', 5, [1, 2], []]],
  ['stable, more, some taken', member('Stable', 4, [1]), [1, 2, 3], [3], null, ['UnreleasedPartitions', 5, [1, 2], []]],
  ['stable, more, all taken', member('Stable', 4, [1]), [1, 2], [2], null, ['UnreleasedPartitions', 5, [1], []]],
  ['stable, less', member('Stable', 4, [1, 2]), [1], [], [1, 2], ['UnrevokedPartitions', 4, [1], [2]]],
  ['stable, less, says nothing', member('Stable', 4, [1, 2]), [1], [], null, ['UnrevokedPartitions', 4, [1], [2]]],
  ['stable, less, which it does not have', member('Stable', 4, [1, 2]), [1], [], [1], ['Stable', 5, [1], []]],
  ['stable, begins again', member('Stable', 4, [1, 2]), [2, 3], [], [], ['Stable', 5, [2, 3], []]],
  [
    'unrevoked, still has it',
    member('UnrevokedPartitions', 4, [1], [2]),
    [1],
    [],
    [1, 2],
    ['UnrevokedPartitions', 4, [1], [2]],
  ],
  [
    'unrevoked, says nothing',
    member('UnrevokedPartitions', 4, [1], [2]),
    [1],
    [],
    null,
    ['UnrevokedPartitions', 4, [1], [2]],
  ],
  ['unrevoked, given up', member('UnrevokedPartitions', 4, [1], [2]), [1], [], [1], ['Stable', 5, [1], []]],
  [
    'unrevoked, given up, waits',
    member('UnrevokedPartitions', 4, [1], [2]),
    [1, 3],
    [3],
    [1],
    ['UnreleasedPartitions', 5, [1], []],
  ],
  ['unrevoked, given up, gets', member('UnrevokedPartitions', 4, [1], [2]), [1, 3], [], [1], ['Stable', 5, [1, 3], []]],
  [
    'unrevoked, given up, is to have it after all',
    member('UnrevokedPartitions', 4, [1], [2]),
    [1, 2],
    [],
    [1],
    ['Stable', 5, [1, 2], []],
  ],
  [
    'unrevoked, given up, and more',
    member('UnrevokedPartitions', 2, [1, 3], [2]),
    [1],
    [],
    [1, 3],
    ['UnrevokedPartitions', 3, [1], [3]],
  ],
  [
    'unreleased, still taken',
    member('UnreleasedPartitions', 5, [1]),
    [1, 2],
    [2],
    [1],
    ['UnreleasedPartitions', 5, [1], []],
  ],
  [
    'unreleased, some free',
    member('UnreleasedPartitions', 5, [1]),
    [1, 2, 3],
    [3],
    null,
    ['UnreleasedPartitions', 5, [1, 2], []],
  ],
  ['unreleased, all free', member('UnreleasedPartitions', 5, [1]), [1, 2], [], [1], ['Stable', 5, [1, 2], []]],
  [
    'unreleased, target lacks what it has',
    member('UnreleasedPartitions', 4, [1, 2]),
    [1],
    [],
    [1, 2],
    ['UnrevokedPartitions', 4, [1], [2]],
  ],
  ['unknown, has nothing', member('Unknown', 4, []), [1], [], [], ['Stable', 5, [1], []]],
]

for (const [name, before, target, others, named, after] of rows) {
  test(`reconcile: ${name}`, () => {
    assert.deepEqual(step(before, target, others, named), after)
  })
}

test('reconcile: no step is the same object, and a partition keeps the epoch it was assigned in', () => {
  const before = member('UnreleasedPartitions', 5, [1])
  const goal = { epoch: 5, target: new Map([['t', [1, 2]]]), isOwned: () => true }
  assert.equal(reconcile(before, goal, null), before)
  const after = reconcile({ ...before, memberEpoch: 4 }, { ...goal, isOwned: (_t, p) => p === 1 }, null)
  assert.deepEqual(
    [...after.assigned.get('t')!],
    [
      [1, 1],
      [2, 5],
    ],
  )
  assert.equal(after.previousMemberEpoch, 4)
})
