import { array, int16, int32, int64, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * In ZooKeeper mode: a broker asks the controller to move its leaderships away before it stops. Removed in Kafka 4.0.
 * Version 0 is the only request with header version 0.
 */
const shape = { key: 7, name: 'ControlledShutdown', versions: '0-3', flexible: '3+' } as const

export const ControlledShutdownRequest = request(shape, () => ({
  brokerId: int32({ entity: 'brokerId' }),
  /** -1 to skip the check. */
  brokerEpoch: int64({ v: '2+', default: -1, ignorable: true }),
}))

export const ControlledShutdownResponse = response(shape, () => ({
  errorCode: int16(),
  /** Those that the broker still leads. */
  remainingPartitions: array({
    topicName: string({ entity: 'topicName', key: true }),
    partitionIndex: int32({ key: true }),
  }),
}))
