/** A member of a group by the consumer protocol, without I/O. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode, errorName } from '@ottla/protocol'
import { BrokerError, KafkaError } from '../../../src/errors.ts'
import { type ConsumerAnswer, type ConsumerAsk, ConsumerMembership } from '../../../src/group/membership/consumer.ts'
import type { MembershipEvent, Partitions, Rest } from '../../../src/group/membership/events.ts'

const NOTHING: Partitions = new Map()
const BOTH: Partitions = new Map([['t', [0, 1]]])
const ONE: Partitions = new Map([['t', [0]]])
const OTHER: Partitions = new Map([['u', [5]]])
const { UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, STALE_MEMBER_EPOCH, FENCED_INSTANCE_ID } = ErrorCode
const { COORDINATOR_LOAD_IN_PROGRESS, UNRELEASED_INSTANCE_ID, GROUP_MAX_SIZE_REACHED, GROUP_ID_NOT_FOUND } = ErrorCode

const FULL = { isFull: true, subscribes: true } as const
const SHORT = { isFull: false, subscribes: false } as const
const INTERVAL_MS = 300

class Member {
  readonly machine: ConsumerMembership
  nowMs = 1000
  ask: ConsumerAsk | null = null
  number = 0
  untilMs: number | null = null
  readonly farewells: number[] = []

  constructor(isStatic = false) {
    const waitMs = (failures: number) => 100 * failures
    this.machine = new ConsumerMembership({ memberId: 'm', isStatic, joinTimeoutMs: 5000, waitMs })
  }

  get state(): string {
    return this.machine.state.name
  }

  on(event: MembershipEvent<ConsumerAnswer>): this {
    for (const effect of this.machine.on(event, this.nowMs)) {
      if (effect.type === 'ask') {
        assert.equal(this.ask, null, 'two requests under way')
        this.ask = effect.ask
        this.number = effect.number
      } else if (effect.type === 'wait') this.untilMs = effect.untilMs
      else if (effect.type === 'bid-farewell') this.farewells.push(effect.ask.epoch)
    }
    return this
  }

  join(): this {
    return this.on({ type: 'join', owned: NOTHING })
  }

  held(owned: Partitions, rest: Rest = 'none'): this {
    return this.on({ type: 'held', owned, rest })
  }

  answer(epoch: number, assignment: Partitions | null = null): this {
    assert.notEqual(this.ask, null, 'nothing was asked')
    this.ask = null
    return this.on({
      type: 'answer',
      number: this.number,
      answer: { epoch, heartbeatIntervalMs: INTERVAL_MS, assignment },
    })
  }

  fail(error: number | KafkaError): this {
    assert.notEqual(this.ask, null, 'nothing was asked')
    this.ask = null
    const made = typeof error === 'number' ? new BrokerError(error, 'group g') : error
    return this.on({ type: 'failure', number: this.number, error: made })
  }

  time(ms = INTERVAL_MS): this {
    this.nowMs += ms
    return this.on({ type: 'time' })
  }

  /** Holds both partitions in epoch 1, and has said so. */
  settle(): this {
    return this.join().answer(1, BOTH).held(BOTH).answer(1)
  }
}

test('joins at epoch 0 with all there is to say, and says only what has changed afterwards', () => {
  const member = new Member()
  assert.deepEqual([member.state, member.machine.memberId, member.machine.generation], ['out', '', -1])
  member.join()
  assert.deepEqual(member.ask, { epoch: 0, ...FULL, owned: NOTHING })
  member.answer(3, NOTHING)
  assert.deepEqual([member.state, member.machine.memberId, member.machine.generation], ['member', 'm', 3])
  assert.equal(member.untilMs, member.nowMs + INTERVAL_MS, 'the interval is the coordinator’s')
  assert.deepEqual(member.time().ask, { epoch: 3, ...SHORT, owned: null })
  member.answer(4, BOTH)
  assert.deepEqual(member.machine.state, { name: 'assigned', assignment: BOTH })
  member.held(BOTH)
  assert.equal(member.state, 'member')
  assert.deepEqual(member.ask, { epoch: 4, ...SHORT, owned: BOTH }, 'at once')
  assert.equal(member.answer(4).ask, null)
})

test('it gives up first, says so, and takes what is new afterwards', () => {
  const member = new Member().settle().time().answer(2, ONE)
  assert.equal(member.state, 'assigned')
  member.held(ONE, 'coming')
  assert.deepEqual([member.state, member.ask], ['assigned', { epoch: 2, ...SHORT, owned: ONE }])
  member.held(ONE)
  assert.equal(member.state, 'member')
  assert.deepEqual(member.answer(3, OTHER).held(OTHER).ask, { epoch: 3, ...SHORT, owned: OTHER })
})

test('it goes on with signs of life while the reader takes its time, and an assignment may replace another', () => {
  const member = new Member().settle().time().answer(2, ONE)
  member.time()
  assert.deepEqual(member.ask, { epoch: 2, ...SHORT, owned: null })
  member.answer(3, BOTH)
  assert.deepEqual([member.state, member.ask], ['assigned', null], 'the reader may be about to give up')
  member.held(BOTH)
  assert.deepEqual(member.state, 'member')
})

test('what is on its way to the reader counts as held, until the reader has given it up', () => {
  const cut = new KafkaError('CONNECTION_CLOSED', 'cut', { retriable: true })
  const member = new Member().settle().time().answer(2, OTHER).time().fail(cut).time(100)
  const both: Partitions = new Map([...BOTH, ...OTHER])
  assert.deepEqual(member.ask, { epoch: 2, ...FULL, owned: both })
  member.answer(2, BOTH)
  assert.equal(member.held(OTHER).state, 'assigned', 'the reader was too far to turn back')
  assert.deepEqual(member.ask?.owned, both)
  member.answer(2).held(NOTHING, 'coming')
  assert.deepEqual(member.ask?.owned, BOTH)
  member.held(BOTH).answer(2)
  assert.deepEqual([member.state, member.ask?.owned], ['member', BOTH])
})

test('the coordinator hears of what it has taken back before the reader saw it', () => {
  const member = new Member()
    .settle()
    .time()
    .answer(2, new Map([...BOTH, ...OTHER]))
    .time()
    .answer(2, BOTH)
  assert.deepEqual([member.state, member.ask], ['assigned', null])
  member.held(BOTH)
  assert.deepEqual([member.state, member.ask?.owned], ['member', BOTH])
})

test('what the reader cannot name yet is looked at again with each answer', () => {
  const member = new Member().join().answer(1, BOTH)
  assert.equal(member.held(NOTHING, 'unknown').state, 'member')
  assert.equal(member.time().answer(1).state, 'assigned')
  assert.equal(member.held(BOTH).state, 'member')
  assert.equal(member.answer(1).time().answer(1).state, 'member')
})

for (const errorCode of [FENCED_MEMBER_EPOCH, UNKNOWN_MEMBER_ID]) {
  test(`${errorName(errorCode)} puts it out; it joins again at epoch 0 by the same name`, () => {
    for (const by of ['heartbeat', 'commit']) {
      const member = new Member().settle()
      const { term } = member.machine
      if (by === 'heartbeat') member.time().fail(errorCode)
      else member.on({ type: 'commit-refused', error: new BrokerError(errorCode, 'group g') })
      assert.equal(member.state, 'out')
      assert.deepEqual([member.machine.memberId, member.machine.generation], ['m', 1], 'until it joins')
      member.join()
      assert.deepEqual(member.ask, { epoch: 0, ...FULL, owned: NOTHING })
      assert.deepEqual([member.machine.memberId, member.machine.generation], ['', -1])
      assert.notEqual(member.machine.term, term)
      assert.equal(member.answer(5, ONE).state, 'assigned', 'what it had before does not count')
    }
  })
}

test('a group that is gone, or has become a classic one, is joined anew; one that cannot be joined is not', () => {
  const member = new Member().settle().time().fail(GROUP_ID_NOT_FOUND)
  assert.equal(member.state, 'out')
  assert.equal(member.join().ask?.epoch, 0)
  assert.equal(member.fail(GROUP_ID_NOT_FOUND).state, 'failed')
})

test('fenced again and again, it waits longer each time', () => {
  const member = new Member().join()
  const waits: number[] = []
  for (let i = 0; i < 3; i++) {
    member.fail(FENCED_MEMBER_EPOCH).join()
    waits.push(member.ask === null ? (member.untilMs as number) - member.nowMs : 0)
    if (member.ask === null) member.time(member.untilMs! - member.nowMs)
  }
  assert.deepEqual(waits, [0, 200, 300])
})

test('after a request without an answer it says everything, and stays a member', () => {
  const cut = new KafkaError('CONNECTION_CLOSED', 'cut', { retriable: true })
  for (const error of [cut, COORDINATOR_LOAD_IN_PROGRESS]) {
    const member = new Member().settle().time().fail(error)
    assert.deepEqual([member.state, member.untilMs], ['member', member.nowMs + 100])
    assert.deepEqual(member.time(100).ask, { epoch: 1, ...FULL, owned: BOTH })
    member.answer(2, BOTH)
    assert.deepEqual([member.state, member.ask], ['member', null])
  }
})

test('a join is tried again while that may heal, as long as the time lasts', () => {
  const member = new Member().join()
  const startMs = member.nowMs
  while (member.state === 'joining') {
    member.fail(COORDINATOR_LOAD_IN_PROGRESS)
    if (member.untilMs !== null) member.time(member.untilMs - member.nowMs)
  }
  assert.equal(member.state, 'failed')
  assert.ok(member.nowMs - startMs >= 4000 && member.nowMs - startMs < 5000)
})

test('what asking again cannot change ends it', () => {
  for (const errorCode of [GROUP_MAX_SIZE_REACHED, UNRELEASED_INSTANCE_ID, FENCED_INSTANCE_ID]) {
    assert.equal(new Member().join().fail(errorCode).state, 'failed')
    assert.equal(new Member().settle().time().fail(errorCode).state, 'failed')
  }
})

test('a commit of an epoch that is over makes it ask which one it is', () => {
  const member = new Member().settle()
  member.on({ type: 'commit-refused', error: new BrokerError(STALE_MEMBER_EPOCH, 'group g') })
  assert.deepEqual([member.state, member.ask], ['member', { epoch: 1, ...SHORT, owned: null }])
  const { term } = member.machine
  member.answer(2)
  assert.deepEqual([member.machine.generation, member.machine.term], [2, term])
})

test('another subscription is told at once', () => {
  const member = new Member().settle().on({ type: 'topics-changed' })
  assert.deepEqual(member.ask, { epoch: 1, isFull: false, subscribes: true, owned: null })
})

test('who leaves says for how long', () => {
  const leave = { type: 'leave', reason: 'closed' } as const
  assert.deepEqual(new Member().settle().on(leave).farewells, [-1])
  assert.deepEqual(new Member(true).settle().on(leave).farewells, [-2])
  assert.deepEqual(new Member().join().on(leave).farewells, [-1], 'the join may have gone through')
  assert.deepEqual(new Member().settle().on(leave).on(leave).farewells, [-1])
  assert.deepEqual(new Member().on(leave).farewells, [])
  assert.deepEqual(new Member().settle().time().fail(UNKNOWN_MEMBER_ID).on(leave).farewells, [])
  assert.deepEqual(new Member(true).settle().time().fail(FENCED_INSTANCE_ID).on(leave).farewells, [])
  const left = new Member().settle().on(leave)
  assert.deepEqual([left.state, left.untilMs], ['left', null])
})

test('who works for too long leaves, and may come back', () => {
  const member = new Member().settle().on({ type: 'overdue', reason: 'slow' })
  assert.deepEqual([member.state, member.farewells, member.untilMs], ['out', [-1], null])
  assert.deepEqual(member.join().ask, { epoch: 0, ...FULL, owned: NOTHING })
})

test('what answers a request of before is not listened to', () => {
  const member = new Member().settle().time()
  const { number } = member
  member.on({ type: 'overdue', reason: 'slow' })
  member.on({ type: 'answer', number, answer: { epoch: 9, heartbeatIntervalMs: 1, assignment: BOTH } })
  assert.deepEqual([member.state, member.machine.generation], ['out', 1])
})

test('events that a state has no use for change nothing', () => {
  const states: Record<string, () => Member> = {
    out: () => new Member(),
    joining: () => new Member().join(),
    assigned: () => new Member().join().answer(1, BOTH),
    member: () => new Member().settle(),
    failed: () => new Member().join().fail(GROUP_MAX_SIZE_REACHED),
    left: () => new Member().settle().on({ type: 'leave', reason: 'closed' }),
  }
  const refused = { type: 'commit-refused', error: new BrokerError(UNKNOWN_MEMBER_ID, 'group g') } as const
  const events: Record<string, [MembershipEvent<ConsumerAnswer>, string[]]> = {
    join: [{ type: 'join', owned: NOTHING }, ['joining', 'assigned', 'member', 'failed', 'left']],
    held: [{ type: 'held', owned: BOTH, rest: 'none' }, ['out', 'joining', 'member', 'failed', 'left']],
    topics: [{ type: 'topics-changed' }, Object.keys(states)],
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
