import { encodeJson, ZnodeJson } from './json.ts'
import { partitionsOf, type TopicPartition } from './notifications.ts'

/** `/admin/delete_topics/<topic>`, without data: the controller shall delete the topic. */
export const deleteTopicZnode = {
  directory: '/admin/delete_topics',
  path: (topic: string): string => `/admin/delete_topics/${topic}`,
} as const

/** `/admin/preferred_replica_election`, version 1: what old tools ask the controller to elect. */
export const preferredReplicaElectionZnode = {
  path: '/admin/preferred_replica_election',

  encode(partitions: readonly TopicPartition[]): Buffer {
    return encodeJson({ version: 1, partitions: partitions.map(({ topic, partition }) => ({ topic, partition })) })
  },

  decode(data: Buffer | null): TopicPartition[] {
    return partitionsOf(ZnodeJson.parse(preferredReplicaElectionZnode.path, data))
  },
} as const

export interface PartitionReassignment extends TopicPartition {
  readonly replicas: readonly number[]
}

/** `/admin/reassign_partitions`, version 1: what old tools ask the controller to move (newer ones use the protocol, KIP-455). */
export const reassignPartitionsZnode = {
  path: '/admin/reassign_partitions',

  encode(reassignments: readonly PartitionReassignment[]): Buffer {
    const partitions = reassignments.map(({ topic, partition, replicas }) => ({ topic, partition, replicas }))
    return encodeJson({ version: 1, partitions })
  },

  decode(data: Buffer | null): PartitionReassignment[] {
    const json = ZnodeJson.parse(reassignPartitionsZnode.path, data)
    return json.objects('partitions').map((item) => ({
      topic: item.text('topic'),
      partition: item.integer('partition'),
      replicas: item.integers('replicas'),
    }))
  },
} as const
