import { boolean, int16, int32, int64, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * Gives a producer its id and epoch: a fresh id to an idempotent producer; to a transactional one the id of its
 * transactional id with a raised epoch, which fences earlier instances and aborts their open transaction.
 *
 * Version 6 (two-phase commit, KIP-939) is not stable in Kafka 4.4.
 */
const shape = { key: 22, name: 'InitProducerId', versions: '0-6', flexible: '2+', latestVersionUnstable: true } as const

export const InitProducerIdRequest = request(shape, () => ({
  /** Null for an idempotent producer without transactions. */
  transactionalId: string({ nullable: '0+', entity: 'transactionalId' }),
  /** Of no meaning without a transactional id. */
  transactionTimeoutMs: int32(),
  /** The current id when the producer only wants its epoch raised (KIP-360); -1 otherwise. */
  producerId: int64({ v: '3+', default: -1, entity: 'producerId' }),
  producerEpoch: int16({ v: '3+', default: -1 }),
  /** The transaction has no timeout: an outside coordinator ends it. */
  enable2Pc: boolean({ v: '6+' }),
  /** Leave a prepared transaction open instead of aborting it. */
  keepPreparedTxn: boolean({ v: '6+' }),
}))

export const InitProducerIdResponse = response(shape, () => ({
  throttleTimeMs: int32({ ignorable: true }),
  errorCode: int16(),
  producerId: int64({ default: -1, entity: 'producerId' }),
  producerEpoch: int16(),
  /** Of the prepared transaction kept; -1 if there is none. */
  ongoingTxnProducerId: int64({ v: '6+', default: -1, entity: 'producerId' }),
  ongoingTxnProducerEpoch: int16({ v: '6+', default: -1 }),
}))
