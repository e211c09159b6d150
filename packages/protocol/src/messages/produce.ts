import { array, int16, int32, int64, records, string, struct, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * Appends record batches. A request with `acks` 0 gets no response at all.
 *
 * Versions 0 to 2 carry message formats 0 and 1, which no broker of today writes; they stay defined because librdkafka
 * before 2.11.1 compresses only if the advertised range begins low enough (KAFKA-18659). From version 12 on a
 * transactional write adds its partition to the transaction by itself (KIP-890), in version 13 topics are named by id.
 */
const shape = { key: 0, name: 'Produce', versions: '0-13', flexible: '9+' } as const

export const ProduceRequest = request(shape, () => ({
  transactionalId: string({ v: '3+', nullable: '3+', default: null, entity: 'transactionalId' }),
  /** 0: no response; 1: the leader has it; -1: all in-sync replicas have it. */
  acks: int16(),
  /** How long the broker may wait for `acks`, in milliseconds. */
  timeoutMs: int32(),
  topicData: array({
    name: string({ v: '0-12', ignorable: true, entity: 'topicName', key: true }),
    topicId: uuid({ v: '13+', ignorable: true, key: true }),
    partitionData: array({
      index: int32(),
      /** Exactly one record batch from version 3 on. */
      records: records({ nullable: '0+' }),
    }),
  }),
}))

export const ProduceResponse = response(shape, () => ({
  responses: array({
    name: string({ v: '0-12', ignorable: true, entity: 'topicName', key: true }),
    topicId: uuid({ v: '13+', ignorable: true, key: true }),
    partitionResponses: array({
      index: int32(),
      errorCode: int16(),
      /** Offset given to the first record; -1 with an error. */
      baseOffset: int64(),
      /** Milliseconds since the epoch; -1 unless the topic uses LogAppendTime. */
      logAppendTimeMs: int64({ v: '2+', default: -1, ignorable: true }),
      logStartOffset: int64({ v: '5+', default: -1, ignorable: true }),
      /** The records that made the broker refuse the whole batch (KIP-467). */
      recordErrors: array(
        {
          /** Position within the batch. */
          batchIndex: int32(),
          batchIndexErrorMessage: string({ nullable: '8+', default: null }),
        },
        { v: '8+', ignorable: true },
      ),
      errorMessage: string({ v: '8+', nullable: '8+', default: null, ignorable: true }),
      /** Where to go, sent with NOT_LEADER_OR_FOLLOWER and FENCED_LEADER_EPOCH only (KIP-951). */
      currentLeader: struct(
        {
          leaderId: int32({ default: -1, entity: 'brokerId' }),
          leaderEpoch: int32({ default: -1 }),
        },
        { v: '10+', tag: 0 },
      ),
    }),
  }),
  throttleTimeMs: int32({ v: '1+', ignorable: true }),
  /** Addresses of the leaders that `currentLeader` names. */
  nodeEndpoints: array(
    {
      nodeId: int32({ entity: 'brokerId', key: true }),
      host: string(),
      port: int32(),
      rack: string({ nullable: '10+', default: null }),
    },
    { v: '10+', tag: 0 },
  ),
}))
