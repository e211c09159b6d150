import { int16, int32, int64 } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** A broker asks the controller for a block of producer ids (KIP-730). */
const shape = { key: 67, name: 'AllocateProducerIds', versions: '0', flexible: '0+' } as const

export const AllocateProducerIdsRequest = request(shape, () => ({
  brokerId: int32({ entity: 'brokerId' }),
  brokerEpoch: int64({ default: -1 }),
}))

export const AllocateProducerIdsResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16(),
  producerIdStart: int64({ entity: 'producerId' }),
  /** Ids in the block, from `producerIdStart` on. */
  producerIdLen: int32(),
}))
