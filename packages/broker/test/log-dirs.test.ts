/** Several `log.dirs`: what clients see of a partition whose directory cannot be used. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { coordinatorPartition } from '@ottla/coordinator'
import {
  CreatePartitionsRequest,
  CreatePartitionsResponse,
  DeleteRecordsRequest,
  DeleteRecordsResponse,
  DeleteTopicsRequest,
  DeleteTopicsResponse,
  DescribeLogDirsRequest,
  DescribeLogDirsResponse,
  DescribeProducersRequest,
  DescribeProducersResponse,
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponse,
  ErrorCode,
  FetchRequest,
  FetchResponse,
  FindCoordinatorRequest,
  FindCoordinatorResponse,
  ListOffsetsRequest,
  ListOffsetsResponse,
  MetadataRequest,
  MetadataResponse,
  OffsetCommitRequest,
  OffsetCommitResponse,
  OffsetFetchRequest,
  OffsetFetchResponse,
  OffsetForLeaderEpochRequest,
  OffsetForLeaderEpochResponse,
} from '@ottla/protocol'
import type { FileSystem } from '@ottla/runtime'
import { memoryFileSystem } from '@ottla/runtime/node'
import type { RawClient } from '@ottla/testkit'
import { createTopic, produceTo } from './support/admin.ts'
import { batchOf } from './support/batches.ts'
import { type Started, startBroker } from './support/start.ts'
import { valuesIn } from './support/values.ts'

const CONFIG = { 'log.dirs': '/left,/right' }
const { NONE, KAFKA_STORAGE_ERROR, LEADER_NOT_AVAILABLE } = ErrorCode

/** `orders-0` and `orders-2` lie in `/left`, where the metadata is, `orders-1` and `orders-3` in `/right`. */
async function brokerWithOrders(t: Parameters<typeof startBroker>[0], fs: FileSystem): Promise<Started> {
  const started = await startBroker(t, { fs, config: CONFIG })
  const client = await started.connect()
  await createTopic(client, 'orders', 4)
  for (const index of [0, 1, 2, 3]) {
    assert.equal((await produceTo(client, 'orders', batchOf([`order ${index}`]), index)).errorCode, NONE)
  }
  assert.equal(started.broker.logs.getLog('orders', 1)?.directory, '/right/orders-1')
  return started
}

/** The volume is gone, and something else is in its place. */
function replaceByFile(fs: FileSystem): void {
  fs.rename('/right', '/volume')
  fs.open('/right', 'wx+').close()
}

function bringBack(fs: FileSystem): void {
  fs.unlink('/right')
  fs.rename('/volume', '/right')
}

async function fetchFrom(client: RawClient, partition: number, currentLeaderEpoch = -1) {
  const { responses } = await client.call(FetchRequest, FetchResponse, 12, {
    replicaId: -1,
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 1 << 20,
    topics: [
      { topic: 'orders', partitions: [{ partition, fetchOffset: 0, partitionMaxBytes: 1 << 20, currentLeaderEpoch }] },
    ],
  })
  return responses[0].partitions[0]
}

/** What every API says of `orders-1`, and that `orders-0` is served as if nothing were wrong. */
async function assertRightIsOffline(client: RawClient): Promise<void> {
  assert.equal((await produceTo(client, 'orders', batchOf(['more']), 1)).errorCode, KAFKA_STORAGE_ERROR)
  assert.equal((await produceTo(client, 'orders', batchOf(['more']), 0)).errorCode, NONE)
  for (const epoch of [-1, 77]) assert.equal((await fetchFrom(client, 1, epoch)).errorCode, KAFKA_STORAGE_ERROR)
  assert.deepEqual(valuesIn((await fetchFrom(client, 0)).records)[0], [0, 'order 0'])

  const offsets = await client.call(ListOffsetsRequest, ListOffsetsResponse, 7, {
    replicaId: -1,
    isolationLevel: 0,
    topics: [
      {
        name: 'orders',
        partitions: [
          { partitionIndex: 1, timestamp: -1 },
          { partitionIndex: 3, timestamp: -2, currentLeaderEpoch: 77 },
          { partitionIndex: 2, timestamp: -1 },
        ],
      },
    ],
  })
  assert.deepEqual(
    offsets.topics[0].partitions.map(({ errorCode, offset }) => [errorCode, offset]),
    [
      [KAFKA_STORAGE_ERROR, -1],
      [KAFKA_STORAGE_ERROR, -1],
      [NONE, 1],
    ],
  )

  const deleted = await client.call(DeleteRecordsRequest, DeleteRecordsResponse, 2, {
    topics: [{ name: 'orders', partitions: [{ partitionIndex: 1, offset: 0 }] }],
    timeoutMs: 1000,
  })
  assert.equal(deleted.topics[0].partitions[0].errorCode, KAFKA_STORAGE_ERROR)

  const producers = await client.call(DescribeProducersRequest, DescribeProducersResponse, 0, {
    topics: [{ name: 'orders', partitionIndexes: [0, 1] }],
  })
  assert.deepEqual(
    producers.topics[0].partitions.map(({ errorCode }) => errorCode),
    [NONE, KAFKA_STORAGE_ERROR],
  )

  const epochs = await client.call(OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, 4, {
    replicaId: -1,
    topics: [{ topic: 'orders', partitions: [{ partition: 1, leaderEpoch: 0, currentLeaderEpoch: 77 }] }],
  })
  assert.equal(epochs.topics[0].partitions[0].errorCode, KAFKA_STORAGE_ERROR)

  interface Told {
    readonly errorCode: number
    readonly leaderId: number
    readonly isrNodes: readonly number[]
    readonly replicaNodes: readonly number[]
    readonly offlineReplicas: readonly number[]
  }
  const told = ({ errorCode, leaderId, isrNodes, replicaNodes, offlineReplicas }: Told): Told => {
    return { errorCode, leaderId, isrNodes, replicaNodes, offlineReplicas }
  }
  const led: Told = { errorCode: NONE, leaderId: 1, isrNodes: [1], replicaNodes: [1], offlineReplicas: [] }
  const unled: Told = { ...led, errorCode: LEADER_NOT_AVAILABLE, leaderId: -1, offlineReplicas: [1] }
  const metadata = await client.call(MetadataRequest, MetadataResponse, 12, { topics: [{ name: 'orders' }] })
  assert.equal(metadata.topics[0].errorCode, NONE)
  assert.deepEqual(metadata.topics[0].partitions.map(told), [led, unled, led, unled])
  const described = await client.call(DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, 0, {
    topics: [{ name: 'orders' }],
    responsePartitionLimit: 100,
  })
  assert.deepEqual(described.topics[0].partitions.map(told), [led, unled, led, unled])

  const { results } = await client.call(DescribeLogDirsRequest, DescribeLogDirsResponse, 4, { topics: null })
  assert.deepEqual(
    results.map(({ logDir, errorCode, topics }) => [
      logDir,
      errorCode,
      topics.flatMap((topic) => topic.partitions).length,
    ]),
    [
      ['/left', NONE, 2],
      ['/right', KAFKA_STORAGE_ERROR, 0],
    ],
  )
}

async function assertAllThere(client: RawClient): Promise<void> {
  for (const index of [0, 1, 2, 3]) {
    const { errorCode, records } = await fetchFrom(client, index)
    assert.equal(errorCode, NONE)
    assert.deepEqual(valuesIn(records)[0], [0, `order ${index}`])
  }
}

test('a directory that is gone at the start: its partitions are offline, not made anew; all is there when it is back', async (t) => {
  const fs = memoryFileSystem()
  const first = await brokerWithOrders(t, fs)
  await first.broker.close()
  replaceByFile(fs)
  const second = await startBroker(t, { fs, config: CONFIG })
  const client = await second.connect()
  assert.ok(second.broker.isReady)
  await assertRightIsOffline(client)
  assert.deepEqual(
    fs.readdir('/left').filter((name) => name.startsWith('orders-')),
    ['orders-0', 'orders-2'],
  )
  // What is new has never been in the directory.
  await createTopic(client, 'fresh', 2)
  const added = await client.call(CreatePartitionsRequest, CreatePartitionsResponse, 2, {
    topics: [{ name: 'fresh', count: 3, assignments: null }],
    timeoutMs: 1000,
    validateOnly: false,
  })
  assert.equal(added.results[0].errorCode, NONE)
  for (const index of [0, 1, 2]) assert.equal((await produceTo(client, 'fresh', batchOf(['x']), index)).errorCode, NONE)
  await second.broker.close()
  bringBack(fs)
  const third = await startBroker(t, { fs, config: CONFIG })
  const again = await third.connect()
  await assertAllThere(again)
  assert.equal((await produceTo(again, 'orders', batchOf(['more']), 1)).baseOffset, 1)
})

test('a coordinator whose partition is offline knows nothing, and does not say that nothing was committed', async (t) => {
  const fs = memoryFileSystem()
  const config = { ...CONFIG, 'offsets.topic.num.partitions': 2 }
  const first = await brokerWithOrders(t, fs)
  await first.broker.close()
  const second = await startBroker(t, { fs, config })
  const client = await second.connect()
  await client.call(FindCoordinatorRequest, FindCoordinatorResponse, 3, { key: 'any' })
  const directoryOf = (groupId: string): string | undefined =>
    second.broker.logs.getLog('__consumer_offsets', coordinatorPartition(groupId, 2))?.directory
  const groups = ['a', 'b']
  assert.deepEqual(groups.map(directoryOf).sort(), ['/left/__consumer_offsets-0', '/right/__consumer_offsets-1'])
  for (const groupId of groups) {
    const partitions = [{ partitionIndex: 0, committedOffset: 5, committedMetadata: null }]
    const body = { groupId, topics: [{ name: 'orders', partitions }] }
    const { topics } = await client.call(OffsetCommitRequest, OffsetCommitResponse, 8, body)
    assert.equal(topics[0].partitions[0].errorCode, NONE)
  }
  const isRight = groups.map((groupId) => directoryOf(groupId)?.startsWith('/right'))
  await second.broker.close()
  replaceByFile(fs)
  const third = await startBroker(t, { fs, config })
  const asker = await third.connect()
  const fetched = async (groupId: string): Promise<number[]> => {
    for (;;) {
      const body = { groupId, topics: [{ name: 'orders', partitionIndexes: [0] }] }
      const { errorCode, topics } = await asker.call(OffsetFetchRequest, OffsetFetchResponse, 7, body)
      if (errorCode !== ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)
        return [errorCode, topics[0]?.partitions[0]?.committedOffset]
    }
  }
  for (const [i, groupId] of groups.entries()) {
    const [errorCode, offset] = await fetched(groupId)
    if (isRight[i]) assert.equal(errorCode, ErrorCode.NOT_COORDINATOR)
    else assert.deepEqual([errorCode, offset], [NONE, 5])
  }
})

test('a directory that fails while the broker runs looks the same', async (t) => {
  const fs = memoryFileSystem()
  const { broker, connect } = await brokerWithOrders(t, fs)
  broker.logs.getLog('orders', 3)!.fail(Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' }))
  await assertRightIsOffline(await connect())
})

test('a topic is deleted while a directory is gone: what is left of it goes when that is back', async (t) => {
  const fs = memoryFileSystem()
  const first = await brokerWithOrders(t, fs)
  await first.broker.close()
  replaceByFile(fs)
  const second = await startBroker(t, { fs, config: CONFIG })
  const client = await second.connect()
  const { responses } = await client.call(DeleteTopicsRequest, DeleteTopicsResponse, 5, {
    topicNames: ['orders'],
    timeoutMs: 1000,
  })
  assert.equal(responses[0].errorCode, NONE)
  // Made anew with other records, where there is room for it.
  await createTopic(client, 'orders', 2)
  for (const index of [0, 1]) await produceTo(client, 'orders', batchOf([`again ${index}`]), index)
  await second.broker.close()
  bringBack(fs)
  const third = await startBroker(t, { fs, config: CONFIG })
  const again = await third.connect()
  assert.deepEqual(valuesIn((await fetchFrom(again, 0)).records), [[0, 'again 0']])
  assert.equal(third.broker.logs.getLog('orders', 1)?.directory, '/left/orders-1')
  assert.deepEqual(
    fs.readdir('/right').filter((name) => /^orders-\d+$/.test(name)),
    [],
  )
})

test('without the directory of the metadata, or without the metadata in it, nothing is begun anew', async (t) => {
  const fs = memoryFileSystem()
  const { broker } = await brokerWithOrders(t, fs)
  await broker.close()
  fs.rename('/left', '/volume')
  fs.open('/left', 'wx+').close()
  await assert.rejects(startBroker(t, { fs, config: CONFIG }), {
    code: 'IO',
    message: /^\/left cannot be used, and the metadata of all topics is in it: ENOTDIR/,
  })
  // Not mounted.
  fs.unlink('/left')
  await assert.rejects(startBroker(t, { fs, config: CONFIG }), {
    code: 'NOT_FOUND',
    message: /^\/left\/\.metadata, which names the topics, is missing/,
  })
  fs.rmdir('/left')
  // Nor when the other holds no logs.
  fs.mkdir('/left')
  for (const index of [1, 3]) fs.rename(`/right/orders-${index}`, `/volume/kept-${index}`)
  await assert.rejects(startBroker(t, { fs, config: CONFIG }), { code: 'NOT_FOUND' })
  for (const index of [1, 3]) fs.rename(`/volume/kept-${index}`, `/right/orders-${index}`)
  fs.rmdir('/left')
  fs.rename('/volume', '/left')
  // The first of the directories is another one.
  await assert.rejects(startBroker(t, { fs, config: { 'log.dirs': '/right,/left' } }), { code: 'NOT_FOUND' })
  const started = await startBroker(t, { fs, config: CONFIG })
  await assertAllThere(await started.connect())
})
