import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '@ottla/protocol'
import { ConsumerBench, stateOf } from '../../support/consumer-bench.ts'

function bench(partitions = 6): ConsumerBench {
  const made = new ConsumerBench()
  made.topic('t', partitions)
  return made
}

test('a member alone has everything; a second one gets its share once the first has given it up', () => {
  const b = bench()
  const [a, c] = [b.client('a'), b.client('c')]
  assert.equal(a.beat()!.memberEpoch, 1)
  assert.deepEqual(a.owned, { t: [0, 1, 2, 3, 4, 5] })
  assert.equal(b.describe()!.groupState, 'Stable')
  c.beat()
  assert.deepEqual([c.epoch, c.owned], [2, {}], 'what it is to have is still with the other')
  assert.equal(b.describe()!.groupState, 'Reconciling')
  // The answer tells what to keep, the heartbeat after it what was given up.
  a.beat()
  assert.deepEqual([a.epoch, a.owned], [1, { t: [0, 1, 2] }])
  c.beat()
  assert.deepEqual(c.owned, {})
  a.beat()
  assert.equal(a.epoch, 2)
  c.beat()
  assert.deepEqual(c.owned, { t: [3, 4, 5] })
  assert.equal(b.describe()!.groupState, 'Stable')
})

test('who leaves frees its partitions at once', () => {
  const b = bench()
  const [a, c] = [b.client('a'), b.client('c')]
  for (const client of [a, c, a, a, c]) client.beat()
  assert.equal(c.leave()!.memberEpoch, -1)
  assert.equal(b.describe()!.groupState, 'Assigning')
  a.beat()
  assert.deepEqual([a.epoch, a.owned], [3, { t: [0, 1, 2, 3, 4, 5] }])
  a.leave()
  assert.deepEqual([b.describe()!.groupState, b.describe()!.members], ['Empty', []])
})

test('who is silent is out when its session is over, and not before', () => {
  const b = bench()
  const [a, c] = [b.client('a'), b.client('c')]
  for (const client of [a, c, a, a, c]) client.beat()
  for (let i = 0; i < 10; i++) {
    b.host.advance(4_400)
    a.beat()
  }
  assert.equal(b.describe()!.members.length, 2)
  b.host.advance(1_000)
  assert.equal(b.describe()!.members.length, 1)
  a.beat()
  assert.deepEqual(a.owned, { t: [0, 1, 2, 3, 4, 5] })
  assert.equal(c.beat()!.errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
})

test('who does not give up its partitions within its rebalance timeout is out', () => {
  const b = bench()
  b.config.consumer = { ...b.config.consumer, sessionTimeoutMs: () => 600_000 }
  const [a, c] = [b.client('a'), b.client('c')]
  a.beat()
  c.beat()
  a.beat()
  b.host.advance(59_000)
  assert.equal(b.describe()!.members.length, 2)
  a.beat({ topicPartitions: b.listOf({ t: [0, 1, 2, 3, 4, 5] }) })
  b.host.advance(1_000)
  assert.deepEqual(
    b.describe()!.members.map(({ memberId }) => memberId),
    ['c'],
  )
  c.beat()
  assert.deepEqual(c.owned, { t: [0, 1, 2, 3, 4, 5] })
})

test('more members than partitions: some have none, and take over when another goes', () => {
  const b = bench(2)
  const clients = ['a', 'b', 'c'].map((id) => b.client(id))
  for (let i = 0; i < 3; i++) for (const client of clients) client.beat()
  assert.deepEqual(
    clients.map(({ owned }) => owned.t ?? []),
    [[0], [1], []],
  )
  clients[0].leave()
  for (const client of clients.slice(1)) client.beat()
  assert.deepEqual(clients[2].owned, { t: [0] })
  assert.deepEqual(clients[1].owned, { t: [1] })
})

test('new partitions, topics and a changed subscription reach a live group', () => {
  const b = bench(2)
  const a = b.client('a', ['t', 'later'])
  a.beat()
  b.topic('t', 4)
  a.beat()
  assert.deepEqual(a.owned, { t: [0, 1, 2, 3] })
  b.topic('later', 1)
  a.beat()
  assert.deepEqual(a.owned, { t: [0, 1, 2, 3], later: [0] })
  b.topic('other', 1)
  const { epoch } = a
  a.beat()
  assert.equal(a.epoch, epoch, 'a topic that nobody reads changes nothing')
  a.topics = ['other']
  a.beat()
  a.beat()
  assert.deepEqual(a.owned, { other: [0] })
  b.dropTopic('other')
  a.beat()
  a.beat({ topicPartitions: [] })
  assert.equal(b.describe()!.groupState, 'Stable')
  assert.deepEqual(b.describe()!.members[0].assignment.topicPartitions, [])
})

test('a lost answer: the epoch before is taken if the member has nothing that is not its own', () => {
  const b = bench()
  const [a, c] = [b.client('a'), b.client('c')]
  for (const client of [a, c, a, a]) client.beat()
  assert.equal(a.epoch, 2)
  assert.equal(a.beat({ memberEpoch: 1 })!.memberEpoch, 2)
  const none = b.beat({ memberId: 'a', memberEpoch: 1 })!
  assert.equal(none.errorCode, ErrorCode.FENCED_MEMBER_EPOCH, 'it does not say what it has')
  const foreign = b.beat({ memberId: 'a', memberEpoch: 1, topicPartitions: b.listOf({ t: [5] }) })!
  assert.equal(foreign.errorCode, ErrorCode.FENCED_MEMBER_EPOCH)
  assert.equal(b.beat({ memberId: 'a', memberEpoch: 9 })!.errorCode, ErrorCode.FENCED_MEMBER_EPOCH)
})

test('who begins again has given up everything', () => {
  const b = bench()
  const [a, c] = [b.client('a'), b.client('c')]
  a.beat()
  c.beat()
  a.epoch = 0
  a.owned = {}
  a.beat()
  assert.deepEqual([a.epoch, a.owned], [2, { t: [0, 1, 2] }])
  c.beat()
  assert.deepEqual(c.owned, { t: [3, 4, 5] })
})

test('static members: back in time there is no new epoch; while it is there nobody takes its place', () => {
  const b = bench()
  const a = b.client('a', ['t'], { instanceId: 'i' })
  const c = b.client('c')
  for (const client of [a, c, a, a, c]) client.beat()
  const { groupEpoch } = b.describe()!
  const rival = b.client('a2', ['t'], { instanceId: 'i' })
  assert.equal(rival.beat()!.errorCode, ErrorCode.UNRELEASED_INSTANCE_ID)
  assert.equal(a.leave(-2)!.memberEpoch, -2)
  c.beat()
  assert.deepEqual(c.owned, { t: [3, 4, 5] }, 'its partitions wait for it')
  rival.beat()
  assert.deepEqual([rival.epoch, rival.owned], [groupEpoch, { t: [0, 1, 2] }])
  assert.equal(b.describe()!.groupEpoch, groupEpoch)
  assert.equal(b.describe()!.groupState, 'Stable')
  assert.equal(a.beat({ memberEpoch: groupEpoch })!.errorCode, ErrorCode.FENCED_INSTANCE_ID)
  assert.equal(a.leave()!.errorCode, ErrorCode.FENCED_INSTANCE_ID)
  const stranger = b.client('x', ['t'], { instanceId: 'other' })
  assert.equal(stranger.beat({ memberEpoch: 1 })!.errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
})

test('a static member comes back wanting something else: what it had goes to the others', () => {
  const b = bench()
  b.topic('u', 2)
  const a = b.client('a', ['t'], { instanceId: 'i' })
  const c = b.client('c')
  for (const client of [a, c, a, a, c]) client.beat()
  a.leave(-2)
  const next = b.client('n', ['u'], { instanceId: 'i' })
  for (const client of [next, c, next, c]) client.beat()
  assert.deepEqual([next.owned, c.owned], [{ u: [0, 1] }, { t: [0, 1, 2, 3, 4, 5] }])
  assert.equal(b.machine!.consumer.get('g')!.hasTarget('a'), false)
})

test('a static member that does not come back in time is out', () => {
  const b = bench()
  const a = b.client('a', ['t'], { instanceId: 'i' })
  a.beat()
  a.leave(-2)
  b.host.advance(45_000)
  assert.equal(b.describe()!.groupState, 'Empty')
})

test('patterns match whole names, and new topics join in', () => {
  const b = bench(1)
  b.topic('at', 1)
  const a = b.client('a', [], { regex: 't[0-9]?' })
  a.beat()
  assert.deepEqual(a.owned, { t: [0] })
  b.topic('t1', 2)
  b.host.advance(1_000)
  a.beat()
  assert.deepEqual(a.owned, { t: [0], t1: [0, 1] })
  assert.equal(b.describe()!.members[0].subscribedTopicRegex, 't[0-9]?')
  b.load()
  a.beat()
  assert.deepEqual(a.owned, { t: [0], t1: [0, 1] })
})

test('what is no request is refused, as Kafka does', () => {
  const b = bench()
  const join = { rebalanceTimeoutMs: 1000, topicPartitions: [], subscribedTopicNames: ['t'] }
  const cases: [object, number, number?][] = [
    [{ ...join, groupId: '' }, ErrorCode.INVALID_REQUEST],
    [{ ...join, instanceId: '' }, ErrorCode.INVALID_REQUEST],
    [{ ...join, rackId: ' ' }, ErrorCode.INVALID_REQUEST],
    [{ ...join, memberId: '' }, ErrorCode.INVALID_REQUEST],
    [{ ...join, memberEpoch: -3 }, ErrorCode.INVALID_REQUEST],
    [{ ...join, memberEpoch: -2 }, ErrorCode.INVALID_REQUEST],
    [{ ...join, rebalanceTimeoutMs: -1 }, ErrorCode.INVALID_REQUEST],
    [{ ...join, topicPartitions: null }, ErrorCode.INVALID_REQUEST],
    [{ ...join, topicPartitions: b.listOf({ t: [0] }) }, ErrorCode.INVALID_REQUEST],
    [{ ...join, subscribedTopicNames: null }, ErrorCode.INVALID_REQUEST],
    [{ ...join, serverAssignor: 'mine' }, ErrorCode.UNSUPPORTED_ASSIGNOR],
    [{ ...join, subscribedTopicRegex: '(a' }, ErrorCode.INVALID_REGULAR_EXPRESSION],
    [{ ...join, subscribedTopicRegex: '(?=a)b' }, ErrorCode.INVALID_REGULAR_EXPRESSION],
    [{ ...join, subscribedTopicRegex: 'a'.repeat(5000) }, ErrorCode.INVALID_REGULAR_EXPRESSION],
    [{ ...join, subscribedTopicRegex: '((a{1,100}){1,100}){1,100}' }, ErrorCode.INVALID_REGULAR_EXPRESSION],
    [{ memberEpoch: 1 }, ErrorCode.GROUP_ID_NOT_FOUND],
    [{ memberEpoch: -1 }, ErrorCode.GROUP_ID_NOT_FOUND],
    [{ ...join, memberId: '', subscribedTopicRegex: undefined }, ErrorCode.NONE, 0],
    [{ memberEpoch: 1, memberId: 'stranger' }, ErrorCode.UNKNOWN_MEMBER_ID],
    [{ memberEpoch: -1, memberId: 'stranger' }, ErrorCode.UNKNOWN_MEMBER_ID],
  ]
  for (const [body, errorCode, version] of cases) {
    assert.equal(b.beat(body, version)!.errorCode, errorCode, JSON.stringify(body))
  }
})

test('a group has no more members than it may', () => {
  const b = bench()
  b.config.consumer = { ...b.config.consumer, membersMax: 1 }
  const a = b.client('a')
  a.beat()
  assert.equal(b.client('c').beat()!.errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED)
  assert.equal(a.beat()!.errorCode, ErrorCode.NONE)
})

test('the assignor that most members ask for assigns', () => {
  const b = bench(3)
  b.topic('u', 3)
  const clients = ['a', 'c'].map((id) => b.client(id, ['t', 'u']))
  for (let i = 0; i < 3; i++) for (const client of clients) client.beat({ serverAssignor: 'range' })
  assert.equal(b.describe()!.assignorName, 'range')
  assert.deepEqual(
    clients.map(({ owned }) => owned),
    [
      { t: [0, 1], u: [0, 1] },
      { t: [2], u: [2] },
    ],
  )
})

test('commits are taken in the epoch a partition was assigned in, and refused from anybody else', () => {
  const b = bench()
  const [a, c] = [b.client('a'), b.client('c')]
  a.beat()
  assert.equal(b.commitAs('a', 1, 't', 0), ErrorCode.NONE)
  assert.equal(b.commitAs('a', 0, 't', 0), ErrorCode.STALE_MEMBER_EPOCH)
  assert.equal(b.commitAs('a', 2, 't', 0), ErrorCode.STALE_MEMBER_EPOCH)
  assert.equal(b.commitAs('a', 1, 't', 0, 8), ErrorCode.UNSUPPORTED_VERSION)
  assert.equal(b.commitAs('x', 1, 't', 0), ErrorCode.UNKNOWN_MEMBER_ID)
  assert.equal(b.commitAs('', -1, 't', 0), ErrorCode.UNKNOWN_MEMBER_ID)
  c.beat()
  a.beat()
  assert.equal(b.commitAs('a', 1, 't', 5), ErrorCode.NONE, 'while it gives it up')
  a.beat()
  assert.equal(a.epoch, 2)
  assert.equal(b.commitAs('a', 1, 't', 0), ErrorCode.NONE, 'it has had it all the time')
  assert.equal(b.commitAs('a', 1, 't', 5), ErrorCode.STALE_MEMBER_EPOCH, 'another may have it by now')
  a.leave()
  c.leave()
  assert.equal(b.commitAs('', -1, 't', 0), ErrorCode.NONE, 'nobody is there')
})

test('offsets are kept while there are members, then as long as configured from the last one’s leaving', () => {
  const b = bench()
  const a = b.client('a')
  a.beat()
  b.commitAs('a', 1, 't', 0)
  const day = 24 * 3_600_000
  b.config.consumer = { ...b.config.consumer, sessionTimeoutMs: () => 20 * day }
  a.beat()
  b.host.advance(10 * day)
  assert.equal(b.machine!.offsets.hasAny('g'), true)
  a.beat()
  a.leave()
  b.load()
  b.host.advance(6 * day)
  assert.equal(b.machine!.offsets.hasAny('g'), true)
  b.host.advance(2 * day)
  assert.equal(b.machine!.offsets.hasAny('g'), false)
  assert.equal(b.describe(), null)
})

test('a failed append leaves no trace, and what was done is done again', () => {
  const b = bench()
  const a = b.client('a')
  b.host.appendError = ErrorCode.NOT_ENOUGH_REPLICAS
  assert.equal(a.beat()!.errorCode, ErrorCode.COORDINATOR_NOT_AVAILABLE)
  assert.equal(b.describe(), null)
  assert.deepEqual(stateOf(b), [])
  b.host.appendError = 0
  a.epoch = 0
  a.beat()
  assert.deepEqual([a.epoch, a.owned], [1, { t: [0, 1, 2, 3, 4, 5] }])
})
