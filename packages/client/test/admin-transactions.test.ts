import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ErrorCode } from '@ottla/protocol'
import {
  describeProducersApi,
  describeTransactionsApi,
  listTransactionsApi,
  writeTxnMarkersApi,
} from '../src/admin/apis.ts'
import { findCoordinatorApi, initProducerIdApi, metadataApi } from '../src/apis.ts'
import { Kafka } from '../src/index.ts'
import { FakeBroker, metadataOf } from './support/fake-broker.ts'

async function oneBroker(t: TestContext) {
  const broker = await new FakeBroker(1).listen(t)
  broker
    .on(metadataApi, () => metadataOf([broker], { t: [1] }))
    .on(findCoordinatorApi, ({ coordinatorKeys, keyType }) => {
      assert.equal(keyType, 1)
      return {
        coordinators: coordinatorKeys.map((key) => ({ key, nodeId: 1, host: '127.0.0.1', port: broker.port })),
      }
    })
  const kafka = new Kafka({ bootstrap: `127.0.0.1:${broker.port}`, retryBackOffMs: 1, retryBackOffMaxMs: 1 })
  t.after(() => kafka.close())
  return { broker, admin: kafka.admin }
}

test('transactions are listed and described, and unknown ids are named', async (t) => {
  const { broker, admin } = await oneBroker(t)
  broker
    .on({ ...listTransactionsApi, maxVersion: 1 }, ({ durationFilter }) => ({
      transactionStates: [
        { transactionalId: 'z', producerId: 2, transactionState: 'Ongoing' },
        { transactionalId: 'a', producerId: durationFilter, transactionState: 'Empty' },
      ],
    }))
    .on(describeTransactionsApi, ({ transactionalIds }) => ({
      transactionStates: transactionalIds.map((transactionalId) =>
        transactionalId === 'nope'
          ? { transactionalId, errorCode: ErrorCode.TRANSACTIONAL_ID_NOT_FOUND, transactionState: '' }
          : {
              transactionalId,
              transactionState: 'Ongoing',
              transactionTimeoutMs: 60_000,
              transactionStartTimeMs: 5,
              producerId: 7,
              producerEpoch: 1,
              topics: [{ topic: 't', partitions: [1, 0] }],
            },
      ),
    }))
  const { transactions } = await admin.listTransactions({ olderThanMs: 9 })
  assert.deepEqual(
    transactions.map((t) => [t.transactionalId, t.producerId, t.state]),
    [
      ['a', 9, 'Empty'],
      ['z', 2, 'Ongoing'],
    ],
  )
  await assert.rejects(admin.listTransactions({ pattern: 'a.*' }), { code: 'UNSUPPORTED_VERSION' })
  const [open, nope] = await admin.describeTransactions(['z', 'nope'])
  assert.deepEqual(open.transaction, {
    transactionalId: 'z',
    coordinatorId: 1,
    state: 'Ongoing',
    producerId: 7,
    producerEpoch: 1,
    timeoutMs: 60_000,
    startTimeMs: 5,
    partitions: [
      { topic: 't', partition: 0 },
      { topic: 't', partition: 1 },
    ],
  })
  assert.equal(nope.error?.code, 'TRANSACTIONAL_ID_NOT_FOUND')
})

test('a hanging transaction is found at the leader, and aborted there', async (t) => {
  const { broker, admin } = await oneBroker(t)
  const written: unknown[] = []
  let errorCode = 0
  broker
    .on(describeProducersApi, ({ topics }) => ({
      topics: topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partitionIndex) => ({
          partitionIndex,
          activeProducers: [
            { producerId: 9, producerEpoch: 3, coordinatorEpoch: -1, currentTxnStartOffset: 40 },
            { producerId: 8, producerEpoch: 0, coordinatorEpoch: 2, lastSequence: 4, lastTimestamp: 6 },
          ],
        })),
      })),
    }))
    .on(writeTxnMarkersApi, ({ markers }) => {
      written.push(...markers)
      const [{ producerId, topics }] = markers
      const [{ name, partitionIndexes }] = topics
      const partitions = partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode }))
      return { markers: [{ producerId, topics: [{ name, partitions }] }] }
    })
  const at = { topic: 't', partition: 0 }
  const [{ producers }, absent] = await admin.describeProducers([at, { topic: 't', partition: 7 }])
  assert.equal(absent.error?.code, 'UNKNOWN_TOPIC_OR_PARTITION')
  assert.deepEqual(
    producers.map((p) => [p.producerId, p.coordinatorEpoch, p.txnStartOffset]),
    [
      [8, 2, null],
      [9, null, 40],
    ],
  )
  await admin.abortTransaction({ ...at, ...producers[1] })
  assert.deepEqual(written, [
    {
      producerId: 9,
      producerEpoch: 3,
      transactionResult: false,
      topics: [{ name: 't', partitionIndexes: [0] }],
      coordinatorEpoch: 0,
      transactionVersion: 0,
    },
  ])
  errorCode = ErrorCode.INVALID_PRODUCER_EPOCH
  await assert.rejects(admin.abortTransaction({ ...at, ...producers[1] }), { code: 'INVALID_PRODUCER_EPOCH' })
})

test('producers are fenced, after the transaction that is just being ended', async (t) => {
  const { broker, admin } = await oneBroker(t)
  const errors = [ErrorCode.CONCURRENT_TRANSACTIONS, 0]
  broker.on(initProducerIdApi, ({ transactionalId }) => {
    if (transactionalId === 'mine') return { producerId: 4, producerEpoch: 6, errorCode: errors.shift() }
    return { errorCode: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED }
  })
  const fenced = await admin.fenceProducers(['mine', 'theirs'])
  assert.deepEqual(
    fenced.map((f) => [f.producerId, f.producerEpoch, f.error?.code ?? 'OK']),
    [
      [4, 6, 'OK'],
      [-1, -1, 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'],
    ],
  )
})
