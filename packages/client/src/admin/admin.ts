import { ErrorCode, ZERO_UUID } from '@ottla/protocol'
import { createPartitionsApi, createTopicsApi, deleteRecordsApi, deleteTopicsApi, describeClusterApi } from '../apis.ts'
import { askLeaders, Refusal, type TopicPartition } from '../cluster/by-leader.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { TopicInfo } from '../cluster/metadata.ts'
import { type FoundOffset, findOffsets, type OffsetQuery, type OffsetSpec } from '../cluster/offsets.ts'
import { BrokerError, type KafkaError } from '../errors.ts'
import {
  alterConfigs,
  type ConfigChanges,
  type ConfigDescription,
  type ConfigResource,
  type ConfigResult,
  describeConfigs,
} from './configs.ts'
import { type GroupLag, groupLag } from './group-lag.ts'
import {
  type AlteredOffset,
  alterGroupOffsets,
  deleteGroupOffsets,
  type GroupOffsets,
  type GroupOffsetsQuery,
  listGroupOffsets,
  type OffsetToStore,
} from './group-offsets.ts'
import {
  deleteGroups,
  describeGroups,
  type GroupDescription,
  type GroupFilter,
  type GroupListing,
  listGroups,
  type MemberToRemove,
  type RemovedMember,
  removeMembers,
} from './groups.ts'
import { describeLogDirs, type LogDir } from './log-dirs.ts'
import { asKafkaError, byName, type ItemResult, itemResult } from './results.ts'
import { type BrokerFailure, onController } from './routing.ts'
import type { ClusterInfo, DeletedRecords, NewTopic, TopicListing } from './topics.ts'
import {
  abortTransaction,
  describeProducers,
  describeTransactions,
  type FencedProducer,
  fenceProducers,
  listTransactions,
  type OpenTransaction,
  type PartitionProducers,
  type TransactionDescription,
  type TransactionFilter,
  type TransactionListing,
} from './transactions.ts'

/** From this version on -1 stands for the broker's defaults. */
const CREATE_TOPICS_DEFAULTS = 4
/** From this version on topics are deleted as structs. */
const DELETE_TOPICS_STRUCTS = 6

/**
 * Operations on the cluster. Calls on several items give one result each: one may fail while others succeed. What
 * cannot reach the cluster at all rejects with a `KafkaError`.
 */
export class Admin {
  private readonly cluster: Cluster

  constructor(cluster: Cluster) {
    this.cluster = cluster
  }

  // ------------------------------------------------------------------------------------------------------- topics

  /** Sorted by name; internal topics are left out unless asked for. */
  async listTopics(options: { internal?: boolean } = {}): Promise<TopicListing[]> {
    const response = await this.cluster.metadata.fetch(null)
    return response.topics
      .filter((t) => t.name !== null && t.errorCode !== ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
      .filter((t) => options.internal || !t.isInternal)
      .map((t) => ({
        name: t.name as string,
        topicId: t.topicId === ZERO_UUID ? null : t.topicId,
        isInternal: t.isInternal,
        partitions: t.partitions.length,
        replicationFactor: t.partitions[0]?.replicaNodes.length ?? 0,
      }))
      .sort(byName((topic) => topic.name))
  }

  /** Topics with their partitions, freshly asked for. */
  async describeTopics(names: readonly string[]): Promise<(ItemResult & { topic: TopicInfo | null })[]> {
    for (const name of names) this.cluster.metadata.doubt(name)
    return Promise.all(
      names.map(async (name) => {
        try {
          return { name, error: null, topic: await this.cluster.metadata.topic(name) }
        } catch (error) {
          return { name, error: asKafkaError(error), topic: null }
        }
      }),
    )
  }

  async createTopics(
    topics: readonly NewTopic[],
    options: { validateOnly?: boolean } = {},
  ): Promise<(ItemResult & { topicId: string | null; partitions: number; replicationFactor: number })[]> {
    const response = await onController(this.cluster, async (connection) => {
      const version = connection.versions.pick(createTopicsApi)
      const unset = version >= CREATE_TOPICS_DEFAULTS ? -1 : 1
      return connection.call(
        createTopicsApi,
        {
          topics: topics.map((t) => ({
            name: t.name,
            numPartitions: t.assignments ? -1 : (t.partitions ?? unset),
            replicationFactor: t.assignments ? -1 : (t.replicationFactor ?? unset),
            assignments: (t.assignments ?? []).map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds })),
            configs: Object.entries(t.configs ?? {}).map(([name, value]) => ({ name, value })),
          })),
          timeoutMs: this.cluster.settings.requestTimeoutMs,
          validateOnly: options.validateOnly ?? false,
        },
        { version },
      )
    })
    return topics.map(({ name }) => {
      const item = response.topics.find((t) => t.name === name)
      return {
        ...itemResult(name, `topic ${name}`, item),
        topicId: item === undefined || item.topicId === ZERO_UUID ? null : item.topicId,
        partitions: item?.numPartitions ?? -1,
        replicationFactor: item?.replicationFactor ?? -1,
      }
    })
  }

  async deleteTopics(names: readonly string[]): Promise<ItemResult[]> {
    const response = await onController(this.cluster, async (connection) => {
      const version = connection.versions.pick(deleteTopicsApi)
      const timeoutMs = this.cluster.settings.requestTimeoutMs
      const named =
        version >= DELETE_TOPICS_STRUCTS ? { topics: names.map((name) => ({ name })) } : { topicNames: names }
      return connection.call(deleteTopicsApi, { ...named, timeoutMs }, { version })
    })
    for (const name of names) this.cluster.metadata.doubt(name)
    return names.map((name) =>
      itemResult(
        name,
        `topic ${name}`,
        response.responses.find((r) => r.name === name),
      ),
    )
  }

  /** Raises the number of partitions to `count` each. */
  async createPartitions(
    topics: readonly { readonly name: string; readonly count: number }[],
    options: { validateOnly?: boolean } = {},
  ): Promise<ItemResult[]> {
    const response = await onController(this.cluster, (connection) =>
      connection.call(createPartitionsApi, {
        topics: topics.map(({ name, count }) => ({ name, count, assignments: null })),
        timeoutMs: this.cluster.settings.requestTimeoutMs,
        validateOnly: options.validateOnly ?? false,
      }),
    )
    for (const { name } of topics) this.cluster.metadata.doubt(name)
    return topics.map(({ name }) =>
      itemResult(
        name,
        `topic ${name}`,
        response.results.find((r) => r.name === name),
      ),
    )
  }

  // ------------------------------------------------------------------------------------------------------ offsets

  /** One result per query, in their order. */
  async listOffsets(
    queries: readonly OffsetQuery[],
    options: { readCommitted?: boolean } = {},
  ): Promise<(TopicPartition & { found: FoundOffset | null; error: KafkaError | null })[]> {
    const settled = await findOffsets(this.cluster, queries, options)
    return queries.map(({ topic, partition }, i) => ({
      topic,
      partition,
      found: settled[i].value,
      error: settled[i].error,
    }))
  }

  /** The same place in every partition of a topic, by partition. Rejects with the first error. */
  async topicOffsets(topic: string, spec: OffsetSpec): Promise<FoundOffset[]> {
    const { partitions } = await this.cluster.metadata.topic(topic)
    const settled = await findOffsets(
      this.cluster,
      partitions.map(({ partition }) => ({ topic, partition, spec })),
    )
    return settled.map(({ value, error }) => {
      if (error !== null) throw error
      return value
    })
  }

  /** Deletes what is below `offset`; -1 for everything up to the high watermark. */
  async deleteRecords(items: readonly (TopicPartition & { readonly offset: number })[]): Promise<DeletedRecords[]> {
    const settled = await askLeaders(this.cluster, items, async (connection, items) => {
      const response = await connection.call(deleteRecordsApi, {
        topics: [...Map.groupBy(items, (i) => i.topic)].map(([name, items]) => ({
          name,
          partitions: items.map((i) => ({ partitionIndex: i.partition, offset: i.offset })),
        })),
        timeoutMs: this.cluster.settings.requestTimeoutMs,
      })
      return items.map((item) => {
        const topic = response.topics.find((t) => t.name === item.topic)
        const result = topic?.partitions.find((p) => p.partitionIndex === item.partition)
        if (result === undefined) return new Refusal(ErrorCode.UNKNOWN_SERVER_ERROR)
        return result.errorCode !== 0 ? new Refusal(result.errorCode) : { lowWatermark: result.lowWatermark }
      })
    })
    return items.map(({ topic, partition }, i) => ({
      topic,
      partition,
      lowWatermark: settled[i].value?.lowWatermark ?? -1,
      error: settled[i].error,
    }))
  }

  // ------------------------------------------------------------------------------------------------------ configs

  describeConfigs(
    resources: readonly ConfigResource[],
    options: { names?: readonly string[]; synonyms?: boolean; documentation?: boolean } = {},
  ): Promise<ConfigDescription[]> {
    return describeConfigs(this.cluster, resources, options)
  }

  /** Changes single values and leaves the others alone (IncrementalAlterConfigs). */
  alterConfigs(resources: readonly ConfigChanges[], options: { validateOnly?: boolean } = {}): Promise<ConfigResult[]> {
    return alterConfigs(this.cluster, resources, options)
  }

  // ------------------------------------------------------------------------------------------------------- groups

  /**
   * The groups of all brokers, sorted by id. Brokers that could not be asked are named in `failures`. Rejects with
   * UNSUPPORTED_API when a broker is too old for a filter on states (before Apache Kafka 2.6).
   */
  listGroups(filter: GroupFilter = {}): Promise<{ groups: GroupListing[]; failures: BrokerFailure[] }> {
    return listGroups(this.cluster, filter)
  }

  /**
   * State and members of groups of either protocol. A group that does not exist has the error GROUP_ID_NOT_FOUND, as has
   * one that is neither classic nor of KIP-848.
   */
  describeGroups(groupIds: readonly string[]): Promise<GroupDescription[]> {
    return describeGroups(this.cluster, groupIds)
  }

  /** Deletes groups that have no members, with their offsets. */
  deleteGroups(groupIds: readonly string[]): Promise<ItemResult[]> {
    return deleteGroups(this.cluster, groupIds)
  }

  /**
   * Takes members out of a classic group, which rebalances; they come back if they still run. `reason` is written to the
   * broker's log (KIP-800). Rejects with the group's error.
   */
  removeMembers(
    groupId: string,
    members: readonly MemberToRemove[],
    options: { reason?: string } = {},
  ): Promise<RemovedMember[]> {
    return removeMembers(this.cluster, groupId, members, options.reason ?? null)
  }

  /**
   * The committed offsets of groups, of all their partitions or of those named. With `requireStable`, offsets that an
   * open transaction may still change have the error UNSTABLE_OFFSET_COMMIT after `apiTimeoutMs` (KIP-447).
   */
  listGroupOffsets(
    queries: readonly (string | GroupOffsetsQuery)[],
    options: { requireStable?: boolean } = {},
  ): Promise<GroupOffsets[]> {
    return listGroupOffsets(this.cluster, queries, options.requireStable ?? false)
  }

  /**
   * Stores offsets for a group without members; creates the group if there is none. A group with members answers
   * UNKNOWN_MEMBER_ID for each partition. Rejects when the coordinator cannot be asked.
   */
  alterGroupOffsets(groupId: string, offsets: readonly OffsetToStore[]): Promise<AlteredOffset[]> {
    return alterGroupOffsets(this.cluster, groupId, offsets)
  }

  /**
   * Forgets the committed offsets of partitions whose topic no member subscribes to; others have the error
   * GROUP_SUBSCRIBED_TO_TOPIC. Rejects with the group's error.
   */
  deleteGroupOffsets(groupId: string, partitions: readonly TopicPartition[]): Promise<AlteredOffset[]> {
    return deleteGroupOffsets(this.cluster, groupId, partitions)
  }

  /**
   * How far groups are behind: committed against end offsets, with the member that has each partition. The end is the
   * high watermark, or with `readCommitted` the last stable offset.
   */
  groupLag(groupIds: readonly string[], options: { readCommitted?: boolean } = {}): Promise<GroupLag[]> {
    return groupLag(this.cluster, groupIds, options)
  }

  // ------------------------------------------------------------------------------------------------- transactions

  /** The transactional ids that all brokers know, sorted. Brokers that could not be asked are named in `failures`. */
  listTransactions(
    filter: TransactionFilter = {},
  ): Promise<{ transactions: TransactionListing[]; failures: BrokerFailure[] }> {
    return listTransactions(this.cluster, filter)
  }

  describeTransactions(transactionalIds: readonly string[]): Promise<TransactionDescription[]> {
    return describeTransactions(this.cluster, transactionalIds)
  }

  /** The producers that the leaders of partitions remember, with what each has open. */
  describeProducers(partitions: readonly TopicPartition[]): Promise<PartitionProducers[]> {
    return describeProducers(this.cluster, partitions)
  }

  /**
   * Writes the end of a transaction that hangs straight into one partition, past its coordinator: for transactions that
   * the coordinator no longer knows. Their records are aborted. Take `transaction` from `describeProducers`. Rejects
   * with INVALID_PRODUCER_EPOCH when the producer has gone on.
   */
  abortTransaction(transaction: OpenTransaction): Promise<void> {
    return abortTransaction(this.cluster, transaction)
  }

  /**
   * Ends the producers of transactional ids: their open transactions are aborted, and whatever they do next fails with
   * PRODUCER_FENCED.
   */
  fenceProducers(transactionalIds: readonly string[]): Promise<FencedProducer[]> {
    return fenceProducers(this.cluster, transactionalIds)
  }

  // ------------------------------------------------------------------------------------------------------ cluster

  async describeCluster(): Promise<ClusterInfo> {
    return this.cluster.metadata.retrying(async () => {
      const connection = await this.cluster.pool.any()
      if (connection.versions.highest(describeClusterApi) < 0) {
        const m = await this.cluster.metadata.fetch([])
        const brokers = m.brokers.map((b) => ({ id: b.nodeId, host: b.host, port: b.port, rack: b.rack }))
        return { clusterId: m.clusterId, controllerId: m.controllerId, brokers }
      }
      const response = await connection.call(describeClusterApi, {})
      if (response.errorCode !== 0) throw new BrokerError(response.errorCode, 'cluster', response.errorMessage)
      return {
        clusterId: response.clusterId,
        controllerId: response.controllerId,
        brokers: response.brokers
          .map((b) => ({ id: b.brokerId, host: b.host, port: b.port, rack: b.rack }))
          .sort((a, b) => a.id - b.id),
      }
    })
  }

  /** The log directories of the brokers named, or of all. */
  async describeLogDirs(options: { brokers?: readonly number[]; topics?: readonly string[] } = {}): Promise<LogDir[]> {
    const { brokers } = await this.describeCluster()
    return describeLogDirs(this.cluster, options.brokers ?? brokers.map((b) => b.id), options.topics)
  }
}
