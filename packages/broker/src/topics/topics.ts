import { ErrorCode } from '@ottla/protocol'
import type { Logger } from '@ottla/runtime'
import { type LogManager, StorageError } from '@ottla/storage'
import { type AlterResult, effectiveTopicConfig, replaceTopicConfig, type TopicConfig } from '../config/index.ts'
import type { LiveConfig } from '../config/live-config.ts'
import type { ReplicaManager } from '../replica-manager/replica-manager.ts'
import type { TurnBudget } from '../server/turn-budget.ts'
import { DONE, type ItemOutcome, refusal } from './outcome.ts'
import { collisionKey, isInternalTopic, topicNameProblem } from './topic-names.ts'

/** Sixteen zero bytes: no topic has this id. */
export const ZERO_ID = 'AAAAAAAAAAAAAAAAAAAAAA'

const NO_LEADER = -1
/** Where KRaft controllers keep the metadata; Apache Kafka refuses a topic of this name. */
const CLUSTER_METADATA = '__cluster_metadata'

/** New partitions one request may ask for (`ReplicationControlManager.MAX_PARTITIONS_PER_BATCH` in Apache Kafka). */
export const PARTITIONS_PER_REQUEST_MAX = 10_000

export interface PartitionInfo {
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
}

/** As Metadata and DescribeTopicPartitions tell it. */
export interface Leadership {
  readonly errorCode: number
  /** -1: nobody. */
  readonly leaderId: number
  readonly leaderEpoch: number
  readonly replicaNodes: readonly number[]
  readonly isrNodes: readonly number[]
  readonly offlineReplicas: readonly number[]
}

/** A topic as the cluster's metadata has it. */
export interface TopicInfo {
  readonly name: string
  readonly topicId: string
  readonly partitions: readonly PartitionInfo[]
  /** What the topic sets itself, by Kafka's names. */
  readonly configs: ReadonlyMap<string, string>
}

/** A topic has come, has more partitions, or is gone. */
export interface TopicChange {
  readonly kind: 'created' | 'grown' | 'deleted'
  readonly topic: TopicInfo
}

/** The cluster's topics, in memory for reading and durable before a change is answered. */
export interface TopicStore {
  get(name: string): TopicInfo | undefined
  byId(topicId: string): TopicInfo | undefined
  all(): Iterable<TopicInfo>
  /** `replicas` by partition. */
  create(
    name: string,
    replicas: readonly (readonly number[])[],
    configs: ReadonlyMap<string, string>,
  ): Promise<TopicInfo | ItemOutcome>
  /** Behind the `present` ones. */
  addPartitions(name: string, present: number, added: readonly (readonly number[])[]): Promise<TopicInfo | ItemOutcome>
  delete(name: string): Promise<ItemOutcome>
  /** `update` may be asked again when somebody else was faster. */
  setConfigs(
    name: string,
    update: (current: ReadonlyMap<string, string>) => ReadonlyMap<string, string>,
  ): Promise<ItemOutcome>
}

/** From a resource's entries to those that it shall have, or why not. */
export type ConfigUpdate = (current: ReadonlyMap<string, string>) => AlterResult

export interface CreateTopicSpec {
  readonly name: string
  /** `null` for `num.partitions`. */
  readonly partitions: number | null
  /** `null` for `default.replication.factor`. */
  readonly replicationFactor: number | null
  /** Empty to let the broker place the replicas. */
  readonly assignments: readonly { readonly partitionIndex: number; readonly brokerIds: readonly number[] }[]
  readonly configs: readonly (readonly [name: string, value: string | null])[]
}

export interface CreatedTopic {
  readonly topicId: string
  readonly partitions: number
  readonly replicationFactor: number
  readonly configs: ReadonlyMap<string, string>
}

export type CreateOutcome = ItemOutcome & { readonly created: CreatedTopic | null }

export interface TopicsDeps {
  readonly store: TopicStore
  readonly replicas: ReplicaManager
  readonly logs: LogManager
  readonly config: LiveConfig
  readonly nodeId: number
  readonly turns: TurnBudget
  readonly logger: Logger
}

/**
 * Creating, growing, changing and deleting topics: validates as Kafka does, makes the change durable in the store, then
 * brings the partitions of this broker in line, in slices: a topic may have thousands. Changes to one broker's topics are
 * carried out one after the other. What is cut off by the end of the broker is completed by its next start.
 */
export class Topics {
  private readonly deps: TopicsDeps
  private tail: Promise<unknown> = Promise.resolve()
  private stopped = false
  private readonly listeners: ((change: TopicChange) => void)[] = []
  /** Grows with every topic that comes, grows or goes. */
  version = 0

  constructor(deps: TopicsDeps) {
    this.deps = deps
    deps.config.onChange(() => this.reconfigureAll())
  }

  get(name: string): TopicInfo | undefined {
    return this.deps.store.get(name)
  }

  byId(topicId: string): TopicInfo | undefined {
    return this.deps.store.byId(topicId)
  }

  all(): TopicInfo[] {
    return [...this.deps.store.all()]
  }

  /**
   * Who leads a partition now. One whose log is offline is led by nobody, and stays in sync as the last that was (in Apache
   * Kafka the controller does this when a broker tells it of a failed directory, KIP-858). Nor is one led whose log has not
   * been made yet.
   */
  leadershipOf(topic: TopicInfo, index: number): Leadership {
    const { leader, leaderEpoch, replicas, isr } = topic.partitions[index]
    const isOffline = this.deps.replicas.isOffline(topic.name, index)
    const isServed = !isOffline && this.deps.replicas.partition(topic.name, index) !== undefined
    const leaderId = !isServed && leader === this.deps.nodeId ? NO_LEADER : leader
    return {
      errorCode: leaderId < 0 ? ErrorCode.LEADER_NOT_AVAILABLE : ErrorCode.NONE,
      leaderId,
      leaderEpoch,
      replicaNodes: replicas,
      isrNodes: isr,
      offlineReplicas: isOffline ? [this.deps.nodeId] : [],
    }
  }

  /** `listener` is told of each topic that comes, grows or goes, once its partitions here are as it says. */
  onChange(listener: (change: TopicChange) => void): void {
    this.listeners.push(listener)
  }

  private changed(kind: TopicChange['kind'], topic: TopicInfo): void {
    this.version++
    for (const listener of this.listeners) listener({ kind, topic })
  }

  /** What a topic's partitions obey. */
  configOf(name: string): TopicConfig {
    return effectiveTopicConfig(this.deps.store.get(name)?.configs ?? NO_CONFIGS, this.deps.config.current)
  }

  /** Opens the partitions of all topics of the store; at start. */
  hostAll(): void {
    const { replicas, logs, store } = this.deps
    for (const topic of store.all()) replicas.host(logs, topic, this.configOf(topic.name), false, () => false)
  }

  /** No log is made or deleted from here on. */
  stop(): void {
    this.stopped = true
  }

  create(spec: CreateTopicSpec, validateOnly = false): Promise<CreateOutcome> {
    return this.oneByOne(async () => {
      const plan = this.planCreation(spec)
      if ('errorCode' in plan) return { ...plan, created: null }
      const { replicas, configs } = plan
      const created = {
        topicId: ZERO_ID,
        partitions: replicas.length,
        replicationFactor: replicas[0].length,
        configs,
      }
      if (validateOnly) return { ...DONE, created }
      const topic = await this.deps.store.create(spec.name, replicas, configs)
      if ('errorCode' in topic) return { ...topic, created: null }
      const problem = await this.tryHost(topic)
      if (problem !== null) {
        // Nobody has seen it whole: better no topic than one without a place.
        if (!this.stopped) {
          await this.deps.store.delete(spec.name)
          await this.unhost(topic)
        }
        return { ...problem, created: null }
      }
      this.deps.logger.info('created topic', { topic: topic.name, partitions: replicas.length })
      this.changed('created', topic)
      return { ...DONE, created: { ...created, topicId: topic.topicId } }
    })
  }

  /** `assignments`: replicas of the added partitions, or `null`. */
  addPartitions(
    name: string,
    count: number,
    assignments: readonly (readonly number[])[] | null,
    validateOnly: boolean,
  ): Promise<ItemOutcome> {
    return this.oneByOne(async () => {
      const topic = this.get(name)
      if (topic === undefined) return refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `there is no topic ${name}`)
      if (isInternalTopic(name)) {
        const message = `${name} keeps its number of partitions: what is kept where depends on it`
        return refusal(ErrorCode.INVALID_PARTITIONS, message)
      }
      const present = topic.partitions.length
      if (count <= present) {
        const message =
          count === present
            ? `topic ${name} already has ${present} partitions`
            : `topic ${name} has ${present} partitions; their number cannot fall to ${count}`
        return refusal(ErrorCode.INVALID_PARTITIONS, message)
      }
      const added = count - present
      if (added > PARTITIONS_PER_REQUEST_MAX) return tooManyPartitions(added)
      const replicas = assignments ?? Array.from({ length: added }, () => [this.deps.nodeId])
      const problem =
        replicas.length !== added
          ? refusal(ErrorCode.INVALID_REPLICA_ASSIGNMENT, `${added} partitions are added, ${replicas.length} assigned`)
          : this.assignmentProblem(replicas)
      if (problem !== null) return problem
      if (validateOnly) return DONE
      const grown = await this.deps.store.addPartitions(name, present, replicas)
      if ('errorCode' in grown) return grown
      // The partitions exist from here on, and get their logs at the next start at the latest.
      const outcome = (await this.tryHost(grown)) ?? DONE
      this.changed('grown', grown)
      return outcome
    })
  }

  delete(name: string): Promise<ItemOutcome> {
    return this.oneByOne(async () => {
      const topic = this.get(name)
      if (topic === undefined) return refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `there is no topic ${name}`)
      const outcome = await this.deps.store.delete(name)
      if (outcome.errorCode !== ErrorCode.NONE) return outcome
      await this.unhost(topic)
      this.deps.logger.info('deleted topic', { topic: name })
      this.changed('deleted', topic)
      return DONE
    })
  }

  /** Changes what the topic sets itself; of two changes at once none is lost. */
  setConfigs(name: string, alter: ConfigUpdate): Promise<ItemOutcome> {
    return this.oneByOne(async () => {
      const topic = this.get(name)
      if (topic === undefined) return refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `there is no topic ${name}`)
      const outcome = await alterEntries(topic.configs, alter, (update) => this.deps.store.setConfigs(name, update))
      if (outcome.errorCode === ErrorCode.NONE) this.deps.replicas.updateConfig(name, this.configOf(name))
      return outcome
    })
  }

  private reconfigureAll(): void {
    for (const { name } of this.deps.store.all()) this.deps.replicas.updateConfig(name, this.configOf(name))
  }

  /** Makes the logs of new partitions. A disk that is full or broken is no bug of ours: the client is told. */
  private async tryHost(topic: TopicInfo): Promise<ItemOutcome | null> {
    const { replicas, logs, turns, logger } = this.deps
    const slices = turns.slices(this)
    const isOver = (): boolean => slices.over
    try {
      // The config may change between two slices.
      while (!replicas.host(logs, topic, this.configOf(topic.name), true, isOver)) {
        await slices.next()
        if (this.stopped) return STOPPED
      }
      return null
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      logger.warn('a partition could not be made', { topic: topic.name, reason: error.message })
      return refusal(ErrorCode.KAFKA_STORAGE_ERROR, error.message)
    }
  }

  /** Lets go of the partitions at once, then deletes their logs, those that there are. */
  private async unhost(topic: TopicInfo): Promise<void> {
    const { replicas, logs, turns } = this.deps
    const slices = turns.slices(this)
    replicas.release(topic.name)
    for (let index = 0; index < topic.partitions.length; index++) {
      if (slices.over) await slices.next()
      if (this.stopped) return
      if (logs.getLog(topic.name, index) !== undefined) logs.deleteLog(topic.name, index, topic.topicId)
    }
  }

  private oneByOne<T>(change: () => Promise<T>): Promise<T> {
    const done = this.tail.then(change)
    this.tail = done.catch(() => undefined)
    return done
  }

  private planCreation(
    spec: CreateTopicSpec,
  ):
    | ItemOutcome
    | { readonly replicas: readonly (readonly number[])[]; readonly configs: ReadonlyMap<string, string> } {
    const problem = this.nameProblem(spec.name)
    if (problem !== null) return problem
    const replicas = this.planReplicas(spec)
    if ('errorCode' in replicas) return replicas
    const valueless = spec.configs.find(([, value]) => value === null)
    if (valueless !== undefined) return refusal(ErrorCode.INVALID_CONFIG, `${valueless[0]} needs a value`)
    const configs = replaceTopicConfig(spec.configs, this.deps.config.current)
    if (!configs.ok) return refusal(configs.errorCode, configs.message)
    return { replicas, configs: configs.entries }
  }

  private nameProblem(name: string): ItemOutcome | null {
    const illegal = topicNameProblem(name)
    if (illegal !== null) return refusal(ErrorCode.INVALID_TOPIC_EXCEPTION, illegal)
    if (name === CLUSTER_METADATA)
      return refusal(ErrorCode.INVALID_REQUEST, `${name} is the name of a controller's log`)
    if (this.get(name) !== undefined) return refusal(ErrorCode.TOPIC_ALREADY_EXISTS, `topic ${name} already exists`)
    const key = collisionKey(name)
    if (key === name && !name.includes('_')) return null
    for (const other of this.deps.store.all()) {
      if (collisionKey(other.name) !== key) continue
      return refusal(
        ErrorCode.INVALID_TOPIC_EXCEPTION,
        `topic ${name} differs from topic ${other.name} only by . and _`,
      )
    }
    return null
  }

  private planReplicas(spec: CreateTopicSpec): readonly (readonly number[])[] | ItemOutcome {
    const { config, nodeId } = this.deps
    if (spec.assignments.length > 0) {
      if (spec.partitions !== null || spec.replicationFactor !== null) {
        return refusal(ErrorCode.INVALID_REQUEST, 'with assignments, partitions and replication factor must be -1')
      }
      const sorted = [...spec.assignments].sort((a, b) => a.partitionIndex - b.partitionIndex)
      if (sorted.some(({ partitionIndex }, i) => partitionIndex !== i)) {
        return refusal(ErrorCode.INVALID_REPLICA_ASSIGNMENT, 'assigned partitions must count from 0 without a gap')
      }
      const replicas = sorted.map(({ brokerIds }) => brokerIds)
      return this.assignmentProblem(replicas) ?? replicas
    }
    const partitions = spec.partitions ?? config.current.get('num.partitions')
    if (partitions <= 0) {
      return refusal(ErrorCode.INVALID_PARTITIONS, `a topic has at least one partition, not ${partitions}`)
    }
    if (partitions > PARTITIONS_PER_REQUEST_MAX) return tooManyPartitions(partitions)
    const factor = spec.replicationFactor ?? config.current.get('default.replication.factor')
    if (factor !== 1) {
      const message = `replication factor ${factor} cannot be had: there is 1 broker`
      return refusal(ErrorCode.INVALID_REPLICATION_FACTOR, message)
    }
    return Array.from({ length: partitions }, () => [nodeId])
  }

  private assignmentProblem(replicas: readonly (readonly number[])[]): ItemOutcome | null {
    const { nodeId } = this.deps
    for (const brokers of replicas) {
      if (brokers.length === 1 && brokers[0] === nodeId) continue
      const message = `replicas [${brokers.slice(0, 10).join(', ')}] cannot be had: there is 1 broker, ${nodeId}`
      return refusal(ErrorCode.INVALID_REPLICA_ASSIGNMENT, message)
    }
    return null
  }
}

/**
 * Alters entries through a store that calls back with those it has. What is refused from the start is never written; what
 * is refused because somebody else was faster leaves the entries as they are.
 */
export async function alterEntries(
  known: ReadonlyMap<string, string>,
  alter: ConfigUpdate,
  write: (update: (current: ReadonlyMap<string, string>) => ReadonlyMap<string, string>) => Promise<ItemOutcome>,
): Promise<ItemOutcome> {
  const first = alter(known)
  if (!first.ok) return refusal(first.errorCode, first.message)
  let overtaken: ItemOutcome | null = null
  const outcome = await write((current) => {
    const result = alter(current)
    overtaken = result.ok ? null : refusal(result.errorCode, result.message)
    return result.ok ? result.entries : current
  })
  return overtaken ?? outcome
}

const STOPPED = refusal(ErrorCode.KAFKA_STORAGE_ERROR, 'the broker was stopped before all logs were made')
const NO_CONFIGS: ReadonlyMap<string, string> = new Map()

function tooManyPartitions(count: number): ItemOutcome {
  return refusal(
    ErrorCode.POLICY_VIOLATION,
    `${count} new partitions; at most ${PARTITIONS_PER_REQUEST_MAX} per request`,
  )
}
