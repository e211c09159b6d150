import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { type TestContext, test } from 'node:test'
import { ErrorCode } from '@ottla/protocol'
import {
  describeProducersApi,
  describeTransactionsApi,
  listTransactionsApi,
  writeTxnMarkersApi,
} from '../../client/src/admin/apis.ts'
import { findCoordinatorApi, initProducerIdApi, metadataApi } from '../../client/src/apis.ts'
import { FakeBroker, metadataOf } from '../../client/test/support/fake-broker.ts'
import { startBroker } from '../src/index.ts'
import { bin, ottla } from './support/run.ts'

/** A broker on which `open` has a transaction in `t`, `idle` none, and the producer 9 one that hangs. */
async function withTransactions(t: TestContext) {
  const fake = await new FakeBroker(1).listen(t)
  fake
    .on(metadataApi, () => metadataOf([fake], { t: [1, 1] }))
    .on(findCoordinatorApi, ({ coordinatorKeys }) => ({
      coordinators: coordinatorKeys.map((key) => ({ key, nodeId: 1, host: '127.0.0.1', port: fake.port })),
    }))
    .on(listTransactionsApi, ({ stateFilters, durationFilter }) => {
      const all = [
        { transactionalId: 'open', producerId: 7, transactionState: 'Ongoing' },
        { transactionalId: 'idle', producerId: 8, transactionState: 'Empty' },
      ]
      const some = all.filter((s) => stateFilters.length === 0 || stateFilters.includes(s.transactionState))
      return { transactionStates: durationFilter > 60_000 ? [] : some }
    })
    .on(describeTransactionsApi, ({ transactionalIds }) => ({
      transactionStates: transactionalIds.map((transactionalId) => {
        if (transactionalId !== 'open' && transactionalId !== 'idle') {
          return { transactionalId, errorCode: ErrorCode.TRANSACTIONAL_ID_NOT_FOUND, transactionState: '' }
        }
        const isOpen = transactionalId === 'open'
        return {
          transactionalId,
          transactionState: isOpen ? 'Ongoing' : 'Empty',
          transactionTimeoutMs: 60_000,
          transactionStartTimeMs: isOpen ? Date.now() - 3_600_000 * 5 : -1,
          producerId: isOpen ? 7 : 8,
          producerEpoch: 1,
          topics: isOpen ? [{ topic: 't', partitions: [0, 1] }] : [],
        }
      }),
    }))
    .on(initProducerIdApi, () => ({ producerId: 7, producerEpoch: 2 }))
    .on(describeProducersApi, ({ topics }) => ({
      topics: topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partitionIndex) => ({
          partitionIndex,
          activeProducers:
            partitionIndex === 0
              ? [
                  { producerId: 9, producerEpoch: 3, coordinatorEpoch: -1, currentTxnStartOffset: 40 },
                  { producerId: 8, producerEpoch: 0, coordinatorEpoch: 2, lastSequence: 4, lastTimestamp: 6 },
                ]
              : [],
        })),
      })),
    }))
    .on(writeTxnMarkersApi, ({ markers }) => ({
      markers: markers.map(({ producerId, topics }) => ({
        producerId,
        topics: topics.map(({ name, partitionIndexes }) => ({
          name,
          partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode: 0 })),
        })),
      })),
    }))
  const run = (args: string) => ottla(args.split(' '), { env: { OTTLA_BOOTSTRAP: `127.0.0.1:${fake.port}` } })
  return { fake, run }
}

test('transactions are listed and described', async (t) => {
  const { run } = await withTransactions(t)
  assert.equal(
    (await run('txn list')).stdout,
    `TRANSACTIONAL ID  STATE    PRODUCER  COORDINATOR
idle              Empty           8            1
open              Ongoing         7            1
`,
  )
  assert.equal((await run('txn list o* --names')).stdout, 'open\n')
  assert.equal((await run('txn list --state ONGOING --names')).stdout, 'open\n')
  assert.equal((await run('txn list --older-than 2m -o json')).stdout, '[]\n')
  assert.equal((await run('txn list --older-than soon')).code, 2)
  const described = await run('txn describe open idle nope')
  assert.deepEqual(
    [described.code, described.stderr],
    [5, 'ottla: transactional id nope is not known to its coordinator\n'],
  )
  assert.equal(
    described.stdout,
    `TRANSACTIONAL ID  STATE    PRODUCER  EPOCH  OPEN FOR  TIMEOUT  COORDINATOR  PARTITIONS
open              Ongoing         7      1        5h      60s            1  t 0-1
idle              Empty           8      1         -      60s            1  -
`,
  )
  const [open] = JSON.parse((await run('txn describe open -o json')).stdout)
  assert.equal(Date.parse(open.startTime), open.startTimeMs)
  assert.equal((await run('txn describe nope')).code, 4)
  assert.equal((await run('txn describe')).code, 2)
})

test('the producers of a partition are shown, with where their transactions begin', async (t) => {
  const { run } = await withTransactions(t)
  assert.equal(
    (await run('txn producers t')).stdout,
    `TOPIC  PARTITION  PRODUCER  EPOCH  SEQUENCE  LAST RECORD               OPEN SINCE
t              0         8      0         4  1970-01-01T00:00:00.006Z           -
t              0         9      3         -  -                                 40
`,
  )
  const open = JSON.parse((await run('txn producers t --open -o json')).stdout)
  assert.deepEqual(
    open.map((p: { producerId: number; txnStartOffset: number }) => [p.producerId, p.txnStartOffset]),
    [[9, 40]],
  )
  assert.equal((await run('txn producers t -p 7')).code, 2)
})

test('an open transaction is aborted by its id, one that hangs in its partition', async (t) => {
  const { fake, run } = await withTransactions(t)
  const byId = await run('txn abort open idle nope')
  assert.deepEqual(
    [byId.code, byId.stdout],
    [5, 'aborted the transaction of open\nidle has no open transaction (Empty)\n'],
  )
  const fenced = fake.requests.filter((r) => r.name === 'InitProducerId')
  assert.deepEqual(
    fenced.map((r) => (r.body as { transactionalId: string }).transactionalId),
    ['open'],
  )
  assert.equal(fake.count('WriteTxnMarkers'), 0)

  const absent = await run('txn abort t -p 0 --start-offset 41')
  assert.deepEqual(
    [absent.code, absent.stderr],
    [4, 'ottla: t-0 has no open transaction that begins at 41: open ones begin at 40\n'],
  )
  for (const args of ['t -p 0 --start-offset 40', '-p 0 --topic t --producer-id 9']) {
    const aborted = await run(`txn abort ${args}`)
    assert.deepEqual([aborted.code, aborted.stdout], [0, 'aborted the transaction of producer 9 in t-0\n'], args)
  }
  const written = fake.requests.filter((r) => r.name === 'WriteTxnMarkers')
  const [marker] = (written[0].body as { markers: { producerEpoch: number; coordinatorEpoch: number }[] }).markers
  assert.deepEqual([written.length, marker.producerEpoch, marker.coordinatorEpoch], [2, 3, 0])
  const kafkas = 'txn abort --topic t --partition 1 --producer-id 5 --producer-epoch 6 --coordinator-epoch 7'
  assert.equal((await run(kafkas)).stdout, 'aborted the transaction of producer 5 in t-1\n')
  for (const args of ['', 't -p 0', '--start-offset 4 x', 't u -p 0 --start-offset 4']) {
    assert.equal((await run(`txn abort ${args}`.trim())).code, 2, args)
  }
})

test('produce writes in transactions: so many records each, and nothing of one that is interrupted', async (t) => {
  const broker = await startBroker()
  t.after(() => broker.close())
  const run = (args: string, input?: string) =>
    ottla(args.split(' '), { input, env: { OTTLA_BOOTSTRAP: broker.bootstrap } })
  await run('topic create t')
  const write = 'produce t --transactional-id import'
  const three = await run(`${write} --commit-every 2 -o jsonl`, 'a\nb\nc\nd\ne\n')
  // Each transaction ends with a marker, which takes an offset.
  assert.deepEqual(
    three.stdout.split('\n', 5).map((line) => JSON.parse(line).offset),
    [0, 1, 3, 4, 6],
  )
  assert.deepEqual([three.code, three.stderr], [0, ''])
  const states = async () => JSON.parse((await run('txn list -o json')).stdout)[0].state
  const wrong = await run(`${write} -i jsonl`, '{"value":"x"}\nnonsense\n')
  assert.equal(wrong.code, 2)
  assert.match(
    wrong.stderr,
    /^ottla: 0 records committed, the transaction of 1 record aborted\nottla: .*line 2: not JSON/,
  )

  const child = spawn(process.execPath, [bin, ...write.split(' ')], {
    env: { ...process.env, OTTLA_BOOTSTRAP: broker.bootstrap },
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk
  })
  const ended = new Promise((resolve) => child.once('close', resolve))
  child.stdin.write('y\n')
  while ((await states()) !== 'Ongoing') if (child.exitCode !== null) assert.fail(stderr)
  child.kill('SIGINT')
  assert.equal(await ended, 130)
  assert.equal(stderr, 'ottla: 0 records committed, the transaction of 1 record aborted\n')
  assert.match(await states(), /Abort|Empty/)

  for (const [args, message] of [
    [`${write} -a 1`, /--acks is all/],
    [`${write} --commit-every 0`, /--commit-every is a number of records or a time/],
    ['produce t --commit-every 5', /give --transactional-id as well/],
  ] as const) {
    const refused = await run(args, 'x\n')
    assert.equal(refused.code, 2)
    assert.match(refused.stderr, message)
  }
})
