import type { TransactionCoordinator } from '@ottla/coordinator'
import { ListTransactionsRequest, ListTransactionsResponse } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'

/**
 * ListTransactions (key 66), versions 0 to 2 (KIP-664): the transactional ids this broker coordinates.
 *
 * - 1: only those open for longer (KIP-994); 2: only those whose id matches a pattern in RE2's syntax (KIP-1152), else
 *   INVALID_REGULAR_EXPRESSION.
 */
export function listTransactionsHandler(deps: { readonly transactions: TransactionCoordinator }): Handler {
  return defineHandler({
    request: ListTransactionsRequest,
    response: ListTransactionsResponse,
    minVersion: 0,
    maxVersion: 2,
    handle(_request, body) {
      const { errorCode, unknownStates, transactions } = deps.transactions.list({
        states: body.stateFilters,
        producerIds: body.producerIdFilters,
        openForMs: body.durationFilter,
        pattern: body.transactionalIdPattern,
      })
      return {
        errorCode,
        unknownStateFilters: [...unknownStates],
        transactionStates: transactions.map(({ transactionalId, producerId, state }) => ({
          transactionalId,
          producerId,
          transactionState: state,
        })),
      }
    },
    refuse: (_body, errorCode) => ({ errorCode }),
  })
}
