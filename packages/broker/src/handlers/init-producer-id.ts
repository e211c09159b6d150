import type { TransactionCoordinator } from '@ottla/coordinator'
import { ErrorCode, InitProducerIdRequest, InitProducerIdResponse } from '@ottla/protocol'
import type { ProducerIds } from '../producer-ids.ts'
import { defineHandler, type Handler } from '../server/handler.ts'
import { fencedBefore } from './fenced.ts'

/**
 * InitProducerId (key 22), versions 0 to 5: an id for an idempotent producer, or that of a transactional id, with a raised epoch
 * that fences whoever had it before.
 *
 * - An idempotent producer that names the id it has (version 3, KIP-360) gets a new one as well, which is always right.
 * - A transaction that is open is aborted first: CONCURRENT_TRANSACTIONS until that is done.
 * - 2: flexible; 4: PRODUCER_FENCED.
 */
export interface InitProducerIdDeps {
  readonly producerIds: ProducerIds
  readonly transactions: TransactionCoordinator
}

export function initProducerIdHandler({ producerIds, transactions }: InitProducerIdDeps): Handler {
  return defineHandler({
    request: InitProducerIdRequest,
    response: InitProducerIdResponse,
    minVersion: 0,
    maxVersion: 5,
    async handle(request, body) {
      const { transactionalId, producerId: known, producerEpoch } = body
      // An id without an epoch, or the other way round, means nothing (KafkaApis.handleInitProducerIdRequest).
      if ((known === -1) !== (producerEpoch === -1)) return refused(ErrorCode.INVALID_REQUEST)
      if (transactionalId !== null) {
        const expected = known === -1 ? null : { producerId: known, producerEpoch }
        const timeoutMs = body.transactionTimeoutMs
        const reply = await transactions.initProducer({ transactionalId, timeoutMs, expected })
        const errorCode = fencedBefore(4, request.apiVersion, reply.errorCode)
        return { errorCode, producerId: reply.producerId, producerEpoch: reply.producerEpoch }
      }
      const producerId = await producerIds.next()
      if (producerId === null) return refused(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)
      return { producerId, producerEpoch: 0 }
    },
    refuse: (_body, errorCode) => refused(errorCode),
  })
}

/** Without an id, and without an epoch: 0 would be one. */
function refused(errorCode: number) {
  return { errorCode, producerId: -1, producerEpoch: -1 }
}
