import { array, boolean, int8, int16, int32, string, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Creates topics, each on its own: one may fail while the others succeed. */
const shape = { key: 19, name: 'CreateTopics', versions: '0-7', flexible: '5+' } as const

export const CreateTopicsRequest = request(shape, () => ({
  topics: array({
    name: string({ entity: 'topicName', key: true }),
    /** -1 with manual assignments, or, from version 4 on, for the broker's default. */
    numPartitions: int32(),
    /** As `numPartitions`. */
    replicationFactor: int16(),
    /** Replicas by partition, preferred leader first; empty to let the cluster choose. */
    assignments: array({
      partitionIndex: int32({ key: true }),
      brokerIds: array(int32(), { entity: 'brokerId' }),
    }),
    configs: array({
      name: string({ key: true }),
      value: string({ nullable: '0+' }),
    }),
  }),
  /** Milliseconds to wait at most until all brokers know the topics. */
  timeoutMs: int32({ default: 60000 }),
  /** Checks everything and creates nothing. */
  validateOnly: boolean({ v: '1+' }),
}))

export const CreateTopicsResponse = response(shape, () => ({
  throttleTimeMs: int32({ v: '2+', ignorable: true }),
  topics: array({
    name: string({ entity: 'topicName', key: true }),
    topicId: uuid({ v: '7+', ignorable: true }),
    errorCode: int16(),
    errorMessage: string({ v: '1+', nullable: '0+', ignorable: true }),
    /**
     * TOPIC_AUTHORIZATION_FAILED if the caller may not see the configuration; the next fields are then -1 or null
     * (KIP-525).
     */
    topicConfigErrorCode: int16({ v: '5+', tag: 0, ignorable: true }),
    numPartitions: int32({ v: '5+', default: -1, ignorable: true }),
    replicationFactor: int16({ v: '5+', default: -1, ignorable: true }),
    configs: array(
      {
        name: string(),
        value: string({ nullable: '5+' }),
        readOnly: boolean(),
        /** As in DescribeConfigs. */
        configSource: int8({ default: -1, ignorable: true }),
        isSensitive: boolean(),
      },
      { v: '5+', nullable: '5+', ignorable: true },
    ),
  }),
}))
