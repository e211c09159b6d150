import { array, boolean, int8, int16, int32, int64, records, string, struct, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * Acquires records of share partitions and reads them; may carry acknowledgements of earlier ones (KIP-932). Sessions
 * work as in Fetch.
 */
const shape = { key: 78, name: 'ShareFetch', versions: '1-2', flexible: '0+' } as const

export const ShareFetchRequest = request(shape, () => ({
  groupId: string({ nullable: '0+', default: null, entity: 'groupId' }),
  memberId: string({ nullable: '0+' }),
  /** 0: open a session; -1: close it; else counts up and wraps from 2^31-1 to 1. */
  shareSessionEpoch: int32(),
  maxWaitMs: int32(),
  minBytes: int32(),
  maxBytes: int32({ default: 0x7fffffff }),
  /** May be exceeded to end with a whole batch. */
  maxRecords: int32(),
  /** Number of records per acquired range that suits the client. */
  batchSize: int32(),
  /** 0: whole batches, for speed; 1: never more than `maxRecords` (KIP-1206). */
  shareAcquireMode: int8({ v: '2+', ignorable: true }),
  /** The acknowledgements renew locks; nothing is fetched (KIP-1222). */
  isRenewAck: boolean({ v: '2+' }),
  topics: array({
    topicId: uuid({ key: true }),
    partitions: array({
      partitionIndex: int32({ key: true }),
      acknowledgementBatches: array({
        firstOffset: int64(),
        lastOffset: int64(),
        /** 0: gap; 1: accept; 2: release; 3: reject; 4: renew. One for all of the range, or one per offset. */
        acknowledgeTypes: array(int8()),
      }),
    }),
  }),
  forgottenTopicsData: array({
    topicId: uuid(),
    partitions: array(int32()),
  }),
}))

export const ShareFetchResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: '0+', default: null }),
  /** How long acquired records stay locked for this member, in milliseconds. */
  acquisitionLockTimeoutMs: int32(),
  responses: array({
    topicId: uuid({ key: true }),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: '0+', default: null }),
      acknowledgeErrorCode: int16(),
      acknowledgeErrorMessage: string({ nullable: '0+', default: null }),
      currentLeader: struct({
        leaderId: int32(),
        leaderEpoch: int32(),
      }),
      records: records(),
      /** Which of the records are this member's to process; the others are to be skipped. */
      acquiredRecords: array({
        firstOffset: int64(),
        lastOffset: int64(),
        deliveryCount: int16(),
      }),
    }),
  }),
  /** Addresses of the leaders that `currentLeader` names. */
  nodeEndpoints: array({
    nodeId: int32({ entity: 'brokerId', key: true }),
    host: string(),
    port: int32(),
    rack: string({ nullable: '0+', default: null }),
  }),
}))
