import { boolean, int16, int32, int64, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * Commits or aborts. The answer comes when the decision is durable; the markers follow.
 *
 * From version 5 on each transaction has an epoch of its own: the answer carries the id and epoch of the next one
 * (KIP-890).
 */
const shape = { key: 26, name: 'EndTxn', versions: '0-5', flexible: '3+' } as const

export const EndTxnRequest = request(shape, () => ({
  transactionalId: string({ entity: 'transactionalId' }),
  producerId: int64({ entity: 'producerId' }),
  producerEpoch: int16(),
  /** False to abort. */
  committed: boolean(),
}))

export const EndTxnResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16(),
  /** Another than the request's once the epochs of that one are used up; -1 with an error. */
  producerId: int64({ v: '5+', default: -1, ignorable: true, entity: 'producerId' }),
  producerEpoch: int16({ v: '5+', default: -1, ignorable: true }),
}))
