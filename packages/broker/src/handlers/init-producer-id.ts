import { ErrorCode, InitProducerIdRequest, InitProducerIdResponse } from '@ottla/protocol'
import type { ProducerIds } from '../producer-ids.ts'
import { defineHandler, type Handler } from '../server/handler.ts'

/**
 * InitProducerId (key 22), versions 0 to 5: an id for an idempotent producer. A producer that names the id it has
 * (version 3, KIP-360) gets a new one as well, which is always right without transactions. Transactional ids need a
 * coordinator, which does not exist yet: COORDINATOR_NOT_AVAILABLE, as FindCoordinator says.
 */
export function initProducerIdHandler({ producerIds }: { readonly producerIds: ProducerIds }): Handler {
  return defineHandler({
    request: InitProducerIdRequest,
    response: InitProducerIdResponse,
    minVersion: 0,
    maxVersion: 5,
    async handle(_request, body) {
      const { transactionalId, producerId: known, producerEpoch } = body
      // An id without an epoch, or the other way round, means nothing (KafkaApis.handleInitProducerIdRequest).
      if ((known === -1) !== (producerEpoch === -1)) return refused(ErrorCode.INVALID_REQUEST)
      if (transactionalId === '') return refused(ErrorCode.INVALID_REQUEST)
      if (transactionalId !== null) return refused(ErrorCode.COORDINATOR_NOT_AVAILABLE)
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
