import type { Clock, SecureRandom } from '@ottla/runtime'
import { ConfigChangePurge } from './config-change-purge.ts'
import { compareAndSetAttemptsMax } from './limits.ts'
import { type MetadataChange, type MetadataImage, MutableMetadataImage, type TopicImage } from './metadata-image.ts'
import type { MetadataStore, MultiOutcome, Operation, StoreFailure } from './metadata-store.ts'
import { allocateProducerIdBlock, type ProducerIdBlockOutcome } from './producer-id-blocks.ts'
import {
  type ControllerTerm,
  createOrGetClusterId,
  createPersistentPaths,
  MetadataUnavailableError,
} from './registration.ts'
import {
  type LoadedTopic,
  loadConfigs,
  loadEntityConfigs,
  loadTopic,
  loadTopics,
  partitionImage,
  type TopicVersions,
} from './topic-loader.ts'
import {
  addPartitionsOperations,
  createTopicOperations,
  deleteTopicOperations,
  setConfigsOperations,
  setStateOperation,
} from './topic-operations.ts'
import { randomUuid } from './uuid.ts'
import { type Configs, groupEntityName, groupIdOfEntity } from './znodes/configs.ts'
import { controllerEpochZnode } from './znodes/controller.ts'
import { topicZnode } from './znodes/topics.ts'

/** Kinds of entity, other than topics, whose overrides are kept here. */
type EntityType = 'brokers' | 'groups'

export interface TopicRegistryOptions {
  readonly brokerId: number
  /** This broker's term as controller: written into states, and the condition of every change of topics and configs. */
  readonly term: ControllerTerm
  /** For a cluster that has no id yet; default: a random one. */
  readonly clusterId?: string | null
}

export interface TopicRegistryDeps {
  readonly store: MetadataStore
  readonly clock: Clock
  readonly secureRandom: SecureRandom
}

/** Besides the errors an operation has of its own. */
export type RegistryError =
  /** Another controller was elected: nothing was changed, and nothing will be. */
  | { readonly error: 'notController' }
  /** Others changed the same thing at every attempt, or since the caller looked (`expectedPartitionCount`). */
  | { readonly error: 'concurrentChange' }
  /** See `MetadataStore` for which codes leave open whether the change happened. */
  | { readonly error: 'storeFailed'; readonly failure: StoreFailure }

export type RegistryOutcome<T, E extends string = never> =
  | { readonly ok: true; readonly value: T }
  | ({ readonly ok: false } & (RegistryError | { readonly error: E }))

export interface NewTopic {
  readonly name: string
  /** Default: a random id. */
  readonly topicId?: string
  /** Replicas of each partition; the first one leads. */
  readonly partitions: readonly (readonly number[])[]
  readonly configs: Configs
}

/** From the configs that are there to those that shall be. Called again when somebody else was faster. */
export type ConfigsUpdate = (current: Configs) => Configs

const maxOperationsPerMulti = 5_000

/**
 * Topics, configs and producer ids of a cluster of one broker, over its metadata store: the part of a controller that
 * needs no elections. Names and configs are validated by the caller. Every change is one multi; the image follows it,
 * then the listeners hear of it, then the promise resolves.
 */
export class TopicRegistry {
  readonly #options: TopicRegistryOptions
  readonly #deps: TopicRegistryDeps
  readonly #image: MutableMetadataImage
  readonly #topicVersions = new Map<string, TopicVersions>()
  /** Of brokers and groups, by kind and entity. */
  readonly #entityConfigVersions = new Map<string, number | null>()
  readonly #purge: ConfigChangePurge

  /**
   * Makes what every cluster has, reads everything. Throws `MetadataUnavailableError` when the store does not answer,
   * `ZnodeFormatError` when it holds something unreadable: the broker cannot start then.
   */
  static async open(options: TopicRegistryOptions, deps: TopicRegistryDeps): Promise<TopicRegistry> {
    const { store } = deps
    await createPersistentPaths(store)
    const clusterId = await createOrGetClusterId(store, deps.secureRandom, options.clusterId ?? null)
    const registry = new TopicRegistry(options, deps, clusterId)
    for (const topic of await loadTopics(store)) registry.#put(topic)
    for (const type of ['brokers', 'groups'] as const) {
      for (const [entity, loaded] of await loadEntityConfigs(store, type))
        registry.#putEntityConfigs(type, entity, loaded.configs, loaded.version)
    }
    await registry.#purge.load()
    return registry
  }

  private constructor(options: TopicRegistryOptions, deps: TopicRegistryDeps, clusterId: string) {
    this.#options = options
    this.#deps = deps
    this.#image = new MutableMetadataImage(clusterId)
    this.#purge = new ConfigChangePurge(deps)
  }

  get image(): MetadataImage {
    return this.#image
  }

  /** Calls `listener` in the turn in which the image changes, in order. Returns the function that ends it. */
  onChange(listener: (change: MetadataChange) => void): () => void {
    return this.#image.onChange(listener)
  }

  /** The topic's nodes, configs and partition states, all or nothing. The first replica of each partition leads, all are in sync. */
  async createTopic(topic: NewTopic): Promise<RegistryOutcome<TopicImage, 'topicExists'>> {
    const image: TopicImage = {
      name: topic.name,
      topicId: topic.topicId ?? randomUuid(this.#deps.secureRandom),
      partitions: topic.partitions.map((replicas, partition) => newPartition(partition, replicas)),
      configs: topic.configs,
    }
    if (this.#image.topics.has(topic.name)) return { ok: false, error: 'topicExists' }
    // Kafka writes configs before the topic, so a crash there may have left some behind: they are overwritten.
    for (const configsExist of [false, true]) {
      const operations = createTopicOperations(image, this.#options.term.epoch, configsExist)
      const outcome = await this.#multi(operations)
      if (outcome.ok) {
        const configs = outcome.value[1]
        this.#put({ image, versions: { topic: 0, configs: configs.type === 'set' ? configs.stat.version : 0 } })
        return { ok: true, value: image }
      }
      if (outcome.code !== 'nodeExists') return this.#failed(outcome)
      if (outcome.path === operations[0].path) {
        const unread = this.#image.topics.has(topic.name) ? null : await this.#reload(topic.name)
        return unread === null
          ? { ok: false, error: 'topicExists' }
          : { ok: false, error: 'storeFailed', failure: unread }
      }
    }
    return { ok: false, error: 'concurrentChange' }
  }

  /**
   * Adds partitions behind the `expectedPartitionCount` that the caller has seen; with another count it answers
   * `concurrentChange` and the image has what is there now.
   */
  async createPartitions(
    name: string,
    expectedPartitionCount: number,
    added: readonly (readonly number[])[],
  ): Promise<RegistryOutcome<TopicImage, 'unknownTopic'>> {
    return this.#compareAndSet(name, async (topic, versions) => {
      if (topic.partitions.length !== expectedPartitionCount) return { ok: false, error: 'concurrentChange' }
      const grown = {
        ...topic,
        partitions: [
          ...topic.partitions,
          ...added.map((replicas, i) => newPartition(expectedPartitionCount + i, replicas)),
        ],
      }
      const { epoch } = this.#options.term
      const outcome = await this.#multi(addPartitionsOperations(grown, expectedPartitionCount, epoch, versions.topic))
      if (!outcome.ok) return outcome
      const current = this.#image.topics.get(name) as TopicImage
      const image = {
        ...current,
        partitions: [...current.partitions, ...grown.partitions.slice(expectedPartitionCount)],
      }
      this.#put({ image, versions: { ...this.#versions(name), topic: versions.topic + 1 } })
      return { ok: true, value: image }
    })
  }

  /** Removes all nodes of the topic. With `topicId`: only if the topic of that name is this one. */
  async deleteTopic(name: string, topicId?: string): Promise<RegistryOutcome<TopicImage, 'unknownTopic'>> {
    return this.#compareAndSet(name, async (topic, versions) => {
      if (topicId !== undefined && topic.topicId !== topicId) return { ok: false, error: 'unknownTopic' }
      const outcome = await this.#multi(deleteTopicOperations(topic, versions.topic, versions.configs !== null))
      if (!outcome.ok) return outcome
      const deleted = this.#image.topics.get(name) as TopicImage
      this.#remove(name)
      return { ok: true, value: deleted }
    })
  }

  /** Replaces the topic's overrides by what `update` makes of them, atomically. */
  async setTopicConfigs(name: string, update: ConfigsUpdate): Promise<RegistryOutcome<TopicImage, 'unknownTopic'>> {
    return this.#compareAndSet(name, async (topic, versions) => {
      const configs = update(topic.configs)
      const check: Operation = { type: 'check', path: topicZnode.path(name), expectedVersion: versions.topic }
      const outcome = await this.#multi([check, ...setConfigsOperations('topics', name, configs, versions.configs)])
      if (!outcome.ok) return outcome
      const image = { ...(this.#image.topics.get(name) as TopicImage), configs }
      this.#put({ image, versions: { ...this.#versions(name), configs: nextConfigVersion(versions.configs) } })
      this.#purge.created(outcome.value)
      return { ok: true, value: image }
    })
  }

  /** Replaces the overrides of a broker (its id as text) or of all brokers (`<default>`), atomically. */
  setBrokerConfigs(entity: string, update: ConfigsUpdate): Promise<RegistryOutcome<Configs>> {
    return this.#setEntityConfigs('brokers', entity, () => this.#image.brokerConfigs.get(entity), update)
  }

  /** Replaces the overrides of a group, atomically. */
  setGroupConfigs(groupId: string, update: ConfigsUpdate): Promise<RegistryOutcome<Configs>> {
    const known = (): Configs | undefined => this.#image.groupConfigs.get(groupId)
    return this.#setEntityConfigs('groups', groupEntityName(groupId), known, update)
  }

  async #setEntityConfigs(
    type: EntityType,
    entity: string,
    known: () => Configs | undefined,
    update: ConfigsUpdate,
  ): Promise<RegistryOutcome<Configs>> {
    const key = `${type}/${entity}`
    for (let attempt = 0; attempt < compareAndSetAttemptsMax; attempt++) {
      const version = this.#entityConfigVersions.get(key) ?? null
      const configs = update(known() ?? new Map())
      const outcome = await this.#multi(setConfigsOperations(type, entity, configs, version))
      if (outcome.ok) {
        this.#putEntityConfigs(type, entity, configs, nextConfigVersion(version))
        this.#purge.created(outcome.value)
        return { ok: true, value: configs }
      }
      if (!isOvertaken(outcome)) return this.#failed(outcome)
      if (this.#entityConfigVersions.get(key) !== version) continue
      const unread = await unavailable(async () => {
        const current = await loadConfigs(this.#deps.store, type, entity)
        this.#putEntityConfigs(type, entity, current.configs, current.version)
      })
      if (unread !== null) return { ok: false, error: 'storeFailed', failure: unread }
    }
    return { ok: false, error: 'concurrentChange' }
  }

  #putEntityConfigs(type: EntityType, entity: string, configs: Configs, version: number | null): void {
    this.#entityConfigVersions.set(`${type}/${entity}`, version)
    if (type === 'brokers') this.#image.putBrokerConfigs(entity, configs)
    else this.#image.putGroupConfigs(groupIdOfEntity(entity), configs)
  }

  /**
   * Begins a new leader epoch in every partition this broker leads. After an unclean stop the log may have lost a
   * suffix that consumers have read; the new epoch is how they learn of it (KIP-320). For the start of a broker: nothing
   * else may be changed meanwhile. Resolves with the number of partitions.
   */
  async startNewLeaderEpochs(): Promise<RegistryOutcome<number>> {
    const { brokerId, term } = this.#options
    const led = [...this.#image.topics.values()].flatMap((topic) =>
      topic.partitions
        .filter(({ leader }) => leader === brokerId)
        .map(({ partition }) => ({ name: topic.name, partition })),
    )
    for (let i = 0; i < led.length; i += maxOperationsPerMulti) {
      const slice = led.slice(i, i + maxOperationsPerMulti)
      const next = slice.map(({ name, partition }) => {
        const image = (this.#image.topics.get(name) as TopicImage).partitions[partition]
        return { name, image: { ...image, leaderEpoch: image.leaderEpoch + 1 } }
      })
      const outcome = await this.#multi(next.map(({ name, image }) => setStateOperation(name, image, term.epoch)))
      if (!outcome.ok) return this.#failed(outcome)
      const changed = new Map<string, TopicImage['partitions'][number][]>()
      for (const { name, image } of next) {
        const partitions = changed.get(name) ?? [...(this.#image.topics.get(name) as TopicImage).partitions]
        partitions[image.partition] = { ...image, partitionEpoch: image.partitionEpoch + 1 }
        changed.set(name, partitions)
      }
      for (const [name, partitions] of changed) {
        this.#image.putTopic({ ...(this.#image.topics.get(name) as TopicImage), partitions })
      }
    }
    return { ok: true, value: led.length }
  }

  /** The next 1,000 producer ids. Never the same twice, whatever crashes. Throws `ZnodeFormatError`. */
  allocateProducerIdBlock(): Promise<ProducerIdBlockOutcome> {
    return allocateProducerIdBlock(this.#deps.store, this.#options.brokerId)
  }

  /** Runs `attempt` on what the image has, again after reading the topic anew when somebody else was faster. */
  async #compareAndSet(
    name: string,
    attempt: (
      topic: TopicImage,
      versions: TopicVersions,
    ) => Promise<RegistryOutcome<TopicImage, 'unknownTopic'> | GuardedFailure>,
  ): Promise<RegistryOutcome<TopicImage, 'unknownTopic'>> {
    for (let i = 0; i < compareAndSetAttemptsMax; i++) {
      const topic = this.#image.topics.get(name)
      if (topic === undefined) return { ok: false, error: 'unknownTopic' }
      const versions = this.#versions(name)
      const outcome = await attempt(topic, versions)
      if (outcome.ok || 'error' in outcome) return outcome
      if (!isOvertaken(outcome)) return this.#failed(outcome)
      // Overtaken by a change of our own the image knows already; by another's it must be read.
      if (this.#topicVersions.get(name) !== versions) continue
      const unread = await this.#reload(name)
      if (unread !== null) return { ok: false, error: 'storeFailed', failure: unread }
    }
    return { ok: false, error: 'concurrentChange' }
  }

  async #multi(operations: readonly Operation[]): Promise<Extract<MultiOutcome, { ok: true }> | GuardedFailure> {
    const { path } = controllerEpochZnode
    const guard: Operation = { type: 'check', path, expectedVersion: this.#options.term.epochZnodeVersion }
    const outcome = await this.#deps.store.multi([guard, ...operations])
    if (outcome.ok) return { ok: true, value: outcome.value.slice(1) }
    return { ...outcome, guarded: outcome.index === 0 && outcome.path === path }
  }

  #failed(outcome: GuardedFailure): { ok: false } & RegistryError {
    if (outcome.guarded) return { ok: false, error: 'notController' }
    return { ok: false, error: 'storeFailed', failure: outcome }
  }

  /** Reads the topic anew; the failure when the store does not answer. */
  #reload(name: string): Promise<StoreFailure | null> {
    return unavailable(async () => {
      const topic = await loadTopic(this.#deps.store, name)
      if (topic === null) this.#remove(name)
      else this.#put(topic)
    })
  }

  #put({ image, versions }: LoadedTopic): void {
    this.#topicVersions.set(image.name, versions)
    this.#image.putTopic(image)
  }

  #remove(name: string): void {
    this.#topicVersions.delete(name)
    this.#image.removeTopic(name)
  }

  #versions(name: string): TopicVersions {
    return this.#topicVersions.get(name) as TopicVersions
  }
}

/** A multi that failed; `guarded`: because this broker is the controller no more. */
type GuardedFailure = Extract<MultiOutcome, { ok: false }> & { readonly guarded: boolean }

async function unavailable(load: () => Promise<void>): Promise<StoreFailure | null> {
  try {
    await load()
    return null
  } catch (error) {
    if (error instanceof MetadataUnavailableError) return error.failure
    throw error
  }
}

function isOvertaken(failure: GuardedFailure): boolean {
  return !failure.guarded && ['badVersion', 'noNode', 'nodeExists', 'notEmpty'].includes(failure.code)
}

function newPartition(partition: number, replicas: readonly number[]) {
  const assignment = { replicas, addingReplicas: [], removingReplicas: [] }
  const state = {
    leader: replicas[0],
    leaderEpoch: 0,
    isr: replicas,
    controllerEpoch: 0,
    leaderRecoveryState: 'recovered' as const,
  }
  return partitionImage(partition, assignment, state, 0)
}

function nextConfigVersion(version: number | null): number {
  return version === null ? 0 : version + 1
}
