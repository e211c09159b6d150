import { array, boolean, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Raises the number of partitions of topics. Existing records stay where they are. */
const shape = { key: 37, name: 'CreatePartitions', versions: '0-3', flexible: '2+' } as const

export const CreatePartitionsRequest = request(shape, () => ({
  topics: array({
    name: string({ entity: 'topicName', key: true }),
    /** The new total. */
    count: int32(),
    /** Replicas of the added partitions, in order; null to let the cluster choose. */
    assignments: array(
      {
        brokerIds: array(int32(), { entity: 'brokerId' }),
      },
      { nullable: '0+' },
    ),
  }),
  /** Milliseconds to wait at most until the partitions exist. */
  timeoutMs: int32(),
  validateOnly: boolean(),
}))

export const CreatePartitionsResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  results: array({
    name: string({ entity: 'topicName' }),
    errorCode: int16(),
    errorMessage: string({ nullable: '0+', default: null }),
  }),
}))
