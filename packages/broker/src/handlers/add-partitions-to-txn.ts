import type { TransactionCoordinator } from '@ottla/coordinator'
import {
  AddPartitionsToTxnRequest,
  AddPartitionsToTxnResponse,
  ErrorCode,
  type InputOf,
  type MessageOf,
} from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'
import type { Topics } from '../topics/topics.ts'
import { fencedBefore } from './fenced.ts'

/**
 * AddPartitionsToTxn (key 24), versions 0 to 5: partitions enter a transaction, so that its end reaches them. Answered when that is
 * committed.
 *
 * - 0 to 3 from producers: all or none, where one partition does not exist the others are OPERATION_NOT_ATTEMPTED; 2: PRODUCER_FENCED;
 *   3: flexible.
 * - 4 and 5 from brokers: several transactions, which may only be asked about (KIP-890). What is not in the transaction is then
 *   INVALID_TXN_STATE in 4, TRANSACTION_ABORTABLE in 5. No transaction is named twice: INVALID_REQUEST, since each time would store
 *   all of its partitions again.
 */
export interface AddPartitionsToTxnDeps {
  readonly transactions: TransactionCoordinator
  readonly topics: Topics
}

type Body = MessageOf<typeof AddPartitionsToTxnRequest>
type Response = InputOf<typeof AddPartitionsToTxnResponse>
type AskedTopics = Body['v3AndBelowTopics']

const BATCH_VERSION = 4
const ABORTABLE_VERSION = 5

export function addPartitionsToTxnHandler(deps: AddPartitionsToTxnDeps): Handler {
  return defineHandler({
    request: AddPartitionsToTxnRequest,
    response: AddPartitionsToTxnResponse,
    minVersion: 0,
    maxVersion: 5,
    handle(request, body) {
      if (request.apiVersion >= BATCH_VERSION) return answerAll(body, request.apiVersion, deps)
      const { v3AndBelowTopics: asked } = body
      const partitions = asked.map(({ name, partitions: partitionIds }) => ({ topic: name, partitionIds }))
      const missing = missingIn(asked, deps.topics)
      if (missing.size > 0) return { resultsByTopicV3AndBelow: notAttempted(asked, missing) }
      const adding = {
        transactionalId: body.v3AndBelowTransactionalId,
        producerId: body.v3AndBelowProducerId,
        producerEpoch: body.v3AndBelowProducerEpoch,
        partitions,
        transactionVersion: 1,
      }
      deps.transactions.add(adding, (errorCode) => {
        const told = fencedBefore(2, request.apiVersion, errorCode)
        request.respond({ resultsByTopicV3AndBelow: sameForAll(asked, told) })
      })
      return undefined
    },
    refuse: (body, errorCode, version) =>
      version >= BATCH_VERSION
        ? { errorCode }
        : { resultsByTopicV3AndBelow: sameForAll(body.v3AndBelowTopics, errorCode) },
  })
}

async function answerAll(
  { transactions: asked }: Body,
  version: number,
  deps: AddPartitionsToTxnDeps,
): Promise<Response> {
  if (new Set(asked.map(({ transactionalId }) => transactionalId)).size < asked.length)
    return { errorCode: ErrorCode.INVALID_REQUEST, resultsByTransaction: [] }
  const resultsByTransaction = await Promise.all(
    asked.map(async ({ verifyOnly, topics, ...producer }) => {
      const { transactionalId } = producer
      if (verifyOnly) return { transactionalId, topicResults: verified(topics, producer, version, deps) }
      const missing = missingIn(topics, deps.topics)
      if (missing.size > 0) return { transactionalId, topicResults: notAttempted(topics, missing) }
      const partitions = topics.map(({ name, partitions: partitionIds }) => ({ topic: name, partitionIds }))
      const errorCode = await new Promise<number>((resolve) => {
        deps.transactions.add({ ...producer, partitions, transactionVersion: 2 }, resolve)
      })
      return { transactionalId, topicResults: sameForAll(topics, errorCode) }
    }),
  )
  return { errorCode: ErrorCode.NONE, resultsByTransaction }
}

function verified(
  topics: AskedTopics,
  producer: { transactionalId: string; producerId: number; producerEpoch: number },
  version: number,
  { transactions }: AddPartitionsToTxnDeps,
) {
  return topics.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => {
      const errorCode = transactions.verify(producer, name, partitionIndex)
      const isOut = errorCode === ErrorCode.INVALID_TXN_STATE && version >= ABORTABLE_VERSION
      return { partitionIndex, partitionErrorCode: isOut ? ErrorCode.TRANSACTION_ABORTABLE : errorCode }
    }),
  }))
}

/** `topic partition` of those that do not exist. */
function missingIn(asked: AskedTopics, topics: Topics): Set<string> {
  const missing = new Set<string>()
  for (const { name, partitions } of asked) {
    const topic = topics.get(name)
    for (const index of partitions) if (topic?.partitions[index] === undefined) missing.add(`${name} ${index}`)
  }
  return missing
}

function notAttempted(asked: AskedTopics, missing: ReadonlySet<string>) {
  return asked.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => ({
      partitionIndex,
      partitionErrorCode: missing.has(`${name} ${partitionIndex}`)
        ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        : ErrorCode.OPERATION_NOT_ATTEMPTED,
    })),
  }))
}

function sameForAll(asked: AskedTopics, partitionErrorCode: number) {
  return asked.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => ({ partitionIndex, partitionErrorCode })),
  }))
}
