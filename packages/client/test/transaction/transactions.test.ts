import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ErrorCode } from '@ottla/protocol'
import { batch } from '@ottla/protocol/records'
import {
  addOffsetsToTxnApi,
  addPartitionsToTxnApi,
  endTxnApi,
  findCoordinatorApi,
  initProducerIdApi,
  metadataApi,
  produceApi,
  txnOffsetCommitApi,
} from '../../src/apis.ts'
import {
  Kafka,
  type KafkaError,
  type KafkaOptions,
  type TransactionalProducerOptions,
  TransactionError,
} from '../../src/index.ts'
import { FakeBroker, metadataOf } from '../support/fake-broker.ts'

/** An error code, or what happens instead of an answer; first once it is done all the same. */
type Twist = number | 'cut' | 'silence'

/**
 * Two brokers: 1 leads the partitions of `t`, `coordinator` coordinates the transactional id, 2 the group. Their
 * answers are good, except for those in `twists`, by API, which come first. What they see is in `seen`.
 */
async function setUp(t: TestContext, level: 1 | 2, options: Partial<KafkaOptions> = {}) {
  const brokers = [await new FakeBroker(1).listen(t), await new FakeBroker(2).listen(t)]
  const twists: Record<string, Twist[]> = {}
  const state = { coordinator: 1, epoch: 0, seen: [] as string[] }
  const next = (api: string): Twist => twists[api]?.shift() ?? 0
  for (const broker of brokers) {
    if (level === 2) broker.features = { 'transaction.version': 2 }
    const see = (what: string) => state.seen.push(`${broker.id} ${what}`)
    /** The answer, unless a twist comes first, or another broker coordinates. */
    const answer = (api: string, good: () => object, refused: (errorCode: number) => object): unknown => {
      const twist = next(api)
      if (typeof twist === 'string') return twist
      if (twist !== 0) return refused(twist)
      return broker.id === state.coordinator ? good() : refused(ErrorCode.NOT_COORDINATOR)
    }
    broker
      .on(metadataApi, () => metadataOf(brokers, { t: [1, 1] }))
      .on(findCoordinatorApi, ({ keyType, coordinatorKeys: [key] }) => {
        see(`FindCoordinator ${keyType === 1 ? 'transaction' : 'group'} ${key}`)
        const { id: nodeId, port } = brokers[(keyType === 1 ? state.coordinator : 2) - 1]
        const twist = next('FindCoordinator')
        if (typeof twist === 'string') return twist
        return { coordinators: [{ key, nodeId, host: '127.0.0.1', port, errorCode: twist }] }
      })
      .on(initProducerIdApi, (request, version) => {
        const current = request.producerId < 0 ? '' : ` from ${request.producerId}/${request.producerEpoch}`
        see(`InitProducerId v${version} ${request.transactionalId} ${request.transactionTimeoutMs} ms${current}`)
        return answer(
          'InitProducerId',
          () => {
            if (request.producerId >= 0) state.epoch += 1
            return { producerId: 7, producerEpoch: state.epoch }
          },
          (errorCode) => ({ errorCode }),
        )
      })
      .on(addPartitionsToTxnApi, (request, version) => {
        const names = request.v3AndBelowTopics.flatMap(({ name, partitions }) => partitions.map((p) => `${name}-${p}`))
        see(`AddPartitionsToTxn v${version} ${names} at ${request.v3AndBelowProducerEpoch}`)
        const results = (partitionErrorCode: number) => ({
          resultsByTopicV3AndBelow: request.v3AndBelowTopics.map(({ name, partitions }) => ({
            name,
            resultsByPartition: partitions.map((partitionIndex) => ({ partitionIndex, partitionErrorCode })),
          })),
        })
        return answer('AddPartitionsToTxn', () => results(0), results)
      })
      .on(addOffsetsToTxnApi, (request, version) => {
        see(`AddOffsetsToTxn v${version} ${request.groupId} at ${request.producerEpoch}`)
        return answer(
          'AddOffsetsToTxn',
          () => ({ errorCode: 0 }),
          (errorCode) => ({ errorCode }),
        )
      })
      .on(txnOffsetCommitApi, (request, version) => {
        const { groupId, memberId, generationIdOrMemberEpoch, topics } = request
        const stored = topics.flatMap(({ name, partitions }) =>
          partitions.map((p) => `${name}-${p.partitionIndex}=${p.committedOffset}`),
        )
        see(`TxnOffsetCommit v${version} ${groupId} ${memberId}/${generationIdOrMemberEpoch} ${stored}`)
        const errorCode = next('TxnOffsetCommit')
        if (typeof errorCode === 'string') return errorCode
        return {
          topics: topics.map(({ name, partitions }) => ({
            name,
            partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
          })),
        }
      })
      .on(endTxnApi, (request, version) => {
        see(`EndTxn v${version} ${request.committed ? 'commit' : 'abort'} at ${request.producerEpoch}`)
        return answer(
          'EndTxn',
          () => {
            if (version < 5) return { errorCode: 0 }
            state.epoch = request.producerEpoch + 1
            return { errorCode: 0, producerId: 7, producerEpoch: state.epoch }
          },
          (errorCode) => ({ errorCode }),
        )
      })
      .on(produceApi, (request, version) => {
        const twist = next('Produce')
        const parts = request.topicData.flatMap(({ partitionData }) => partitionData)
        for (const { index, records } of parts) {
          const b = records as Buffer
          assert.ok(batch.isTransactional(batch.attributes(b, 0)))
          assert.equal(batch.producerId(b, 0), 7)
          const at = `${batch.producerEpoch(b, 0)}/${batch.baseSequence(b, 0)}+${batch.recordCount(b, 0)}`
          see(`Produce v${version} ${request.transactionalId} t-${index} ${at}`)
        }
        if (typeof twist === 'string') return twist
        const partitionResponses = parts.map(({ index }) => ({ index, errorCode: twist, baseOffset: 100 }))
        return { responses: [{ name: 't', partitionResponses }] }
      })
  }
  const kafka = new Kafka({
    bootstrap: `127.0.0.1:${brokers[0].port}`,
    retryBackOffMs: 2,
    retryBackOffMaxMs: 4,
    apiTimeoutMs: 10_000,
    ...options,
  })
  t.after(() => kafka.close({ timeoutMs: 1000 }))
  const producer = (more: Partial<TransactionalProducerOptions> = {}) =>
    kafka.producer({ transactionalId: 'id', transactionTimeoutMs: 9000, ...more })
  const seen = () => state.seen.splice(0)
  return { brokers, twists, state, kafka, producer, seen }
}

const group = { groupId: 'g', generationId: 3, memberId: 'm', groupInstanceId: null }

test('at level 1 partitions and offsets are announced, and sequences go on', async (t) => {
  const { producer, seen } = await setUp(t, 1)
  const p = producer()
  const result = await p.transaction(async (txn) => {
    txn.send('t', { partition: 0, value: 'a' })
    txn.send('t', { partition: 1, value: 'b' })
    await txn.sendOffsets([{ topic: 'in', partition: 4, offset: 9 }], group)
    return 'done'
  })
  assert.equal(result, 'done')
  const first = seen()
  assert.deepEqual(first.slice(0, 2), ['1 FindCoordinator transaction id', '1 InitProducerId v5 id 9000 ms'])
  assert.deepEqual(
    [...first].sort(),
    [
      '1 AddOffsetsToTxn v4 g at 0',
      '1 AddPartitionsToTxn v3 t-0,t-1 at 0',
      '1 EndTxn v4 commit at 0',
      '1 FindCoordinator group g',
      '1 FindCoordinator transaction id',
      '1 InitProducerId v5 id 9000 ms',
      '1 Produce v11 id t-0 0/0+1',
      '1 Produce v11 id t-1 0/0+1',
      '2 TxnOffsetCommit v4 g m/3 in-4=9',
    ].sort(),
  )
  assert.equal(first[first.length - 1], '1 EndTxn v4 commit at 0')
  await p.transaction((txn) => txn.send('t', { partition: 0, value: 'c' }))
  assert.deepEqual(seen(), [
    '1 AddPartitionsToTxn v3 t-0 at 0',
    '1 Produce v11 id t-0 0/1+1',
    '1 EndTxn v4 commit at 0',
  ])
  await p.transaction(() => {})
  assert.deepEqual(seen(), [], 'an empty one is nobody’s business')
})

test('at level 2 nothing is announced, and each transaction has an epoch', async (t) => {
  const { producer, seen } = await setUp(t, 2)
  const p = producer()
  await p.init()
  seen()
  for (const epoch of [0, 1]) {
    await p.transaction(async (txn) => {
      await txn.send('t', { partition: 0, value: 'a' })
      await txn.sendOffsets([{ topic: 'in', partition: 4, offset: 9 }], group)
    })
    const found = epoch === 0 ? ['1 FindCoordinator group g'] : []
    assert.deepEqual(seen(), [
      `1 Produce v12 id t-0 ${epoch}/0+1`,
      ...found,
      '2 TxnOffsetCommit v5 g m/3 in-4=9',
      `1 EndTxn v5 commit at ${epoch}`,
    ])
  }
})

test('a consumer gives its offsets and its group', async (t) => {
  const { producer, seen } = await setUp(t, 2)
  const consumer = {
    positions: () => [
      { topic: 'in', partition: 0, offset: 5, lag: 0 },
      { topic: 'in', partition: 1, offset: null, lag: null },
      { topic: 'in', partition: 2, offset: 7, lag: 1 },
    ],
    groupMetadata: () => group,
  }
  await producer().transaction((txn) => txn.sendOffsets(consumer))
  assert.deepEqual(
    seen().filter((line) => /TxnOffsetCommit/.test(line)),
    ['2 TxnOffsetCommit v5 g m/3 in-0=5,in-2=7'],
  )
})

test('what throws is aborted, and what was not sent never is', async (t) => {
  for (const level of [1, 2] as const) {
    const { producer, seen } = await setUp(t, level)
    const p = producer({ lingerMs: 60_000 })
    let lost: Promise<unknown> | undefined
    const work = p.transaction(async (txn) => {
      lost = txn.send('t', { partition: 0, value: 'a' })
      throw new RangeError('mine')
    })
    await assert.rejects(work, (error) => error instanceof RangeError)
    await assert.rejects(lost!, { code: 'TRANSACTION_ABORTED' })
    assert.ok(!seen().some((line) => / Produce |commit/.test(line)))
    await p.transaction(async (txn) => {
      txn.send('t', { partition: 1, value: 'b' })
    })
    assert.ok(seen().some((line) => /Produce v1[12] id t-1 [01]\/0\+1/.test(line)))
  }
})

test('a record that fails fails the commit, although nobody awaits it', async (t) => {
  const { producer, seen, twists } = await setUp(t, 2)
  const p = producer()
  twists.Produce = [ErrorCode.MESSAGE_TOO_LARGE]
  let waiting: Promise<unknown> | undefined
  const failed = p.transaction(async (txn) => {
    txn.send('t', { partition: 0, value: 'a' })
    txn.send('t', { partition: 1, value: 'b' })
    waiting = txn.send('unknown', { value: 'c' })
  })
  await assert.rejects(failed, (error: TransactionError) => {
    assert.ok(error instanceof TransactionError)
    assert.deepEqual([error.code, error.fatal, error.retriable], ['MESSAGE_TOO_LARGE', false, false])
    return true
  })
  await assert.rejects(waiting!, { name: 'TransactionError', code: /MESSAGE_TOO_LARGE|UNKNOWN_TOPIC/ })
  assert.match(seen().pop()!, /EndTxn v5 abort at 0/)
  await p.transaction((txn) => txn.send('t', { partition: 0, value: 'c' }))
  assert.deepEqual(seen(), ['1 Produce v12 id t-0 1/0+1', '1 EndTxn v5 commit at 1'])
})

test('what is no record, no offset or in no open transaction is refused, and spoils the one it was meant for', async (t) => {
  const { producer, seen } = await setUp(t, 1)
  const p = producer({ maxRequestBytes: 1000 })
  const wrong: [RegExp, (txn: Awaited<ReturnType<typeof p.begin>>) => unknown][] = [
    [/CONFIG/, (txn) => txn.send('t', { value: 5 } as never)],
    [/CONFIG/, (txn) => txn.sendAll('t', 5 as never)],
    [/CONFIG/, (txn) => txn.sendOffsets(5 as never, 'g')],
    [/CONFIG/, (txn) => txn.sendOffsets([{ topic: 't', partition: 0, offset: -1 }], 'g')],
    [/CONFIG/, (txn) => txn.sendOffsets([], undefined as never)],
    [/CONFIG/, (txn) => txn.sendOffsets([], null as never)],
    [/CONFIG/, (txn) => txn.sendOffsets(undefined as never)],
    [/CONFIG/, (txn) => txn.sendOffsets([null] as never, 'g')],
    [/CONFIG/, (txn) => txn.sendOffsets([{ topic: 't', partition: 2 ** 31, offset: 1 }], 'g')],
    [/CONFIG/, (txn) => txn.sendOffsets([], { ...group, generationId: 2 ** 31 })],
    [/RECORD_TOO_LARGE/, (txn) => txn.send('t', { value: Buffer.alloc(2000) })],
    [/UNKNOWN_TOPIC_OR_PARTITION/, (txn) => txn.send('t', { partition: 9, value: 'x' })],
    [/CONFIG/, (txn) => txn.produce('t', { value: 'x', timestamp: 0.5 })],
  ]
  await p.transaction((txn) => txn.send('t', { value: 'known' }))
  seen()
  for (const [code, act] of wrong) {
    const work = p.transaction(async (txn) => {
      act(txn)
    })
    await assert.rejects(work, (error: KafkaError) => error instanceof TransactionError && code.test(error.code))
  }
  assert.deepEqual(seen(), [])
  const invalid = { code: 'INVALID_TXN_STATE' }
  const txn = await p.begin()
  await assert.rejects(p.begin(), invalid)
  await txn.commit()
  await assert.rejects(txn.send('t', { value: 'late' }), invalid)
  await assert.rejects(txn.sendOffsets([], 'g'), invalid)
  assert.throws(() => txn.produce('t', { value: 'late' }), invalid)
  txn.produce('t', { value: 'late' }, (error) => assert.equal(error?.code, 'INVALID_TXN_STATE'))
  await assert.rejects(txn.abort(), invalid)
  await txn.commit()
  const second = await p.begin()
  await assert.rejects(txn.send('t', { value: 'late' }), invalid, 'not into the next one')
  await second.abort()
  await second.abort()
  await assert.rejects(second.commit(), invalid)
  {
    await using left = await p.begin()
    left.send('t', { value: 'x' })
  }
  assert.match(seen().pop() ?? 'nothing', /abort|nothing/)
  await p.transaction((own) => own.abort())
})

test('a coordinator that moves, is busy, or does not answer is found again', async (t) => {
  const { producer, seen, twists, state } = await setUp(t, 1)
  const p = producer()
  twists.FindCoordinator = [ErrorCode.COORDINATOR_NOT_AVAILABLE]
  twists.InitProducerId = [ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.CONCURRENT_TRANSACTIONS]
  twists.AddPartitionsToTxn = [ErrorCode.CONCURRENT_TRANSACTIONS, 'cut']
  twists.EndTxn = ['cut', ErrorCode.COORDINATOR_NOT_AVAILABLE]
  twists.TxnOffsetCommit = [ErrorCode.NOT_COORDINATOR, 'cut', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]
  const txn = await p.begin()
  await txn.send('t', { partition: 0, value: 'a' })
  await txn.sendOffsets([{ topic: 'in', partition: 4, offset: 9 }], 'g')
  state.coordinator = 2
  await txn.commit()
  const all = seen()
  const count = (pattern: RegExp) => all.filter((line) => pattern.test(line)).length
  assert.deepEqual(
    [/InitProducerId/, /AddPartitions/, /AddOffsets/, /TxnOffsetCommit/, /EndTxn/, / Produce /].map(count),
    [3, 3, 1, 4, 3, 1],
  )
  assert.equal(all.pop(), '2 EndTxn v4 commit at 0')
  for (const left of Object.values(twists)) assert.deepEqual(left, [])
})

test('records follow their retries in order within the transaction', async (t) => {
  const { producer, seen, twists } = await setUp(t, 2)
  const p = producer()
  await p.init()
  seen()
  twists.Produce = [ErrorCode.CONCURRENT_TRANSACTIONS, ErrorCode.NOT_LEADER_OR_FOLLOWER, 'cut']
  await p.transaction((txn) => txn.send('t', { partition: 0, value: 'a' }))
  const again = '1 Produce v12 id t-0 0/0+1'
  assert.deepEqual(seen(), [again, again, again, again, '1 EndTxn v5 commit at 0'])
})

test('a sequence that is lost costs the transaction, and the next one has a new epoch', async (t) => {
  const { producer, seen, twists } = await setUp(t, 1)
  const p = producer()
  await p.transaction((txn) => txn.send('t', { partition: 0, value: 'a' }))
  seen()
  twists.Produce = [ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER]
  await assert.rejects(
    p.transaction(async (txn) => {
      txn.send('t', { partition: 0, value: 'b' })
    }),
    { code: 'OUT_OF_ORDER_SEQUENCE_NUMBER', fatal: false, retriable: true },
  )
  assert.deepEqual(seen().slice(-2), ['1 EndTxn v4 abort at 0', '1 InitProducerId v5 id 9000 ms from 7/0'])
  await p.transaction((txn) => txn.send('t', { partition: 0, value: 'b' }))
  assert.deepEqual(seen(), [
    '1 AddPartitionsToTxn v3 t-0 at 1',
    '1 Produce v11 id t-0 1/0+1',
    '1 EndTxn v4 commit at 1',
  ])
})

test('a fenced producer says so, and does nothing any more', async (t) => {
  const fences: [string, number][] = [
    ['InitProducerId', ErrorCode.PRODUCER_FENCED],
    ['AddPartitionsToTxn', ErrorCode.INVALID_PRODUCER_EPOCH],
    ['TxnOffsetCommit', ErrorCode.PRODUCER_FENCED],
    ['EndTxn', ErrorCode.INVALID_PRODUCER_EPOCH],
  ]
  for (const [api, code] of fences) {
    const { producer, seen, twists } = await setUp(t, 1)
    const p = producer()
    twists[api] = [code]
    const fenced = { name: 'TransactionError', code: 'PRODUCER_FENCED', fatal: true, retriable: false }
    const work = p.transaction(async (txn) => {
      await txn.send('t', { partition: 0, value: 'a' })
      await txn.sendOffsets([{ topic: 'in', partition: 4, offset: 9 }], 'g')
    })
    await assert.rejects(work, fenced)
    seen()
    await assert.rejects(p.begin(), fenced)
    await assert.rejects(p.init(), fenced)
    await p.close()
    assert.deepEqual(seen(), [])
  }
  // From a leader it may also mean that the broker has aborted: the abort tells.
  const { producer, twists } = await setUp(t, 2)
  const p = producer()
  twists.Produce = [ErrorCode.INVALID_PRODUCER_EPOCH, ErrorCode.INVALID_PRODUCER_EPOCH]
  twists.EndTxn = [ErrorCode.PRODUCER_FENCED]
  const txn = await p.begin()
  await assert.rejects(txn.send('t', { partition: 0, value: 'a' }), { code: 'INVALID_PRODUCER_EPOCH' })
  await assert.rejects(txn.commit(), { code: 'INVALID_PRODUCER_EPOCH', fatal: false, retriable: true })
  await assert.rejects(txn.abort(), { code: 'PRODUCER_FENCED', fatal: true })
})

test('a member that was replaced cannot commit offsets, but its producer goes on', async (t) => {
  const { producer, twists } = await setUp(t, 1)
  const p = producer()
  for (const code of ['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID', 'STALE_MEMBER_EPOCH'] as const) {
    twists.TxnOffsetCommit = [ErrorCode[code]]
    const work = p.transaction(async (txn) => {
      txn.sendOffsets([{ topic: 'in', partition: 4, offset: 9 }], group)
    })
    await assert.rejects(work, { code, fatal: false })
    twists.TxnOffsetCommit = [ErrorCode[code]]
    const awaited = p.transaction((txn) => txn.sendOffsets([{ topic: 'in', partition: 4, offset: 9 }], group))
    await assert.rejects(awaited, { name: 'TransactionError', code, fatal: false })
  }
  await p.transaction((txn) => txn.sendOffsets([{ topic: 'in', partition: 4, offset: 9 }], group))
})

test('what takes too long: an initialisation, offsets, an abort, and a commit whose outcome nobody knows', async (t) => {
  const { producer, seen, twists } = await setUp(t, 1, { apiTimeoutMs: 60 })
  const p = producer()
  const busy = new Array<number>(1000).fill(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)
  twists.InitProducerId = [...busy]
  await assert.rejects(p.begin(), {
    code: 'TIMEOUT',
    retriable: true,
    message:
      /was not initialised within 60 ms: InitProducerId of transactional id id: The coordinator is still reading/,
  })
  twists.InitProducerId = []
  twists.TxnOffsetCommit = [...busy]
  await assert.rejects(
    p.transaction((txn) => txn.sendOffsets([{ topic: 'in', partition: 4, offset: 9 }], 'g')),
    { name: 'TransactionError', code: 'TIMEOUT', fatal: false, retriable: true },
  )
  twists.TxnOffsetCommit = []
  twists.EndTxn = [...busy]
  const txn = await p.begin()
  await txn.send('t', { partition: 0, value: 'a' })
  const unknown = { code: 'COMMIT_UNKNOWN', retriable: false, message: /may be committed or not/ }
  await assert.rejects(txn.commit(), unknown)
  await assert.rejects(txn.commit(), unknown)
  await assert.rejects(txn.abort(), { code: 'INVALID_TXN_STATE' })
  await assert.rejects(p.begin(), { code: 'TIMEOUT' })
  twists.EndTxn = []
  await txn.commit()
  assert.equal(seen().filter((line) => /EndTxn v4 commit/.test(line)).length > 1, true)
  const last = await p.begin()
  await last.send('t', { partition: 0, value: 'b' })
  twists.EndTxn = [...busy]
  await assert.rejects(last.abort(), { code: 'TIMEOUT' })
  twists.EndTxn = []
  await last.abort()
})

test('closing aborts what is open, and waits for what is being committed', async (t) => {
  const { producer, seen, twists, kafka } = await setUp(t, 1)
  const p = producer()
  const txn = await p.begin()
  await txn.send('t', { partition: 0, value: 'a' })
  await p.close()
  assert.equal(seen().pop(), '1 EndTxn v4 abort at 0')
  await assert.rejects(txn.send('t', { value: 'late' }), { code: 'INVALID_TXN_STATE' })
  await assert.rejects(p.begin(), { code: 'CLOSED' })
  await assert.rejects(p.init(), { code: 'CLOSED' })
  const unready = producer()
  twists.InitProducerId = [ErrorCode.COORDINATOR_LOAD_IN_PROGRESS]
  const initialised = unready.init()
  await unready.close()
  await assert.rejects(initialised, { code: 'CLOSED' })
  const q = producer()
  const second = await q.begin()
  await second.send('t', { partition: 0, value: 'a' })
  twists.EndTxn = new Array<number>(3).fill(ErrorCode.CONCURRENT_TRANSACTIONS)
  const committing = second.commit()
  await kafka.close()
  await committing
})

test('a broker too old for how the coordinator runs transactions is named', async (t) => {
  const { brokers, producer } = await setUp(t, 2)
  brokers[0].on({ ...produceApi, maxVersion: 11 }, () => 'cut')
  const p = producer()
  const work = p.transaction((txn) => txn.send('t', { partition: 0, value: 'a' }))
  await assert.rejects(work, { code: 'UNSUPPORTED_VERSION', fatal: true, message: /KIP-890/ })
})

test('a level that was changed while connections are open is noticed by the next producer', async (t) => {
  const { brokers, producer, seen } = await setUp(t, 1)
  for (const level of [1, 2, 1]) {
    for (const broker of brokers) broker.features = level === 1 ? {} : { 'transaction.version': 2 }
    const p = producer()
    await p.transaction((txn) => txn.send('t', { partition: 0, value: 'a' }))
    assert.match(seen().pop()!, level === 1 ? /EndTxn v4 commit/ : /EndTxn v5 commit/)
    await p.close()
  }
})
