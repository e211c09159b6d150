import { array, int8, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Elects leaders on demand (KIP-183, KIP-460). */
const shape = { key: 43, name: 'ElectLeaders', versions: '0-2', flexible: '2+' } as const

export const ElectLeadersRequest = request(shape, () => ({
  /** 0: the preferred replica; 1: unclean, any live replica if no in-sync one is. */
  electionType: int8({ v: '1+' }),
  /** Null for all partitions. */
  topicPartitions: array(
    {
      topic: string({ entity: 'topicName', key: true }),
      partitions: array(int32()),
    },
    { nullable: '0+' },
  ),
  /** Milliseconds to wait at most until the elections are over. */
  timeoutMs: int32({ default: 60000 }),
}))

export const ElectLeadersResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16({ v: '1+' }),
  replicaElectionResults: array({
    topic: string({ entity: 'topicName' }),
    partitionResult: array({
      partitionId: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: '0+' }),
    }),
  }),
}))
