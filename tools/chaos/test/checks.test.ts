/** The checks find what is broken: each promise is broken once, in what workers tell, and found; a history in order is not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Findings } from '../checks/findings.ts'
import { GroupsCheck } from '../checks/groups.ts'
import { LedgerCheck } from '../checks/ledger.ts'
import { LogCheck, type LogRecord } from '../checks/log.ts'
import type { AckEvent, AssignEvent, CommitEvent, EndEvent, ReadEvent, Seen, ViewEvent } from '../events.ts'

// ---- logs

const ack = (...records: AckEvent['records']): AckEvent => ({ e: 'ack', t: 1, topic: 'numbers', session: 'p', records })
const read = (partition: number, from: number, ...values: string[]): ReadEvent => {
  return { e: 'read', t: 1, group: 'g', generation: 1, partition, from, values }
}

function logKinds(acks: AckEvent[], reads: ReadEvent[], log: LogRecord[], readByGroup = false): string[] {
  const findings = new Findings()
  const check = new LogCheck('numbers', findings)
  for (const event of acks) check.onAck(event)
  for (const event of reads) check.onRead('reader', event)
  check.finish(log, readByGroup)
  return findings.lines().filter((line) => !line.startsWith(' '))
}

test('a log that keeps everything, and one record more that was never acknowledged', () => {
  const log: LogRecord[] = [
    [0, 0, 'p|0'],
    [0, 1, 'p|1'],
    [1, 0, 'p|2'],
  ]
  assert.deepEqual(logKinds([ack([0, 0, 0], [2, 1, 0])], [read(0, 0, 'p|0', 'p|1'), read(1, 0, 'p|2')], log, true), [])
})

test('an acknowledged record that is not there, or elsewhere, or that has another in its place', () => {
  assert.deepEqual(logKinds([ack([0, 0, 0])], [], []), ['lost: 1'])
  assert.deepEqual(logKinds([ack([0, 0, 0])], [], [[0, 1, 'p|0']]), ['lost: 1'])
  assert.deepEqual(logKinds([ack([0, 0, 0]), ack([1, 0, 0])], [], [[0, 0, 'p|1']]), ['lost: 1'])
})

test('a record twice, a session out of order', () => {
  const twice: LogRecord[] = [
    [0, 0, 'p|0'],
    [1, 5, 'p|0'],
  ]
  assert.deepEqual(logKinds([], [], twice), ['duplicated: 1'])
  const swapped: LogRecord[] = [
    [0, 0, 'p|1'],
    [0, 1, 'p|0'],
  ]
  assert.deepEqual(logKinds([], [], swapped), ['out of order: 1'])
})

test('a group that was given what the log does not have, two things at one place, or not everything', () => {
  assert.deepEqual(logKinds([], [read(0, 0, 'p|0')], []), ['lost: 1'])
  assert.deepEqual(logKinds([], [read(0, 0, 'p|0'), read(0, 0, 'p|1')], [[0, 0, 'p|0']]), ['lost: 1'])
  assert.deepEqual(logKinds([], [], [[0, 0, 'p|0']], true), ['not read: 1'])
})

// ---- ledger

const leg = (txn: string, account: number, amount: number, here = 1, all = 2, abort = 0): string =>
  JSON.stringify([txn, `r-${txn}`, account, amount, here, all, abort])

function view(from: number[], ends: number[], ...records: Seen[]): ViewEvent {
  return { e: 'view', t0: 1, t: 1, from, ends, records }
}

function end(txn: string, outcome: EndEvent['outcome']): EndEvent {
  return { e: 'end', t0: 1, t: 1, txn, outcome, group: 'g', generation: 1, offsets: [] }
}

function ledgerKinds(
  views: ViewEvent[],
  requests: string[],
  ends: EndEvent[] = [],
  regretted: string[] = [],
): string[] {
  const findings = new Findings()
  const check = new LedgerCheck(2, findings)
  for (const txn of regretted) {
    check.onBegin({ e: 'begin', t: 1, txn, abort: true, group: 'g', generation: 1, reads: [] })
  }
  for (const event of ends) check.onEnd(event)
  for (const event of views) check.onView('watcher', event)
  check.finish(new Set(requests))
  return findings.lines().filter((line) => !line.startsWith(' '))
}

const debit: Seen = [0, 0, leg('a', 0, -5)]
const credit: Seen = [1, 0, leg('a', 1, 5)]

test('a transfer that is seen at once, and one that is seen partition by partition', () => {
  assert.deepEqual(ledgerKinds([view([0, 0], [2, 2], debit, credit)], ['r-a'], [end('a', 'committed')]), [])
  const views = [view([0, 0], [2, 0], debit), view([2, 0], [2, 2], credit), view([0, 0], [2, 2], debit, credit)]
  assert.deepEqual(ledgerKinds(views, ['r-a']), [])
})

test('half a transaction: at the end, below the end of a view, within a partition', () => {
  assert.deepEqual(ledgerKinds([view([0, 0], [2, 2], debit)], ['r-a']), ['torn: 1'])
  const views = [view([0, 0], [2, 2], debit), view([0, 0], [2, 2], debit, credit)]
  assert.deepEqual(ledgerKinds(views, ['r-a']), ['torn: 1'])
  const half = view([0, 0], [1, 0], [0, 0, leg('a', 0, -5, 2)])
  const whole = view([1, 0], [3, 0], [0, 1, leg('a', 0, 5, 2)])
  assert.deepEqual(ledgerKinds([half, whole], ['r-a']), ['torn: 1'])
})

test('what has been visible vanishes or changes, and the last stable offset goes back', () => {
  const all = view([0, 0], [2, 2], debit, credit)
  assert.deepEqual(ledgerKinds([all, view([0, 0], [2, 2], debit)], ['r-a']), ['lost: 1'])
  assert.deepEqual(ledgerKinds([all, view([0, 0], [2, 2], debit, [1, 0, leg('b', 1, 5)])], ['r-a']), ['lost: 1'])
  assert.deepEqual(ledgerKinds([all, view([2, 0], [2, 0])], ['r-a']), ['lost: 1'])
})

test('aborted records that are read', () => {
  const debit: Seen = [0, 0, leg('a', 0, -5, 1, 2, 1)]
  const credit: Seen = [1, 0, leg('a', 1, 5, 1, 2, 1)]
  assert.deepEqual(ledgerKinds([view([0, 0], [2, 2], debit, credit)], ['r-a']), ['aborted and read: 2'])
  const told = ledgerKinds([view([0, 0], [2, 2], [0, 0, leg('a', 0, -5)], [1, 0, leg('a', 1, 5)])], ['r-a'], [], ['a'])
  assert.deepEqual(told, ['aborted and read: 2'])
})

test('a sum that is not zero', () => {
  const views = [view([0, 0], [2, 2], debit, [1, 0, leg('a', 1, 4)])]
  assert.deepEqual(ledgerKinds(views, ['r-a']), ['sum: 1'])
})

test('a committed transaction that is not there, a request done twice or never', () => {
  assert.deepEqual(ledgerKinds([view([0, 0], [0, 0])], [], [end('a', 'committed')]), ['lost: 1'])
  assert.deepEqual(ledgerKinds([view([0, 0], [0, 0])], ['r-a'], [end('a', 'failed')]), ['lost: 1'])
  const again = (account: number, amount: number): string => JSON.stringify(['b', 'r-a', account, amount, 1, 2, 0])
  const views = [view([0, 0], [4, 4], debit, credit, [0, 2, again(0, -5)], [1, 2, again(1, 5)])]
  assert.deepEqual(ledgerKinds(views, ['r-a']), ['duplicated: 1'])
})

// ---- groups

type GroupEvent = readonly [by: string, event: AssignEvent | CommitEvent | ReadEvent]

const assign = (t: number, generation: number, ...places: [number, number][]): AssignEvent => {
  return { e: 'assign', t, group: 'g', generation, places }
}
const commit = (t0: number, generation: number, ...offsets: [number, number][]): CommitEvent => {
  return { e: 'commit', t0, t: t0 + 1, group: 'g', generation, offsets }
}
const taken = (generation: number, partition: number, from: number, ...values: string[]): ReadEvent => {
  return { e: 'read', t: 1, group: 'g', generation, partition, from, values }
}

function groupKinds(...events: GroupEvent[]): string[] {
  const findings = new Findings()
  const check = new GroupsCheck({ g: 'classic', k: 'consumer' }, findings)
  for (const [by, event] of events) {
    if (event.e === 'assign') check.onAssign(by, event)
    else if (event.e === 'commit') check.onCommit(by, event)
    else check.onRead(by, event)
  }
  check.finish()
  return findings.lines().filter((line) => !line.startsWith(' '))
}

test('a partition that goes from one member to the next', () => {
  const kinds = groupKinds(
    ['a', assign(1, 1, [0, -1], [1, -1])],
    ['a', taken(1, 0, 0, 'x', 'y')],
    ['a', commit(2, 1, [0, 2])],
    // In the generation of its own, however late its news come.
    ['b', assign(10, 2, [0, 2])],
    ['a', commit(5, 1, [0, 2])],
    ['b', taken(2, 0, 2, 'z')],
    ['b', commit(12, 2, [0, 3])],
  )
  assert.deepEqual(kinds, [])
})

test('two owners: in one generation, and one that commits as of an older one', () => {
  assert.deepEqual(groupKinds(['a', assign(1, 1, [0, -1])], ['b', assign(2, 1, [0, -1])]), ['two owners: 1'])
  const late = groupKinds(['a', assign(1, 1, [0, -1])], ['b', assign(5, 2, [0, -1])], ['a', commit(6, 1, [0, 1])])
  assert.deepEqual(late, ['two owners: 1'])
})

test('by the consumer protocol an older epoch is over for the partitions that others have', () => {
  const late = commit(6, 1, [0, 1])
  const ofK = <E extends GroupEvent[1]>(event: E): E => ({ ...event, group: 'k' })
  const inTurn = [
    ['a', ofK(assign(1, 1, [0, -1]))],
    ['b', ofK(assign(5, 2, [1, -1]))],
    ['a', ofK(late)],
  ] as const
  assert.deepEqual(groupKinds(...inTurn), [])
  assert.deepEqual(groupKinds(...inTurn, ['b', ofK(assign(5, 2, [0, -1]))]), ['two owners: 1'])
})

test('a committed offset that goes back', () => {
  const kinds = groupKinds(['a', assign(1, 1, [0, -1])], ['a', commit(2, 1, [0, 7])], ['b', assign(9, 2, [0, 6])])
  assert.deepEqual(kinds, ['offset went back: 1'])
})

test('a member that reads on elsewhere, or what is not its own', () => {
  assert.deepEqual(groupKinds(['a', assign(1, 1, [0, 5])], ['a', taken(1, 0, 6, 'x')]), ['gap: 1'])
  assert.deepEqual(groupKinds(['a', taken(1, 0, 0, 'x')]), ['not its own: 1'])
})
