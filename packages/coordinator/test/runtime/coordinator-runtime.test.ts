import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CoordinatorRuntime, Later, type Outcome } from '@ottla/coordinator'
import { ErrorCode } from '@ottla/protocol'
import { MockHost } from '../support/mock-host.ts'
import { type TallyMachine, tallyKind } from '../support/tally.ts'

const PARTITION = 3

function start(host = new MockHost()) {
  const runtime = new CoordinatorRuntime(tallyKind, host)
  host.outcomes = runtime
  const load = (): void => host.feed(PARTITION, runtime.load(PARTITION))
  /** Replies so far; an error code is negative. */
  const write = (run: (machine: TallyMachine) => Outcome<number>): number[] => {
    const replies: number[] = []
    runtime.write<number>(
      PARTITION,
      run,
      (errorCode) => -errorCode,
      (reply) => replies.push(reply),
    )
    return replies
  }
  const committed = (name: string): number =>
    runtime.read<number>(
      PARTITION,
      (m) => m.counts.committed(name)?.n ?? 0,
      (errorCode) => -errorCode,
    )
  return { host, runtime, load, write, committed }
}

test('without a shard nobody is the coordinator; while it is read, it says so', () => {
  const { runtime, host, write, committed } = start()
  assert.deepEqual(
    write((m) => m.count('a')),
    [-ErrorCode.NOT_COORDINATOR],
  )
  assert.equal(committed('a'), -ErrorCode.NOT_COORDINATOR)
  const loader = runtime.load(PARTITION)
  assert.deepEqual(
    write((m) => m.count('a')),
    [-ErrorCode.COORDINATOR_LOAD_IN_PROGRESS],
  )
  assert.equal(committed('a'), -ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)
  assert.equal(runtime.isLoading, true)
  host.feed(PARTITION, loader)
  assert.deepEqual(
    write((m) => m.count('a')),
    [1],
  )
  assert.deepEqual([runtime.isLoading, runtime.activePartitions()], [false, [PARTITION]])
})

test('a reply leaves when its records are committed, reads see them then, and what follows builds on them at once', () => {
  const { host, load, write, committed } = start()
  load()
  host.commitsAtOnce = false
  const first = write((m) => m.count('a'))
  const second = write((m) => m.count('a'))
  assert.deepEqual([first, second, committed('a')], [[], [], 0])
  host.commit(PARTITION, 1)
  assert.deepEqual([first, second, committed('a')], [[1], [], 1])
  host.commit(PARTITION)
  assert.deepEqual([second, committed('a')], [[2], 2])
})

test('a reply that changes nothing waits for what it has seen', () => {
  const { host, load, write } = start()
  load()
  host.commitsAtOnce = false
  write((m) => m.count('a'))
  const looked = write((m) => m.look('a'))
  assert.deepEqual(looked, [])
  host.commit(PARTITION)
  assert.deepEqual(looked, [1])
  assert.deepEqual(
    write((m) => m.look('a')),
    [1],
    'with nothing on its way it leaves at once',
  )
})

test('an append that is refused leaves the state as it was, and its error is translated for clients', () => {
  const { host, load, write, committed } = start()
  load()
  write((m) => m.count('a'))
  for (const [code, told] of [
    [ErrorCode.NOT_ENOUGH_REPLICAS, ErrorCode.COORDINATOR_NOT_AVAILABLE],
    [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.COORDINATOR_NOT_AVAILABLE],
    [ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.NOT_COORDINATOR],
    [ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.NOT_COORDINATOR],
    [ErrorCode.MESSAGE_TOO_LARGE, ErrorCode.UNKNOWN_SERVER_ERROR],
    [ErrorCode.INVALID_PRODUCER_EPOCH, ErrorCode.INVALID_PRODUCER_EPOCH],
  ]) {
    host.appendError = code
    assert.deepEqual(
      write((m) => m.count('a')),
      [-told],
    )
    host.appendError = 0
    assert.equal(committed('a'), 1)
  }
  assert.deepEqual(
    write((m) => m.count('a')),
    [2],
  )
})

test('appends that are lost after all are taken back together, and everybody who waits is told', () => {
  const { host, load, write, committed } = start()
  load()
  write((m) => m.count('a'))
  host.commitsAtOnce = false
  const replies = [write((m) => m.count('a')), write((m) => m.count('b')), write((m) => m.look('b'))]
  host.lose(PARTITION, ErrorCode.KAFKA_STORAGE_ERROR)
  for (const reply of replies) assert.deepEqual(reply, [-ErrorCode.NOT_COORDINATOR])
  assert.deepEqual([committed('a'), committed('b')], [1, 0])
  host.commitsAtOnce = true
  assert.deepEqual(
    write((m) => m.count('a')),
    [2],
  )
})

test('onAppended is told once, before the reply', () => {
  const { host, load, runtime } = start()
  load()
  host.commitsAtOnce = false
  const events: string[] = []
  const write = (): void =>
    runtime.write<number>(
      PARTITION,
      (m) => ({ ...m.count('a'), onAppended: (code) => events.push(`appended ${code}`) }),
      (code) => -code,
      (reply) => events.push(`reply ${reply}`),
    )
  write()
  host.commit(PARTITION)
  write()
  host.lose(PARTITION, ErrorCode.KAFKA_STORAGE_ERROR)
  host.appendError = ErrorCode.KAFKA_STORAGE_ERROR
  write()
  assert.deepEqual(events, [
    'appended 0',
    'reply 1',
    `appended ${ErrorCode.NOT_COORDINATOR}`,
    `reply ${-ErrorCode.NOT_COORDINATOR}`,
    `appended ${ErrorCode.NOT_COORDINATOR}`,
    `reply ${-ErrorCode.NOT_COORDINATOR}`,
  ])
})

test('a later reply leaves when it is settled, once', () => {
  const { load, write } = start()
  load()
  const later = new Later<number>()
  const replies = write((m) => m.wait(later))
  assert.deepEqual(replies, [])
  later.settle(7)
  later.settle(8)
  assert.deepEqual(replies, [7])
  assert.throws(() => later.onSettled(() => undefined), /waits/)
})

test('a machine refuses with a code of the protocol; a bug is told to the host and refused as one', () => {
  const { host, load, write, committed } = start()
  load()
  assert.deepEqual(
    write((m) => m.refuse(ErrorCode.GROUP_ID_NOT_FOUND)),
    [-ErrorCode.GROUP_ID_NOT_FOUND],
  )
  assert.equal(host.bugs.length, 0)
  // The second record cannot be replayed: the first is taken back, and nothing is appended.
  const outcome = write((m) => ({ records: [m.record('a', 5), m.record('poison', 1)], reply: 1 }))
  assert.deepEqual(outcome, [-ErrorCode.UNKNOWN_SERVER_ERROR])
  assert.deepEqual([host.bugs.length, committed('a'), host.endOffset(PARTITION)], [1, 0, 0])
})

test('records that are independent of each other go in as many batches as they need', () => {
  const { host, load, write, committed } = start()
  load()
  host.batchBytesMaxOf = 300
  const names = Array.from({ length: 40 }, (_, i) => `name-${i}`)
  assert.deepEqual(
    write((m) => m.countMany(names)),
    [40],
  )
  assert.equal(host.endOffset(PARTITION), 40)
  for (const name of names) assert.equal(committed(name), 1)
})

test('a reloaded shard is what was committed, of transactions too', () => {
  const { load, runtime, write, committed } = start()
  load()
  write((m) => m.count('a'))
  write((m) => m.count('b'))
  write((m) => ({ records: [{ ...m.record('b', 0), value: null }], reply: 0 }))
  const inTransaction = (producerId: number, name: string): void =>
    runtime.write<number>(
      PARTITION,
      (m) => ({ records: [m.record(name, 1)], reply: 0 }),
      (code) => -code,
      () => undefined,
      { producerId, producerEpoch: 0 },
    )
  inTransaction(10, 'committed')
  inTransaction(11, 'aborted')
  inTransaction(12, 'open')
  const ends: number[] = []
  const end = (producerId: number, commit: boolean): void =>
    runtime.endTransaction(PARTITION, { producerId, producerEpoch: 0, coordinatorEpoch: 0, commit }, (code) =>
      ends.push(code),
    )
  end(10, true)
  end(11, false)
  assert.deepEqual(ends, [0, 0])
  const state = () => ['a', 'b', 'committed', 'aborted', 'open'].map(committed)
  assert.deepEqual(state(), [1, 0, 1, 0, 0])
  load()
  assert.deepEqual(state(), [1, 0, 1, 0, 0])
  end(12, true)
  assert.deepEqual(state(), [1, 0, 1, 0, 1])
})

test('the marker of a transaction waits for its commit, and is taken back with the append', () => {
  const { host, load, runtime, committed } = start()
  load()
  runtime.write<number>(
    PARTITION,
    (m) => ({ records: [m.record('a', 1)], reply: 0 }),
    (code) => -code,
    () => undefined,
    { producerId: 1, producerEpoch: 0 },
  )
  host.commitsAtOnce = false
  const codes: number[] = []
  const end = (): void =>
    runtime.endTransaction(PARTITION, { producerId: 1, producerEpoch: 0, coordinatorEpoch: 0, commit: true }, (code) =>
      codes.push(code),
    )
  end()
  assert.deepEqual([codes, committed('a')], [[], 0])
  host.lose(PARTITION, ErrorCode.KAFKA_STORAGE_ERROR)
  assert.deepEqual([codes, committed('a')], [[ErrorCode.NOT_COORDINATOR], 0])
  end()
  host.commit(PARTITION)
  assert.deepEqual([codes, committed('a')], [[ErrorCode.NOT_COORDINATOR, 0], 1])
})

test('unloading tells everybody who waits to look elsewhere, and stops the timers', () => {
  const { host, load, runtime, write } = start()
  load()
  host.commitsAtOnce = false
  const replies = write((m) => {
    m.context.timers.schedule('k', 10, () => m.count('timer') as unknown as Outcome<void>)
    return m.count('a')
  })
  runtime.unload(PARTITION)
  assert.deepEqual(replies, [-ErrorCode.NOT_COORDINATOR])
  assert.equal(host.timers, 0)
  assert.deepEqual(
    write((m) => m.count('a')),
    [-ErrorCode.NOT_COORDINATOR],
  )
})

test('a timer goes off once at its time, may be put off and cancelled, and is tried again when its append fails', () => {
  const { host, load, write, committed } = start()
  load()
  const schedule = (key: string, ms: number): number[] =>
    write((m) => {
      m.context.timers.schedule(key, ms, () => ({ ...m.count(key), reply: undefined }))
      return m.look(key)
    })
  schedule('once', 100)
  schedule('put-off', 100)
  schedule('earlier', 500)
  schedule('cancelled', 100)
  host.advance(50)
  schedule('put-off', 100)
  schedule('earlier', 10)
  write((m) => {
    m.context.timers.cancel('cancelled')
    return m.look('')
  })
  host.advance(50)
  assert.deepEqual(['once', 'put-off', 'earlier', 'cancelled'].map(committed), [1, 0, 1, 0])
  host.advance(50)
  assert.equal(committed('put-off'), 1)
  host.advance(10_000)
  assert.deepEqual(['once', 'put-off', 'earlier', 'cancelled'].map(committed), [1, 1, 1, 0])

  schedule('retried', 100)
  host.appendError = ErrorCode.KAFKA_STORAGE_ERROR
  host.advance(100)
  assert.equal(committed('retried'), 0)
  host.appendError = 0
  host.advance(499)
  assert.equal(committed('retried'), 0)
  host.advance(1)
  assert.equal(committed('retried'), 1)
  assert.equal(host.timers, 0)
})
