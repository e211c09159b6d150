import { array, boolean, int8, int16, int32, int64, string, struct, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Acknowledges acquired records without fetching (KIP-932). */
const shape = { key: 79, name: 'ShareAcknowledge', versions: '1-2', flexible: '0+' } as const

export const ShareAcknowledgeRequest = request(shape, () => ({
  groupId: string({ nullable: '0+', default: null, entity: 'groupId' }),
  memberId: string({ nullable: '0+' }),
  /** As in ShareFetch; a session cannot be opened here. */
  shareSessionEpoch: int32(),
  /** Set if any of the types is 4, renew (KIP-1222). */
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
}))

export const ShareAcknowledgeResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: '0+', default: null }),
  /** How long renewed records stay locked, in milliseconds. */
  acquisitionLockTimeoutMs: int32({ v: '2+', ignorable: true }),
  responses: array({
    topicId: uuid({ key: true }),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: '0+', default: null }),
      currentLeader: struct({
        leaderId: int32(),
        leaderEpoch: int32(),
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
