import { array, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Moves of replicas under way (KIP-455). */
const shape = { key: 46, name: 'ListPartitionReassignments', versions: '0', flexible: '0+' } as const

export const ListPartitionReassignmentsRequest = request(shape, () => ({
  timeoutMs: int32({ default: 60000 }),
  /** Null for all. */
  topics: array(
    {
      name: string({ entity: 'topicName' }),
      partitionIndexes: array(int32()),
    },
    { nullable: '0+', default: null },
  ),
}))

export const ListPartitionReassignmentsResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: '0+' }),
  topics: array({
    name: string({ entity: 'topicName' }),
    partitions: array({
      partitionIndex: int32(),
      /** All replicas now, the incoming and the outgoing among them. */
      replicas: array(int32(), { entity: 'brokerId' }),
      addingReplicas: array(int32(), { entity: 'brokerId' }),
      removingReplicas: array(int32(), { entity: 'brokerId' }),
    }),
  }),
}))
