/** A member of a classic group, without I/O. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode, errorName } from '@ottla/protocol'
import { BrokerError, KafkaError } from '../../../src/errors.ts'
import { type ClassicAnswer, type ClassicAsk, ClassicMembership } from '../../../src/group/membership/classic.ts'
import type { MembershipEvent, Partitions } from '../../../src/group/membership/events.ts'

const NOTHING: Partitions = new Map()
const BOTH: Partitions = new Map([['t', [0, 1]]])
const ONE: Partitions = new Map([['t', [0]]])
const { UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS, FENCED_INSTANCE_ID } = ErrorCode
const { COORDINATOR_LOAD_IN_PROGRESS, INCONSISTENT_GROUP_PROTOCOL } = ErrorCode

class Member {
  readonly machine: ClassicMembership
  nowMs = 1000
  ask: ClassicAsk | null = null
  number = 0
  untilMs: number | null = null
  readonly farewells: ClassicAsk[] = []
  readonly putOut: string[] = []

  constructor(isStatic = false) {
    this.machine = new ClassicMembership({
      isStatic,
      sessionTimeoutMs: 1000,
      heartbeatIntervalMs: 300,
      joinTimeoutMs: 5000,
      waitMs: (failures) => 100 * failures,
    })
  }

  get state(): string {
    return this.machine.state.name
  }

  on(event: MembershipEvent<ClassicAnswer>): this {
    for (const effect of this.machine.on(event, this.nowMs)) {
      if (effect.type === 'ask') {
        this.ask = effect.ask
        this.number = effect.number
      } else if (effect.type === 'wait') this.untilMs = effect.untilMs
      else if (effect.type === 'bid-farewell') this.farewells.push(effect.ask)
      else if (effect.type === 'put-out') this.putOut.push(effect.reason)
    }
    return this
  }

  join(owned = NOTHING): this {
    return this.on({ type: 'join', owned })
  }

  held(owned = BOTH): this {
    return this.on({ type: 'held', owned, rest: 'none' })
  }

  answer(answer: ClassicAnswer): this {
    assert.equal(this.ask?.api, answer.api)
    this.ask = null
    return this.on({ type: 'answer', number: this.number, answer })
  }

  fail(errorCode: number): this {
    this.ask = null
    return this.on({ type: 'failure', number: this.number, error: new BrokerError(errorCode, 'group g') })
  }

  time(ms: number): this {
    this.nowMs += ms
    return this.on({ type: 'time' })
  }

  joined(generation = 1): this {
    const answer = { api: 'JoinGroup', memberId: 'm', generation, protocolName: 'range', members: null } as const
    return this.answer(answer)
  }

  synced(assignment = BOTH): this {
    return this.answer({ api: 'SyncGroup', assignment })
  }

  /** A member that holds both partitions. */
  settle(): this {
    return this.join().joined().synced().held()
  }
}

test('joins by the name it is given, learns its partitions, and gives signs of life', () => {
  const member = new Member()
  assert.equal(member.state, 'out')
  member.join()
  assert.deepEqual(member.ask, { api: 'JoinGroup', memberId: '', generation: -1, owned: NOTHING })
  member.answer({ api: 'JoinGroup', named: 'm' })
  assert.deepEqual(member.ask, { api: 'JoinGroup', memberId: 'm', generation: -1, owned: NOTHING })
  member.joined(7)
  assert.deepEqual(member.ask, {
    api: 'SyncGroup',
    memberId: 'm',
    generation: 7,
    protocolName: 'range',
    members: null,
  })
  member.synced()
  assert.deepEqual(member.machine.state, { name: 'assigned', assignment: BOTH })
  assert.equal(member.held().state, 'member')
  assert.equal(member.untilMs, 1300)
  assert.deepEqual(member.time(300).ask, { api: 'Heartbeat', memberId: 'm', generation: 7 })
  member.answer({ api: 'Heartbeat' })
  assert.equal(member.untilMs, 1600)
})

test('a heartbeat without an answer is not repeated while it is under way; the session ends without any', () => {
  const member = new Member().settle().time(300)
  const { number } = member
  member.time(300).time(300)
  assert.equal(member.number, number)
  member.time(300)
  assert.deepEqual([member.state, member.untilMs], ['out', null])
  assert.equal(member.machine.memberId, 'm', 'what it commits now is refused by this name')
  member.join()
  assert.deepEqual(member.ask, { api: 'JoinGroup', memberId: 'm', generation: -1, owned: NOTHING })
})

test('a rebalance takes what the reader keeps along', () => {
  const member = new Member().settle().time(300).fail(REBALANCE_IN_PROGRESS)
  assert.equal(member.state, 'rebalancing')
  member.join(BOTH)
  assert.deepEqual(member.ask, { api: 'JoinGroup', memberId: 'm', generation: 1, owned: BOTH })
  member.joined(2).synced(ONE)
  assert.equal(member.held(ONE).state, 'rebalancing', 'what it gave up is for others: it joins again')
  member.join(ONE).joined(3).synced(ONE)
  assert.equal(member.held(ONE).state, 'member')
})

test('while an assignment is taken over, a rebalance and other topics are noted', () => {
  for (const note of ['rebalance', 'topics'] as const) {
    const member = new Member().join().joined().synced()
    if (note === 'topics') member.on({ type: 'topics-changed' })
    else member.time(300).fail(REBALANCE_IN_PROGRESS)
    assert.equal(member.state, 'assigned')
    assert.equal(member.on({ type: 'held', owned: ONE, rest: 'coming' }).state, 'assigned')
    assert.equal(member.held().state, 'rebalancing')
  }
})

test('with an assignment of topics that do not exist it joins again', () => {
  const member = new Member().join().joined().synced().on({ type: 'held', owned: ONE, rest: 'unknown' })
  assert.equal(member.state, 'rebalancing')
})

for (const errorCode of [UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION]) {
  const name = errorName(errorCode)
  const memberId = errorCode === UNKNOWN_MEMBER_ID ? '' : 'm'

  test(`${name} while it joins: what it kept is lost before it joins again, named ${memberId || 'anew'}`, () => {
    for (const step of ['JoinGroup', 'SyncGroup']) {
      const member = new Member().settle().on({ type: 'topics-changed' }).join(BOTH)
      if (step === 'SyncGroup') member.joined(2)
      member.fail(errorCode)
      assert.equal(member.state, 'out', 'the reader still has partitions')
      member.join()
      assert.deepEqual(member.ask, { api: 'JoinGroup', memberId, generation: -1, owned: NOTHING })
    }
  })

  test(`${name} while it joins without partitions: it joins again by itself, the second time after a wait`, () => {
    const member = new Member().join().joined().fail(errorCode)
    assert.deepEqual([member.state, member.ask?.api], ['joining', 'JoinGroup'])
    member.fail(errorCode)
    assert.deepEqual([member.state, member.ask, member.untilMs], ['joining', null, member.nowMs + 200])
    assert.deepEqual(member.time(200).ask, { api: 'JoinGroup', memberId, generation: -1, owned: NOTHING })
  })

  test(`${name} to a heartbeat or a commit puts it out; it goes by its name until it joins again`, () => {
    for (const by of ['heartbeat', 'commit']) {
      const member = new Member().settle().time(300)
      const { term } = member.machine
      if (by === 'heartbeat') member.fail(errorCode)
      else member.on({ type: 'commit-refused', error: new BrokerError(errorCode, 'group g') })
      assert.deepEqual([member.state, member.machine.memberId, member.machine.generation], ['out', 'm', 1])
      assert.equal(member.machine.term, term)
      member.join()
      assert.deepEqual(member.ask, { api: 'JoinGroup', memberId, generation: -1, owned: NOTHING })
      assert.notEqual(member.machine.term, term)
    }
  })
}

test('a join is tried again while that may heal, as long as the time lasts', () => {
  const member = new Member().join()
  const startMs = member.nowMs
  while (member.state === 'joining') {
    member.fail(COORDINATOR_LOAD_IN_PROGRESS)
    if (member.untilMs !== null) member.time(member.untilMs - member.nowMs)
  }
  assert.equal(member.state, 'failed')
  assert.ok(member.nowMs - startMs >= 4000 && member.nowMs - startMs < 5000)
  assert.equal(new Member().join().fail(INCONSISTENT_GROUP_PROTOCOL).state, 'failed')
  const cut = new KafkaError('CONNECTION_CLOSED', 'cut', { retriable: true })
  const lost = new Member().join()
  assert.equal(lost.on({ type: 'failure', number: lost.number, error: cut }).state, 'joining')
})

test('whose instance another has taken ends, and does not leave', () => {
  const joining = new Member(true).join().fail(FENCED_INSTANCE_ID)
  const member = new Member(true).settle().time(300).fail(FENCED_INSTANCE_ID)
  for (const { state } of [joining, member]) assert.equal(state, 'failed')
  assert.deepEqual(member.on({ type: 'leave', reason: 'closed' }).farewells, [])
})

test('who leaves says so, but for static members; who was told that it is unknown has nothing to say', () => {
  const leave = { type: 'leave', reason: 'closed' } as const
  const farewell = [{ api: 'LeaveGroup', memberId: 'm', reason: 'closed' }]
  for (const member of [new Member().settle(), new Member().join().joined(), new Member().join().joined().synced()]) {
    assert.deepEqual(member.on(leave).farewells, farewell)
    assert.deepEqual([member.state, member.untilMs ?? null], ['left', null])
    assert.equal(member.on(leave).farewells.length, 1)
  }
  assert.deepEqual(new Member().on(leave).farewells, [])
  assert.deepEqual(new Member(true).settle().on(leave).farewells, [])
  assert.deepEqual(new Member().settle().time(300).fail(UNKNOWN_MEMBER_ID).on(leave).farewells, [])
})

test('who works for too long leaves, and is named anew', () => {
  const member = new Member().settle().on({ type: 'overdue', reason: 'slow' })
  assert.deepEqual([member.state, member.putOut], ['out', ['slow']])
  assert.deepEqual(member.farewells, [{ api: 'LeaveGroup', memberId: 'm', reason: 'slow' }])
  assert.equal(member.machine.memberId, 'm')
  member.join()
  assert.deepEqual(member.ask, { api: 'JoinGroup', memberId: '', generation: -1, owned: NOTHING })
})

test('what answers a request of before is not listened to', () => {
  const member = new Member().settle().time(300)
  const { number } = member
  member.on({ type: 'topics-changed' }).join()
  const error = new BrokerError(UNKNOWN_MEMBER_ID, 'group g')
  assert.equal(member.on({ type: 'failure', number, error }).state, 'joining')
  member.joined(2).synced().held()
  member.on({ type: 'failure', number, error })
  assert.equal(member.state, 'member')
})

test('events that a state has no use for change nothing', () => {
  const states: Record<string, () => Member> = {
    out: () => new Member(),
    joining: () => new Member().join(),
    assigned: () => new Member().join().joined().synced(),
    member: () => new Member().settle(),
    rebalancing: () => new Member().settle().on({ type: 'topics-changed' }),
    failed: () => new Member().join().fail(INCONSISTENT_GROUP_PROTOCOL),
    left: () => new Member().settle().on({ type: 'leave', reason: 'closed' }),
  }
  const refused = { type: 'commit-refused', error: new BrokerError(UNKNOWN_MEMBER_ID, 'group g') } as const
  const events: Record<string, [MembershipEvent<ClassicAnswer>, string[]]> = {
    join: [{ type: 'join', owned: NOTHING }, ['joining', 'assigned', 'member', 'failed', 'left']],
    held: [{ type: 'held', owned: BOTH, rest: 'none' }, ['out', 'joining', 'member', 'rebalancing', 'failed', 'left']],
    topics: [{ type: 'topics-changed' }, ['out', 'joining', 'assigned', 'rebalancing', 'failed', 'left']],
    overdue: [{ type: 'overdue', reason: 'slow' }, ['out', 'joining', 'failed', 'left']],
    refused: [refused, ['out', 'joining', 'failed', 'left']],
    time: [{ type: 'time' }, Object.keys(states)],
  }
  for (const [name, [event, idle]] of Object.entries(events)) {
    for (const [state, make] of Object.entries(states)) {
      const member = make().on(event)
      assert.equal(member.state === state, idle.includes(state), `${name} in ${state} leads to ${member.state}`)
    }
  }
})
