import { int16, int32, int64, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Enters a group's offsets partition into a transaction, before TxnOffsetCommit. */
const shape = { key: 25, name: 'AddOffsetsToTxn', versions: '0-4', flexible: '3+' } as const

export const AddOffsetsToTxnRequest = request(shape, () => ({
  transactionalId: string({ entity: 'transactionalId' }),
  producerId: int64({ entity: 'producerId' }),
  producerEpoch: int16(),
  groupId: string({ entity: 'groupId' }),
}))

export const AddOffsetsToTxnResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16(),
}))
