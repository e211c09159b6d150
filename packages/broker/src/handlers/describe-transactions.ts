import { statusName, type TransactionCoordinator } from '@ottla/coordinator'
import { DescribeTransactionsRequest, DescribeTransactionsResponse } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'

/** DescribeTransactions (key 65), version 0 (KIP-664): state, producer and partitions by transactional id. */
export function describeTransactionsHandler(deps: { readonly transactions: TransactionCoordinator }): Handler {
  return defineHandler({
    request: DescribeTransactionsRequest,
    response: DescribeTransactionsResponse,
    minVersion: 0,
    maxVersion: 0,
    handle(_request, { transactionalIds }) {
      return {
        transactionStates: [...new Set(transactionalIds)].map((transactionalId) => {
          const { errorCode, stored } = deps.transactions.describe(transactionalId)
          if (stored === null) return { transactionalId, errorCode, ...NOTHING_KNOWN }
          return {
            transactionalId,
            errorCode,
            transactionState: statusName(stored.transactionStatus),
            transactionTimeoutMs: stored.transactionTimeoutMs,
            transactionStartTimeMs: stored.transactionStartTimestampMs,
            producerId: stored.producerId,
            producerEpoch: stored.producerEpoch,
            topics: (stored.transactionPartitions ?? []).map(({ topic, partitionIds }) => ({
              topic,
              partitions: [...partitionIds],
            })),
          }
        }),
      }
    },
    refuse: ({ transactionalIds }, errorCode) => ({
      transactionStates: [...new Set(transactionalIds)].map((transactionalId) => ({
        transactionalId,
        errorCode,
        ...NOTHING_KNOWN,
      })),
    }),
  })
}

const NOTHING_KNOWN = {
  transactionState: '',
  transactionTimeoutMs: 0,
  transactionStartTimeMs: 0,
  producerId: 0,
  producerEpoch: 0,
  topics: [],
}
