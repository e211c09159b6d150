/** Committed offsets: who may commit, who may read and delete what, and when it is forgotten. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ErrorCode } from '@ottla/protocol'
import { GroupBench, subscription } from '../support/group-bench.ts'

const { NONE, UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS, GROUP_ID_NOT_FOUND } = ErrorCode
const { UNSTABLE_OFFSET_COMMIT, OFFSET_METADATA_TOO_LARGE, NON_EMPTY_GROUP, GROUP_SUBSCRIBED_TO_TOPIC } = ErrorCode

const DAY_MS = 24 * 3_600_000

describe('committing', () => {
  test('from outside a group, which is made for it', () => {
    const bench = new GroupBench()
    assert.deepEqual(bench.commit({ 't-0': 5, 'u-1': 7 }).reply, [NONE, NONE])
    assert.deepEqual(bench.offsets(), { 't-0': 5, 'u-1': 7 })
    assert.deepEqual(bench.groups.list().groups, [{ groupId: 'g', protocolType: '', state: 'Empty', type: 'Classic' }])
  })

  test('as a member of a group that does not exist', () => {
    const bench = new GroupBench()
    assert.deepEqual(bench.commit({ 't-0': 5 }, { memberId: 'x', generation: 1, version: 8 }).reply, [
      ILLEGAL_GENERATION,
    ])
    assert.deepEqual(bench.commit({ 't-0': 5 }, { memberId: 'x', generation: 1, version: 9 }).reply, [
      GROUP_ID_NOT_FOUND,
    ])
    assert.deepEqual(bench.offsets(), {})
  })

  test('by a member, in its generation alone; by nobody else while there are members', () => {
    const bench = new GroupBench()
    const { ids, generation } = bench.stable(1)
    const [memberId] = ids
    assert.deepEqual(bench.commit({ 't-0': 5 }, { memberId, generation }).reply, [NONE])
    assert.deepEqual(bench.commit({ 't-0': 6 }, { memberId, generation: generation - 1 }).reply, [ILLEGAL_GENERATION])
    assert.deepEqual(bench.commit({ 't-0': 6 }, { memberId, generation: generation + 1 }).reply, [ILLEGAL_GENERATION])
    assert.deepEqual(bench.commit({ 't-0': 6 }, { memberId: 'x', generation }).reply, [UNKNOWN_MEMBER_ID])
    assert.deepEqual(bench.commit({ 't-0': 6 }).reply, [UNKNOWN_MEMBER_ID])
    assert.deepEqual(bench.offsets(), { 't-0': 5 })
  })

  test('while the group rebalances: yes before the new generation, no before its assignment', () => {
    const bench = new GroupBench()
    const { ids, generation } = bench.stable(2)
    bench.join({ memberId: ids[0] })
    assert.equal(bench.state(), 'PreparingRebalance')
    assert.deepEqual(bench.commit({ 't-0': 5 }, { memberId: ids[1], generation }).reply, [NONE])
    bench.join({ memberId: ids[1] })
    assert.equal(bench.state(), 'CompletingRebalance')
    const early = bench.commit({ 't-0': 6 }, { memberId: ids[1], generation: generation + 1 })
    assert.deepEqual(early.reply, [REBALANCE_IN_PROGRESS])
    assert.deepEqual(bench.offsets(), { 't-0': 5 })
  })

  test('with too much metadata, that partition alone is refused', () => {
    const bench = new GroupBench()
    bench.config.offsetMetadataBytesMax = 3
    assert.deepEqual(bench.commit({ 't-0': 5 }, { metadata: 'abcd' }).reply, [OFFSET_METADATA_TOO_LARGE])
    assert.deepEqual(bench.commit({ 't-0': 5 }, { metadata: 'abc' }).reply, [NONE])
  })

  test('is answered when it is committed, and not read before; what is lost was never there', () => {
    const bench = new GroupBench()
    bench.commit({ 't-0': 5 })
    bench.host.commitsAtOnce = false
    const committing = bench.commit({ 't-0': 6, 't-1': 1 })
    assert.deepEqual([committing.reply, bench.offsets()], [null, { 't-0': 5 }])
    bench.host.commit(0)
    assert.deepEqual([committing.reply, bench.offsets()], [[NONE, NONE], { 't-0': 6, 't-1': 1 }])
    const lost = bench.commit({ 't-0': 7 })
    bench.host.lose(0, ErrorCode.KAFKA_STORAGE_ERROR)
    assert.deepEqual([lost.reply, bench.offsets()], [[ErrorCode.NOT_COORDINATOR], { 't-0': 6, 't-1': 1 }])
  })

  test('outlives the coordinator', () => {
    const bench = new GroupBench()
    bench.commit({ 't-0': 5 })
    bench.commit({ 't-0': 6, 't-1': 2 })
    bench.load()
    assert.deepEqual(bench.offsets(), { 't-0': 6, 't-1': 2 })
  })
})

describe('reading', () => {
  test('what was never committed is none; while the coordinator is loading nothing is said', () => {
    const bench = new GroupBench()
    assert.deepEqual(bench.offsets('g', ['t-0', 't-1']), { 't-0': null, 't-1': null })
    bench.commit({ 't-1': 3 })
    assert.deepEqual(bench.offsets('g', ['t-0', 't-1']), { 't-0': null, 't-1': 3 })
    const loader = bench.runtime.load(0)
    assert.deepEqual(bench.offsets('g', ['t-1']), { error: -ErrorCode.COORDINATOR_LOAD_IN_PROGRESS })
    assert.equal(bench.groups.list().errorCode, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)
    bench.host.feed(0, loader)
    assert.deepEqual(bench.offsets('g', ['t-1']), { 't-1': 3 })
  })

  test('each group has its own', () => {
    const bench = new GroupBench()
    bench.commit({ 't-0': 1 }, { group: 'a' })
    bench.commit({ 't-0': 2 }, { group: 'b' })
    assert.deepEqual([bench.offsets('a'), bench.offsets('b')], [{ 't-0': 1 }, { 't-0': 2 }])
  })
})

describe('in transactions', () => {
  test('an offset counts once its transaction commits, and is unstable until then', () => {
    const bench = new GroupBench()
    bench.commit({ 't-0': 1 })
    assert.deepEqual(bench.commitInTransaction({ 't-0': 5, 't-1': 6 }, { producerId: 9 }).reply, [NONE, NONE])
    assert.deepEqual(bench.offsets(), { 't-0': 1 })
    assert.deepEqual(bench.offsets('g', ['t-0', 't-1', 't-2'], true), {
      't-0': -UNSTABLE_OFFSET_COMMIT,
      't-1': -UNSTABLE_OFFSET_COMMIT,
      't-2': null,
    })
    assert.equal(bench.endTransaction(9, true), NONE)
    assert.deepEqual(bench.offsets('g', ['t-0', 't-1'], true), { 't-0': 5, 't-1': 6 })
  })

  test('an aborted one leaves nothing', () => {
    const bench = new GroupBench()
    bench.commit({ 't-0': 1 })
    bench.commitInTransaction({ 't-0': 5 }, { producerId: 9 })
    bench.endTransaction(9, false)
    assert.deepEqual(bench.offsets('g', ['t-0'], true), { 't-0': 1 })
  })

  test('what is committed behind it stays', () => {
    const bench = new GroupBench()
    bench.commitInTransaction({ 't-0': 5 }, { producerId: 9 })
    bench.commit({ 't-0': 7 })
    bench.endTransaction(9, true)
    assert.deepEqual(bench.offsets(), { 't-0': 7 })
  })

  test('several at once: each ends by itself', () => {
    const bench = new GroupBench()
    bench.commitInTransaction({ 't-0': 5 }, { producerId: 9 })
    bench.commitInTransaction({ 't-0': 6 }, { producerId: 10 })
    bench.endTransaction(9, true)
    assert.deepEqual(bench.offsets('g', ['t-0'], true), { 't-0': -UNSTABLE_OFFSET_COMMIT })
    bench.endTransaction(10, false)
    assert.deepEqual(bench.offsets('g', ['t-0'], true), { 't-0': 5 })
  })

  test('a coordinator that starts anew knows what is under way, and how it ended', () => {
    const bench = new GroupBench()
    bench.commitInTransaction({ 't-0': 5 }, { producerId: 9 })
    bench.commitInTransaction({ 't-1': 6 }, { producerId: 10 })
    bench.commitInTransaction({ 't-2': 7 }, { producerId: 11 })
    bench.endTransaction(10, true)
    bench.endTransaction(11, false)
    bench.load()
    const places = ['t-0', 't-1', 't-2']
    assert.deepEqual(bench.offsets('g', places, true), { 't-0': -UNSTABLE_OFFSET_COMMIT, 't-1': 6, 't-2': null })
    bench.endTransaction(9, true)
    assert.deepEqual(bench.offsets('g', places, true), { 't-0': 5, 't-1': 6, 't-2': null })
  })

  test('fences members of earlier generations, where the producer says who it is (KIP-447)', () => {
    const bench = new GroupBench()
    const { ids, generation } = bench.stable(1)
    const [memberId] = ids
    const by = { producerId: 9, memberId }
    assert.deepEqual(bench.commitInTransaction({ 't-0': 5 }, { ...by, generation }).reply, [NONE])
    assert.deepEqual(bench.commitInTransaction({ 't-0': 5 }, { ...by, generation: generation - 1 }).reply, [
      ILLEGAL_GENERATION,
    ])
    assert.deepEqual(bench.commitInTransaction({ 't-0': 5 }, { producerId: 9, memberId: 'x', generation }).reply, [
      UNKNOWN_MEMBER_ID,
    ])
    assert.deepEqual(bench.commitInTransaction({ 't-0': 5 }, { producerId: 9 }).reply, [NONE], 'as before KIP-447')
  })
})

describe('deleting', () => {
  test('offsets of topics that no member reads', () => {
    const bench = new GroupBench()
    assert.equal(bench.deleteOffsets('t-0'), GROUP_ID_NOT_FOUND)
    const { ids, generation } = bench.stable(1, { protocols: [['range', subscription('t')]] })
    bench.commit({ 't-0': 1, 'u-0': 2 }, { memberId: ids[0], generation })
    assert.deepEqual(bench.deleteOffsets('t-0', 'u-0', 'v-0'), [GROUP_SUBSCRIBED_TO_TOPIC, NONE, NONE])
    assert.deepEqual(bench.offsets(), { 't-0': 1 })
    bench.leave({ memberId: ids[0] })
    assert.deepEqual(bench.deleteOffsets('t-0'), [NONE])
    assert.deepEqual(bench.offsets(), {})
    bench.load()
    assert.deepEqual(bench.offsets(), {})
  })

  test('of a group whose members are no consumers: only when there are none', () => {
    const bench = new GroupBench()
    const { ids, generation } = bench.stable(1, { protocolType: 'connect', protocols: [['p', 'x']] })
    bench.commit({ 't-0': 1 }, { memberId: ids[0], generation })
    assert.equal(bench.deleteOffsets('t-0'), NON_EMPTY_GROUP)
  })

  test('a whole group, when it is empty, with its offsets', () => {
    const bench = new GroupBench()
    assert.equal(bench.deleteGroup(), GROUP_ID_NOT_FOUND)
    const { ids, generation } = bench.stable(1)
    bench.commit({ 't-0': 1 }, { memberId: ids[0], generation })
    bench.commitInTransaction({ 't-1': 1 }, { producerId: 9, memberId: ids[0], generation })
    assert.equal(bench.deleteGroup(), NON_EMPTY_GROUP)
    bench.leave({ memberId: ids[0] })
    bench.host.appendError = ErrorCode.KAFKA_STORAGE_ERROR
    assert.equal(bench.deleteGroup(), ErrorCode.NOT_COORDINATOR)
    bench.host.appendError = 0
    assert.deepEqual([bench.state(), bench.offsets()], ['Empty', { 't-0': 1 }], 'nothing of it could be deleted')
    assert.equal(bench.deleteGroup(), NONE)
    bench.endTransaction(9, true)
    for (const when of ['at once', 'after a start']) {
      assert.deepEqual([bench.state(), bench.offsets(), bench.groups.list().groups], [null, {}, []], when)
      bench.load()
    }
    assert.equal(bench.stable(1).generation, 1, 'another group of that name begins anew')
  })

  test('a topic takes its offsets with it, in every group', () => {
    const bench = new GroupBench()
    bench.commit({ 't-0': 1, 'u-0': 2 }, { group: 'a' })
    bench.commit({ 't-3': 1 }, { group: 'b' })
    bench.commitInTransaction({ 't-1': 1, 'u-1': 1 }, { producerId: 9, group: 'a' })
    bench.groups.topicDeleted('t')
    bench.endTransaction(9, true)
    assert.deepEqual([bench.offsets('a'), bench.offsets('b')], [{ 'u-0': 2, 'u-1': 1 }, {}])
  })
})

describe('expiry', () => {
  test('a group with members loses nothing; an empty one all, so long after it was left, and itself with it', () => {
    const bench = new GroupBench()
    const { ids, generation } = bench.stable(1)
    const [memberId] = ids
    bench.commit({ 't-0': 1 }, { memberId, generation })
    for (let day = 0; day < 20; day++) {
      for (let ms = 0; ms < DAY_MS; ms += DAY_MS / 4) {
        assert.equal(bench.heartbeat(memberId, generation), NONE)
        keepAlive(bench, memberId, generation, DAY_MS / 4)
      }
    }
    assert.deepEqual(bench.offsets(), { 't-0': 1 })
    bench.leave({ memberId })
    bench.host.advance(7 * DAY_MS - 600_000)
    assert.deepEqual(bench.offsets(), { 't-0': 1 })
    bench.host.advance(1_200_000)
    assert.deepEqual([bench.offsets(), bench.state()], [{}, null])
    bench.load()
    assert.deepEqual([bench.offsets(), bench.state()], [{}, null])
  })

  test('without members ever, by the commit; a commit keeps its own partition alone', () => {
    const bench = new GroupBench()
    bench.commit({ 't-0': 1, 't-1': 1 })
    bench.host.advance(4 * DAY_MS)
    bench.commit({ 't-1': 2 })
    bench.host.advance(4 * DAY_MS)
    assert.deepEqual(bench.offsets(), { 't-1': 2 })
    bench.host.advance(4 * DAY_MS)
    assert.deepEqual([bench.offsets(), bench.state()], [{}, null])
  })

  test('a retention of its own, as OffsetCommit 2 to 4 could ask for, goes before', () => {
    const bench = new GroupBench()
    bench.commit({ 't-0': 1 }, { retentionMs: 3_600_000 })
    bench.commit({ 't-1': 1 }, { retentionMs: 30 * DAY_MS })
    bench.host.advance(2 * 3_600_000)
    assert.deepEqual(bench.offsets(), { 't-1': 1 })
    bench.load()
    bench.host.advance(20 * DAY_MS)
    assert.deepEqual(bench.offsets(), { 't-1': 1 })
  })

  test('a coordinator that starts anew counts from when the group was left, not from its own start', () => {
    const bench = new GroupBench()
    const { ids, generation } = bench.stable(1)
    bench.commit({ 't-0': 1 }, { memberId: ids[0], generation })
    bench.leave({ memberId: ids[0] })
    for (let day = 0; day < 6; day++) {
      bench.host.advance(DAY_MS)
      bench.load()
      assert.deepEqual(bench.offsets(), { 't-0': 1 })
    }
    bench.host.advance(DAY_MS + 600_000)
    assert.deepEqual(bench.offsets(), {})
  })

  test('what an open transaction is about to commit to is kept, and so is a group that somebody is about to join', () => {
    const bench = new GroupBench()
    bench.commit({ 't-0': 1, 't-1': 1 })
    bench.commitInTransaction({ 't-0': 5 }, { producerId: 9 })
    bench.host.advance(8 * DAY_MS)
    assert.deepEqual(bench.offsets(), { 't-0': 1 })
    bench.endTransaction(9, false)
    bench.join({ sessionTimeoutMs: 1_800_000 })
    bench.host.advance(1_700_000)
    assert.deepEqual(bench.offsets(), { 't-0': 1 })
  })

  test('when the log takes nothing, nothing is forgotten', () => {
    const bench = new GroupBench()
    bench.commit({ 't-0': 1 })
    bench.host.appendError = ErrorCode.KAFKA_STORAGE_ERROR
    bench.host.advance(8 * DAY_MS)
    assert.deepEqual([bench.offsets(), bench.state()], [{ 't-0': 1 }, 'Empty'])
    bench.host.appendError = 0
    bench.host.advance(1_200_000)
    assert.deepEqual([bench.offsets(), bench.state()], [{}, null])
  })
})

function keepAlive(bench: GroupBench, memberId: string, generation: number, ms: number): void {
  for (let left = ms; left > 0; left -= 9000) {
    bench.host.advance(Math.min(9000, left))
    bench.heartbeat(memberId, generation)
  }
}
