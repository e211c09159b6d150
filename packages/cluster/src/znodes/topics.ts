import { encodeJson, ZnodeJson } from './json.ts'

export interface ReplicaAssignment {
  /** Broker ids; the first is the preferred leader. While a reassignment is under way it holds the added ones too. */
  readonly replicas: readonly number[]
  readonly addingReplicas: readonly number[]
  readonly removingReplicas: readonly number[]
}

export interface TopicAssignment {
  /** `null`: made by a broker of before topic ids (KIP-516). */
  readonly topicId: string | null
  /** By partition. */
  readonly partitions: ReadonlyMap<number, ReplicaAssignment>
}

export const topicsZnode = { path: '/brokers/topics' } as const

/** `/brokers/topics/<topic>`: id and replicas. Written in version 3; versions 1 to 3 are read (`TopicZNode`). */
export const topicZnode = {
  path: (topic: string): string => `${topicsZnode.path}/${topic}`,

  encode({ topicId, partitions }: TopicAssignment): Buffer {
    const replicas: Record<string, readonly number[]> = {}
    const adding: Record<string, readonly number[]> = {}
    const removing: Record<string, readonly number[]> = {}
    for (const [partition, assignment] of partitions) {
      replicas[partition] = assignment.replicas
      if (assignment.addingReplicas.length > 0) adding[partition] = assignment.addingReplicas
      if (assignment.removingReplicas.length > 0) removing[partition] = assignment.removingReplicas
    }
    return encodeJson({
      partitions: replicas,
      ...(topicId === null ? {} : { topic_id: topicId }),
      adding_replicas: adding,
      removing_replicas: removing,
      version: 3,
    })
  },

  decode(topic: string, data: Buffer | null): TopicAssignment {
    const json = ZnodeJson.parse(topicZnode.path(topic), data)
    const replicas = json.object('partitions')
    const adding = json.has('adding_replicas') ? json.object('adding_replicas') : null
    const removing = json.has('removing_replicas') ? json.object('removing_replicas') : null
    const partitions = new Map<number, ReplicaAssignment>()
    for (const key of replicas.keys()) {
      if (!/^\d{1,9}$/.test(key)) throw json.fail(`"${key}" is no partition`)
      partitions.set(Number(key), {
        replicas: replicas.integers(key),
        addingReplicas: adding?.has(key) ? adding.integers(key) : none,
        removingReplicas: removing?.has(key) ? removing.integers(key) : none,
      })
    }
    return { topicId: json.has('topic_id') ? json.text('topic_id') : null, partitions }
  },
} as const

const none: readonly number[] = []

/** `/brokers/topics/<topic>/partitions`, without data. */
export const topicPartitionsZnode = { path: (topic: string): string => `${topicZnode.path(topic)}/partitions` } as const

/** `/brokers/topics/<topic>/partitions/<partition>`, without data. */
export const topicPartitionZnode = {
  path: (topic: string, partition: number): string => `${topicPartitionsZnode.path(topic)}/${partition}`,
} as const

export interface PartitionState {
  /** Broker id; -1: none. */
  readonly leader: number
  readonly leaderEpoch: number
  /** Broker ids in sync, the leader among them. */
  readonly isr: readonly number[]
  /** Epoch of the controller that wrote it. */
  readonly controllerEpoch: number
  /** `recovering` after an unclean election (KIP-704). */
  readonly leaderRecoveryState: 'recovered' | 'recovering'
}

/** `/brokers/topics/<topic>/partitions/<partition>/state`, version 1. The node's version is the partition epoch. */
export const partitionStateZnode = {
  path: (topic: string, partition: number): string => `${topicPartitionZnode.path(topic, partition)}/state`,

  encode({ leader, leaderEpoch, isr, controllerEpoch, leaderRecoveryState }: PartitionState): Buffer {
    return encodeJson({
      controller_epoch: controllerEpoch,
      leader,
      version: 1,
      ...(leaderRecoveryState === 'recovered' ? {} : { leader_recovery_state: 1 }),
      leader_epoch: leaderEpoch,
      isr,
    })
  },

  decode(topic: string, partition: number, data: Buffer | null): PartitionState {
    const json = ZnodeJson.parse(partitionStateZnode.path(topic, partition), data)
    const recovery = json.has('leader_recovery_state') ? json.integer('leader_recovery_state') : 0
    if (recovery !== 0 && recovery !== 1) throw json.fail(`no leader recovery state is ${recovery}`)
    return {
      leader: json.integer('leader'),
      leaderEpoch: json.integer('leader_epoch'),
      isr: json.integers('isr'),
      controllerEpoch: json.integer('controller_epoch'),
      leaderRecoveryState: recovery === 0 ? 'recovered' : 'recovering',
    }
  },
} as const
