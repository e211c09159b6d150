import { array, boolean, int16, int32, int64, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * Enters partitions into a transaction, so that its end reaches them. Up to version 3 sent by producers; from version 4
 * on by brokers, for several transactions, and to verify that a partition was entered (KIP-890).
 */
const shape = { key: 24, name: 'AddPartitionsToTxn', versions: '0-5', flexible: '3+' } as const

const addPartitionsToTxnTopic = {
  name: string({ entity: 'topicName', key: true }),
  partitions: array(int32()),
}

const addPartitionsToTxnPartitionResult = {
  partitionIndex: int32({ key: true }),
  partitionErrorCode: int16(),
}

const addPartitionsToTxnTopicResult = {
  name: string({ entity: 'topicName', key: true }),
  resultsByPartition: array(addPartitionsToTxnPartitionResult),
}

export const AddPartitionsToTxnRequest = request(shape, () => ({
  transactions: array(
    {
      transactionalId: string({ entity: 'transactionalId', key: true }),
      producerId: int64({ entity: 'producerId' }),
      producerEpoch: int16(),
      /** Only ask whether the partitions are in the transaction. */
      verifyOnly: boolean(),
      topics: array(addPartitionsToTxnTopic),
    },
    { v: '4+' },
  ),
  v3AndBelowTransactionalId: string({ v: '0-3', entity: 'transactionalId' }),
  v3AndBelowProducerId: int64({ v: '0-3', entity: 'producerId' }),
  v3AndBelowProducerEpoch: int16({ v: '0-3' }),
  v3AndBelowTopics: array(addPartitionsToTxnTopic, { v: '0-3' }),
}))

export const AddPartitionsToTxnResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16({ v: '4+', ignorable: true }),
  resultsByTransaction: array(
    {
      transactionalId: string({ entity: 'transactionalId', key: true }),
      topicResults: array(addPartitionsToTxnTopicResult),
    },
    { v: '4+' },
  ),
  resultsByTopicV3AndBelow: array(addPartitionsToTxnTopicResult, { v: '0-3' }),
}))
