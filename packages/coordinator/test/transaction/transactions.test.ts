/** Every event in every state of a transactional id, as the table in `transaction/state.ts` has it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ErrorCode } from '@ottla/protocol'
import { TransactionBench } from '../support/transaction-bench.ts'

const { NONE, INVALID_TXN_STATE, PRODUCER_FENCED, CONCURRENT_TRANSACTIONS, INVALID_PRODUCER_ID_MAPPING } = ErrorCode
const { INVALID_TRANSACTION_TIMEOUT, INVALID_REQUEST, TRANSACTIONAL_ID_NOT_FOUND, NOT_COORDINATOR } = ErrorCode

const DAY_MS = 24 * 3_600_000

/** A producer with its id and epoch; transactions v2 have an epoch each. */
async function started(bench: TransactionBench) {
  const { producerId, producerEpoch } = await bench.init()
  return { producerId, producerEpoch }
}

for (const v of [1, 2]) {
  describe(`transactions v${v}`, () => {
    const codesOf = async (bench: TransactionBench, producer: { producerId: number; producerEpoch: number }) => [
      (await bench.end(producer, true, v)).errorCode,
      (await bench.end(producer, false, v)).errorCode,
    ]

    test('a transaction begins with its first partition, and ends as it is told', async () => {
      for (const commit of [true, false]) {
        const bench = new TransactionBench()
        const producer = await started(bench)
        assert.equal(bench.state(), 'Empty')
        assert.equal(bench.add(producer, [0, 1], v), NONE)
        assert.equal(bench.add(producer, [1, 2], v), NONE)
        assert.equal(bench.state(), 'Ongoing')
        const reply = await bench.end(producer, commit, v)
        assert.equal(reply.errorCode, NONE)
        assert.equal(bench.state(), commit ? 'CompleteCommit' : 'CompleteAbort')
        assert.deepEqual(bench.asked, [
          {
            transactionalId: 'tx',
            producerId: producer.producerId,
            producerEpoch: producer.producerEpoch + (v === 2 ? 1 : 0),
            commit,
            partitions: [{ topic: 't', partitionIds: [0, 1, 2] }],
          },
        ])
        const next = v === 2 ? { producerId: reply.producerId, producerEpoch: reply.producerEpoch } : producer
        if (v === 2) assert.deepEqual(next, { ...producer, producerEpoch: producer.producerEpoch + 1 })
        assert.equal(bench.add(next, [5], v), NONE)
        assert.deepEqual(
          bench.stored()?.transactionPartitions,
          [{ topic: 't', partitionIds: [5] }],
          'nothing of the one before',
        )
      }
    })

    test('who is not known, has another id or an old epoch can do nothing', async () => {
      const bench = new TransactionBench()
      assert.equal(bench.add({ producerId: 1, producerEpoch: 0 }, [0], v), INVALID_PRODUCER_ID_MAPPING)
      assert.deepEqual(await codesOf(bench, { producerId: 1, producerEpoch: 0 }), [
        INVALID_PRODUCER_ID_MAPPING,
        INVALID_PRODUCER_ID_MAPPING,
      ])
      const old = await started(bench)
      const producer = await started(bench)
      assert.deepEqual(producer, { ...old, producerEpoch: 1 })
      assert.equal(bench.add(old, [0], v), PRODUCER_FENCED)
      assert.equal(bench.add({ ...producer, producerId: 7 }, [0], v), INVALID_PRODUCER_ID_MAPPING)
      bench.add(producer, [0], v)
      assert.deepEqual(await codesOf(bench, old), [PRODUCER_FENCED, PRODUCER_FENCED])
      assert.deepEqual(await codesOf(bench, { ...producer, producerEpoch: 5 }), [PRODUCER_FENCED, PRODUCER_FENCED])
      assert.equal(bench.state(), 'Ongoing')
    })

    test('nothing is decided before it is committed, and nothing that was is undone', async () => {
      const bench = new TransactionBench()
      const producer = await started(bench)
      bench.add(producer, [0], v)
      bench.host.appendError = ErrorCode.KAFKA_STORAGE_ERROR
      assert.equal((await bench.end(producer, true, v)).errorCode, NOT_COORDINATOR)
      bench.host.appendError = 0
      assert.deepEqual([bench.state(), bench.asked], ['Ongoing', []])
      bench.host.commitsAtOnce = false
      const lost = bench.end(producer, true, v)
      assert.deepEqual(bench.asked, [], 'no marker before the decision is committed')
      bench.host.lose(0, ErrorCode.KAFKA_STORAGE_ERROR)
      assert.equal((await lost).errorCode, NOT_COORDINATOR)
      assert.deepEqual([bench.state(), bench.asked], ['Ongoing', []])
      bench.host.commitsAtOnce = true
      assert.equal((await bench.end(producer, false, v)).errorCode, NONE)
      assert.deepEqual(
        bench.asked.map(({ commit }) => commit),
        [false],
      )
    })

    test('while the markers are written a repeat is told to wait, the opposite is refused, and so is the next transaction', async () => {
      for (const commit of [true, false]) {
        const bench = new TransactionBench()
        bench.writesAtOnce = false
        const producer = await started(bench)
        bench.add(producer, [0], v)
        const ending = bench.end(producer, commit, v)
        assert.equal(bench.state(), commit ? 'PrepareCommit' : 'PrepareAbort')
        const [asCommit, asAbort] = await codesOf(bench, producer)
        const [same, other] = commit ? [asCommit, asAbort] : [asAbort, asCommit]
        assert.deepEqual([same, other], [CONCURRENT_TRANSACTIONS, INVALID_TXN_STATE])
        const next = { ...producer, producerEpoch: producer.producerEpoch + (v === 2 ? 1 : 0) }
        assert.equal(bench.add(next, [0], v), CONCURRENT_TRANSACTIONS)
        assert.equal((await bench.init()).errorCode, CONCURRENT_TRANSACTIONS)
        bench.writeMarkers()
        assert.equal((await ending).errorCode, NONE)
        assert.equal(bench.state(), commit ? 'CompleteCommit' : 'CompleteAbort')
      }
    })

    test('who ends a transaction is answered soon, even when the markers take their time', async () => {
      const bench = new TransactionBench()
      bench.writesAtOnce = false
      const producer = await started(bench)
      bench.add(producer, [0], v)
      const ending = bench.end(producer, true, v)
      bench.host.advance(50)
      assert.equal((await ending).errorCode, NONE)
      assert.equal(bench.state(), 'PrepareCommit')
    })

    test('a repeat of the end that was not heard of is answered the same, the opposite is refused', async () => {
      for (const commit of [true, false]) {
        const bench = new TransactionBench()
        const producer = await started(bench)
        bench.add(producer, [0], v)
        const first = await bench.end(producer, commit, v)
        assert.deepEqual(await bench.end(producer, commit, v), first)
        assert.equal((await bench.end(producer, !commit, v)).errorCode, INVALID_TXN_STATE)
        assert.equal(bench.asked.length, 1)
      }
    })

    test('what has not begun cannot be committed', async () => {
      const bench = new TransactionBench()
      const producer = await started(bench)
      assert.equal((await bench.end(producer, true, v)).errorCode, INVALID_TXN_STATE)
      // A producer of v2 does not know whether its first partition has arrived.
      assert.equal((await bench.end(producer, false, v)).errorCode, v === 2 ? NONE : INVALID_TXN_STATE)
    })

    test('a coordinator that starts anew goes on with what was decided', async () => {
      for (const commit of [true, false]) {
        const bench = new TransactionBench()
        bench.writesAtOnce = false
        const producer = await started(bench)
        bench.add(producer, [0, 1], v)
        const ending = bench.end(producer, commit, v)
        bench.load()
        await ending
        assert.equal(bench.asked.length, 2)
        assert.deepEqual(bench.asked[1], bench.asked[0])
        assert.equal(bench.state(), commit ? 'PrepareCommit' : 'PrepareAbort')
        bench.writeMarkers()
        assert.equal(bench.state(), commit ? 'CompleteCommit' : 'CompleteAbort')
      }
    })

    test('that the markers are written is stored, if need be later', async () => {
      const bench = new TransactionBench()
      bench.writesAtOnce = false
      const producer = await started(bench)
      bench.add(producer, [0], v)
      void bench.end(producer, true, v)
      bench.host.appendError = ErrorCode.KAFKA_STORAGE_ERROR
      bench.writeMarkers()
      assert.equal(bench.state(), 'PrepareCommit')
      bench.host.advance(400)
      bench.host.appendError = 0
      bench.host.advance(100)
      assert.equal(bench.state(), 'CompleteCommit')
    })

    test('one that is open for longer than its timeout is aborted, and its producer fenced', async () => {
      const bench = new TransactionBench()
      const producer = await started(bench)
      bench.host.advance(500_000)
      bench.add(producer, [0], v)
      bench.host.advance(59_000)
      bench.add(producer, [1], v)
      assert.equal(bench.state(), 'Ongoing', 'from its own beginning, not that of the producer')
      bench.host.advance(12_000)
      assert.equal(bench.state(), 'CompleteAbort')
      assert.deepEqual(
        bench.asked.map(({ commit, producerEpoch }) => [commit, producerEpoch]),
        [[false, 1]],
      )
      assert.equal(bench.add(producer, [0], v), PRODUCER_FENCED)
      const [asCommit] = await codesOf(bench, producer)
      assert.equal(asCommit, v === 2 ? INVALID_TXN_STATE : PRODUCER_FENCED)
      // It may ask for its epoch to be raised where it knows how (KIP-360), or begin anew.
      assert.equal((await bench.init()).errorCode, NONE)
    })

    test('epochs are used up: the next one is the first of another producer id', async () => {
      const bench = new TransactionBench()
      const { producerId } = await started(bench)
      bench.useUpEpochs(32_765)
      const producer = await started(bench)
      assert.deepEqual(producer, { producerId, producerEpoch: 32_766 })
      bench.add(producer, [0], v)
      const reply = await bench.end(producer, true, v)
      assert.equal(reply.errorCode, NONE)
      if (v === 2) {
        assert.notEqual(reply.producerId, producerId)
        assert.equal(reply.producerEpoch, 0)
        assert.deepEqual(bench.asked[0].producerEpoch, 32_767, 'markers have an epoch that nobody gets')
        assert.deepEqual(await bench.end(producer, true, v), reply, 'a repeat')
        assert.equal(bench.add(reply, [0], v), NONE)
      } else {
        const next = await bench.init()
        assert.notEqual(next.producerId, producerId)
        assert.equal(next.producerEpoch, 0)
      }
    })
  })
}

describe('InitProducerId', () => {
  test('a new transactional id has a producer id of its own', async () => {
    const bench = new TransactionBench()
    const [a, b] = [await bench.init(null, { transactionalId: 'a' }), await bench.init(null, { transactionalId: 'b' })]
    assert.deepEqual([a.producerEpoch, b.producerEpoch], [0, 0])
    assert.notEqual(a.producerId, b.producerId)
  })

  test('what cannot be is refused', async () => {
    const bench = new TransactionBench()
    assert.equal((await bench.init(null, { transactionalId: '' })).errorCode, INVALID_REQUEST)
    for (const timeoutMs of [0, -1, 900_001]) {
      assert.equal((await bench.init(null, { timeoutMs })).errorCode, INVALID_TRANSACTION_TIMEOUT)
    }
    assert.equal(bench.state(), null)
  })

  test('each raises the epoch and fences those before, and the timeout is the last one asked for', async () => {
    const bench = new TransactionBench()
    const first = await bench.init()
    const second = await bench.init(null, { timeoutMs: 5000 })
    assert.deepEqual(second, { ...first, producerEpoch: 1 })
    assert.equal(bench.stored()?.transactionTimeoutMs, 5000)
    assert.equal(bench.add(first), PRODUCER_FENCED)
  })

  test('a producer that says who it is: the epoch is raised once, for a repeat too; who is older is fenced', async () => {
    const bench = new TransactionBench()
    const first = await bench.init()
    const second = await bench.init(first)
    assert.equal(second.producerEpoch, 1)
    assert.deepEqual(await bench.init(first), second, 'the answer was lost')
    const third = await bench.init(second)
    assert.equal(third.producerEpoch, 2)
    assert.equal((await bench.init(first)).errorCode, PRODUCER_FENCED)
    assert.equal((await bench.init({ ...third, producerId: 5 })).errorCode, PRODUCER_FENCED)
    assert.equal((await bench.init({ ...third, producerEpoch: 9 })).errorCode, PRODUCER_FENCED)
  })

  test('a repeat over the change of the producer id gets the new one', async () => {
    const bench = new TransactionBench()
    await bench.init()
    bench.useUpEpochs(32_765)
    const producer = await bench.init()
    const rotated = await bench.init(producer)
    assert.notEqual(rotated.producerId, producer.producerId)
    assert.deepEqual(await bench.init(producer), rotated)
  })

  test('a raise that could not be stored has not been', async () => {
    const bench = new TransactionBench()
    const first = await bench.init()
    bench.host.appendError = ErrorCode.KAFKA_STORAGE_ERROR
    assert.equal((await bench.init(first)).errorCode, NOT_COORDINATOR)
    bench.host.appendError = 0
    assert.equal((await bench.init(first)).producerEpoch, 1)
  })

  test('an open transaction is aborted first, under an epoch that nobody gets', async () => {
    const bench = new TransactionBench()
    bench.writesAtOnce = false
    const old = await bench.init()
    bench.add(old)
    assert.equal((await bench.init()).errorCode, CONCURRENT_TRANSACTIONS)
    assert.deepEqual([bench.state(), bench.asked[0].commit, bench.asked[0].producerEpoch], ['PrepareAbort', false, 1])
    assert.equal((await bench.end(old, true)).errorCode, PRODUCER_FENCED)
    bench.writeMarkers()
    const next = await bench.init()
    assert.deepEqual([next.errorCode, next.producerId, next.producerEpoch], [NONE, old.producerId, 2])
  })

  test('one that was prepared ends in its own direction', async () => {
    const bench = new TransactionBench()
    bench.writesAtOnce = false
    const producer = await bench.init()
    bench.add(producer)
    void bench.end(producer, true)
    assert.equal((await bench.init()).errorCode, CONCURRENT_TRANSACTIONS)
    bench.writeMarkers()
    assert.equal(bench.state(), 'CompleteCommit')
    assert.deepEqual(
      bench.asked.map(({ commit }) => commit),
      [true],
    )
  })
})

describe('asking', () => {
  test('a partition is in the transaction once that is committed, until the transaction ends', async () => {
    const bench = new TransactionBench()
    const producer = await bench.init()
    assert.equal(bench.verify(producer), INVALID_TXN_STATE)
    bench.host.commitsAtOnce = false
    bench.add(producer)
    assert.equal(bench.verify(producer), INVALID_TXN_STATE)
    bench.host.commit(0)
    assert.equal(bench.verify(producer), NONE)
    assert.equal(bench.verify(producer, 1), INVALID_TXN_STATE)
    assert.equal(bench.verify({ ...producer, producerEpoch: 4 }), PRODUCER_FENCED)
    bench.host.commitsAtOnce = true
    await bench.end(producer, true)
    assert.equal(bench.verify(producer), INVALID_TXN_STATE)
  })

  test('transactions are listed and described as they are committed', async () => {
    const bench = new TransactionBench()
    const a = await bench.init(null, { transactionalId: 'orders-1' })
    const b = await bench.init(null, { transactionalId: 'orders-2' })
    await bench.init(null, { transactionalId: 'other' })
    bench.add(a, [0], 1, 'orders-1')
    bench.host.advance(5000)
    bench.add(b, [0], 1, 'orders-2')
    const list = (filter: object) =>
      bench.transactions
        .list({ states: [], producerIds: [], openForMs: -1, pattern: null, ...filter })
        .transactions.map(({ transactionalId }) => transactionalId)
        .sort()
    assert.deepEqual(list({}), ['orders-1', 'orders-2', 'other'])
    assert.deepEqual(list({ states: ['Ongoing'] }), ['orders-1', 'orders-2'])
    assert.deepEqual(list({ producerIds: [b.producerId] }), ['orders-2'])
    assert.deepEqual(list({ openForMs: 4000 }), ['orders-1'])
    assert.deepEqual(list({ pattern: 'orders-.' }), ['orders-1', 'orders-2'])
    assert.deepEqual(list({ pattern: 'orders' }), [], 'the whole of it')
    const bad = { states: ['Nope', 'Ongoing'], producerIds: [], openForMs: -1, pattern: '(' }
    const refused = bench.transactions.list(bad)
    assert.deepEqual([refused.errorCode, refused.unknownStates], [ErrorCode.INVALID_REGULAR_EXPRESSION, ['Nope']])
    assert.equal(bench.transactions.describe('nobody').errorCode, TRANSACTIONAL_ID_NOT_FOUND)
    assert.equal(bench.transactions.describe('orders-1').stored?.transactionStartTimestampMs, bench.host.now - 5000)
  })
})

test('a transactional id that is not used for long is forgotten, one with an open transaction never', async () => {
  const bench = new TransactionBench()
  const idle = await bench.init(null, { transactionalId: 'idle' })
  const busy = await bench.init(null, { transactionalId: 'busy' })
  bench.writesAtOnce = false
  bench.add(busy, [0], 1, 'busy')
  // Its markers cannot be written: it is neither open nor over.
  void bench.end(busy, true, 1, 'busy')
  bench.host.advance(7 * DAY_MS + 3_600_000)
  assert.deepEqual([bench.state('idle'), bench.state('busy')], [null, 'PrepareCommit'])
  bench.load()
  assert.deepEqual([bench.state('idle'), bench.state('busy')], [null, 'PrepareCommit'])
  const again = await bench.init(null, { transactionalId: 'idle' })
  assert.notEqual(again.producerId, idle.producerId)
})
