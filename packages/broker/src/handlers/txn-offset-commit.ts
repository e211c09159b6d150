import type { GroupCoordinator } from '@ottla/coordinator'
import {
  ErrorCode,
  type InputOf,
  type MessageOf,
  TxnOffsetCommitRequest,
  TxnOffsetCommitResponse,
} from '@ottla/protocol'
import type { TransactionGuard } from '../coordinators/transaction-guard.ts'
import type { ReplicaManager } from '../replica-manager/replica-manager.ts'
import { defineHandler, type Handler } from '../server/handler.ts'
import type { Topics } from '../topics/topics.ts'
import type { OffsetsTopic } from './add-offsets-to-txn.ts'
import { existingOf, mergeCommitted } from './commit-topics.ts'

/**
 * TxnOffsetCommit (key 28), versions 0 to 6: offsets of a group that count once a transaction commits.
 *
 * - 2: leader epochs; 3: flexible, and fences members of earlier generations (KIP-447); 4: TRANSACTION_ABORTABLE (KIP-1050); 5: enters the offsets partition by itself
 *   (KIP-890); 6: topics by id.
 * - Until then OffsetFetch tells what was committed before, or UNSTABLE_OFFSET_COMMIT to who asks for stable offsets.
 */
export interface TxnOffsetCommitDeps {
  readonly groups: GroupCoordinator
  readonly topics: Topics
  readonly replicas: ReplicaManager
  readonly offsetsTopic: OffsetsTopic
  readonly transactionGuard: TransactionGuard
}

type Body = MessageOf<typeof TxnOffsetCommitRequest>
type Response = InputOf<typeof TxnOffsetCommitResponse>

const ABORTABLE_VERSION = 4
const IMPLICIT_ADD_VERSION = 5
const TOPIC_ID_VERSION = 6

export function txnOffsetCommitHandler(deps: TxnOffsetCommitDeps): Handler {
  return defineHandler({
    request: TxnOffsetCommitRequest,
    response: TxnOffsetCommitResponse,
    minVersion: 0,
    maxVersion: 6,
    handle(request, body) {
      const version = request.apiVersion
      const asked = existingOf(body.topics, deps.topics, version >= TOPIC_ID_VERSION)
      if (asked.isEmpty) return mergeCommitted(asked, { topics: [] })
      const { transactionalId, producerId, producerEpoch, groupId } = body
      if (groupId === '') return refuseAll(body, ErrorCode.INVALID_GROUP_ID)
      const partition = deps.replicas.partition(deps.offsetsTopic.name, deps.offsetsTopic.partitionOf(groupId))
      if (partition === undefined) return refuseAll(body, ErrorCode.NOT_COORDINATOR)
      const commit = (errorCode: number): void => {
        if (errorCode !== ErrorCode.NONE) {
          request.respond(refuseAll(body, commitErrorOf(errorCode, version)))
          return
        }
        deps.groups.commitInTransaction({ ...body, topics: asked.existing }, (reply) =>
          request.respond(mergeCommitted(asked, reply)),
        )
      }
      const write = { transactionalId, producerId, producerEpoch, partition }
      const entersByItself = version >= IMPLICIT_ADD_VERSION && !deps.transactionGuard.isKnown(write)
      if (entersByItself) deps.transactionGuard.add([write], commit)
      else commit(deps.transactionGuard.verify(write))
      return undefined
    },
    refuse: (body, errorCode) => refuseAll(body, errorCode),
  })
}

/** Before the versions that enter by themselves a client does not know that its last transaction may still be ending. */
function commitErrorOf(errorCode: number, version: number): number {
  if (errorCode === ErrorCode.PRODUCER_FENCED) return ErrorCode.INVALID_PRODUCER_EPOCH
  if (errorCode === ErrorCode.INVALID_TXN_STATE && version >= ABORTABLE_VERSION) return ErrorCode.TRANSACTION_ABORTABLE
  if (version >= IMPLICIT_ADD_VERSION) return errorCode
  return errorCode === ErrorCode.CONCURRENT_TRANSACTIONS ? ErrorCode.COORDINATOR_LOAD_IN_PROGRESS : errorCode
}

function refuseAll({ topics }: Body, errorCode: number): Response {
  return {
    topics: topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  }
}
