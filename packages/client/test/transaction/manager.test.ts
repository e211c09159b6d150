import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode, errorInfo } from '@ottla/protocol'
import { KafkaError, TransactionError } from '../../src/errors.ts'
import type { Answer, Ask, TransactionEffect, TransactionEvent } from '../../src/producer/transaction/events.ts'
import { TransactionManager } from '../../src/producer/transaction/manager.ts'
import { type AskedApi, outcomeOf } from '../../src/producer/transaction/outcomes.ts'

const group = { groupId: 'g', generationId: 3, memberId: 'm', groupInstanceId: null }
const offsets = [{ topic: 't', partition: 0, offset: 5 }]
const identity = { id: 7, epoch: 2 }
const { NOT_COORDINATOR, CONCURRENT_TRANSACTIONS, INVALID_TXN_STATE, UNKNOWN_PRODUCER_ID } = ErrorCode

/** A manager with its time, which answers for a coordinator as a test tells it. */
class Machine {
  readonly manager = new TransactionManager({ transactionalId: 'id', waitMs: (failures) => 100 * failures })
  nowMs = 1000
  ask: Ask | null = null
  coordinatorId = -2
  untilMs: number | null = null
  settle = 0
  effects: TransactionEffect[] = []
  readonly level: 1 | 2
  readonly canRaise: boolean

  constructor(level: 1 | 2 = 1, canRaise = true) {
    this.level = level
    this.canRaise = canRaise
  }

  get state(): string {
    return this.manager.state.name
  }

  on(event: TransactionEvent): this {
    this.effects = this.manager.on(event, this.nowMs)
    this.untilMs = null
    for (const effect of this.effects) {
      if (effect.type === 'ask') {
        assert.equal(this.ask, null, 'two requests under way')
        this.ask = effect.ask
        this.coordinatorId = effect.coordinatorId
      } else if (effect.type === 'wait') this.untilMs = effect.untilMs
      else if (effect.type === 'settle') this.settle = effect.number
    }
    return this
  }

  do(type: 'init' | 'init-given-up' | 'begin' | 'commit' | 'abort' | 'time'): this {
    return this.on({ type })
  }

  settled(): this {
    return this.on({ type: 'settled', number: this.settle })
  }

  recordFails(code = 'MESSAGE_TOO_LARGE', numbered = false): this {
    return this.on({ type: 'record-failed', error: new KafkaError(code, 'a record failed'), numbered })
  }

  /** Answers what was asked, well or with an error code. */
  answer(errorCode = 0): this {
    const ask = this.ask as Ask
    this.ask = null
    return this.on({ type: 'answer', answer: this.answerTo(ask, errorCode) })
  }

  lose(retriable = true): this {
    this.ask = null
    return this.on({ type: 'lost', error: new KafkaError('CONNECTION_CLOSED', 'cut', { retriable }) })
  }

  wait(): this {
    assert.ok(this.untilMs !== null && this.untilMs > this.nowMs, 'nothing to wait for')
    this.nowMs = this.untilMs as number
    return this.do('time')
  }

  /** The partition is announced, and let in. */
  enter(topic = 't', partition = 0): this {
    if (this.manager.admits(topic, partition)) return this
    this.do('time')
    while (this.ask !== null) this.answer()
    assert.ok(this.manager.admits(topic, partition))
    return this
  }

  /** Answers well until nothing is asked. */
  drain(): this {
    while (this.ask !== null) this.answer()
    return this
  }

  answerTo(ask: Ask, errorCode: number): Answer {
    switch (ask.api) {
      case 'FindCoordinator':
        return { api: 'FindCoordinator', nodeId: ask.kind === 'group' ? 20 : 10 }
      case 'InitProducerId': {
        const next = ask.identity === null ? identity : { id: ask.identity.id, epoch: ask.identity.epoch + 1 }
        return { api: 'InitProducerId', errorCode, identity: next, level: this.level, canRaise: this.canRaise }
      }
      case 'AddPartitionsToTxn':
        return { api: ask.api, failures: errorCode === 0 ? [] : ask.partitions.map((p) => ({ ...p, errorCode })) }
      case 'TxnOffsetCommit':
        return { api: ask.api, failures: errorCode === 0 ? [] : ask.offsets.map((o) => ({ ...o, errorCode })) }
      case 'AddOffsetsToTxn':
        return { api: ask.api, errorCode }
      case 'EndTxn': {
        const next = this.level === 2 ? { id: ask.identity.id, epoch: ask.identity.epoch + 1 } : null
        return { api: 'EndTxn', errorCode, identity: errorCode === 0 ? next : null }
      }
    }
  }
}

const ready = (level: 1 | 2 = 1, canRaise = true) => new Machine(level, canRaise).do('init').answer().answer()
const open = (level: 1 | 2 = 1, canRaise = true) => ready(level, canRaise).do('begin')

const made = {
  uninitialized: () => new Machine(),
  initializing: () => new Machine().do('init'),
  ready,
  open,
  failed: () => open().enter().recordFails(),
  committing: () => open().enter().do('commit'),
  aborting: () => open().enter().do('abort'),
  raising: () => open().enter().recordFails('TIMEOUT', true).do('abort').settled().answer(),
  fatal: () => open().recordFails('PRODUCER_FENCED'),
} as const

type Name = keyof typeof made

test('each state comes out of its events', () => {
  for (const [name, make] of Object.entries(made)) assert.equal(make().state, name)
})

/** What becomes of each event in each state; "-" is INVALID_TXN_STATE, "!" the error of the transaction. */
const table: Readonly<Record<string, Partial<Record<Name, Name | '-' | '!'>>>> = {
  init: {
    uninitialized: 'initializing',
    initializing: 'initializing',
    ready: 'ready',
    open: '-',
    failed: '!',
    committing: '-',
    aborting: '-',
    raising: '-',
    fatal: '!',
  },
  'init-given-up': { initializing: 'uninitialized' },
  begin: {
    uninitialized: '-',
    initializing: '-',
    ready: 'open',
    open: '-',
    failed: '!',
    committing: '-',
    aborting: '-',
    raising: '-',
    fatal: '!',
  },
  offsets: {
    uninitialized: '-',
    initializing: '-',
    ready: '-',
    failed: '!',
    committing: '-',
    aborting: '-',
    raising: '-',
    fatal: '!',
  },
  'offsets-given-up': { open: 'failed', committing: 'failed' },
  commit: {
    uninitialized: '-',
    initializing: '-',
    ready: '-',
    open: 'committing',
    failed: '!',
    committing: '-',
    aborting: '-',
    raising: '-',
    fatal: '!',
  },
  abort: {
    uninitialized: '-',
    initializing: '-',
    ready: '-',
    open: 'aborting',
    failed: 'aborting',
    committing: '-',
    aborting: '-',
    raising: '-',
    fatal: '!',
  },
  'record-failed': { open: 'failed', committing: 'failed' },
  'record-fenced': {
    uninitialized: 'fatal',
    initializing: 'fatal',
    ready: 'fatal',
    open: 'fatal',
    failed: 'fatal',
    committing: 'fatal',
    aborting: 'fatal',
    raising: 'fatal',
  },
  settled: {},
  time: {},
}

const events: Readonly<Record<string, (machine: Machine) => unknown>> = {
  init: (m) => m.do('init'),
  'init-given-up': (m) => m.do('init-given-up'),
  begin: (m) => m.do('begin'),
  offsets: (m) => m.on({ type: 'offsets', id: 1, group, offsets }),
  'offsets-given-up': (m) => m.on({ type: 'offsets-given-up', error: new KafkaError('TIMEOUT', 'late') }),
  commit: (m) => m.do('commit'),
  abort: (m) => m.do('abort'),
  'record-failed': (m) => m.recordFails(),
  'record-fenced': (m) => m.recordFails('PRODUCER_FENCED'),
  settled: (m) => m.on({ type: 'settled', number: 99 }),
  time: (m) => m.do('time'),
}

test('every event in every state: where it leads, or that it is refused and changes nothing', () => {
  for (const [event, apply] of Object.entries(events)) {
    for (const [name, make] of Object.entries(made) as [Name, () => Machine][]) {
      const machine = make()
      const expected = table[event][name] ?? name
      const what = `${event} in ${name}`
      if (expected !== '-' && expected !== '!') {
        apply(machine)
        assert.equal(machine.state, expected, what)
        continue
      }
      assert.throws(
        () => apply(machine),
        (error: KafkaError) =>
          expected === '!'
            ? error instanceof TransactionError && error.fatal === (name === 'fatal')
            : error.code === 'INVALID_TXN_STATE',
        what,
      )
      assert.equal(machine.state, name, what)
    }
  }
})

test('records are admitted while a transaction is written, and only to partitions that are in it', () => {
  for (const [name, make] of Object.entries(made)) {
    const machine = make()
    const writing = name === 'open' || name === 'committing'
    if (name === 'open') machine.enter()
    assert.equal(machine.manager.isWriting, writing, name)
    assert.equal(machine.manager.admits('t', 0), writing, name)
    assert.equal(machine.manager.admits('t', 1), false, name)
    assert.deepEqual(machine.do('time').ask?.api === 'AddPartitionsToTxn', writing, name)
  }
  const implicit = open(2)
  assert.equal(implicit.manager.admits('t', 1), true)
  assert.equal(implicit.do('time').ask, null)
})

test('partitions that come in one turn, or while others are announced, go together', () => {
  const m = open()
  for (const partition of [0, 1]) m.manager.admits('t', partition)
  m.do('time')
  m.manager.admits('u', 0)
  const partitions = (ask: Ask | null) => (ask as Ask & { api: 'AddPartitionsToTxn' }).partitions
  assert.deepEqual(partitions(m.ask), [
    { topic: 't', partition: 0 },
    { topic: 't', partition: 1 },
  ])
  m.answer()
  assert.ok(m.effects.some((e) => e.type === 'proceed'))
  assert.deepEqual(partitions(m.ask), [{ topic: 'u', partition: 0 }])
  m.answer()
  assert.equal(m.ask, null)
})

test('a transaction at level 1: partitions, offsets, and its end once every record has its outcome', () => {
  const m = open().enter()
  const asked: string[] = []
  m.on({ type: 'offsets', id: 1, group, offsets }).on({ type: 'offsets', id: 2, group, offsets })
  while (m.ask !== null) {
    asked.push(`${m.ask.api} of ${m.coordinatorId}`)
    m.answer()
  }
  assert.deepEqual(asked, [
    'AddOffsetsToTxn of 10',
    'FindCoordinator of 10',
    'TxnOffsetCommit of 20',
    'TxnOffsetCommit of 20',
  ])
  m.do('commit')
  assert.equal(m.ask, null)
  m.on({ type: 'settled', number: m.settle - 1 })
  assert.equal(m.ask, null, 'an outcome of another transaction')
  m.settled()
  assert.deepEqual(m.ask, { api: 'EndTxn', identity, committed: true })
  m.answer()
  assert.equal(m.state, 'ready')
  assert.deepEqual(m.manager.identity, identity)
  assert.equal(m.do('begin').manager.admits('t', 0), false, 'the next transaction begins without partitions')
})

test('a transaction at level 2: offsets without announcement, and a new epoch at its end', () => {
  const m = open(2).on({ type: 'offsets', id: 1, group, offsets })
  assert.equal(m.ask?.api, 'FindCoordinator')
  m.answer()
  assert.equal(m.ask?.api, 'TxnOffsetCommit')
  m.answer()
  assert.deepEqual(m.effects[0], { type: 'offsets-stored', id: 1 })
  m.do('commit').settled().answer()
  assert.equal(m.state, 'ready')
  assert.deepEqual(m.manager.identity, { id: 7, epoch: 3 })
})

test('what has not reached a broker needs no end there', () => {
  for (const level of [1, 2] as const) {
    for (const end of ['commit', 'abort'] as const) {
      const m = open(level).do(end).settled()
      assert.deepEqual([m.ask, m.state, m.manager.identity], [null, 'ready', identity])
    }
  }
})

test('a partition whose announcement was lost is aborted, whether the coordinator has heard of it or not', () => {
  for (const errorCode of [0, INVALID_TXN_STATE]) {
    const m = open()
    m.manager.admits('t', 0)
    m.do('time').lose().do('abort').settled()
    m.wait().answer()
    assert.deepEqual(m.ask, { api: 'EndTxn', identity, committed: false })
    m.answer(errorCode)
    assert.equal(m.state, 'ready')
  }
})

test('a batch that was sent and given up costs an epoch', () => {
  const m = made.raising()
  assert.deepEqual(m.ask, { api: 'InitProducerId', identity })
  m.answer()
  assert.equal(m.state, 'ready')
  assert.deepEqual(m.manager.identity, { id: 7, epoch: 3 })
  // At level 2 each transaction has one of its own.
  const second = open(2).enter().recordFails('TIMEOUT', true).do('abort').settled().answer()
  assert.deepEqual([second.state, second.ask, second.manager.identity], ['ready', null, { id: 7, epoch: 3 }])
  // One that was never sent does not, and an old broker cannot give one.
  const unsent = open().enter().recordFails('TIMEOUT').do('abort').settled().answer()
  assert.deepEqual([unsent.state, unsent.manager.identity], ['ready', identity])
  const old = open(1, false).enter().recordFails('TIMEOUT', true).do('abort').settled().answer()
  assert.equal(old.state, 'fatal')
})

test('a producer id that the coordinator has lost cannot end anything: the epoch is raised at once', () => {
  const m = open().enter().do('commit').settled().answer(UNKNOWN_PRODUCER_ID)
  assert.equal(m.state, 'failed')
  m.do('abort').settled()
  assert.deepEqual(m.ask, { api: 'InitProducerId', identity })
  const aborting = open().enter().do('abort').settled().answer(UNKNOWN_PRODUCER_ID)
  assert.deepEqual([aborting.state, aborting.ask], ['raising', { api: 'InitProducerId', identity }])
})

test('a commit that comes after the broker has aborted by itself can be aborted', () => {
  const m = open(2).enter().do('commit').settled().answer(INVALID_TXN_STATE)
  assert.equal(m.state, 'failed')
  m.do('abort').settled().answer()
  assert.deepEqual([m.state, m.manager.identity], ['ready', { id: 7, epoch: 3 }])
})

test('an initialisation that was given up is begun anew, and a late answer to it is of no use', () => {
  const m = new Machine().do('init').answer().do('init-given-up').answer()
  assert.deepEqual([m.state, m.manager.identity], ['uninitialized', null])
  m.do('init').answer()
  assert.equal(m.state, 'ready')
})

test('offsets of which some were refused for now: only those go again', () => {
  const both = [...offsets, { topic: 't', partition: 1, offset: 6 }]
  const m = open(2).on({ type: 'offsets', id: 1, group, offsets: both }).answer()
  m.ask = null
  const failures = [{ topic: 't', partition: 1, errorCode: CONCURRENT_TRANSACTIONS }]
  m.on({ type: 'answer', answer: { api: 'TxnOffsetCommit', failures } })
  assert.equal(m.untilMs, m.nowMs + 2)
  m.wait()
  assert.deepEqual((m.ask as (Ask & { api: 'TxnOffsetCommit' }) | null)?.offsets, [both[1]])
  m.answer()
  assert.ok(m.effects.some((e) => e.type === 'offsets-stored'))
})

test('what a failed transaction takes along neither ends the producer nor fails it again', () => {
  const m = open(2).enter().do('commit').settled().answer(UNKNOWN_PRODUCER_ID)
  const [failure] = m.effects.filter((e) => e.type === 'discard')
  assert.ok(failure.error instanceof TransactionError)
  const fenced = new TransactionError(new KafkaError('PRODUCER_FENCED', 'x'), { fatal: false, retriable: false })
  for (const error of [failure.error, fenced]) m.on({ type: 'record-failed', error, numbered: true })
  assert.equal(m.state, 'failed')
  const aborted = made.aborting().effects.find((e) => e.type === 'discard')
  assert.equal(aborted?.error.code, 'TRANSACTION_ABORTED')
})

test('what was begun is waited for, but offsets of an aborted transaction are not stored any more', () => {
  const m = open(2)
    .on({ type: 'offsets', id: 1, group, offsets })
    .on({ type: 'offsets', id: 2, group, offsets })
    .answer()
  assert.equal(m.ask?.api, 'TxnOffsetCommit')
  const under = m.ask
  m.do('abort').settled()
  assert.equal(m.ask, under, 'nothing overtakes it')
  m.answer()
  assert.deepEqual(m.ask, { api: 'EndTxn', identity, committed: false })
})

test('a transaction that waits longer and longer starts from the shortest wait after a success', () => {
  const m = open()
  m.manager.admits('t', 0)
  m.do('time')
  for (const failures of [1, 2, 3]) {
    m.answer(NOT_COORDINATOR)
    assert.equal(m.untilMs, m.nowMs + 100 * failures)
    m.wait()
    assert.deepEqual(m.ask, { api: 'FindCoordinator', kind: 'transaction', key: 'id' })
    m.answer()
  }
  for (const waitMs of [16, 20, 20]) {
    m.answer(CONCURRENT_TRANSACTIONS)
    assert.equal(m.untilMs, m.nowMs + waitMs)
    m.wait()
  }
  m.answer()
  m.manager.admits('t', 1)
  m.do('time').answer(NOT_COORDINATOR)
  assert.equal(m.untilMs, m.nowMs + 100)
})

const asking: Readonly<Record<Exclude<AskedApi, 'FindCoordinator'>, readonly (() => Machine)[]>> = {
  InitProducerId: [() => new Machine().do('init').answer(), made.raising],
  AddPartitionsToTxn: [
    () => {
      const m = open()
      m.manager.admits('t', 0)
      return m.do('time')
    },
  ],
  AddOffsetsToTxn: [() => open().on({ type: 'offsets', id: 1, group, offsets })],
  TxnOffsetCommit: [1, 2].map((level) => () => {
    const m = open(level as 1 | 2).on({ type: 'offsets', id: 1, group, offsets })
    while (m.ask?.api !== 'TxnOffsetCommit') m.answer()
    return m
  }),
  EndTxn: [1, 2].flatMap((level) =>
    (['commit', 'abort'] as const).map(
      (end) => () =>
        open(level as 1 | 2)
          .enter()
          .do(end)
          .settled(),
    ),
  ),
}

test('every error code in every answer: again, again elsewhere, abort, or the end', () => {
  let walked = 0
  for (const [api, makers] of Object.entries(asking) as [keyof typeof asking, (() => Machine)[]][]) {
    for (const make of makers) {
      for (let code = -1; errorInfo(code) !== undefined; code++) {
        if (code === 0) continue
        const m = make()
        const before = m.state
        const asked = m.ask
        assert.equal(asked?.api, api)
        m.answer(code)
        walked += 1
        const outcome = outcomeOf(api, code)
        const what = `${api} answered with ${code} in ${before}: ${outcome}`
        if (outcome === 'retry' || outcome === 'find') {
          assert.equal(m.state, before, what)
          m.wait()
          if (outcome === 'find') {
            assert.equal((m.ask as Ask | null)?.api, 'FindCoordinator', what)
            m.answer()
          }
          assert.deepEqual(m.ask, asked, what)
        } else if (
          outcome === 'fatal' &&
          !(api === 'EndTxn' && before === 'committing' && code === INVALID_TXN_STATE)
        ) {
          assert.equal(m.state, 'fatal', what)
        } else if (before === 'aborting') {
          assert.equal(m.state, outcome === 'abort' ? 'fatal' : 'raising', what)
        } else {
          assert.equal(m.state, 'failed', what)
        }
      }
    }
  }
  assert.ok(walked > 1000)
})

test('every request that has no answer goes again, to whoever coordinates then; or fails what it was for', () => {
  for (const [api, makers] of Object.entries(asking)) {
    for (const make of makers) {
      const m = make()
      const asked = m.ask
      m.lose().wait()
      assert.equal(m.ask?.api, 'FindCoordinator')
      m.answer()
      assert.deepEqual(m.ask, asked)
      assert.equal(make().lose(false).state, api === 'TxnOffsetCommit' ? 'failed' : 'fatal')
    }
  }
})

test('an answer to nothing is a bug', () => {
  const answer: Answer = { api: 'AddOffsetsToTxn', errorCode: 0 }
  assert.throws(() => ready().on({ type: 'answer', answer }), /not asked/)
  assert.throws(() => made.initializing().on({ type: 'answer', answer }), /not asked/)
  assert.throws(() => ready().lose(), /not asked/)
})

/** The same choices for the same seed. */
function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => Math.floor(((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32) * below)
}

test('random histories: no two requests at once, no end before its time, no dead end', (t) => {
  const codes = [NOT_COORDINATOR, CONCURRENT_TRANSACTIONS, 14, 15, 45, 48, 49, 59, 120, 29, 22, 3]
  const fatal = [47, 90, 53]
  const firstSeed = 20261123
  const reached = new Set<string>()
  t.diagnostic(`seeds from ${firstSeed}`)
  for (let seed = firstSeed; seed < firstSeed + 300; seed++) {
    const below = seeded(seed)
    const m = new Machine(seed % 2 === 0 ? 1 : 2, seed % 7 !== 0)
    let settledNumber = -1
    let mayBeSettled = false
    let inside = new Set<string>()
    const tryTo = (act: () => void) => {
      try {
        act()
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error
      }
    }
    for (let step = 0; step < 200; step++) {
      const before = { state: m.state, identity: m.manager.identity, ask: m.ask }
      const kind = below(12)
      if (kind === 0) tryTo(() => m.do('init'))
      else if (kind === 1) tryTo(() => m.do('begin'))
      else if (kind === 2) tryTo(() => m.do(below(3) === 0 ? 'abort' : 'commit'))
      else if (kind === 3) tryTo(() => m.on({ type: 'offsets', id: step, group, offsets }))
      else if (kind === 4) {
        const partition = below(3)
        if (m.manager.admits('t', partition)) {
          assert.ok(m.manager.isWriting && (m.level === 2 || inside.has(`${partition}`)), `seed ${seed}`)
        }
        m.do('time')
      } else if (kind === 5 && below(8) === 0) m.recordFails('TIMEOUT', below(2) === 0)
      else if (kind === 6 && m.settle > 0) {
        settledNumber = m.settle
        mayBeSettled = true
        m.settled()
      } else if (kind === 7 && m.untilMs !== null) {
        m.nowMs = m.untilMs
        m.do('time')
      } else if (m.ask !== null) {
        const { ask } = m
        const dice = below(20)
        if (dice === 0) m.lose()
        else if (dice === 1 && ask.api !== 'FindCoordinator') m.answer(codes[below(codes.length)])
        else if (dice === 2 && below(30) === 0 && ask.api !== 'FindCoordinator') m.answer(fatal[below(fatal.length)])
        else {
          m.answer()
          if (ask.api === 'AddPartitionsToTxn') for (const p of ask.partitions) inside.add(`${p.partition}`)
        }
      }
      const what = `seed ${seed} step ${step}: ${before.state} to ${m.state}`
      reached.add(m.state)
      if (before.state === 'fatal') assert.equal(m.state, 'fatal', what)
      if (m.state === 'ready') {
        inside = new Set()
        mayBeSettled = false
      }
      if (m.manager.identity !== before.identity) assert.equal(m.state, 'ready', what)
      if (m.ask !== before.ask && m.ask?.api === 'EndTxn') {
        assert.ok(mayBeSettled && settledNumber === m.settle, what)
        assert.equal(m.state, m.ask.committed ? 'committing' : 'aborting', what)
      }
      const { state } = m.manager
      const busy = state.name === 'initializing' || state.name === 'raising' || ('settled' in state && state.settled)
      if (busy) assert.ok(m.ask !== null || m.untilMs !== null, `${what}: nothing goes on`)
    }
  }
  assert.deepEqual([...reached].sort(), Object.keys(made).sort())
})
