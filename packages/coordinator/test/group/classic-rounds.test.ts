/** The rounds of classic groups: every event in every state, as the table in `classic/state.ts` has it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ErrorCode } from '@ottla/protocol'
import { GroupBench, type Joined, subscription } from '../support/group-bench.ts'

const { NONE, UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS, MEMBER_ID_REQUIRED } = ErrorCode
const { INCONSISTENT_GROUP_PROTOCOL, GROUP_MAX_SIZE_REACHED, INVALID_SESSION_TIMEOUT, INVALID_GROUP_ID } = ErrorCode

/** A group in CompletingRebalance: all have joined, the leader has not assigned. */
function completing(bench: GroupBench, members = 2) {
  const { ids, generation } = bench.stable(members)
  const pending = ids.map((memberId) => bench.join({ memberId, protocols: [['range', subscription('t', 'u')]] }))
  assert.equal(bench.state(), 'CompletingRebalance')
  return { ids, generation: generation + 1, joined: pending.map(({ reply }) => reply as Joined) }
}

/** A group in PreparingRebalance: the first has joined again, the second is waited for. */
function preparing(bench: GroupBench) {
  const { ids, generation } = bench.stable(2)
  const first = bench.join({ memberId: ids[0] })
  assert.equal(bench.state(), 'PreparingRebalance')
  return { ids, generation, first }
}

describe('no group', () => {
  test('whoever names a member is not known, and makes no group', () => {
    const bench = new GroupBench()
    assert.equal(bench.join({ memberId: 'x' }).reply?.errorCode, UNKNOWN_MEMBER_ID)
    assert.equal(bench.sync('x', 1).reply?.errorCode, UNKNOWN_MEMBER_ID)
    assert.equal(bench.heartbeat('x', 1), UNKNOWN_MEMBER_ID)
    assert.deepEqual(bench.leave({ memberId: 'x' }), [UNKNOWN_MEMBER_ID])
    assert.equal(bench.state(), null)
    assert.deepEqual(bench.groups.list().groups, [])
  })

  test('what no group can be is refused', () => {
    const bench = new GroupBench()
    assert.equal(bench.join({ group: '' }).reply?.errorCode, INVALID_GROUP_ID)
    assert.equal(bench.join({ sessionTimeoutMs: 5999 }).reply?.errorCode, INVALID_SESSION_TIMEOUT)
    assert.equal(bench.join({ sessionTimeoutMs: 1_800_001 }).reply?.errorCode, INVALID_SESSION_TIMEOUT)
    assert.equal(bench.join({ protocols: [] }).reply?.errorCode, INCONSISTENT_GROUP_PROTOCOL)
    assert.equal(bench.join({ protocolType: '' }).reply?.errorCode, INCONSISTENT_GROUP_PROTOCOL)
  })
})

describe('joining', () => {
  test('a member without an id is given one, and is in once it comes back with it', () => {
    const bench = new GroupBench()
    const asked = bench.join().reply!
    assert.deepEqual([asked.errorCode, asked.memberId], [MEMBER_ID_REQUIRED, 'c-id1'])
    const joined = bench.join({ memberId: asked.memberId })
    assert.equal(joined.reply, null, 'the round lasts a moment, for others who may come')
    bench.host.advance(0)
    assert.equal(joined.reply!.errorCode, NONE)
    assert.deepEqual(
      [joined.reply!.memberId, joined.reply!.leader, joined.reply!.generationId, joined.reply!.protocolName],
      ['c-id1', 'c-id1', 1, 'range'],
    )
    assert.deepEqual(
      joined.reply!.members.map(({ memberId }) => memberId),
      ['c-id1'],
    )
  })

  test('an id that is not fetched in its session time is forgotten', () => {
    const bench = new GroupBench()
    const { memberId } = bench.join().reply!
    bench.host.advance(10_000)
    assert.equal(bench.join({ memberId }).reply!.errorCode, UNKNOWN_MEMBER_ID)
  })

  test('before version 4 a member is in at once', () => {
    const bench = new GroupBench()
    const joined = bench.join({ version: 3 })
    bench.host.advance(0)
    assert.equal(joined.reply!.errorCode, NONE)
  })

  test('the first round waits for its delay, and longer while more come, up to the rebalance timeout', () => {
    const bench = new GroupBench()
    bench.config.initialRebalanceDelayMs = 3000
    const first = bench.enter({ rebalanceTimeoutMs: 10_000 }).pending
    bench.host.advance(2000)
    const second = bench.enter({ rebalanceTimeoutMs: 10_000 }).pending
    bench.host.advance(1000)
    assert.equal(first.reply, null, 'one more has come: three seconds more')
    bench.host.advance(2999)
    assert.equal(first.reply, null)
    bench.host.advance(1)
    assert.deepEqual([first.reply!.generationId, second.reply!.generationId], [1, 1])
  })

  test('a new member makes all join again, and is told when they have', () => {
    const bench = new GroupBench()
    const { ids, generation } = bench.stable(1)
    const { pending, memberId } = bench.enter()
    assert.equal(pending.reply, null)
    assert.equal(bench.heartbeat(ids[0], generation), REBALANCE_IN_PROGRESS)
    const again = bench.join({ memberId: ids[0] })
    assert.deepEqual([again.reply!.generationId, pending.reply!.generationId], [generation + 1, generation + 1])
    assert.deepEqual([again.reply!.leader, pending.reply!.leader], [ids[0], ids[0]])
    assert.deepEqual(again.reply!.members.map((member) => member.memberId).sort(), [ids[0], memberId].sort())
    assert.deepEqual(pending.reply!.members, [], 'only the leader needs to know the others')
  })

  test('whoever does not join in the rebalance timeout is out', () => {
    const bench = new GroupBench()
    const { ids, generation } = bench.stable(2, { sessionTimeoutMs: 100_000, rebalanceTimeoutMs: 5000 })
    const { pending } = bench.enter({ sessionTimeoutMs: 100_000, rebalanceTimeoutMs: 5000 })
    const first = bench.join({ memberId: ids[0], sessionTimeoutMs: 100_000, rebalanceTimeoutMs: 5000 })
    bench.host.advance(4999)
    assert.equal(first.reply, null)
    bench.host.advance(1)
    assert.deepEqual([first.reply!.generationId, pending.reply!.generationId], [generation + 1, generation + 1])
    assert.equal(first.reply!.members.length, 2)
    assert.equal(bench.heartbeat(ids[1], generation), UNKNOWN_MEMBER_ID)
  })

  test('the leader of a round is one who has joined it', () => {
    const bench = new GroupBench()
    const { ids, generation } = bench.stable(2, { sessionTimeoutMs: 100_000, rebalanceTimeoutMs: 5000 })
    bench.enter({ sessionTimeoutMs: 100_000, rebalanceTimeoutMs: 5000 })
    const second = bench.join({ memberId: ids[1], sessionTimeoutMs: 100_000, rebalanceTimeoutMs: 5000 })
    bench.host.advance(5000)
    assert.deepEqual([second.reply!.leader, second.reply!.generationId], [ids[1], generation + 1])
  })

  test('the way of assigning is one that all have, and that most want', () => {
    const bench = new GroupBench()
    const both = [
      ['range', 'r'],
      ['sticky', 's'],
    ] as const
    const other = [
      ['sticky', 's'],
      ['range', 'r'],
    ] as const
    const entered = [both, other, other].map((protocols) => bench.enter({ protocols }))
    bench.host.advance(0)
    for (const { pending } of entered) assert.equal(pending.reply!.protocolName, 'sticky')
    assert.equal(bench.join({ protocols: [['roundrobin', '']] }).reply!.errorCode, INCONSISTENT_GROUP_PROTOCOL)
    assert.equal(bench.join({ protocolType: 'connect' }).reply!.errorCode, INCONSISTENT_GROUP_PROTOCOL)
    // One that has only one of them decides for all.
    bench.enter({ protocols: [['range', 'r']] })
    const again = entered.map(({ memberId }, i) => bench.join({ memberId, protocols: i === 0 ? both : other }))
    for (const { reply } of again) assert.equal(reply!.protocolName, 'range')
  })

  test('a group has no more members than it may', () => {
    const bench = new GroupBench()
    bench.config.membersMax = 2
    const { ids, generation } = bench.stable(2)
    assert.equal(bench.join().reply!.errorCode, GROUP_MAX_SIZE_REACHED)
    assert.equal(bench.join({ version: 3 }).reply!.errorCode, GROUP_MAX_SIZE_REACHED)
    // Those who are in may join again, and when one goes another may come.
    assert.equal(bench.join({ memberId: ids[1] }).reply!.errorCode, NONE)
    bench.leave({ memberId: ids[1] })
    const { pending } = bench.enter()
    assert.equal(bench.join({ memberId: ids[0] }).reply!.generationId, generation + 1)
    assert.equal(pending.reply!.errorCode, NONE)
  })

  test('nor do ids that nobody fetches pile up', () => {
    const bench = new GroupBench()
    bench.config.membersMax = 3
    for (let i = 0; i < 3; i++) assert.equal(bench.join().reply!.errorCode, MEMBER_ID_REQUIRED)
    assert.equal(bench.join().reply!.errorCode, GROUP_MAX_SIZE_REACHED)
    bench.host.advance(10_000)
    assert.equal(bench.join().reply!.errorCode, MEMBER_ID_REQUIRED)
  })

  test('a group made smaller than it is puts out those who are too many when they join again', () => {
    const bench = new GroupBench()
    const { ids, generation } = bench.stable(3)
    bench.config.membersMax = 2
    bench.join({ memberId: ids[0] })
    bench.join({ memberId: ids[1] })
    assert.equal(bench.join({ memberId: ids[2] }).reply!.errorCode, GROUP_MAX_SIZE_REACHED)
    assert.equal(bench.heartbeat(ids[2], generation), UNKNOWN_MEMBER_ID)
  })
})

describe('Stable', () => {
  test('a follower that joins again with the same metadata gets the same answer, the leader begins a round', () => {
    const bench = new GroupBench()
    const { ids, generation } = bench.stable(2)
    const follower = bench.join({ memberId: ids[1] }).reply!
    assert.deepEqual([follower.errorCode, follower.generationId, follower.members], [NONE, generation, []])
    assert.equal(bench.state(), 'Stable')
    assert.equal(bench.join({ memberId: ids[0] }).reply, null)
    assert.equal(bench.state(), 'PreparingRebalance')
  })

  test('a follower that says something new begins a round', () => {
    const bench = new GroupBench()
    const { ids } = bench.stable(2)
    assert.equal(bench.join({ memberId: ids[1], protocols: [['range', subscription('u')]] }).reply, null)
    assert.equal(bench.state(), 'PreparingRebalance')
  })

  test('a sync gets what was assigned; a wrong generation, protocol or member is refused', () => {
    const bench = new GroupBench()
    const { ids, generation } = bench.stable(2)
    assert.deepEqual(bench.sync(ids[1], generation).reply, { errorCode: NONE, assignment: 'm1' })
    assert.equal(bench.sync(ids[1], generation - 1).reply!.errorCode, ILLEGAL_GENERATION)
    assert.equal(bench.sync('x', generation).reply!.errorCode, UNKNOWN_MEMBER_ID)
    const named = { protocolType: 'consumer', protocolName: 'range' }
    assert.equal(bench.sync(ids[1], generation, {}, named).reply!.errorCode, NONE)
    for (const wrong of [
      { ...named, protocolType: 'connect' },
      { ...named, protocolName: 'sticky' },
    ]) {
      assert.equal(bench.sync(ids[1], generation, {}, wrong).reply!.errorCode, INCONSISTENT_GROUP_PROTOCOL)
    }
  })

  test('heartbeats keep a member in; of another generation or member they do not', () => {
    const bench = new GroupBench()
    const { ids, generation } = bench.stable(1)
    for (let i = 0; i < 5; i++) {
      bench.host.advance(9999)
      assert.equal(bench.heartbeat(ids[0], generation), NONE)
    }
    assert.equal(bench.heartbeat(ids[0], generation + 1), ILLEGAL_GENERATION)
    assert.equal(bench.heartbeat('x', generation), UNKNOWN_MEMBER_ID)
    bench.host.advance(10_000)
    assert.equal(bench.heartbeat(ids[0], generation), UNKNOWN_MEMBER_ID)
    assert.equal(bench.state(), 'Empty')
  })

  test('so do commits', () => {
    const bench = new GroupBench()
    const { ids, generation } = bench.stable(1)
    for (let i = 0; i < 3; i++) {
      bench.host.advance(9999)
      assert.deepEqual(bench.commit({ 't-0': i }, { memberId: ids[0], generation }).reply, [NONE])
    }
    assert.equal(bench.state(), 'Stable')
  })

  test('one that leaves, or is not heard of, makes the others join again', () => {
    for (const go of ['leave', 'silence'] as const) {
      const bench = new GroupBench()
      const { ids, generation } = bench.stable(2)
      if (go === 'leave') assert.deepEqual(bench.leave({ memberId: ids[0] }), [NONE])
      else {
        bench.host.advance(6000)
        bench.heartbeat(ids[1], generation)
        bench.host.advance(4000)
      }
      assert.equal(bench.heartbeat(ids[1], generation), REBALANCE_IN_PROGRESS, go)
      const again = bench.join({ memberId: ids[1] }).reply!
      assert.deepEqual([again.leader, again.generationId, again.members.length], [ids[1], generation + 1, 1], go)
    }
  })

  test('one id of several that leave may be wrong', () => {
    const bench = new GroupBench()
    const { ids } = bench.stable(2)
    assert.deepEqual(bench.leave({ memberId: ids[0] }, { memberId: 'x' }, { instanceId: 'y' }), [
      NONE,
      UNKNOWN_MEMBER_ID,
      UNKNOWN_MEMBER_ID,
    ])
  })

  test('the last that goes leaves an empty group, which goes on counting its generations', () => {
    const bench = new GroupBench()
    const { ids, generation } = bench.stable(1)
    bench.leave({ memberId: ids[0] })
    assert.equal(bench.state(), 'Empty')
    assert.equal(bench.stable(1).generation, generation + 2)
  })
})

describe('PreparingRebalance', () => {
  test('a sync and a heartbeat are told to join; the heartbeat counts', () => {
    const bench = new GroupBench()
    const { ids, generation } = preparing(bench)
    assert.equal(bench.sync(ids[1], generation).reply!.errorCode, REBALANCE_IN_PROGRESS)
    for (let i = 0; i < 3; i++) {
      bench.host.advance(9000)
      assert.equal(bench.heartbeat(ids[1], generation), REBALANCE_IN_PROGRESS)
    }
    assert.equal(bench.state(), 'PreparingRebalance')
  })

  test('whoever waits to join needs no heartbeat', () => {
    const bench = new GroupBench()
    const { ids, generation, first } = preparing(bench)
    for (let i = 0; i < 3; i++) {
      bench.host.advance(9000)
      bench.heartbeat(ids[1], generation)
    }
    bench.join({ memberId: ids[1] })
    assert.equal(first.reply!.generationId, generation + 1)
  })

  test('one that is not heard of is not waited for', () => {
    const bench = new GroupBench()
    const { generation, first } = preparing(bench)
    bench.host.advance(10_000)
    assert.deepEqual([first.reply!.generationId, first.reply!.members.length], [generation + 1, 1])
  })

  test('nor is one that leaves', () => {
    const bench = new GroupBench()
    const { ids, generation, first } = preparing(bench)
    bench.leave({ memberId: ids[1] })
    assert.equal(first.reply!.generationId, generation + 1)
  })

  test('one that leaves while it waits is answered', () => {
    const bench = new GroupBench()
    const { ids, first } = preparing(bench)
    bench.leave({ memberId: ids[0] })
    assert.equal(first.reply!.errorCode, UNKNOWN_MEMBER_ID)
  })

  test('a join sent twice is answered once for each, the first by telling to do it again', () => {
    const bench = new GroupBench()
    const { ids, generation, first } = preparing(bench)
    const twice = bench.join({ memberId: ids[0] })
    assert.equal(first.reply!.errorCode, REBALANCE_IN_PROGRESS)
    bench.join({ memberId: ids[1] })
    assert.equal(twice.reply!.generationId, generation + 1)
  })

  test('an id that has been given out is waited for, and not longer than its session', () => {
    const bench = new GroupBench()
    const { ids, first } = preparing(bench)
    const { memberId } = bench.join().reply!
    bench.join({ memberId: ids[1] })
    assert.equal(first.reply, null)
    const third = bench.join({ memberId })
    assert.equal(first.reply!.members.length, 3)
    assert.equal(third.reply!.errorCode, NONE)
  })
})

describe('CompletingRebalance', () => {
  test('all who ask wait for the leader, whose assignment makes the group stable', () => {
    const bench = new GroupBench()
    const { ids, generation } = completing(bench)
    const follower = bench.sync(ids[1], generation)
    assert.equal(follower.reply, null)
    const leader = bench.sync(ids[0], generation, { [ids[0]]: 'zero', [ids[1]]: 'one' })
    assert.deepEqual(
      [leader.reply, follower.reply].map((reply) => reply!.assignment),
      ['zero', 'one'],
    )
    assert.equal(bench.state(), 'Stable')
  })

  test('nobody learns an assignment before it is committed', () => {
    const bench = new GroupBench()
    const { ids, generation } = completing(bench)
    bench.host.commitsAtOnce = false
    const syncs = [bench.sync(ids[1], generation), bench.sync(ids[0], generation, { [ids[1]]: 'one' })]
    assert.deepEqual([syncs[0].reply, syncs[1].reply, bench.state()], [null, null, 'CompletingRebalance'])
    bench.host.commit(0)
    assert.deepEqual(
      syncs.map(({ reply }) => reply!.assignment),
      ['one', ''],
    )
    assert.equal(bench.state(), 'Stable')
  })

  test('a leader that hands in another assignment before the first is committed gets the first', () => {
    const bench = new GroupBench()
    const { ids, generation } = completing(bench)
    bench.host.commitsAtOnce = false
    const follower = bench.sync(ids[1], generation)
    const first = bench.sync(ids[0], generation, { [ids[0]]: 'zero', [ids[1]]: 'one' })
    const second = bench.sync(ids[0], generation, { [ids[0]]: 'other', [ids[1]]: 'another' })
    bench.host.commit(0)
    bench.host.commitsAtOnce = true
    assert.equal(first.reply!.errorCode, REBALANCE_IN_PROGRESS, 'it has asked again')
    assert.deepEqual([second.reply!.assignment, follower.reply!.assignment], ['zero', 'one'])
    // And so does whoever asks the coordinator that comes next.
    bench.load()
    assert.equal(bench.sync(ids[1], generation).reply!.assignment, 'one')
  })

  test('an assignment that could not be stored is nobody’s: all are told, and join again', () => {
    for (const how of ['refused', 'lost'] as const) {
      const bench = new GroupBench()
      const { ids, generation } = completing(bench)
      const follower = bench.sync(ids[1], generation)
      if (how === 'refused') bench.host.appendError = ErrorCode.KAFKA_STORAGE_ERROR
      else bench.host.commitsAtOnce = false
      const leader = bench.sync(ids[0], generation, { [ids[1]]: 'one' })
      if (how === 'lost') bench.host.lose(0, ErrorCode.KAFKA_STORAGE_ERROR)
      bench.host.appendError = 0
      bench.host.commitsAtOnce = true
      assert.deepEqual(
        [leader.reply!.errorCode, follower.reply!.errorCode],
        [ErrorCode.NOT_COORDINATOR, ErrorCode.NOT_COORDINATOR],
        how,
      )
      assert.equal(bench.state(), 'PreparingRebalance', how)
      const again = ids.map((memberId) => bench.join({ memberId }))
      assert.deepEqual(
        again.map(({ reply }) => reply!.generationId),
        [generation + 1, generation + 1],
        how,
      )
    }
  })

  test('an assignment is not given out when another round has begun before it is committed', () => {
    const bench = new GroupBench()
    const { ids, generation } = completing(bench)
    bench.host.commitsAtOnce = false
    const leader = bench.sync(ids[0], generation, { [ids[0]]: 'zero' })
    bench.join({ version: 3 })
    assert.equal(leader.reply, null)
    bench.host.commit(0)
    assert.equal(leader.reply!.errorCode, REBALANCE_IN_PROGRESS)
    assert.equal(bench.state(), 'PreparingRebalance')
  })

  test('a member that joins again with the same metadata gets the same answer, with other metadata a new round', () => {
    const bench = new GroupBench()
    const { ids, generation } = completing(bench)
    const same = [['range', subscription('t', 'u')]] as const
    const again = bench.join({ memberId: ids[0], protocols: same }).reply!
    assert.deepEqual([again.generationId, again.members.length], [generation, 2])
    const waiting = bench.sync(ids[1], generation)
    assert.equal(bench.join({ memberId: ids[0], protocols: [['range', subscription('v')]] }).reply, null)
    assert.equal(waiting.reply!.errorCode, REBALANCE_IN_PROGRESS)
  })

  test('a heartbeat is answered as if the group were stable', () => {
    const bench = new GroupBench()
    const { ids, generation } = completing(bench)
    assert.equal(bench.heartbeat(ids[1], generation), NONE)
  })

  test('whoever does not ask for its assignment in the rebalance timeout is out', () => {
    const bench = new GroupBench()
    const { ids, generation } = completing(bench)
    const follower = bench.sync(ids[1], generation)
    for (let i = 0; i < 7; i++) {
      bench.host.advance(8000)
      bench.heartbeat(ids[0], generation)
    }
    assert.equal(follower.reply, null)
    bench.host.advance(4000)
    assert.equal(follower.reply!.errorCode, REBALANCE_IN_PROGRESS, 'the leader never assigned')
    const again = bench.join({ memberId: ids[1] }).reply!
    assert.deepEqual([again.leader, again.members.length], [ids[1], 1])
  })

  test('the leader that goes makes the others join again', () => {
    const bench = new GroupBench()
    const { ids, generation } = completing(bench)
    const follower = bench.sync(ids[1], generation)
    bench.leave({ memberId: ids[0] })
    assert.equal(follower.reply!.errorCode, REBALANCE_IN_PROGRESS)
  })
})

test('ids that were given out and nobody uses do not keep out who needs none', () => {
  const bench = new GroupBench()
  bench.config.membersMax = 2
  for (const expected of [MEMBER_ID_REQUIRED, MEMBER_ID_REQUIRED, ErrorCode.GROUP_MAX_SIZE_REACHED]) {
    assert.equal(bench.join().reply?.errorCode, expected)
  }
  const fixed = bench.join({ instanceId: 'i' })
  bench.host.advance(0)
  assert.equal(fixed.reply?.errorCode, NONE)
})

test('who names a way of assigning twice names it once', () => {
  const bench = new GroupBench()
  const protocols: [string, Buffer][] = [
    ['range', subscription('t')],
    ['range', subscription('t')],
  ]
  const first = bench.enter({ protocols })
  bench.host.advance(0)
  assert.deepEqual([first.pending.reply?.errorCode, first.pending.reply?.generationId], [NONE, 1])
  const second = bench.enter()
  bench.join({ memberId: first.memberId })
  assert.equal(second.pending.reply?.generationId, 2)
  bench.leave({ memberId: first.memberId })
  assert.equal(bench.join({ memberId: second.memberId }).reply?.errorCode, NONE)
  assert.deepEqual(bench.host.bugs, [])
})

describe('a coordinator that starts anew', () => {
  test('knows the generation, its members and what they were assigned; their sessions begin anew', () => {
    const bench = new GroupBench()
    const { ids, generation } = bench.stable(2)
    bench.load()
    assert.equal(bench.state(), 'Stable')
    assert.deepEqual(bench.sync(ids[1], generation).reply, { errorCode: NONE, assignment: 'm1' })
    bench.host.advance(9999)
    assert.equal(bench.heartbeat(ids[0], generation), NONE)
    bench.host.advance(1)
    assert.equal(bench.heartbeat(ids[1], generation), UNKNOWN_MEMBER_ID)
  })

  test('whoever waited with the one before is told to look for it', () => {
    const bench = new GroupBench()
    const { first } = preparing(bench)
    bench.load()
    assert.equal(first.reply!.errorCode, ErrorCode.NOT_COORDINATOR)
    assert.equal(bench.state(), 'Stable')
  })
})
