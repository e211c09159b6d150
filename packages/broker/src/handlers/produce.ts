import { ErrorCode, type InputOf, type MessageOf, ProduceRequest, ProduceResponse } from '@ottla/protocol'
import { batch } from '@ottla/protocol/records'
import type { Clock, Timers } from '@ottla/runtime'
import type { AppendResult } from '@ottla/storage'
import { produceErrorOf, type TransactionalWrite, type TransactionGuard } from '../coordinators/transaction-guard.ts'
import type { AppendWaiter, Partition } from '../replica-manager/partition.ts'
import type { ReplicaManager } from '../replica-manager/replica-manager.ts'
import { defineHandler, type Handler } from '../server/handler.ts'
import type { Request } from '../server/request.ts'
import { isInternalTopic } from '../topics/topic-names.ts'
import { type AwaitingWrite, PRODUCE_TIMEOUT_MS_MIN, ProduceDeadlines } from './produce-deadlines.ts'

/**
 * Produce (key 0), versions 3 to 13; 0 to 2 are advertised and refused.
 *
 * - 3: record batch v2; 5: log start offset; 7: zstd; 8: record errors; 9: flexible; 10: leader hints; 13: topics by id.
 * - Versions 0 to 2 answer UNSUPPORTED_VERSION per partition. They are advertised because librdkafka before 2.11.1
 *   compresses only when the advertised range starts at 0 (KAFKA-18659).
 * - Transactional batches are taken while their transaction is open and knows of the partition (KIP-890); from version 12 on they
 *   enter it by themselves.
 * - acks 0: no answer, and the connection is closed on an error, which is the only way to tell; 1: once written here;
 *   -1 (all): once the high watermark has passed. Others: INVALID_REQUIRED_ACKS.
 * - Internal topics are written by their coordinators alone: INVALID_TOPIC_EXCEPTION, but for Kafka's administrative client.
 * - `timeoutMs` (at least 500): a partition that is not certain by then answers REQUEST_TIMED_OUT. Its records may still be
 *   written: whoever tries again without a producer id may have them twice.
 */

type Body = MessageOf<typeof ProduceRequest>
type Response = InputOf<typeof ProduceResponse>

const FIRST_BATCH_V2_VERSION = 3
const ZSTD_VERSION = 7
const IMPLICIT_ADD_VERSION = 12
const TOPIC_ID_VERSION = 13
const NO_OFFSET = -1
/** Of a record batch, the low byte of its attributes. */
const ATTRIBUTES_AT = 22
const CODEC_BITS = 0b111
const ZSTD = 4
const TRANSACTIONAL_BIT = 0b1_0000
/** What Kafka's tools call themselves (`AdminUtils.ADMIN_CLIENT_ID`). */
const ADMIN_CLIENT_ID = '__admin_client'

export interface ProduceHandlerDeps {
  readonly clock: Clock
  readonly timers: Timers
  readonly replicas: ReplicaManager
  readonly transactionGuard: TransactionGuard
}

interface PartitionAnswer {
  index: number
  errorCode: number
  baseOffset: number
  logAppendTimeMs: number
  logStartOffset: number
  recordErrors: { batchIndex: number; batchIndexErrorMessage: string }[]
  errorMessage: string | null
  /** Appended, and not yet known to be written. */
  pending: boolean
}

export function produceHandler(deps: ProduceHandlerDeps): Handler {
  const deadlines = new ProduceDeadlines(deps.clock, deps.timers)
  return defineHandler({
    request: ProduceRequest,
    response: ProduceResponse,
    minVersion: 0,
    maxVersion: 13,
    handle(request, body) {
      const problem = wholeRequestProblem(request.apiVersion, body)
      if (problem !== ErrorCode.NONE) {
        request.refuse(body, problem)
        return undefined
      }
      new ProduceOperation(request, body, deps, deadlines).start()
      return undefined
    },
    refuse: (body, errorCode) => refuseAll(body, errorCode),
    isSilent: ({ acks }) => acks === 0,
  })
}

function wholeRequestProblem(version: number, body: Body): number {
  if (version < FIRST_BATCH_V2_VERSION) return ErrorCode.UNSUPPORTED_VERSION
  if (body.acks < -1 || body.acks > 1) return ErrorCode.INVALID_REQUIRED_ACKS
  return ErrorCode.NONE
}

function refuseAll(body: Body, errorCode: number): Response {
  return {
    responses: body.topicData.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index }) => ({ index, errorCode, baseOffset: NO_OFFSET })),
    })),
  }
}

/** One produce request: appends everything at once, then waits until its last partition is settled. */
class ProduceOperation implements AppendWaiter, AwaitingWrite {
  private readonly request: Request
  private readonly body: Body
  private readonly deps: ProduceHandlerDeps
  private readonly deadlines: ProduceDeadlines
  readonly deadlineMs: number
  private readonly responses: { name: string; topicId: string; partitionResponses: PartitionAnswer[] }[] = []
  /** By slot; what is still being written has its answer already and lacks only the certainty. */
  private readonly answers: PartitionAnswer[] = []
  private unsettled = 0
  /** What enters its transaction by this request, by partition. */
  private readonly entering = new Map<Partition, TransactionalWrite>()
  /** There are writes of several producers, which no transaction has. */
  private isMixed = false
  /** What the coordinator said of it. */
  private entered: number = ErrorCode.NONE

  constructor(request: Request, body: Body, deps: ProduceHandlerDeps, deadlines: ProduceDeadlines) {
    this.request = request
    this.body = body
    this.deps = deps
    this.deadlines = deadlines
    this.deadlineMs = request.receivedMonotonicMs + Math.max(PRODUCE_TIMEOUT_MS_MIN, body.timeoutMs)
  }

  start(): void {
    this.findEntering()
    if (this.entering.size === 0) {
      this.appendAll()
      return
    }
    this.deps.transactionGuard.add([...this.entering.values()], (errorCode) => {
      this.entered = errorCode
      this.appendAll()
    })
  }

  private appendAll(): void {
    const { topicData, acks } = this.body
    const nowMs = this.deps.clock.nowMs()
    let firstError = ErrorCode.NONE as number
    for (const { name, topicId, partitionData } of topicData) {
      const partitionResponses: PartitionAnswer[] = []
      for (const { index, records } of partitionData) {
        const answer = this.append(name, topicId, index, records, nowMs)
        if (answer.errorCode !== ErrorCode.NONE && firstError === ErrorCode.NONE) firstError = answer.errorCode
        partitionResponses.push(answer)
      }
      this.responses.push({ name, topicId, partitionResponses })
    }
    if (acks === 0) {
      this.request.finishSilently()
      if (firstError !== ErrorCode.NONE) {
        this.request.endConnection(`produce with acks=0 failed with error ${firstError}`)
      }
      return
    }
    if (this.unsettled === 0) this.respond()
    else this.deadlines.add(this)
  }

  private append(name: string, topicId: string, index: number, records: Buffer | null, nowMs: number): PartitionAnswer {
    const slot = this.answers.length
    const found = this.resolve(name, topicId, index, records)
    if (typeof found === 'number') return this.failed(index, found, null)
    const waiter = this.body.acks === 0 ? null : this
    const result = this.deps.replicas.append(found, records as Buffer, this.body.acks, nowMs, waiter, slot)
    if (result.errorCode !== ErrorCode.NONE) return this.failed(index, result.errorCode, result)
    const answer: PartitionAnswer = {
      index,
      errorCode: ErrorCode.NONE,
      baseOffset: result.baseOffset,
      logAppendTimeMs: result.logAppendTimeMs,
      logStartOffset: result.logStartOffset,
      recordErrors: [],
      errorMessage: null,
      pending: waiter !== null && result.nextOffset > found.highWatermark,
    }
    this.answers.push(answer)
    if (answer.pending) this.unsettled++
    return answer
  }

  private resolve(name: string, topicId: string, index: number, records: Buffer | null): Partition | number {
    const partition = this.partitionOf(name, topicId, index)
    if (partition === undefined) {
      const byId = this.request.apiVersion >= TOPIC_ID_VERSION
      return byId && !this.deps.replicas.hasTopicId(topicId)
        ? ErrorCode.UNKNOWN_TOPIC_ID
        : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    }
    if (isInternalTopic(partition.topic) && this.request.clientId !== ADMIN_CLIENT_ID) {
      return ErrorCode.INVALID_TOPIC_EXCEPTION
    }
    if (records === null || records.length === 0) return ErrorCode.INVALID_RECORD
    if (records.length > ATTRIBUTES_AT) {
      const attributes = records[ATTRIBUTES_AT]
      if (this.request.apiVersion < ZSTD_VERSION && (attributes & CODEC_BITS) === ZSTD) {
        return ErrorCode.UNSUPPORTED_COMPRESSION_TYPE
      }
      if ((attributes & TRANSACTIONAL_BIT) !== 0) return this.admit(partition, records)
    }
    return partition
  }

  /** Nobody could ever end a transaction that is not open, and readers of committed records would wait for it for good. */
  private admit(partition: Partition, records: Buffer): Partition | number {
    const write = this.transactionalWrite(partition, records)
    if (write === null) return ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    if (this.isMixed) return ErrorCode.INVALID_PRODUCER_ID_MAPPING
    const { apiVersion } = this.request
    if (apiVersion < IMPLICIT_ADD_VERSION) {
      const errorCode = this.deps.transactionGuard.verify(write)
      if (errorCode === ErrorCode.NONE) return partition
      partition.log.awaitRefused(records)
      return produceErrorOf(errorCode, apiVersion)
    }
    if (this.deps.transactionGuard.isKnown(write)) return partition
    const entering = this.entering.get(partition)
    // Its transaction has ended since.
    if (entering === undefined) return produceErrorOf(ErrorCode.INVALID_TXN_STATE, apiVersion)
    if (this.entered !== ErrorCode.NONE) return produceErrorOf(this.entered, apiVersion)
    // Every transaction begins with 0 (KIP-890): one that was refused before comes first, or it would be overtaken.
    const isFirst = batch.baseSequence(records, 0) === 0 || partition.log.knowsProducer(write.producerId)
    return isFirst ? partition : ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
  }

  private transactionalWrite(partition: Partition, records: Buffer): TransactionalWrite | null {
    const { transactionalId } = this.body
    if (transactionalId === null || records.length < batch.HEADER_BYTES) return null
    const producerId = batch.producerId(records, 0)
    return { transactionalId, producerId, producerEpoch: batch.producerEpoch(records, 0), partition }
  }

  /** What is to enter its transaction by this request (KIP-890): the writes of one producer. */
  private findEntering(): void {
    if (this.request.apiVersion < IMPLICIT_ADD_VERSION || this.body.transactionalId === null) return
    let first: TransactionalWrite | null = null
    for (const { name, topicId, partitionData } of this.body.topicData) {
      for (const { index, records } of partitionData) {
        const partition = this.partitionOf(name, topicId, index)
        if (partition === undefined || records === null || records.length < batch.HEADER_BYTES) continue
        if (!batch.isTransactional(batch.attributes(records, 0))) continue
        const write = this.transactionalWrite(partition, records)
        if (write === null) continue
        first ??= write
        if (!isOfOneProducer(first, write)) this.isMixed = true
        if (!this.deps.transactionGuard.isKnown(write)) this.entering.set(partition, write)
      }
    }
    if (this.isMixed) this.entering.clear()
  }

  private partitionOf(name: string, topicId: string, index: number): Partition | undefined {
    const { replicas } = this.deps
    const byId = this.request.apiVersion >= TOPIC_ID_VERSION
    return byId ? replicas.partitionById(topicId, index) : replicas.partition(name, index)
  }

  private failed(index: number, errorCode: number, result: AppendResult | null): PartitionAnswer {
    const answer: PartitionAnswer = {
      index,
      errorCode,
      baseOffset: NO_OFFSET,
      logAppendTimeMs: -1,
      logStartOffset: result === null ? -1 : result.logStartOffset,
      recordErrors: (result?.recordErrors ?? []).map(({ batchIndex, message }) => ({
        batchIndex,
        batchIndexErrorMessage: message,
      })),
      errorMessage: result === null ? null : result.errorMessage,
      pending: false,
    }
    this.answers.push(answer)
    return answer
  }

  appendSettled(slot: number, errorCode: number): void {
    const answer = this.answers[slot]
    if (!answer.pending) return
    settle(answer, errorCode)
    if (--this.unsettled > 0) return
    this.deadlines.delete(this)
    this.respond()
  }

  /** `timeoutMs` is over: what is written is told so, the rest is not known. */
  expire(): void {
    for (const answer of this.answers) if (answer.pending) settle(answer, ErrorCode.REQUEST_TIMED_OUT)
    this.unsettled = 0
    this.respond()
  }

  private respond(): void {
    this.request.respond({ responses: this.responses } satisfies Response)
  }
}

function isOfOneProducer(a: TransactionalWrite, b: TransactionalWrite): boolean {
  return a.producerId === b.producerId && a.producerEpoch === b.producerEpoch
}

function settle(answer: PartitionAnswer, errorCode: number): void {
  answer.pending = false
  if (errorCode === ErrorCode.NONE) return
  answer.errorCode = errorCode
  answer.baseOffset = NO_OFFSET
  answer.logAppendTimeMs = -1
}
