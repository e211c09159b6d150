import {
  claimController,
  defaultEntityName,
  EmbeddedMetadata,
  type RegistryOutcome,
  type TopicImage,
  TopicRegistry,
} from '@ottla/cluster'
import { ErrorCode } from '@ottla/protocol'
import type { Runtime } from '@ottla/runtime'
import type { LogManager } from '@ottla/storage'
import type { DynamicEntries } from './config/index.ts'
import type { ProducerIdBlock } from './producer-ids.ts'
import { DONE, type ItemOutcome, refusal } from './topics/outcome.ts'
import type { TopicInfo, TopicStore } from './topics/topics.ts'

export interface ClusterMetadataOptions {
  /** The embedded store's own folder. */
  readonly dir: string
  readonly nodeId: number
  /** Of an adopted directory, for a cluster that has no id yet. */
  readonly clusterId: string | null
}

const NO_ENTRIES: ReadonlyMap<string, string> = new Map()

/**
 * What this broker knows of its cluster, and the only way to change it durably: the embedded store of a cluster of one
 * broker, which is its own controller.
 */
export class ClusterMetadata {
  readonly clusterId: string
  readonly topics: TopicStore
  private readonly nodeId: number
  private readonly embedded: EmbeddedMetadata
  private readonly registry: TopicRegistry
  private readonly runtime: Runtime

  /** Rejects with `MetadataOpenError` (one sentence) and the system's errors. */
  static async open(options: ClusterMetadataOptions, runtime: Runtime): Promise<ClusterMetadata> {
    const embedded = EmbeddedMetadata.open({ dir: options.dir }, runtime)
    try {
      const store = embedded.openSession()
      const claim = await claimController(store, options.nodeId, runtime.clock)
      if (!claim.ok) throw new Error(`the embedded metadata store refused its only controller: ${claim.error}`)
      const { clock, secureRandom } = runtime
      const registry = await TopicRegistry.open(
        { brokerId: options.nodeId, term: claim.term, clusterId: options.clusterId },
        { store, clock, secureRandom },
      )
      return new ClusterMetadata(options.nodeId, embedded, registry, runtime)
    } catch (error) {
      await embedded.close()
      throw error
    }
  }

  private constructor(nodeId: number, embedded: EmbeddedMetadata, registry: TopicRegistry, runtime: Runtime) {
    this.nodeId = nodeId
    this.embedded = embedded
    this.registry = registry
    this.runtime = runtime
    this.clusterId = registry.image.clusterId
    this.topics = topicStore(registry)
  }

  brokerConfigs(): DynamicEntries {
    const { brokerConfigs } = this.registry.image
    return {
      broker: brokerConfigs.get(String(this.nodeId)) ?? NO_ENTRIES,
      cluster: brokerConfigs.get(defaultEntityName) ?? NO_ENTRIES,
    }
  }

  async setBrokerConfigs(
    level: 'broker' | 'cluster',
    update: (current: ReadonlyMap<string, string>) => ReadonlyMap<string, string>,
  ): Promise<ItemOutcome> {
    const entity = level === 'cluster' ? defaultEntityName : String(this.nodeId)
    return outcomeOf(await this.registry.setBrokerConfigs(entity, update))
  }

  groupConfigs(): ReadonlyMap<string, ReadonlyMap<string, string>> {
    return this.registry.image.groupConfigs
  }

  async setGroupConfigs(
    groupId: string,
    update: (current: ReadonlyMap<string, string>) => ReadonlyMap<string, string>,
  ): Promise<ItemOutcome> {
    return outcomeOf(await this.registry.setGroupConfigs(groupId, update))
  }

  /** `null` when the store cannot say now. */
  async reserveProducerIds(): Promise<ProducerIdBlock | null> {
    const block = await this.registry.allocateProducerIdBlock()
    if (!block.ok) {
      this.runtime.logger.warn('no producer ids can be had', { reason: block.error })
      return null
    }
    const { firstProducerId, lastProducerId } = block.value
    return { first: firstProducerId, size: lastProducerId - firstProducerId + 1 }
  }

  /**
   * Begins a new leader epoch in every partition: after an unclean stop a log may end earlier than what consumers have
   * read, and the epoch is how they learn of it (KIP-320).
   */
  async startNewLeaderEpochs(): Promise<void> {
    const outcome = await this.registry.startNewLeaderEpochs()
    if (!outcome.ok) throw new Error(`the embedded metadata store refused new leader epochs: ${outcome.error}`)
  }

  /** Registers the topics whose logs are there although nobody knows them, with the ids in their folders. */
  async adopt(logs: LogManager): Promise<void> {
    const found = new Map<string, { topicId: string | undefined; partitions: number }>()
    for (const log of logs.logs()) {
      if (this.topics.get(log.topic) !== undefined) continue
      const known = found.get(log.topic)
      const partitions = Math.max(known?.partitions ?? 0, log.partition + 1)
      found.set(log.topic, { topicId: known?.topicId ?? log.topicId ?? undefined, partitions })
    }
    for (const [name, { topicId, partitions }] of found) {
      const replicas = Array.from({ length: partitions }, () => [this.nodeId])
      const created = await this.registry.createTopic({ name, topicId, partitions: replicas, configs: NO_ENTRIES })
      if (!created.ok) throw new Error(`topic ${name} could not be adopted: ${created.error}`)
      this.runtime.logger.info('adopted topic', { topic: name, partitions })
    }
  }

  close(): Promise<void> {
    return this.embedded.close()
  }
}

function topicStore(registry: TopicRegistry): TopicStore {
  return {
    get: (name) => registry.image.topics.get(name),
    byId: (topicId) => registry.image.topicsById.get(topicId),
    all: () => registry.image.topics.values(),
    create: async (name, partitions, configs) => topicOf(await registry.createTopic({ name, partitions, configs })),
    addPartitions: async (name, present, added) => topicOf(await registry.createPartitions(name, present, added)),
    delete: async (name) => outcomeOf(await registry.deleteTopic(name)),
    setConfigs: async (name, update) => outcomeOf(await registry.setTopicConfigs(name, update)),
  }
}

function topicOf(outcome: RegistryOutcome<TopicImage, 'topicExists' | 'unknownTopic'>): TopicInfo | ItemOutcome {
  return outcome.ok ? outcome.value : outcomeOf(outcome)
}

function outcomeOf(outcome: RegistryOutcome<unknown, 'topicExists' | 'unknownTopic'>): ItemOutcome {
  if (outcome.ok) return DONE
  switch (outcome.error) {
    case 'topicExists':
      return refusal(ErrorCode.TOPIC_ALREADY_EXISTS, 'the topic already exists')
    case 'unknownTopic':
      return refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 'there is no such topic')
    case 'notController':
      return refusal(ErrorCode.NOT_CONTROLLER, 'another broker is the controller')
    case 'concurrentChange':
      return refusal(ErrorCode.REQUEST_TIMED_OUT, 'others changed the same thing at every attempt')
    case 'storeFailed':
      return refusal(ErrorCode.KAFKA_STORAGE_ERROR, `the metadata store answered ${outcome.failure.code}`)
  }
}
