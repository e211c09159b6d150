import assert from 'node:assert/strict'
import {
  CreateTopicsRequest,
  CreateTopicsResponse,
  ErrorCode,
  FetchRequest,
  FetchResponse,
  FindCoordinatorRequest,
  FindCoordinatorResponse,
  InitProducerIdRequest,
  InitProducerIdResponse,
  JoinGroupRequest,
  JoinGroupResponse,
  ListOffsetsRequest,
  ListOffsetsResponse,
  MetadataRequest,
  MetadataResponse,
  ProduceRequest,
  ProduceResponse,
} from '@ottla/protocol'
import { endOffset, topicNames } from '../admin.ts'
import { batchOf } from '../batches.ts'
import { encoded } from './bytes.ts'
import type { BadInput } from './target.ts'

/** Requests that are well-formed and ask for what cannot be. */

/** Would leave the folder, break the disk's or the log's lines, or are too long. */
const NAMES = ['.', '..', '../etc', '/etc/passwd', 'a/b', 'a\\b', 'a\0b', 'a\nb', 'x'.repeat(250), '', 'ä', 'a b']

const {
  INVALID_GROUP_ID,
  INVALID_REQUEST,
  INVALID_TOPIC_EXCEPTION,
  NONE,
  UNKNOWN_MEMBER_ID,
  UNKNOWN_TOPIC_OR_PARTITION,
} = ErrorCode

export const requests: readonly BadInput[] = [
  {
    name: 'topic names that could leave the folder, or are too long',
    outcome: 'refuses by code',
    async play(target) {
      const client = await target.connect()
      const before = await topicNames(client)
      const body = { topics: NAMES.map((name) => ({ name, numPartitions: 1, replicationFactor: 1 })), timeoutMs: 1000 }
      const { topics } = await client.call(CreateTopicsRequest, CreateTopicsResponse, 7, body)
      assert.deepEqual(
        topics.map(({ errorCode }) => errorCode),
        NAMES.map(() => INVALID_TOPIC_EXCEPTION),
      )
      const asked = await client.call(MetadataRequest, MetadataResponse, 9, { topics: NAMES.map((name) => ({ name })) })
      for (const { errorCode } of asked.topics) assert.equal(errorCode, INVALID_TOPIC_EXCEPTION)
      assert.deepEqual(await topicNames(client), before)
    },
  },
  {
    name: 'group and transactional ids of that kind',
    outcome: 'refuses by code',
    async play(target) {
      const client = await target.connect()
      for (const keyType of [0, 1]) {
        const body = { keyType, coordinatorKeys: NAMES }
        const { coordinators } = await client.call(FindCoordinatorRequest, FindCoordinatorResponse, 4, body)
        assert.deepEqual(
          coordinators.map(({ errorCode }) => errorCode),
          NAMES.map(() => NONE),
        )
      }
      for (const groupId of NAMES) {
        // To the coordinator they are names as good as any, and no file has them; without one nobody can be a member.
        const joining = { groupId, sessionTimeoutMs: 10_000, memberId: 'nobody', protocolType: 'consumer' }
        const { errorCode } = await client.call(JoinGroupRequest, JoinGroupResponse, 5, joining)
        assert.equal(errorCode, groupId === '' ? INVALID_GROUP_ID : UNKNOWN_MEMBER_ID)
      }
      for (const transactionalId of NAMES) {
        const body = { transactionalId, transactionTimeoutMs: 1000 }
        const { errorCode } = await client.call(InitProducerIdRequest, InitProducerIdResponse, 4, body)
        assert.equal(errorCode, transactionalId === '' ? INVALID_REQUEST : NONE)
      }
    },
  },
  {
    name: 'a topic twice in one request',
    outcome: 'refuses by code',
    async play(target) {
      const { client, topic } = await target.topic()
      const [twice, once] = [`${topic}-twice`, `${topic}-once`]
      const body = {
        topics: [twice, once, twice].map((name) => ({ name, numPartitions: 1, replicationFactor: 1 })),
        timeoutMs: 1000,
      }
      const { topics } = await client.call(CreateTopicsRequest, CreateTopicsResponse, 7, body)
      assert.deepEqual(
        topics.map(({ name, errorCode }) => [name, errorCode]),
        [
          [twice, INVALID_REQUEST],
          [once, ErrorCode.NONE],
        ],
      )
      const asked = { topics: [{ name: topic }, { name: topic }] }
      const known = await client.call(MetadataRequest, MetadataResponse, 9, asked)
      assert.deepEqual(
        known.topics.map(({ name }) => name),
        [topic],
      )
    },
  },
  {
    name: 'a partition twice in one request',
    outcome: 'answers',
    async play(target) {
      const { client, topic } = await target.topic()
      const partitionData = ['a', 'b'].map((value) => ({ index: 0, records: batchOf([value]) }))
      const topicData = [{ name: topic, partitionData }]
      const produce = { acks: -1, timeoutMs: 10_000, topicData }
      const { responses } = await client.call(ProduceRequest, ProduceResponse, 9, produce)
      assert.deepEqual(
        responses[0].partitionResponses.map(({ errorCode, baseOffset }) => [errorCode, baseOffset]),
        [
          [ErrorCode.NONE, 0],
          [ErrorCode.NONE, 1],
        ],
      )
      const times = [0, 0].map((partitionIndex) => ({ partitionIndex, timestamp: -1 }))
      const offsets = { replicaId: -1, topics: [{ name: topic, partitions: times }] }
      const listed = await client.call(ListOffsetsRequest, ListOffsetsResponse, 7, offsets)
      assert.deepEqual(
        listed.topics[0].partitions.map(({ errorCode }) => errorCode),
        [INVALID_REQUEST, INVALID_REQUEST],
      )
    },
  },
  {
    name: 'partitions and offsets that cannot be',
    outcome: 'refuses by code',
    async play(target) {
      const { client, topic } = await target.topic()
      const fetch = async (partition: number, fetchOffset: number): Promise<number> => {
        const partitions = [{ partition, fetchOffset, partitionMaxBytes: 1 << 20 }]
        const body = { maxWaitMs: 0, minBytes: 1, maxBytes: 1 << 20, topics: [{ topic, partitions }] }
        const { responses } = await client.call(FetchRequest, FetchResponse, 12, body)
        return responses[0].partitions[0].errorCode
      }
      for (const partition of [-1, 1, 0x7fff_ffff, -0x8000_0000]) {
        assert.equal(await fetch(partition, 0), UNKNOWN_TOPIC_OR_PARTITION)
      }
      for (const offset of [-1, 1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
        assert.equal(await fetch(0, offset), ErrorCode.OFFSET_OUT_OF_RANGE)
      }
    },
  },
  {
    name: 'acks that do not exist',
    outcome: 'refuses by code',
    async play(target) {
      const { client, topic } = await target.topic()
      for (const acks of [-2, 2, 0x7fff]) {
        const topicData = [{ name: topic, partitionData: [{ index: 0, records: batchOf(['a']) }] }]
        const body = { acks, timeoutMs: 1000, topicData }
        const { responses } = await client.call(ProduceRequest, ProduceResponse, 9, body)
        assert.equal(responses[0].partitionResponses[0].errorCode, ErrorCode.INVALID_REQUIRED_ACKS)
      }
      assert.equal(await endOffset(client, topic), 0)
    },
  },
  {
    name: 'a bad batch that wants no answer',
    outcome: 'closes',
    async play(target) {
      const { client, topic } = await target.topic()
      const topicData = [{ name: topic, partitionData: [{ index: 0, records: Buffer.alloc(100) }] }]
      client.send(ProduceRequest, 9, { acks: 0, timeoutMs: 1000, topicData })
      await target.endOf(client)
      assert.equal(await endOffset(await target.connect(), topic), 0)
    },
  },
  {
    name: 'a timestamp beyond 2^53',
    outcome: 'refuses by code',
    async play(target) {
      const { client, topic } = await target.topic()
      const topics = [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: 1 }] }]
      const bytes = encoded(ListOffsetsRequest, 7, { replicaId: -1, topics })
      // The last field but for two empty tag sections of the partition and topic, and the request's own.
      bytes.writeBigInt64BE(2n ** 60n, bytes.length - 11)
      client.sendBytes(bytes)
      const { body } = await client.receive(ListOffsetsResponse, 7)
      assert.equal(body.topics[0].partitions[0].errorCode, INVALID_REQUEST)
      assert.equal(await endOffset(client, topic), 0)
    },
  },
]
