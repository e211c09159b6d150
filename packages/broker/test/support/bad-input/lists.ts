import assert from 'node:assert/strict'
import {
  AlterConfigsRequest,
  CreatePartitionsRequest,
  CreateTopicsRequest,
  DeleteRecordsRequest,
  DeleteTopicsRequest,
  DescribeConfigsRequest,
  DescribeProducersRequest,
  DescribeTopicPartitionsRequest,
  ErrorCode,
  FetchRequest,
  FindCoordinatorRequest,
  IncrementalAlterConfigsRequest,
  ListOffsetsRequest,
  MetadataRequest,
  MetadataResponse,
  OffsetForLeaderEpochRequest,
  ProduceRequest,
} from '@ottla/protocol'
import { encoded } from './bytes.ts'
import type { BadInput } from './target.ts'

/** Requests with lists as long as they may be, and one longer. */

/** Elements of all lists of a request (docs/limits.md). */
const ELEMENTS_MAX = 25_000
const TOPIC_RESOURCE = 2
const AT_ONCE = 60

const timeoutMs = 1000

function many<T>(count: number, element: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => element(i))
}

/** Names that fit a topic, which are not there. */
function named(count: number): { name: string }[] {
  return many(count, (i) => ({ name: `t${i}` }))
}

function manyTopics(count: number) {
  return { topics: named(count), allowAutoTopicCreation: false }
}

/** One topic, and what else the element takes in partitions that it does not have. */
function inPartitions<P>(partition: (partitionIndex: number) => P): P[] {
  return many(ELEMENTS_MAX - 1, (i) => partition(i + 1))
}

const resources = many(ELEMENTS_MAX, (i) => ({ resourceType: TOPIC_RESOURCE, resourceName: `t${i}`, configs: [] }))

/** By API; made when they are sent. */
const LONGEST: Readonly<Record<string, (topic: string) => Buffer>> = {
  Produce: (name) => {
    const partitionData = inPartitions((index) => ({ index, records: null }))
    return encoded(ProduceRequest, 9, { acks: -1, timeoutMs, topicData: [{ name, partitionData }] })
  },
  Fetch: (topic) => {
    const partitions = inPartitions((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 1 }))
    return encoded(FetchRequest, 12, { maxWaitMs: 0, minBytes: 1, maxBytes: 1, topics: [{ topic, partitions }] })
  },
  ListOffsets: (name) => {
    const partitions = inPartitions((partitionIndex) => ({ partitionIndex, timestamp: -1 }))
    return encoded(ListOffsetsRequest, 7, { replicaId: -1, topics: [{ name, partitions }] })
  },
  OffsetForLeaderEpoch: (topic) => {
    const partitions = inPartitions((partition) => ({ partition, leaderEpoch: 0 }))
    return encoded(OffsetForLeaderEpochRequest, 4, { replicaId: -1, topics: [{ topic, partitions }] })
  },
  DeleteRecords: (name) => {
    const partitions = inPartitions((partitionIndex) => ({ partitionIndex, offset: 0 }))
    return encoded(DeleteRecordsRequest, 2, { topics: [{ name, partitions }], timeoutMs })
  },
  DescribeProducers: (name) =>
    encoded(DescribeProducersRequest, 0, { topics: [{ name, partitionIndexes: inPartitions((i) => i) }] }),
  FindCoordinator: () =>
    encoded(FindCoordinatorRequest, 4, { keyType: 0, coordinatorKeys: many(ELEMENTS_MAX, (i) => `g${i}`) }),
  CreateTopics: () => {
    const topics = many(ELEMENTS_MAX, (i) => ({ name: `t${i}`, numPartitions: 1, replicationFactor: 1 }))
    return encoded(CreateTopicsRequest, 7, { topics, timeoutMs })
  },
  'CreateTopics, to validate': () => {
    const topics = many(ELEMENTS_MAX, (i) => ({ name: `t${i}`, numPartitions: -7, replicationFactor: 1 }))
    return encoded(CreateTopicsRequest, 7, { topics, timeoutMs, validateOnly: true })
  },
  DeleteTopics: () => encoded(DeleteTopicsRequest, 6, { topics: named(ELEMENTS_MAX), timeoutMs }),
  CreatePartitions: () => {
    const topics = many(ELEMENTS_MAX, (i) => ({ name: `t${i}`, count: 2, assignments: null }))
    return encoded(CreatePartitionsRequest, 3, { topics, timeoutMs })
  },
  DescribeTopicPartitions: () =>
    encoded(DescribeTopicPartitionsRequest, 0, { topics: named(ELEMENTS_MAX), responsePartitionLimit: 2000 }),
  DescribeConfigs: () =>
    encoded(DescribeConfigsRequest, 4, {
      resources: resources.map(({ resourceType, resourceName }) => ({ resourceType, resourceName })),
    }),
  AlterConfigs: () => encoded(AlterConfigsRequest, 2, { resources }),
  IncrementalAlterConfigs: () => encoded(IncrementalAlterConfigsRequest, 1, { resources }),
}

function longest(api: string, request: (topic: string) => Buffer): BadInput {
  return {
    name: `the longest list: ${api}`,
    outcome: 'answers',
    async play(target) {
      const { topic } = await target.topic()
      const client = await target.connect()
      client.sendBytes(request(topic))
      assert.equal((await client.receiveFrame())?.readInt32BE(0), 1)
    },
  }
}

export const lists: readonly BadInput[] = [
  {
    name: 'a list of more than 25,000',
    outcome: 'closes',
    async play(target) {
      const client = await target.connect()
      client.sendBytes(encoded(MetadataRequest, 9, manyTopics(ELEMENTS_MAX + 1)))
      await target.endOf(client)
    },
  },
  {
    name: 'the longest list: Metadata',
    outcome: 'answers',
    async play(target) {
      const client = await target.connect()
      const { topics } = await client.call(MetadataRequest, MetadataResponse, 9, manyTopics(ELEMENTS_MAX))
      assert.equal(topics.length, ELEMENTS_MAX)
      assert.equal(topics[ELEMENTS_MAX - 1].errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    },
  },
  ...Object.entries(LONGEST).map(([api, request]) => longest(api, request)),
  {
    name: `the longest list: ${AT_ONCE} at once`,
    outcome: 'answers',
    othersAnsweredMin: AT_ONCE / 10,
    async play(target) {
      const client = await target.connect()
      const request = encoded(MetadataRequest, 9, manyTopics(ELEMENTS_MAX))
      client.sendBytes(Buffer.concat(many(AT_ONCE, () => request)))
      for (let i = 0; i < AT_ONCE; i++) assert.equal((await client.receiveFrame())?.readInt32BE(0), 1)
    },
  },
]
