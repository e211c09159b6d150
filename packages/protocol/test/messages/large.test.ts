import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  AddPartitionsToTxnResponse,
  DescribeConfigsResponse,
  FetchRequest,
  FetchResponse,
  JoinGroupResponse,
  ListGroupsResponse,
  ListOffsetsResponse,
  type Message,
  MetadataResponse,
  OffsetCommitRequest,
  OffsetCommitResponse,
  OffsetDeleteRequest,
  OffsetFetchResponse,
  ProduceRequest,
  ProduceResponse,
  UpdateMetadataRequest,
} from '@ottla/protocol'
import { versionsOf } from './all.ts'

/**
 * The reader's bound on allocation must not meet what real clusters send. These are as large as clusters get, and dense:
 * few replicas, names of about ten characters, and nothing said that can be left out.
 */

const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))
const uuid = (i: number) => Buffer.from(String(i).padStart(16)).toString('base64url')
const offset = (i: number) => 2 ** 40 + i

const partitionsOf = (count: number, replicas: number) =>
  times(count, (i) => ({
    partitionIndex: i,
    leaderId: i % 9,
    leaderEpoch: 12,
    replicaNodes: times(replicas, (r) => r),
    isrNodes: times(replicas, (r) => r),
  }))

const topics = <T>(count: number, partitions: (i: number) => T) =>
  times(count, (i) => ({ name: `orders-${i}`, topic: `orders-${i}`, topicId: uuid(i), ...partitions(i) }))

interface Case {
  readonly name: string
  readonly message: Message
  readonly value: (version: number) => object
}

const cases: readonly Case[] = [
  ...[1, 3].flatMap((replicas) => [
    {
      name: `Metadata of one topic with 50,000 partitions of ${replicas} replicas`,
      message: MetadataResponse as Message,
      value: () => ({ topics: topics(1, () => ({ partitions: partitionsOf(50_000, replicas) })) }),
    },
    {
      name: `Metadata of 20,000 topics with a partition of ${replicas} replicas each`,
      message: MetadataResponse as Message,
      value: () => ({ topics: topics(20_000, () => ({ partitions: partitionsOf(1, replicas) })) }),
    },
  ]),
  {
    name: 'UpdateMetadata of 50,000 partitions',
    message: UpdateMetadataRequest as Message,
    value: (version) => {
      const states = times(50_000, (i) => ({
        topicName: version < 5 ? 't' : '',
        partitionIndex: i,
        isr: [1],
        replicas: [1],
      }))
      if (version < 5) return { ungroupedPartitionStates: states }
      return { topicStates: [{ topicName: 't', partitionStates: states }] }
    },
  },
  {
    name: 'OffsetCommit of 50,000 partitions',
    message: OffsetCommitRequest as Message,
    value: () => ({
      topics: topics(1, () => ({
        partitions: times(50_000, (i) => ({ partitionIndex: i, committedOffset: offset(i), committedMetadata: '' })),
      })),
    }),
  },
  {
    name: 'OffsetCommit of 20,000 topics',
    message: OffsetCommitRequest as Message,
    value: () => ({
      topics: topics(20_000, (i) => ({
        partitions: [{ partitionIndex: 0, committedOffset: offset(i), committedMetadata: '' }],
      })),
    }),
  },
  {
    name: 'the answer to OffsetCommit of 50,000 partitions',
    message: OffsetCommitResponse as Message,
    value: () => ({ topics: topics(1, () => ({ partitions: times(50_000, (i) => ({ partitionIndex: i })) })) }),
  },
  {
    name: 'offsets of 50,000 partitions',
    message: OffsetFetchResponse as Message,
    value: (version) => {
      const found = topics(1, () => ({
        partitions: times(50_000, (i) => ({ partitionIndex: i, committedOffset: offset(i), metadata: '' })),
      }))
      return version < 8 ? { topics: found } : { groups: [{ groupId: 'g', topics: found }] }
    },
  },
  {
    name: 'Fetch of 30,000 partitions',
    message: FetchRequest as Message,
    value: () => ({
      topics: topics(30, () => ({
        partitions: times(1000, (i) => ({ partition: i, fetchOffset: offset(i), partitionMaxBytes: 1024 })),
      })),
    }),
  },
  {
    name: 'Fetch of 5,000 topics',
    message: FetchRequest as Message,
    value: () => ({
      topics: topics(5000, (i) => ({
        partitions: [{ partition: 0, fetchOffset: offset(i), partitionMaxBytes: 1024 }],
      })),
    }),
  },
  {
    name: 'a full session of 30,000 partitions without records',
    message: FetchResponse as Message,
    value: () => ({
      responses: topics(30, () => ({
        partitions: times(1000, (i) => ({
          partitionIndex: i,
          highWatermark: offset(i),
          lastStableOffset: offset(i),
          logStartOffset: offset(0),
          abortedTransactions: null,
          records: Buffer.alloc(0),
        })),
      })),
    }),
  },
  {
    name: 'Produce to 10,000 partitions',
    message: ProduceRequest as Message,
    value: () => ({
      topicData: topics(10, () => ({ partitionData: times(1000, (index) => ({ index, records: Buffer.alloc(70) })) })),
    }),
  },
  {
    name: 'the answer to Produce to 10,000 partitions',
    message: ProduceResponse as Message,
    value: () => ({
      responses: topics(10, () => ({ partitionResponses: times(1000, (i) => ({ index: i, baseOffset: offset(i) })) })),
    }),
  },
  {
    name: 'ListOffsets of 50,000 partitions',
    message: ListOffsetsResponse as Message,
    value: (version) => ({
      topics: topics(1, () => ({
        // Version 0 answers with lists, twice as costly; no client of the last ten years asks for it.
        partitions: times(version === 0 ? 10_000 : 50_000, (i) => {
          if (version === 0) return { partitionIndex: i, oldStyleOffsets: [offset(i)] }
          return { partitionIndex: i, timestamp: offset(i), offset: offset(i), leaderEpoch: version < 4 ? -1 : 3 }
        }),
      })),
    }),
  },
  {
    name: 'a transaction of 30,000 partitions',
    message: AddPartitionsToTxnResponse as Message,
    value: (version) => {
      const results = [{ name: 't', resultsByPartition: times(30_000, (i) => ({ partitionIndex: i })) }]
      if (version < 4) return { resultsByTopicV3AndBelow: results }
      return { resultsByTransaction: [{ transactionalId: 'x', topicResults: results }] }
    },
  },
  {
    name: 'OffsetDelete of 50,000 partitions',
    message: OffsetDeleteRequest as Message,
    value: () => ({ topics: topics(1, () => ({ partitions: times(50_000, (i) => ({ partitionIndex: i })) })) }),
  },
  {
    name: '50,000 groups',
    message: ListGroupsResponse as Message,
    value: (version) => ({
      groups: times(50_000, (i) => ({
        groupId: `console-consumer-${i}`,
        protocolType: 'consumer',
        groupState: version < 4 ? '' : 'Stable',
        groupType: version < 5 ? '' : 'classic',
      })),
    }),
  },
  {
    name: 'a group of 5,000 members',
    message: JoinGroupResponse as Message,
    value: () => ({
      protocolName: 'range',
      members: times(5000, (i) => ({ memberId: `consumer-${uuid(i)}`, metadata: Buffer.alloc(20) })),
    }),
  },
  {
    name: 'configurations of 1,000 topics',
    message: DescribeConfigsResponse as Message,
    value: (version) => ({
      results: times(1000, (i) => ({
        resourceType: 2,
        resourceName: `t${i}`,
        configs: times(38, (c) => ({
          name: `segment.setting.${c}`,
          value: '604800000',
          synonyms: version < 1 ? [] : times(2, () => ({ name: `log.setting.${c}`, value: '1', source: 5 })),
          documentation: null,
        })),
      })),
    }),
  },
]

for (const { name, message, value } of cases) {
  test(`${name} is decoded in every version`, () => {
    for (const version of versionsOf(message)) {
      const wanted = value(version) as Record<string, unknown>
      const bytes = message.encode(version, wanted)
      assert.doesNotThrow(() => message.decode(bytes, version), `version ${version}, ${bytes.length} bytes`)
    }
  })
}
