import type { TransactionCoordinator } from '@ottla/coordinator'
import { EndTxnRequest, EndTxnResponse } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'
import { fencedBefore } from './fenced.ts'

/**
 * EndTxn (key 26), versions 0 to 5: commits or aborts. Answered when the decision is committed, and mostly when the markers are
 * written too.
 *
 * - 2: PRODUCER_FENCED; 3: flexible; 5: every transaction has an epoch of its own, the next one's is in the answer (KIP-890).
 */
export function endTxnHandler({ transactions }: { readonly transactions: TransactionCoordinator }): Handler {
  return defineHandler({
    request: EndTxnRequest,
    response: EndTxnResponse,
    minVersion: 0,
    maxVersion: 5,
    async handle(request, { transactionalId, producerId, producerEpoch, committed }) {
      const version = request.apiVersion
      const reply = await transactions.end({
        transactionalId,
        producerId,
        producerEpoch,
        commit: committed,
        transactionVersion: version >= OWN_EPOCH_VERSION ? 2 : 1,
      })
      const errorCode = fencedBefore(2, version, reply.errorCode)
      if (version < OWN_EPOCH_VERSION) return { errorCode }
      return { errorCode, producerId: reply.producerId, producerEpoch: reply.producerEpoch }
    },
    refuse: (_body, errorCode) => ({ errorCode }),
  })
}

const OWN_EPOCH_VERSION = 5
