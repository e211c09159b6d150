/** Static members (KIP-345, KIP-814): an instance that comes back in time causes no rebalance, and fences its old self. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '@ottla/protocol'
import { GroupBench, type Joined, type JoinOptions, subscription } from '../support/group-bench.ts'

const { NONE, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, REBALANCE_IN_PROGRESS } = ErrorCode

/** Two static members, stable: `a` leads. */
function stable(bench: GroupBench, options: JoinOptions = {}) {
  const joins = ['a', 'b'].map((instanceId) => bench.join({ ...options, instanceId }))
  bench.host.advance(0)
  const [a, b] = joins.map(({ reply }) => reply as Joined)
  const { generationId: generation } = a
  bench.sync(b.memberId, generation, {}, { instanceId: 'b' })
  bench.sync(a.memberId, generation, { [a.memberId]: 'zero', [b.memberId]: 'one' }, { instanceId: 'a' })
  assert.equal(bench.state(), 'Stable')
  return { a: a.memberId, b: b.memberId, generation }
}

test('no id is asked for: the instance is known by its name, which its member id begins with', () => {
  const bench = new GroupBench()
  const { a, b } = stable(bench)
  assert.match(a, /^a-id/)
  assert.match(b, /^b-id/)
})

test('an instance that comes back has a new id, the same generation and what it was assigned', () => {
  const bench = new GroupBench()
  const { b, generation } = stable(bench)
  const back = bench.join({ instanceId: 'b' }).reply!
  assert.notEqual(back.memberId, b)
  assert.deepEqual([back.errorCode, back.generationId, back.skipAssignment], [NONE, generation, false])
  const synced = bench.sync(back.memberId, generation, {}, { instanceId: 'b' })
  assert.deepEqual(synced.reply, { errorCode: NONE, assignment: 'one' })
  assert.equal(bench.state(), 'Stable')
})

test('its old self is fenced, whatever it does', () => {
  const bench = new GroupBench()
  const { b, generation } = stable(bench)
  bench.join({ instanceId: 'b' })
  assert.equal(bench.heartbeat(b, generation, 'b'), FENCED_INSTANCE_ID)
  assert.equal(bench.sync(b, generation, {}, { instanceId: 'b' }).reply!.errorCode, FENCED_INSTANCE_ID)
  assert.equal(bench.join({ memberId: b, instanceId: 'b' }).reply!.errorCode, FENCED_INSTANCE_ID)
  assert.deepEqual(bench.leave({ memberId: b, instanceId: 'b' }), [FENCED_INSTANCE_ID])
  const commit = bench.commit({ 't-0': 1 }, { memberId: b, generation, instanceId: 'b' })
  assert.deepEqual(commit.reply, [FENCED_INSTANCE_ID])
  assert.equal(bench.heartbeat(b, generation), UNKNOWN_MEMBER_ID)
})

test('the leader that comes back need not assign: since version 9 it is told, before it is told of another leader', () => {
  for (const version of [9, 8]) {
    const bench = new GroupBench()
    const { a, generation } = stable(bench)
    const back = bench.join({ instanceId: 'a', version }).reply!
    assert.equal(back.generationId, generation)
    if (version === 9) {
      assert.deepEqual([back.skipAssignment, back.leader, back.members.length], [true, back.memberId, 2])
    } else {
      assert.deepEqual([back.skipAssignment, back.leader, back.members.length], [false, a, 0])
    }
    assert.equal(bench.state(), 'Stable')
  }
})

test('that it says something else about what it owns is no reason to rebalance, that it wants other topics is', () => {
  const bench = new GroupBench()
  const { generation } = stable(bench)
  const owns = Buffer.concat([subscription('t'), Buffer.from([1, 2, 3])])
  assert.equal(bench.join({ instanceId: 'b', protocols: [['range', owns]] }).reply!.generationId, generation)
  assert.equal(bench.join({ instanceId: 'b', protocols: [['range', subscription('t', 'u')]] }).reply, null)
  assert.equal(bench.state(), 'PreparingRebalance')
})

test('the new id is stored: a coordinator that starts anew knows it', () => {
  const bench = new GroupBench()
  const { b, generation } = stable(bench)
  const back = bench.join({ instanceId: 'b' }).reply!
  bench.load()
  assert.equal(bench.heartbeat(back.memberId, generation, 'b'), NONE)
  assert.equal(bench.heartbeat(b, generation, 'b'), FENCED_INSTANCE_ID)
})

test('when that cannot be stored, it has not come back', () => {
  const bench = new GroupBench()
  const { a, b, generation } = stable(bench)
  for (const [instanceId, memberId] of [
    ['a', a],
    ['b', b],
  ]) {
    bench.host.appendError = ErrorCode.KAFKA_STORAGE_ERROR
    assert.equal(bench.join({ instanceId }).reply!.errorCode, ErrorCode.NOT_COORDINATOR)
    bench.host.appendError = 0
    assert.equal(bench.heartbeat(memberId, generation, instanceId), NONE)
  }
  assert.deepEqual(bench.sync(b, generation, {}, { instanceId: 'b' }).reply, { errorCode: NONE, assignment: 'one' })
})

test('while the group rebalances the instance takes the place of its old self, who is answered', () => {
  const bench = new GroupBench()
  const { a, b, generation } = stable(bench)
  const third = bench.join({ instanceId: 'c' })
  const old = bench.join({ memberId: b, instanceId: 'b' })
  const back = bench.join({ instanceId: 'b' })
  assert.equal(old.reply!.errorCode, FENCED_INSTANCE_ID)
  bench.join({ memberId: a, instanceId: 'a' })
  assert.deepEqual([third.reply!.generationId, back.reply!.generationId], [generation + 1, generation + 1])
})

test('one that comes back while assignments are made begins a new round: the leader knows its old self', () => {
  const bench = new GroupBench()
  const { a, b, generation } = stable(bench)
  const again = [bench.join({ memberId: a, instanceId: 'a' }), bench.join({ memberId: b, instanceId: 'b' })]
  assert.equal(again[0].reply!.generationId, generation + 1)
  const waiting = bench.sync(b, generation + 1, {}, { instanceId: 'b' })
  assert.equal(bench.join({ instanceId: 'b' }).reply, null)
  assert.equal(waiting.reply!.errorCode, FENCED_INSTANCE_ID)
  assert.equal(bench.state(), 'PreparingRebalance')
})

test('a static member is not put out for missing a round, only when its session is over', () => {
  const bench = new GroupBench()
  const slow = { sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 5000 }
  const { a, b, generation } = stable(bench, slow)
  bench.join({ instanceId: 'c', ...slow })
  const leader = bench.join({ memberId: a, instanceId: 'a', ...slow })
  bench.host.advance(5000)
  assert.deepEqual([leader.reply!.generationId, leader.reply!.members.length], [generation + 1, 3])
  assert.notEqual(bench.heartbeat(b, generation + 1, 'b'), UNKNOWN_MEMBER_ID)
})

test('with static members alone, none of whom joins, the round waits for their sessions to be over', () => {
  const bench = new GroupBench()
  const slow = { sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 5000 }
  stable(bench, slow)
  // An operator's removal of one begins a round that the other does not join.
  assert.deepEqual(bench.leave({ instanceId: 'a' }), [NONE])
  bench.host.advance(20_000)
  assert.equal(bench.state(), 'PreparingRebalance')
  bench.host.advance(10_000)
  bench.host.advance(5000)
  assert.equal(bench.state(), 'Empty')
})

test('an operator removes a member by its instance alone', () => {
  const bench = new GroupBench()
  const { a, generation } = stable(bench)
  assert.deepEqual(bench.leave({ instanceId: 'b' }, { instanceId: 'nobody' }), [NONE, UNKNOWN_MEMBER_ID])
  assert.equal(bench.heartbeat(a, generation, 'a'), REBALANCE_IN_PROGRESS)
})
