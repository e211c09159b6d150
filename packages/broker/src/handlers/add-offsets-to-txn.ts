import type { TransactionCoordinator } from '@ottla/coordinator'
import { AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, ErrorCode } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'
import { fencedBefore } from './fenced.ts'

/**
 * AddOffsetsToTxn (key 25), versions 0 to 4: the partition that keeps a group's offsets enters a transaction, before
 * TxnOffsetCommit. 2: PRODUCER_FENCED; 3: flexible.
 */
export interface AddOffsetsToTxnDeps {
  readonly transactions: TransactionCoordinator
  readonly offsetsTopic: OffsetsTopic
}

/** Where offsets are kept. */
export interface OffsetsTopic {
  readonly name: string
  /** -1 while the topic is not there. */
  partitionOf(groupId: string): number
  /** Makes it unless it is there; 0, or why not. */
  ensure(): Promise<number>
}

export function addOffsetsToTxnHandler({ transactions, offsetsTopic }: AddOffsetsToTxnDeps): Handler {
  return defineHandler({
    request: AddOffsetsToTxnRequest,
    response: AddOffsetsToTxnResponse,
    minVersion: 0,
    maxVersion: 4,
    async handle(request, { groupId, ...producer }) {
      if (groupId === '') return { errorCode: ErrorCode.INVALID_GROUP_ID }
      const problem = await offsetsTopic.ensure()
      if (problem !== ErrorCode.NONE) return { errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE }
      const partitions = [{ topic: offsetsTopic.name, partitionIds: [offsetsTopic.partitionOf(groupId)] }]
      const errorCode = await new Promise<number>((resolve) => {
        transactions.add({ ...producer, partitions, transactionVersion: 1 }, resolve)
      })
      return { errorCode: fencedBefore(2, request.apiVersion, errorCode) }
    },
    refuse: (_body, errorCode) => ({ errorCode }),
  })
}
