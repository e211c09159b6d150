import { ErrorCode, FetchRequest, FetchResponse, type InputOf, type MessageOf } from '@ottla/protocol'
import { type FetchContext, type FetchContextDeps, fetchContext } from '../fetch/fetch-context.ts'
import type { FetchItem } from '../fetch/fetch-item.ts'
import { type FetchDeps, FetchOperation } from '../fetch/fetch-operation.ts'
import { defineHandler, type Handler } from '../server/handler.ts'
import type { Request } from '../server/request.ts'

/**
 * Fetch (key 1), versions 4 to 18: reads record batches as they lie in the log.
 *
 * - 4: read_committed; 5: log start offset; 7: sessions; 9: leader epochs; 10: zstd; 11: rack; 12: flexible, diverging
 *   epochs; 13: topics by id; 15: replica state; 16: node endpoints; 17: replica directory; 18: high watermark.
 * - Waits for `minBytes` up to `maxWaitMs`. Limits are soft: the first partition with data gives one whole batch.
 * - No broker copies from this one: who fetches as one (a replica id of 0 or more) is told NOT_LEADER_OR_FOLLOWER, as
 *   Kafka tells those who are not among a partition's replicas.
 * - Versions below 10 cannot carry zstd: a topic with `compression.type=zstd` answers UNSUPPORTED_COMPRESSION_TYPE.
 */

type Body = MessageOf<typeof FetchRequest>
type Response = InputOf<typeof FetchResponse>
type PartitionData = NonNullable<NonNullable<Response['responses']>[number]['partitions']>[number]

const ZSTD_VERSION = 10
const READ_COMMITTED = 1

export interface FetchHandlerDeps extends FetchContextDeps, FetchDeps {
  /** `fetch.max.bytes`. */
  readonly maxBytes: number
}

export function fetchHandler(deps: FetchHandlerDeps): Handler {
  return defineHandler({
    request: FetchRequest,
    response: FetchResponse,
    minVersion: 4,
    maxVersion: 18,
    handle(request, body) {
      const context = fetchContext(body, request.apiVersion, deps)
      if (context.errorCode !== ErrorCode.NONE) return { errorCode: context.errorCode }
      if (request.apiVersion < ZSTD_VERSION) refuseZstd(context.items)
      if (Math.max(body.replicaId, body.replicaState.replicaId) >= 0) refuseReplica(context.items)
      const maxBytes = Math.min(body.maxBytes, deps.maxBytes)
      const limits = {
        maxBytes,
        // More than the answer may hold never comes: who asks for it would always wait for the whole time.
        minBytes: Math.min(body.minBytes, maxBytes),
        maxWaitMs: body.maxWaitMs,
        readCommitted: body.isolationLevel === READ_COMMITTED,
      }
      const operation = new FetchOperation(context.items, limits, deps, (items, leases) => {
        request.leases = leases
        answer(request, context, items, limits.readCommitted)
      })
      request.onAbandon = () => operation.cancel()
      operation.start()
      return undefined
    },
    refuse: (body, errorCode, version) => refuseAll(body, errorCode, version),
  })
}

function refuseZstd(items: readonly FetchItem[]): void {
  for (const item of items) {
    if (item.partition?.log.config.compressionType === 'zstd') item.errorCode = ErrorCode.UNSUPPORTED_COMPRESSION_TYPE
  }
}

function refuseReplica(items: readonly FetchItem[]): void {
  for (const item of items) if (item.errorCode === ErrorCode.NONE) item.errorCode = ErrorCode.NOT_LEADER_OR_FOLLOWER
}

function answer(request: Request, context: FetchContext, items: readonly FetchItem[], readCommitted: boolean): void {
  const responses: { topic: string; topicId: string; partitions: PartitionData[] }[] = []
  let current: (typeof responses)[number] | undefined
  for (const item of items) {
    if (!context.mustTell(item)) continue
    if (current === undefined || current.topic !== item.topic || current.topicId !== item.topicId) {
      current = { topic: item.topic, topicId: item.topicId, partitions: [] }
      responses.push(current)
    }
    current.partitions.push(partitionData(item, readCommitted))
  }
  request.respond({ sessionId: context.sessionId, responses } satisfies Response)
}

function partitionData(item: FetchItem, readCommitted: boolean): PartitionData {
  const { slice } = item
  const failed = item.errorCode !== ErrorCode.NONE
  const data = {
    partitionIndex: item.index,
    errorCode: item.errorCode,
    highWatermark: item.highWatermark,
    lastStableOffset: item.lastStableOffset,
    logStartOffset: item.logStartOffset,
    abortedTransactions: null as PartitionData['abortedTransactions'],
    records: failed || slice === null ? [] : slice.chunks,
  }
  if (readCommitted && !failed && item.partition !== null) {
    const { log } = item.partition
    const aborted =
      slice === null || slice.bytes === 0
        ? []
        : log.answered(() => log.abortedTransactionsIn(item.fetchOffset, item.readableEnd))
    // Without knowing what was aborted, none of it may be seen.
    if (aborted === null) return { ...data, errorCode: ErrorCode.KAFKA_STORAGE_ERROR, records: [] }
    data.abortedTransactions = aborted
  }
  return item.divergingEpoch === null ? data : { ...data, divergingEpoch: item.divergingEpoch }
}

function refuseAll(body: Body, errorCode: number, version: number): Response {
  if (version >= 7) return { errorCode }
  return {
    responses: body.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => ({
        partitionIndex: partition,
        errorCode,
        highWatermark: -1,
        lastStableOffset: -1,
        logStartOffset: -1,
        records: [],
      })),
    })),
  }
}
