/** Transactions over a socket, in every version. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  AddOffsetsToTxnRequest,
  AddOffsetsToTxnResponse,
  AddPartitionsToTxnRequest,
  AddPartitionsToTxnResponse,
  ApiVersionsRequest,
  ApiVersionsResponse,
  DescribeTransactionsRequest,
  DescribeTransactionsResponse,
  EndTxnRequest,
  EndTxnResponse,
  ErrorCode,
  FetchRequest,
  FetchResponse,
  FindCoordinatorRequest,
  FindCoordinatorResponse,
  InitProducerIdRequest,
  InitProducerIdResponse,
  ListOffsetsRequest,
  ListOffsetsResponse,
  ListTransactionsRequest,
  ListTransactionsResponse,
  OffsetFetchRequest,
  OffsetFetchResponse,
  ProduceRequest,
  ProduceResponse,
  TxnOffsetCommitRequest,
  TxnOffsetCommitResponse,
  WriteTxnMarkersRequest,
  WriteTxnMarkersResponse,
} from '@ottla/protocol'
import { readBatches } from '@ottla/protocol/records'
import { memoryFileSystem } from '@ottla/runtime/node'
import type { RawClient } from '@ottla/testkit'
import { createTopic, versions } from './support/admin.ts'
import { batchOf } from './support/batches.ts'
import { startBroker } from './support/start.ts'

interface ProducerState {
  readonly producerId: number
  readonly producerEpoch: number
}

async function begin(client: RawClient, transactionalId: string, version = 5): Promise<ProducerState> {
  for (const keyType of [0, 1]) {
    await client.call(FindCoordinatorRequest, FindCoordinatorResponse, 4, { keyType, coordinatorKeys: ['x'] })
  }
  for (;;) {
    const body = { transactionalId, transactionTimeoutMs: 60_000 }
    const answer = await client.call(InitProducerIdRequest, InitProducerIdResponse, version, body)
    const { errorCode, producerId, producerEpoch } = answer
    const mustWait =
      errorCode === ErrorCode.CONCURRENT_TRANSACTIONS || errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
    if (mustWait) continue
    assert.equal(errorCode, ErrorCode.NONE)
    return { producerId, producerEpoch }
  }
}

async function produce(
  client: RawClient,
  transactionalId: string | null,
  producer: ProducerState,
  values: readonly string[],
  more: { index?: number; version?: number; baseSequence?: number } = {},
): Promise<number> {
  const { index = 0, version = 12, baseSequence = 0 } = more
  const records = batchOf(values, { ...producer, baseSequence, transactional: true })
  const topicData = [{ name: 'orders', partitionData: [{ index, records }] }]
  const body = { transactionalId, acks: -1, timeoutMs: 10_000, topicData }
  const { responses } = await client.call(ProduceRequest, ProduceResponse, version, body)
  return responses[0].partitionResponses[0].errorCode
}

async function add(client: RawClient, transactionalId: string, producer: ProducerState, partitions = [0], version = 3) {
  const body = {
    v3AndBelowTransactionalId: transactionalId,
    v3AndBelowProducerId: producer.producerId,
    v3AndBelowProducerEpoch: producer.producerEpoch,
    v3AndBelowTopics: [{ name: 'orders', partitions }],
  }
  const answer = await client.call(AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, version, body)
  return answer.resultsByTopicV3AndBelow[0].resultsByPartition.map(({ partitionErrorCode }) => partitionErrorCode)
}

async function end(
  client: RawClient,
  transactionalId: string,
  producer: ProducerState,
  committed: boolean,
  version = 5,
) {
  const body = { transactionalId, ...producer, committed }
  const answer = await client.call(EndTxnRequest, EndTxnResponse, version, body)
  return { errorCode: answer.errorCode, next: { producerId: answer.producerId, producerEpoch: answer.producerEpoch } }
}

/** What a reader sees, as text; at isolation level 1 what is neither open nor aborted. */
async function read(client: RawClient, isolationLevel: 0 | 1, partition = 0): Promise<string[]> {
  const values: string[] = []
  for (let offset = 0, end = 1; offset < end; ) {
    const partitions = [{ partition, fetchOffset: offset, partitionMaxBytes: 1_000_000 }]
    const topics = [{ topic: 'orders', partitions }]
    const body = { replicaId: -1, maxWaitMs: 0, minBytes: 0, isolationLevel, topics }
    const { responses } = await client.call(FetchRequest, FetchResponse, 11, body)
    const { records, abortedTransactions, errorCode, highWatermark, lastStableOffset } = responses[0].partitions[0]
    assert.equal(errorCode, ErrorCode.NONE)
    end = isolationLevel === 1 ? lastStableOffset : highWatermark
    const aborted = [...(abortedTransactions ?? [])].sort((a, b) => a.firstOffset - b.firstOffset)
    const skipped = new Set<number>()
    for (const batch of readBatches(records as Buffer)) {
      offset = batch.lastOffset + 1
      while (aborted.length > 0 && aborted[0].firstOffset <= batch.lastOffset) skipped.add(aborted.shift()!.producerId)
      if (batch.isControl) {
        skipped.delete(batch.producerId)
        continue
      }
      if (skipped.has(batch.producerId)) continue
      batch.forEach(({ value }) => {
        values.push(String(value))
      })
    }
  }
  return values
}

async function lastStable(client: RawClient): Promise<number> {
  const topics = [{ name: 'orders', partitions: [{ partitionIndex: 0, timestamp: -1 }] }]
  const answer = await client.call(ListOffsetsRequest, ListOffsetsResponse, 7, {
    replicaId: -1,
    isolationLevel: 1,
    topics,
  })
  return answer.topics[0].partitions[0].offset
}

test('transactions v1, in every version of their requests', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders')
  const expected: string[] = []
  for (const version of versions(0, 4)) {
    for (const committed of [true, false]) {
      const id = `tx-${version}-${committed}`
      const producer = await begin(client, id, version)
      assert.deepEqual(await add(client, id, producer, [0], Math.min(version, 3)), [ErrorCode.NONE])
      assert.equal(await produce(client, id, producer, [id], { version: 3 + version }), ErrorCode.NONE)
      assert.deepEqual(await read(client, 1), expected, 'nothing of what is open')
      assert.equal((await end(client, id, producer, committed, version)).errorCode, ErrorCode.NONE)
      if (committed) expected.push(id)
      assert.deepEqual(await read(client, 1), expected)
    }
  }
})

test('transactions v2: produce and offsets enter by themselves, and every transaction has an epoch of its own', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders', 2)
  let producer = await begin(client, 'tx')
  for (const [round, committed] of [true, false, true].entries()) {
    for (const index of [0, 1]) {
      assert.equal(await produce(client, 'tx', producer, [`${round}`], { index }), ErrorCode.NONE)
    }
    const more = { baseSequence: 1 }
    assert.equal(await produce(client, 'tx', producer, [`${round}b`], more), ErrorCode.NONE)
    const { errorCode, next } = await end(client, 'tx', producer, committed)
    assert.deepEqual([errorCode, next], [ErrorCode.NONE, { ...producer, producerEpoch: producer.producerEpoch + 1 }])
    assert.equal(await produce(client, 'tx', producer, ['late'], { index: 1 }), ErrorCode.INVALID_PRODUCER_EPOCH)
    producer = next
  }
  assert.deepEqual(await read(client, 1, 0), ['0', '0b', '2', '2b'])
  assert.deepEqual(await read(client, 1, 1), ['0', '2'])
  assert.deepEqual(await read(client, 0, 0), ['0', '0b', '1', '1b', '2', '2b'])
})

test('ApiVersions tells that transactions v2 are served; clients before version 4 are not shown a range from 0', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  const software = { clientSoftwareName: 'test', clientSoftwareVersion: '1' }
  for (const version of versions(3, 5)) {
    const answer = await client.call(ApiVersionsRequest, ApiVersionsResponse, version, software)
    const supported = answer.supportedFeatures.find(({ name }) => name === 'transaction.version')
    const finalized = answer.finalizedFeatures.find(({ name }) => name === 'transaction.version')
    assert.deepEqual(supported?.maxVersion, version >= 4 ? 2 : undefined)
    assert.equal(finalized?.maxVersionLevel, 2)
    assert.ok(answer.finalizedFeaturesEpoch >= 0)
  }
})

test('what belongs to no open transaction is refused, by the code that the version knows', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders', 2)
  const producer = await begin(client, 'tx')
  for (const version of versions(3, 11)) {
    const expected = version >= 11 ? ErrorCode.TRANSACTION_ABORTABLE : ErrorCode.INVALID_TXN_STATE
    assert.equal(await produce(client, 'tx', producer, ['x'], { version }), expected)
  }
  await add(client, 'tx', producer, [1])
  assert.equal(
    await produce(client, 'tx', producer, ['x'], { version: 10 }),
    ErrorCode.INVALID_TXN_STATE,
    'another partition',
  )
  assert.equal(await produce(client, 'tx', producer, ['x'], { version: 10, index: 1 }), ErrorCode.NONE)
  const stranger = { producerId: 4711, producerEpoch: 0 }
  for (const version of [10, 12]) {
    const code = await produce(client, 'tx', stranger, ['x'], { version })
    assert.equal(code, ErrorCode.INVALID_PRODUCER_ID_MAPPING)
  }
  assert.equal(await produce(client, null, producer, ['x']), ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
  assert.equal(await produce(client, 'nobody', producer, ['x']), ErrorCode.INVALID_PRODUCER_ID_MAPPING)
  assert.deepEqual(await read(client, 0, 0), [])
})

test('with verification switched off, producers of v1 are believed', async (t) => {
  const { connect } = await startBroker(t, { config: { 'transaction.partition.verification.enable': false } })
  const client = await connect()
  await createTopic(client, 'orders')
  const producer = await begin(client, 'tx')
  assert.equal(await produce(client, 'tx', producer, ['x'], { version: 10 }), ErrorCode.NONE)
})

test('partitions that do not exist keep the others out', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders')
  const producer = await begin(client, 'tx')
  const { UNKNOWN_TOPIC_OR_PARTITION, OPERATION_NOT_ATTEMPTED } = ErrorCode
  for (const version of versions(0, 3)) {
    assert.deepEqual(await add(client, 'tx', producer, [0, 9], version), [
      OPERATION_NOT_ATTEMPTED,
      UNKNOWN_TOPIC_OR_PARTITION,
    ])
  }
  assert.equal((await end(client, 'tx', producer, true, 4)).errorCode, ErrorCode.INVALID_TXN_STATE)
})

test('fenced producers are told so in the words of their version', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders')
  const old = await begin(client, 'tx')
  const now = await begin(client, 'tx')
  await add(client, 'tx', now)
  for (const version of versions(0, 3)) {
    const expected = version >= 2 ? ErrorCode.PRODUCER_FENCED : ErrorCode.INVALID_PRODUCER_EPOCH
    assert.deepEqual(await add(client, 'tx', old, [0], version), [expected])
    assert.equal((await end(client, 'tx', old, true, version)).errorCode, expected)
    const body = { transactionalId: 'tx', ...old, groupId: 'g' }
    const { errorCode } = await client.call(AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, version, body)
    assert.equal(errorCode, expected)
  }
  for (const version of versions(3, 5)) {
    const body = { transactionalId: 'tx', transactionTimeoutMs: 1000, ...old }
    const { errorCode } = await client.call(InitProducerIdRequest, InitProducerIdResponse, version, body)
    assert.equal(errorCode, version >= 4 ? ErrorCode.PRODUCER_FENCED : ErrorCode.INVALID_PRODUCER_EPOCH)
  }
})

test('offsets of a group count with their transaction, in every version', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  const topicId = await createTopic(client, 'orders', 2)
  const committedOffset = async (): Promise<number> => {
    const body = { groupId: 'g', requireStable: true, topics: [{ name: 'orders', partitionIndexes: [0] }] }
    const { topics } = await client.call(OffsetFetchRequest, OffsetFetchResponse, 7, body)
    const [{ errorCode, committedOffset: offset }] = topics[0].partitions
    return errorCode === ErrorCode.NONE ? offset : -errorCode
  }
  let producer = await begin(client, 'tx')
  let expected = -1
  for (const version of versions(0, 6)) {
    for (const committed of [false, true]) {
      const isImplicit = version >= 5
      const named = version >= 6 ? { topicId } : { name: 'orders' }
      const offset = 10 * version + (committed ? 1 : 0)
      const partitions = [
        { partitionIndex: 0, committedOffset: offset, committedMetadata: '' },
        { partitionIndex: 7, committedOffset: 1, committedMetadata: '' },
      ]
      const body = { transactionalId: 'tx', groupId: 'g', ...producer, topics: [{ ...named, partitions }] }
      const commit = async (): Promise<number[]> => {
        const { topics } = await client.call(TxnOffsetCommitRequest, TxnOffsetCommitResponse, version, body)
        return topics[0].partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex).map((p) => p.errorCode)
      }
      if (!isImplicit) {
        const refusal = version >= 4 ? ErrorCode.TRANSACTION_ABORTABLE : ErrorCode.INVALID_TXN_STATE
        assert.equal((await commit())[0], refusal, 'the group has not been added')
        const adding = { transactionalId: 'tx', ...producer, groupId: 'g' }
        const { errorCode } = await client.call(
          AddOffsetsToTxnRequest,
          AddOffsetsToTxnResponse,
          Math.min(version, 4),
          adding,
        )
        assert.equal(errorCode, ErrorCode.NONE)
      }
      assert.deepEqual(await commit(), [ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION])
      assert.equal(await committedOffset(), -ErrorCode.UNSTABLE_OFFSET_COMMIT)
      const ended = await end(client, 'tx', producer, committed, isImplicit ? 5 : Math.min(version, 4))
      assert.equal(ended.errorCode, ErrorCode.NONE)
      if (isImplicit) producer = ended.next
      if (committed) expected = offset
      assert.equal(await committedOffset(), expected)
    }
  }
})

test('the last stable offset is the first of the oldest open transaction', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders')
  const a = await begin(client, 'a')
  const b = await begin(client, 'b')
  await produce(client, 'a', a, ['a1', 'a2'])
  await produce(client, 'b', b, ['b1'])
  assert.equal(await lastStable(client), 0)
  await end(client, 'a', a, true)
  assert.equal(await lastStable(client), 2)
  await end(client, 'b', b, false)
  assert.equal(await lastStable(client), 5)
})

test('a transaction is told of, and an operator can end one that hangs', async (t) => {
  const { connect } = await startBroker(t, { config: { 'transaction.partition.verification.enable': false } })
  const client = await connect()
  await createTopic(client, 'orders')
  const producer = await begin(client, 'tx')
  await produce(client, 'tx', producer, ['x'])
  const described = await client.call(DescribeTransactionsRequest, DescribeTransactionsResponse, 0, {
    transactionalIds: ['tx', 'nobody'],
  })
  const [known, unknown] = described.transactionStates
  assert.deepEqual(
    [known.transactionState, known.producerId, known.transactionTimeoutMs, known.topics],
    ['Ongoing', producer.producerId, 60_000, [{ topic: 'orders', partitions: [0] }]],
  )
  assert.equal(unknown.errorCode, ErrorCode.TRANSACTIONAL_ID_NOT_FOUND)
  for (const version of versions(0, 2)) {
    const listed = await client.call(ListTransactionsRequest, ListTransactionsResponse, version, {
      stateFilters: ['Ongoing'],
    })
    assert.deepEqual(
      listed.transactionStates.map(({ transactionalId }) => transactionalId),
      ['tx'],
    )
  }
  // Another producer, of whom no coordinator knows anything, as a bug of another age would leave it.
  const lost = { producerId: 99_999, producerEpoch: 0 }
  assert.equal(await produce(client, 'gone', lost, ['hangs'], { version: 10 }), ErrorCode.NONE)
  await end(client, 'tx', producer, true)
  assert.equal(await lastStable(client), 1)
  for (const version of versions(1, 2)) {
    const topics = [{ name: 'orders', partitionIndexes: [0, 5] }]
    const markers = [{ ...lost, transactionResult: false, coordinatorEpoch: -1, topics }]
    const answer = await client.call(WriteTxnMarkersRequest, WriteTxnMarkersResponse, version, { markers })
    assert.deepEqual(
      answer.markers[0].topics[0].partitions.map(({ errorCode }) => errorCode),
      [ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    )
  }
  assert.deepEqual(await read(client, 1), ['x'])
})

test('brokers may ask whether partitions are in a transaction, and add them, for several at once', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders', 2)
  const producer = await begin(client, 'tx')
  const ask = async (version: number, verifyOnly: boolean, partitions: number[]): Promise<number[]> => {
    const transactions = [{ transactionalId: 'tx', ...producer, verifyOnly, topics: [{ name: 'orders', partitions }] }]
    const answer = await client.call(AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, version, { transactions })
    const [{ topicResults }] = answer.resultsByTransaction
    return topicResults[0].resultsByPartition.map(({ partitionErrorCode }) => partitionErrorCode)
  }
  assert.deepEqual(await ask(4, true, [0]), [ErrorCode.INVALID_TXN_STATE])
  assert.deepEqual(await ask(5, true, [0]), [ErrorCode.TRANSACTION_ABORTABLE])
  assert.deepEqual(await ask(4, false, [0]), [ErrorCode.NONE])
  assert.deepEqual(await ask(5, true, [0, 1]), [ErrorCode.NONE, ErrorCode.TRANSACTION_ABORTABLE])

  const adding = {
    transactionalId: 'tx',
    ...producer,
    verifyOnly: false,
    topics: [{ name: 'orders', partitions: [1] }],
  }
  const body = { transactions: [adding, adding] }
  const twice = await client.call(AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, 5, body)
  assert.deepEqual([twice.errorCode, twice.resultsByTransaction], [ErrorCode.INVALID_REQUEST, []])
  assert.deepEqual(await ask(5, true, [1]), [ErrorCode.TRANSACTION_ABORTABLE], 'nothing of it was done')
})

test('kill -9 leaves no transaction half visible, and an open one is aborted by its next producer', async (t) => {
  const fs = memoryFileSystem()
  const expected: string[] = []
  for (let round = 0; round < 6; round++) {
    const { broker, connect } = await startBroker(t, { fs })
    const client = await connect()
    if (round === 0) await createTopic(client, 'orders', 2)
    let producer = await begin(client, 'tx')
    for (const partition of [0, 1]) assert.deepEqual(await read(client, 1, partition), expected, `round ${round}`)
    for (const committed of [true, false]) {
      const value = `${round} ${committed}`
      for (const index of [0, 1]) await produce(client, 'tx', producer, [value], { index })
      producer = (await end(client, 'tx', producer, committed)).next
      if (committed) expected.push(value)
    }
    for (const index of [0, 1]) await produce(client, 'tx', producer, [`${round} open`], { index })
    // What was not answered may have been decided: then it is visible everywhere or nowhere.
    if (round % 2 === 1) client.send(EndTxnRequest, 5, { transactionalId: 'tx', ...producer, committed: false })
    await broker.kill()
  }
})

test('a request of transactions v2 is of one producer: nothing is written for another in its shadow', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders', 3)
  const producer = await begin(client, 'tx')
  const others = [await begin(client, 'other'), { ...producer, producerEpoch: producer.producerEpoch + 1 }]
  const partitionData = [producer, ...others].map((of, index) => ({
    index,
    records: batchOf([`${index}`], { ...of, baseSequence: 0, transactional: true }),
  }))
  const body = { transactionalId: 'tx', acks: -1, timeoutMs: 10_000, topicData: [{ name: 'orders', partitionData }] }
  const { responses } = await client.call(ProduceRequest, ProduceResponse, 12, body)
  const { INVALID_PRODUCER_ID_MAPPING } = ErrorCode
  assert.deepEqual(
    responses[0].partitionResponses.map(({ errorCode }) => errorCode),
    [INVALID_PRODUCER_ID_MAPPING, INVALID_PRODUCER_ID_MAPPING, INVALID_PRODUCER_ID_MAPPING],
  )
  for (const partition of [0, 1, 2]) assert.deepEqual(await read(client, 0, partition), [])
})

test('the producer of an aborted transaction may repeat its abort, and go on', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders')
  const producer = await begin(client, 'tx')
  await produce(client, 'tx', producer, ['x'])
  const first = await end(client, 'tx', producer, false)
  assert.deepEqual(await end(client, 'tx', producer, false), first)
  assert.equal((await end(client, 'tx', producer, true)).errorCode, ErrorCode.INVALID_TXN_STATE)
  assert.equal(await produce(client, 'tx', first.next, ['y']), ErrorCode.NONE)
  // The delayed end of the one before does nothing to the one that is open.
  assert.equal((await end(client, 'tx', producer, false)).errorCode, ErrorCode.PRODUCER_FENCED)
  assert.equal((await end(client, 'tx', first.next, true)).errorCode, ErrorCode.NONE)
  assert.deepEqual(await read(client, 1), ['y'])
})

test('a marker that an operator sends into the log of the coordinator does not stop it from being read', async (t) => {
  const fs = memoryFileSystem()
  const { broker, connect } = await startBroker(t, { fs, config: { 'transaction.state.log.num.partitions': 1 } })
  const client = await connect()
  await createTopic(client, 'orders')
  const producer = await begin(client, 'tx')
  const topics = [{ name: '__transaction_state', partitionIndexes: [0] }]
  const markers = [{ ...producer, transactionResult: false, coordinatorEpoch: 0, topics }]
  await client.call(WriteTxnMarkersRequest, WriteTxnMarkersResponse, 1, { markers })
  assert.equal(await produce(client, 'tx', producer, ['x']), ErrorCode.NONE)
  await broker.kill()
  const again = await (await startBroker(t, { fs })).connect()
  assert.equal((await begin(again, 'tx')).producerEpoch, producer.producerEpoch + 2)
})

test('a batch of transactions v2 does not overtake a first one that was refused', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders')
  const producer = await begin(client, 'tx')
  const [early, first] = [1, 0].map((baseSequence) => () => produce(client, 'tx', producer, ['x'], { baseSequence }))
  assert.equal(await early(), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
  assert.equal(await first(), ErrorCode.NONE)
  assert.equal(await early(), ErrorCode.NONE)
})

test('nor does one of transactions v1 overtake a first one that came before its partition was added', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders')
  const producer = await begin(client, 'tx')
  const send = (baseSequence: number) => produce(client, 'tx', producer, ['x'], { baseSequence, version: 11 })
  assert.equal(await send(0), ErrorCode.TRANSACTION_ABORTABLE)
  assert.deepEqual(await add(client, 'tx', producer), [ErrorCode.NONE])
  assert.equal(await send(1), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
  assert.equal(await send(0), ErrorCode.NONE)
  assert.equal(await send(1), ErrorCode.NONE)
})

test('the marker of a coordinator that has been replaced is refused', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders')
  const producer = await begin(client, 'tx')
  const mark = async (coordinatorEpoch: number): Promise<number> => {
    const topics = [{ name: 'orders', partitionIndexes: [0] }]
    const markers = [{ ...producer, transactionResult: false, coordinatorEpoch, topics }]
    const answer = await client.call(WriteTxnMarkersRequest, WriteTxnMarkersResponse, 1, { markers })
    return answer.markers[0].topics[0].partitions[0].errorCode
  }
  assert.equal(await mark(5), ErrorCode.NONE)
  assert.equal(await mark(4), ErrorCode.TRANSACTION_COORDINATOR_FENCED)
  assert.equal(await mark(5), ErrorCode.NONE)
})

test('a marker of transactions v2 does not end a transaction under its own epoch', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders')
  const producer = await begin(client, 'tx')
  await produce(client, 'tx', producer, ['x'])
  const mark = async (transactionVersion: number, producerEpoch: number): Promise<number> => {
    const topics = [{ name: 'orders', partitionIndexes: [0] }]
    const of = { producerId: producer.producerId, producerEpoch, transactionVersion }
    const markers = [{ ...of, transactionResult: false, coordinatorEpoch: 0, topics }]
    const answer = await client.call(WriteTxnMarkersRequest, WriteTxnMarkersResponse, 2, { markers })
    return answer.markers[0].topics[0].partitions[0].errorCode
  }
  const { producerEpoch } = producer
  assert.equal(await mark(2, producerEpoch), ErrorCode.INVALID_PRODUCER_EPOCH)
  assert.equal(await lastStable(client), 0)
  assert.equal(await mark(2, producerEpoch + 1), ErrorCode.NONE)
  assert.equal(await mark(2, producerEpoch + 1), ErrorCode.NONE, 'a repeat')
  assert.equal(await mark(0, producerEpoch), ErrorCode.INVALID_PRODUCER_EPOCH)
  assert.deepEqual(await read(client, 1), [])
})
