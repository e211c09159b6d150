import { array, int8, int16, int32, int64, records, string, struct, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * Reads record batches: consumers up to the high watermark or, read_committed, the last stable offset; followers up to
 * the log end.
 *
 * With sessions (version 7, KIP-227) a request names only the partitions that changed since the one before, and the
 * response only those with news. The limits are soft: the first partition that has data returns one whole batch,
 * however large.
 */
const shape = { key: 1, name: 'Fetch', versions: '4-18', flexible: '12+' } as const

export const FetchRequest = request(shape, () => ({
  /** Checked by KRaft voters only. */
  clusterId: string({ v: '12+', nullable: '12+', tag: 0, default: null, ignorable: true }),
  /** The fetching broker; -1 for a consumer. Replaced by `replicaState`. */
  replicaId: int32({ v: '0-14', default: -1, entity: 'brokerId' }),
  replicaState: struct(
    {
      replicaId: int32({ default: -1, entity: 'brokerId' }),
      /** Epoch of the broker's registration; lets the leader refuse a broker's earlier life (KIP-903). */
      replicaEpoch: int64({ default: -1 }),
    },
    { v: '15+', tag: 1 },
  ),
  /** How long the broker may wait for `minBytes`, in milliseconds. */
  maxWaitMs: int32(),
  minBytes: int32(),
  maxBytes: int32({ default: 0x7fffffff, ignorable: true }),
  /** 0: read_uncommitted; 1: read_committed. */
  isolationLevel: int8({ ignorable: true }),
  /** 0 outside a session, or to open one. */
  sessionId: int32({ v: '7+', ignorable: true }),
  /** -1: no session, or close it; 0: open one; then counts up with each request and wraps from 2^31-1 to 1. */
  sessionEpoch: int32({ v: '7+', default: -1, ignorable: true }),
  /** In an incremental request, only what is new or changed. */
  topics: array({
    topic: string({ v: '0-12', ignorable: true, entity: 'topicName' }),
    topicId: uuid({ v: '13+', ignorable: true }),
    partitions: array({
      partition: int32(),
      /** The leader epoch the reader knows; fenced if it differs (KIP-320). -1 to skip the check. */
      currentLeaderEpoch: int32({ v: '9+', default: -1, ignorable: true }),
      fetchOffset: int64(),
      /** Epoch of the reader's last record, to find where logs diverge (KIP-595). -1 if unknown. */
      lastFetchedEpoch: int32({ v: '12+', default: -1 }),
      /** A follower's own log start; -1 from consumers. */
      logStartOffset: int64({ v: '5+', default: -1, ignorable: true }),
      partitionMaxBytes: int32(),
      /** Which log directory of the follower (KIP-853). */
      replicaDirectoryId: uuid({ v: '17+', tag: 0, ignorable: true }),
      /**
       * What the replica believes the high watermark to be, so that the leader answers at once when it has moved on.
       * The default stands for the int64 maximum: not known (KIP-1166).
       */
      highWatermark: int64({ v: '18+', tag: 1, default: Number.MAX_SAFE_INTEGER, ignorable: true }),
    }),
  }),
  /** Partitions to drop from the session. */
  forgottenTopicsData: array(
    {
      topic: string({ v: '7-12', ignorable: true, entity: 'topicName' }),
      topicId: uuid({ v: '13+', ignorable: true }),
      partitions: array(int32()),
    },
    { v: '7+' },
  ),
  /** The reader's rack, for fetching from the nearest replica (KIP-392). */
  rackId: string({ v: '11+', ignorable: true }),
}))

export const FetchResponse = response(shape, () => ({
  throttleTimeMs: int32({ ignorable: true }),
  /** About the session or the whole request. */
  errorCode: int16({ v: '7+', ignorable: true }),
  sessionId: int32({ v: '7+' }),
  responses: array({
    topic: string({ v: '0-12', ignorable: true, entity: 'topicName' }),
    topicId: uuid({ v: '13+', ignorable: true }),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      highWatermark: int64(),
      /** Below it no transaction is undecided; -1 if not known. */
      lastStableOffset: int64({ default: -1, ignorable: true }),
      logStartOffset: int64({ v: '5+', default: -1, ignorable: true }),
      /**
       * Set when the reader's log departs from ours: the largest epoch both may share, and its end offset. The reader
       * truncates.
       */
      divergingEpoch: struct(
        {
          epoch: int32({ default: -1 }),
          endOffset: int64({ default: -1 }),
        },
        { v: '12+', tag: 0 },
      ),
      currentLeader: struct(
        {
          leaderId: int32({ default: -1, entity: 'brokerId' }),
          leaderEpoch: int32({ default: -1 }),
        },
        { v: '12+', tag: 1 },
      ),
      /** Set when the reader must fetch a snapshot instead (KRaft). */
      snapshotId: struct(
        {
          endOffset: int64({ default: -1 }),
          epoch: int32({ default: -1 }),
        },
        { v: '12+', tag: 2 },
      ),
      /** Aborted transactions that overlap the records, for read_committed readers to filter; null for others. */
      abortedTransactions: array(
        {
          producerId: int64({ entity: 'producerId' }),
          firstOffset: int64(),
        },
        { nullable: '4+', ignorable: true },
      ),
      /** The replica the consumer should read from instead; -1 for none. */
      preferredReadReplica: int32({ v: '11+', default: -1, entity: 'brokerId' }),
      records: records({ nullable: '0+' }),
    }),
  }),
  /** Addresses of the leaders that `currentLeader` names (KIP-951). */
  nodeEndpoints: array(
    {
      nodeId: int32({ entity: 'brokerId', key: true }),
      host: string(),
      port: int32(),
      rack: string({ nullable: '16+', default: null }),
    },
    { v: '16+', tag: 0 },
  ),
}))
