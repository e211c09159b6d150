import { array, bytes, int32, string } from '../../codec/fields.ts'
import { data } from '../../codec/message.ts'

/**
 * What consumers tell each other in a classic group, opaque to the broker: in JoinGroup and SyncGroup of protocol type
 * `consumer`, behind an int16 version. Readers take fields of later versions for the end and ignore them.
 */

export const ConsumerProtocolSubscription = data({ name: 'ConsumerProtocolSubscription', versions: '0-3' }, () => ({
  topics: array(string()),
  userData: bytes({ nullable: '0+', default: null }),
  /** What the member has at the moment, for sticky assignors. */
  ownedPartitions: array(
    {
      topic: string({ entity: 'topicName', key: true }),
      partitions: array(int32()),
    },
    { v: '1+', ignorable: true },
  ),
  /** Of `ownedPartitions`: the newest claim wins. -1 if unknown. */
  generationId: int32({ v: '2+', default: -1, ignorable: true }),
  rackId: string({ v: '3+', nullable: '3+', default: null, ignorable: true }),
}))

export const ConsumerProtocolAssignment = data({ name: 'ConsumerProtocolAssignment', versions: '0-3' }, () => ({
  assignedPartitions: array({
    topic: string({ entity: 'topicName', key: true }),
    partitions: array(int32()),
  }),
  userData: bytes({ nullable: '0+', default: null }),
}))
