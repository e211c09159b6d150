import { array, boolean, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Starts, changes or cancels moves of replicas between brokers (KIP-455). */
const shape = { key: 45, name: 'AlterPartitionReassignments', versions: '0-1', flexible: '0+' } as const

export const AlterPartitionReassignmentsRequest = request(shape, () => ({
  timeoutMs: int32({ default: 60000 }),
  /** False to refuse a move that ends with another number of replicas (KIP-860). */
  allowReplicationFactorChange: boolean({ v: '1+', default: true }),
  topics: array({
    name: string({ entity: 'topicName' }),
    partitions: array({
      partitionIndex: int32(),
      /** Preferred leader first; null to cancel. */
      replicas: array(int32(), { nullable: '0+', default: null, entity: 'brokerId' }),
    }),
  }),
}))

export const AlterPartitionReassignmentsResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  allowReplicationFactorChange: boolean({ v: '1+', default: true, ignorable: true }),
  errorCode: int16(),
  errorMessage: string({ nullable: '0+' }),
  responses: array({
    name: string({ entity: 'topicName' }),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: '0+' }),
    }),
  }),
}))
