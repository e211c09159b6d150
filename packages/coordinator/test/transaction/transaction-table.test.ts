/** The table in the header of `state.ts`, cell by cell: every event in every state, what is answered and what is stored then. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { statusName, TxnStatus } from '@ottla/coordinator'
import { ErrorCode } from '@ottla/protocol'
import { PARTITION, TransactionBench } from '../support/transaction-bench.ts'

const { NONE, PRODUCER_FENCED, CONCURRENT_TRANSACTIONS, INVALID_TXN_STATE, INVALID_PRODUCER_ID_MAPPING } = ErrorCode
/** What `store` puts there. */
const ID = 7
const EPOCH = 5
const OTHER_ID = 8

type StateName = 'none' | 'Empty' | 'Ongoing' | 'PrepareCommit' | 'PrepareAbort' | 'CompleteCommit' | 'CompleteAbort'
const states: readonly StateName[] = [
  'none',
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
]

const TIMEOUT_MS = 60_000

/** `by`: the version of transactions that the producer uses. Markers are written when the test says so. */
function benchIn(state: StateName, by: 1 | 2): TransactionBench {
  const bench = new TransactionBench()
  bench.writesAtOnce = false
  if (state === 'none') return bench
  const isOpen = state === 'Ongoing' || state.startsWith('Prepare')
  const { now } = bench.host
  bench.store({
    producerId: ID,
    previousProducerId: -1,
    nextProducerId: -1,
    producerEpoch: EPOCH,
    nextProducerEpoch: -1,
    transactionTimeoutMs: TIMEOUT_MS,
    transactionStatus: TxnStatus[state],
    transactionPartitions: isOpen ? [{ topic: 't', partitionIds: [0] }] : [],
    transactionLastUpdateTimestampMs: now,
    transactionStartTimestampMs: state === 'Empty' ? -1 : now,
    clientTransactionVersion: state === 'Empty' ? 0 : by,
  })
  return bench
}

/** `name epoch` of what is committed. */
function told(bench: TransactionBench): string {
  const stored = bench.stored()
  return stored === null ? 'none' : `${statusName(stored.transactionStatus)} ${stored.producerEpoch}`
}

type Row = readonly [answer: number, state: string]

/** One event, by state. 'same': the state is as it was. Every state is named, so that none is forgotten. */
function walk(
  name: string,
  by: 1 | 2,
  event: (bench: TransactionBench) => Promise<number>,
  rows: Record<StateName, Row>,
): void {
  test(`${name}, transactions v${by}`, async () => {
    for (const state of states) {
      const bench = benchIn(state, by)
      const before = told(bench)
      const [answer, after] = rows[state]
      assert.equal(await event(bench), answer, `answer in ${state}`)
      assert.equal(told(bench), after === 'same' ? before : after, `after ${state}`)
      assert.deepEqual(bench.host.bugs, [], state)
      const fresh = new TransactionBench()
      fresh.writesAtOnce = false
      bench.host.feed(PARTITION, fresh.runtime.load(PARTITION))
      assert.deepEqual(fresh.committedState(), bench.committedState(), `replayed after ${state}`)
    }
  })
}

const init =
  (expected: { producerId: number; producerEpoch: number } | null) =>
  async (bench: TransactionBench): Promise<number> =>
    (await bench.init(expected === null ? null : { ...expected, errorCode: NONE })).errorCode

for (const by of [1, 2] as const) {
  walk('InitProducerId of a producer that begins', by, init(null), {
    none: [NONE, 'Empty 0'],
    Empty: [NONE, 'Empty 6'],
    Ongoing: [CONCURRENT_TRANSACTIONS, 'PrepareAbort 6'],
    PrepareCommit: [CONCURRENT_TRANSACTIONS, 'same'],
    PrepareAbort: [CONCURRENT_TRANSACTIONS, 'same'],
    CompleteCommit: [NONE, 'Empty 6'],
    CompleteAbort: [NONE, 'Empty 6'],
  })
  walk('InitProducerId of who is the producer', by, init({ producerId: ID, producerEpoch: EPOCH }), {
    none: [NONE, 'Empty 0'],
    Empty: [NONE, 'Empty 6'],
    Ongoing: [CONCURRENT_TRANSACTIONS, 'PrepareAbort 6'],
    PrepareCommit: [CONCURRENT_TRANSACTIONS, 'same'],
    PrepareAbort: [CONCURRENT_TRANSACTIONS, 'same'],
    CompleteCommit: [NONE, 'Empty 6'],
    CompleteAbort: [NONE, 'Empty 6'],
  })
  for (const [who, expected] of [
    ['was the producer', { producerId: ID, producerEpoch: EPOCH - 1 }],
    ['will be the producer', { producerId: ID, producerEpoch: EPOCH + 1 }],
    ['is another producer', { producerId: OTHER_ID, producerEpoch: EPOCH }],
  ] as const) {
    const isOther = expected.producerId === OTHER_ID
    const whilePrepared: Row = [isOther ? PRODUCER_FENCED : CONCURRENT_TRANSACTIONS, 'same']
    walk(`InitProducerId of who ${who}`, by, init(expected), {
      none: [NONE, 'Empty 0'],
      Empty: [PRODUCER_FENCED, 'same'],
      Ongoing: [PRODUCER_FENCED, 'same'],
      PrepareCommit: whilePrepared,
      PrepareAbort: whilePrepared,
      CompleteCommit: [PRODUCER_FENCED, 'same'],
      CompleteAbort: [PRODUCER_FENCED, 'same'],
    })
  }

  const add = (producerId: number, producerEpoch: number) => async (bench: TransactionBench) =>
    bench.add({ producerId, producerEpoch }, [1], by) ?? -1
  walk('partitions are added', by, add(ID, EPOCH), {
    none: [INVALID_PRODUCER_ID_MAPPING, 'same'],
    Empty: [NONE, 'Ongoing 5'],
    Ongoing: [NONE, 'Ongoing 5'],
    PrepareCommit: [CONCURRENT_TRANSACTIONS, 'same'],
    PrepareAbort: [CONCURRENT_TRANSACTIONS, 'same'],
    CompleteCommit: [NONE, 'Ongoing 5'],
    CompleteAbort: [NONE, 'Ongoing 5'],
  })
  const verify = (producerId: number, producerEpoch: number) => async (bench: TransactionBench) =>
    bench.verify({ producerId, producerEpoch })
  walk('a partition is asked for', by, verify(ID, EPOCH), {
    none: [INVALID_PRODUCER_ID_MAPPING, 'same'],
    Empty: [INVALID_TXN_STATE, 'same'],
    Ongoing: [NONE, 'same'],
    PrepareCommit: [CONCURRENT_TRANSACTIONS, 'same'],
    PrepareAbort: [CONCURRENT_TRANSACTIONS, 'same'],
    CompleteCommit: [INVALID_TXN_STATE, 'same'],
    CompleteAbort: [INVALID_TXN_STATE, 'same'],
  })
  const refusedEverywhere = (errorCode: number): Record<StateName, Row> => ({
    none: [INVALID_PRODUCER_ID_MAPPING, 'same'],
    Empty: [errorCode, 'same'],
    Ongoing: [errorCode, 'same'],
    PrepareCommit: [errorCode, 'same'],
    PrepareAbort: [errorCode, 'same'],
    CompleteCommit: [errorCode, 'same'],
    CompleteAbort: [errorCode, 'same'],
  })
  for (const [name, ask] of [
    ['partitions are added', add],
    ['a partition is asked for', verify],
  ] as const) {
    walk(`${name} by an epoch of before`, by, ask(ID, EPOCH - 1), refusedEverywhere(PRODUCER_FENCED))
    walk(`${name} by an epoch to come`, by, ask(ID, EPOCH + 1), refusedEverywhere(PRODUCER_FENCED))
    walk(`${name} by another producer`, by, ask(OTHER_ID, EPOCH), refusedEverywhere(INVALID_PRODUCER_ID_MAPPING))
  }
  walk(
    'an end by another producer',
    by,
    (bench) => end(bench, by, true, OTHER_ID, EPOCH),
    refusedEverywhere(INVALID_PRODUCER_ID_MAPPING),
  )
  walk(
    'an end by an epoch to come',
    by,
    (bench) => end(bench, by, true, ID, EPOCH + 1),
    refusedEverywhere(PRODUCER_FENCED),
  )
  walk(
    'an end by an epoch of long before',
    by,
    (bench) => end(bench, by, true, ID, EPOCH - 2),
    refusedEverywhere(PRODUCER_FENCED),
  )

  walk('the timeout', by, advance(TIMEOUT_MS + 10_000 + 1), {
    none: [0, 'same'],
    Empty: [0, 'same'],
    Ongoing: [0, 'PrepareAbort 6'],
    PrepareCommit: [0, 'same'],
    PrepareAbort: [0, 'same'],
    CompleteCommit: [0, 'same'],
    CompleteAbort: [0, 'same'],
  })
  walk('a long time without use', by, advance(7 * 24 * 3_600_000 + 3_600_000), {
    none: [0, 'same'],
    Empty: [0, 'none'],
    Ongoing: [0, 'PrepareAbort 6'],
    PrepareCommit: [0, 'same'],
    PrepareAbort: [0, 'same'],
    CompleteCommit: [0, 'none'],
    CompleteAbort: [0, 'none'],
  })
  walk('a start, and the markers written', by, reloadAndWrite, {
    none: [0, 'same'],
    Empty: [0, 'same'],
    Ongoing: [0, 'same'],
    PrepareCommit: [1, 'CompleteCommit 5'],
    PrepareAbort: [1, 'CompleteAbort 5'],
    CompleteCommit: [0, 'same'],
    CompleteAbort: [0, 'same'],
  })
}

walk('a commit', 1, (bench) => end(bench, 1, true, ID, EPOCH), {
  none: [INVALID_PRODUCER_ID_MAPPING, 'same'],
  Empty: [INVALID_TXN_STATE, 'same'],
  Ongoing: [NONE, 'PrepareCommit 5'],
  PrepareCommit: [CONCURRENT_TRANSACTIONS, 'same'],
  PrepareAbort: [INVALID_TXN_STATE, 'same'],
  CompleteCommit: [NONE, 'same'],
  CompleteAbort: [INVALID_TXN_STATE, 'same'],
})
walk('an abort', 1, (bench) => end(bench, 1, false, ID, EPOCH), {
  none: [INVALID_PRODUCER_ID_MAPPING, 'same'],
  Empty: [INVALID_TXN_STATE, 'same'],
  Ongoing: [NONE, 'PrepareAbort 5'],
  PrepareCommit: [INVALID_TXN_STATE, 'same'],
  PrepareAbort: [CONCURRENT_TRANSACTIONS, 'same'],
  CompleteCommit: [INVALID_TXN_STATE, 'same'],
  CompleteAbort: [NONE, 'same'],
})
walk('a commit', 2, (bench) => end(bench, 2, true, ID, EPOCH), {
  none: [INVALID_PRODUCER_ID_MAPPING, 'same'],
  Empty: [INVALID_TXN_STATE, 'same'],
  Ongoing: [NONE, 'PrepareCommit 6'],
  // What is stored has the epoch after that of the transaction.
  PrepareCommit: [PRODUCER_FENCED, 'same'],
  PrepareAbort: [PRODUCER_FENCED, 'same'],
  CompleteCommit: [INVALID_TXN_STATE, 'same'],
  CompleteAbort: [INVALID_TXN_STATE, 'same'],
})
walk('an abort', 2, (bench) => end(bench, 2, false, ID, EPOCH), {
  none: [INVALID_PRODUCER_ID_MAPPING, 'same'],
  Empty: [NONE, 'PrepareAbort 6'],
  Ongoing: [NONE, 'PrepareAbort 6'],
  PrepareCommit: [PRODUCER_FENCED, 'same'],
  PrepareAbort: [PRODUCER_FENCED, 'same'],
  CompleteCommit: [NONE, 'PrepareAbort 6'],
  CompleteAbort: [NONE, 'PrepareAbort 6'],
})
walk('a commit that was sent before', 2, (bench) => end(bench, 2, true, ID, EPOCH - 1), {
  none: [INVALID_PRODUCER_ID_MAPPING, 'same'],
  Empty: [PRODUCER_FENCED, 'same'],
  Ongoing: [PRODUCER_FENCED, 'same'],
  PrepareCommit: [CONCURRENT_TRANSACTIONS, 'same'],
  PrepareAbort: [INVALID_TXN_STATE, 'same'],
  CompleteCommit: [NONE, 'same'],
  CompleteAbort: [INVALID_TXN_STATE, 'same'],
})
walk('an abort that was sent before', 2, (bench) => end(bench, 2, false, ID, EPOCH - 1), {
  none: [INVALID_PRODUCER_ID_MAPPING, 'same'],
  Empty: [PRODUCER_FENCED, 'same'],
  Ongoing: [PRODUCER_FENCED, 'same'],
  PrepareCommit: [INVALID_TXN_STATE, 'same'],
  PrepareAbort: [CONCURRENT_TRANSACTIONS, 'same'],
  CompleteCommit: [INVALID_TXN_STATE, 'same'],
  CompleteAbort: [NONE, 'same'],
})
// Where the epoch was not raised by the end of a transaction, the one before it belongs to somebody else.
walk('an end of v2 by the producer before that of v1', 1, (bench) => end(bench, 2, true, ID, EPOCH - 1), {
  none: [INVALID_PRODUCER_ID_MAPPING, 'same'],
  Empty: [PRODUCER_FENCED, 'same'],
  Ongoing: [PRODUCER_FENCED, 'same'],
  PrepareCommit: [PRODUCER_FENCED, 'same'],
  PrepareAbort: [PRODUCER_FENCED, 'same'],
  CompleteCommit: [PRODUCER_FENCED, 'same'],
  CompleteAbort: [PRODUCER_FENCED, 'same'],
})

async function end(
  bench: TransactionBench,
  transactionVersion: number,
  commit: boolean,
  producerId: number,
  producerEpoch: number,
): Promise<number> {
  const reply = bench.end({ producerId, producerEpoch }, commit, transactionVersion)
  // The answer waits a little for the markers, which nobody writes here.
  bench.host.advance(50)
  return (await reply).errorCode
}

function advance(ms: number): (bench: TransactionBench) => Promise<number> {
  return async ({ host }) => {
    host.advance(ms)
    return 0
  }
}

/** How many markers were asked for. */
async function reloadAndWrite(bench: TransactionBench): Promise<number> {
  bench.load()
  const asked = bench.asked.length
  bench.writeMarkers()
  return asked
}

describe('the last of all epochs', () => {
  const producer = { producerId: ID, producerEpoch: 0x7ffe }

  async function timedOut(): Promise<TransactionBench> {
    const bench = benchIn('Empty', 2)
    bench.useUpEpochs(producer.producerEpoch)
    bench.writesAtOnce = true
    assert.equal(bench.add(producer, [0], 2), NONE)
    bench.host.advance(TIMEOUT_MS + 10_000 + 1)
    assert.equal(told(bench), `CompleteAbort ${0x7fff}`)
    return bench
  }

  test('nobody gets it: a transaction under it could not be ended', async () => {
    const bench = await timedOut()
    const last = { ...producer, producerEpoch: 0x7fff }
    assert.equal((await bench.end(producer, false, 2)).errorCode, PRODUCER_FENCED)
    assert.equal(bench.add(last, [0], 2), PRODUCER_FENCED)
    assert.equal((await bench.end(last, false, 2)).errorCode, PRODUCER_FENCED)
    assert.equal(bench.verify(last), PRODUCER_FENCED)
    assert.equal(told(bench), `CompleteAbort ${0x7fff}`)
    const next = await bench.init()
    assert.deepEqual([next.errorCode, next.producerEpoch, next.producerId !== ID], [NONE, 0, true])
    assert.deepEqual(bench.host.bugs, [])
  })

  test('a transaction that was left open under it is aborted all the same', async () => {
    const bench = benchIn('Ongoing', 2)
    bench.writesAtOnce = true
    bench.useUpEpochs(0x7fff)
    bench.host.advance(TIMEOUT_MS + 10_000 + 1)
    assert.equal(told(bench), `CompleteAbort ${0x7fff}`)
    assert.deepEqual(bench.host.bugs, [])
  })
})

test('who has not heard that its transaction ended, and asks who it is, is told', async () => {
  for (const producerEpoch of [EPOCH, 0x7ffe]) {
    const bench = benchIn('Empty', 2)
    bench.useUpEpochs(producerEpoch)
    bench.writesAtOnce = true
    const producer = { producerId: ID, producerEpoch }
    bench.add(producer, [0], 2)
    const ended = await bench.end(producer, true, 2)
    assert.equal(ended.errorCode, NONE)
    assert.deepEqual(await bench.init({ ...producer, errorCode: NONE }), ended)
    assert.equal(bench.state(), 'Empty', 'the end cannot be repeated from here on')
    assert.equal((await bench.end(producer, true, 2)).errorCode === NONE, false)
    await bench.init()
    const late = await bench.init({ ...producer, errorCode: NONE })
    assert.equal(late.errorCode, PRODUCER_FENCED, 'somebody else has begun')
  }
})

for (const by of [1, 2] as const) {
  test(`whose transaction has timed out may go on under the next epoch, v${by}`, async () => {
    for (const producerEpoch of [EPOCH, 0x7ffe]) {
      const bench = benchIn('Ongoing', by)
      bench.useUpEpochs(producerEpoch)
      bench.writesAtOnce = true
      bench.host.advance(TIMEOUT_MS + 10_000 + 1)
      const next = await bench.init({ producerId: ID, producerEpoch, errorCode: NONE })
      assert.equal(next.errorCode, NONE)
      if (producerEpoch === EPOCH) assert.deepEqual([next.producerId, next.producerEpoch], [ID, EPOCH + 1])
      else assert.deepEqual([next.producerId !== ID, next.producerEpoch], [true, 0])
      assert.equal(bench.add(next, [0], by), NONE)
    }
  })

  test(`who was fenced in the midst of a transaction may go on until the other is answered, v${by}`, async () => {
    const bench = benchIn('Ongoing', by)
    bench.writesAtOnce = true
    assert.equal((await bench.init()).errorCode, CONCURRENT_TRANSACTIONS)
    const old = { producerId: ID, producerEpoch: EPOCH, errorCode: NONE }
    const again = await bench.init(old)
    assert.deepEqual([again.errorCode, again.producerEpoch], [NONE, EPOCH + 1])
    const other = await bench.init()
    assert.deepEqual([other.errorCode, other.producerEpoch], [NONE, EPOCH + 2])
    for (const late of [old, again]) assert.equal((await bench.init(late)).errorCode, PRODUCER_FENCED)
  })
}

test("what was lost is nobody's last epoch", async () => {
  const bench = benchIn('Ongoing', 2)
  const producer = { producerId: ID, producerEpoch: EPOCH }
  bench.host.appendError = ErrorCode.KAFKA_STORAGE_ERROR
  assert.equal((await bench.end(producer, true, 2)).errorCode, ErrorCode.NOT_COORDINATOR)
  bench.host.appendError = 0
  assert.equal(told(bench), `Ongoing ${EPOCH}`)
  assert.equal(await end(bench, 2, false, ID, EPOCH), NONE, 'the other way is still free')
  assert.deepEqual(
    bench.asked.map(({ commit }) => commit),
    [false],
  )
})

test('a marker in the log of the transactions themselves means nothing', () => {
  const bench = benchIn('Ongoing', 2)
  const end = { producerId: ID, producerEpoch: EPOCH, coordinatorEpoch: 0, commit: true }
  let answer = -1
  bench.runtime.endTransaction(PARTITION, end, (errorCode) => {
    answer = errorCode
  })
  assert.equal(answer, NONE)
  bench.load()
  assert.equal(told(bench), `Ongoing ${EPOCH}`)
})
