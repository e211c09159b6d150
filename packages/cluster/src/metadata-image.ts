import type { Configs } from './znodes/configs.ts'

/** A partition as the metadata store has it. Never changed, always replaced. */
export interface PartitionImage {
  readonly partition: number
  /** Broker ids; the first is the preferred leader. */
  readonly replicas: readonly number[]
  readonly addingReplicas: readonly number[]
  readonly removingReplicas: readonly number[]
  /** Broker id; -1: none. */
  readonly leader: number
  /** -1 while there was never a leader. */
  readonly leaderEpoch: number
  readonly isr: readonly number[]
  /** Version of the state's node; -1 while there is none. */
  readonly partitionEpoch: number
  readonly leaderRecoveryState: 'recovered' | 'recovering'
}

/** A topic as the metadata store has it. Never changed, always replaced. */
export interface TopicImage {
  readonly name: string
  /** URL-safe base64, 22 characters. */
  readonly topicId: string
  /** Index = partition. */
  readonly partitions: readonly PartitionImage[]
  /** Overrides only. */
  readonly configs: Configs
}

/**
 * What this broker knows of the cluster, for handlers to read without waiting. The maps are live: they change between
 * turns of the event loop, never within one, and the topics in them are replaced whole.
 */
export interface MetadataImage {
  readonly clusterId: string
  /** Rises with every change. */
  readonly changeNumber: number
  readonly topics: ReadonlyMap<string, TopicImage>
  readonly topicsById: ReadonlyMap<string, TopicImage>
  /** Over all topics. */
  readonly partitionCount: number
  /** Overrides of brokers, by id as text or `<default>`. */
  readonly brokerConfigs: ReadonlyMap<string, Configs>
  /** Overrides of groups, by id. */
  readonly groupConfigs: ReadonlyMap<string, Configs>
}

/** What happened to the image. Reported once the store has made it durable and the image shows it. */
export type MetadataChange =
  | { readonly type: 'topicCreated'; readonly topic: TopicImage }
  | { readonly type: 'topicDeleted'; readonly topic: TopicImage }
  /** The partitions from `firstPartition` on are new. */
  | { readonly type: 'partitionsCreated'; readonly topic: TopicImage; readonly firstPartition: number }
  /** Leader, ISR or replicas of some partitions; `previous` tells which. */
  | { readonly type: 'partitionsChanged'; readonly topic: TopicImage; readonly previous: TopicImage }
  | { readonly type: 'topicConfigsChanged'; readonly topic: TopicImage; readonly previous: Configs }
  | {
      readonly type: 'brokerConfigsChanged'
      readonly entity: string
      readonly configs: Configs
      readonly previous: Configs
    }
  | { readonly type: 'groupConfigsChanged'; readonly groupId: string; readonly configs: Configs }

const noConfigs: Configs = new Map()

/** The image and the one place that changes it. */
export class MutableMetadataImage implements MetadataImage {
  readonly clusterId: string
  readonly topics = new Map<string, TopicImage>()
  readonly topicsById = new Map<string, TopicImage>()
  readonly brokerConfigs = new Map<string, Configs>()
  readonly groupConfigs = new Map<string, Configs>()
  changeNumber = 0
  partitionCount = 0
  readonly #listeners = new Set<(change: MetadataChange) => void>()

  constructor(clusterId: string) {
    this.clusterId = clusterId
  }

  /** Calls `listener` in the turn of each change, in order. Returns the function that ends it. */
  onChange(listener: (change: MetadataChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The topic is now this one. A topic of the same name with another id is another topic. */
  putTopic(topic: TopicImage): void {
    const previous = this.topics.get(topic.name)
    if (previous !== undefined && previous.topicId !== topic.topicId) this.removeTopic(topic.name)
    const old = this.topics.get(topic.name)
    this.topics.set(topic.name, topic)
    this.topicsById.set(topic.topicId, topic)
    this.partitionCount += topic.partitions.length - (old?.partitions.length ?? 0)
    if (old === undefined) {
      this.#report({ type: 'topicCreated', topic })
      return
    }
    if (old.partitions.some((partition, i) => partition !== topic.partitions[i])) {
      this.#report({ type: 'partitionsChanged', topic, previous: old })
    }
    if (topic.partitions.length > old.partitions.length) {
      this.#report({ type: 'partitionsCreated', topic, firstPartition: old.partitions.length })
    }
    if (old.configs !== topic.configs) this.#report({ type: 'topicConfigsChanged', topic, previous: old.configs })
  }

  removeTopic(name: string): void {
    const topic = this.topics.get(name)
    if (topic === undefined) return
    this.topics.delete(name)
    this.topicsById.delete(topic.topicId)
    this.partitionCount -= topic.partitions.length
    this.#report({ type: 'topicDeleted', topic })
  }

  putBrokerConfigs(entity: string, configs: Configs): void {
    const previous = this.brokerConfigs.get(entity) ?? noConfigs
    this.brokerConfigs.set(entity, configs)
    this.#report({ type: 'brokerConfigsChanged', entity, configs, previous })
  }

  /** None: the group is as any other. */
  putGroupConfigs(groupId: string, configs: Configs): void {
    if (configs.size === 0) this.groupConfigs.delete(groupId)
    else this.groupConfigs.set(groupId, configs)
    this.#report({ type: 'groupConfigsChanged', groupId, configs })
  }

  #report(change: MetadataChange): void {
    this.changeNumber++
    for (const listener of [...this.#listeners]) listener(change)
  }
}
