import type { Connection } from '@ottla/net'
import { ErrorCode, ZERO_UUID } from '@ottla/protocol'
import {
  alterConfigsApi,
  createPartitionsApi,
  createTopicsApi,
  deleteRecordsApi,
  deleteTopicsApi,
  describeClusterApi,
  describeConfigsApi,
  describeLogDirsApi,
} from '../apis.ts'
import { askLeaders, Refusal, type TopicPartition } from '../cluster/by-leader.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { TopicInfo } from '../cluster/metadata.ts'
import { type FoundOffset, findOffsets, type OffsetQuery, type OffsetSpec } from '../cluster/offsets.ts'
import { BrokerError, KafkaError } from '../errors.ts'
import {
  type ConfigChanges,
  type ConfigDescription,
  type ConfigResource,
  type ConfigResult,
  configOps,
  configSource,
  type ResourceType,
  resourceTypes,
} from './configs.ts'
import type { LogDir } from './log-dirs.ts'
import type { ClusterInfo, DeletedRecords, ItemResult, NewTopic, TopicListing } from './topics.ts'

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
      .sort((a, b) => (a.name < b.name ? -1 : 1))
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
    const response = await this.onController(async (connection) => {
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
    const response = await this.onController(async (connection) => {
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
    const response = await this.onController((connection) =>
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

  async describeConfigs(
    resources: readonly ConfigResource[],
    options: { names?: readonly string[]; synonyms?: boolean; documentation?: boolean } = {},
  ): Promise<ConfigDescription[]> {
    return this.perResource(resources, async (connection, some) => {
      const response = await connection.call(describeConfigsApi, {
        resources: some.map((r) => ({
          resourceType: resourceTypes[r.type],
          resourceName: r.name,
          configurationKeys: options.names ?? null,
        })),
        includeSynonyms: options.synonyms ?? false,
        includeDocumentation: options.documentation ?? false,
      })
      return some.map(({ type, name }): ConfigDescription => {
        const result = findResource(response.results, type, name)
        return {
          type,
          name,
          error: resultError(resourceName(type, name), result),
          entries: (result?.configs ?? [])
            .map((c) => ({
              name: c.name,
              value: c.value,
              source: c.isDefault ? ('default' as const) : configSource(c.configSource),
              isReadOnly: c.readOnly,
              isSensitive: c.isSensitive,
              documentation: c.documentation || null,
              synonyms: c.synonyms.map((s) => ({ name: s.name, value: s.value, source: configSource(s.source) })),
            }))
            .sort((a, b) => (a.name < b.name ? -1 : 1)),
        }
      })
    })
  }

  /** Changes single values and leaves the others alone (IncrementalAlterConfigs). */
  async alterConfigs(
    resources: readonly ConfigChanges[],
    options: { validateOnly?: boolean } = {},
  ): Promise<ConfigResult[]> {
    return this.perResource(resources, async (connection, some) => {
      const response = await connection.call(alterConfigsApi, {
        resources: some.map((r) => ({
          resourceType: resourceTypes[r.type],
          resourceName: r.name,
          configs: r.changes.map((c) => ({
            name: c.name,
            configOperation: configOps[c.op],
            value: c.value ?? null,
          })),
        })),
        validateOnly: options.validateOnly ?? false,
      })
      return some.map(({ type, name }) => ({
        type,
        name,
        error: resultError(resourceName(type, name), findResource(response.responses, type, name)),
      }))
    })
  }

  // ------------------------------------------------------------------------------------------------------ cluster

  async describeCluster(): Promise<ClusterInfo> {
    return this.retrying(async () => {
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
    const ids = options.brokers ?? brokers.map((b) => b.id)
    const topics =
      options.topics === undefined
        ? null
        : await Promise.all(
            options.topics.map(async (topic) => {
              const info = await this.cluster.metadata.topic(topic)
              return { topic, partitions: info.partitions.map((p) => p.partition) }
            }),
          )
    const perBroker = await Promise.all(
      ids.map(async (brokerId) => {
        const response = await this.retrying(async () => {
          const connection = await this.toBroker(brokerId)
          return connection.call(describeLogDirsApi, { topics })
        })
        if (response.errorCode !== 0) throw new BrokerError(response.errorCode, `log directories of broker ${brokerId}`)
        return response.results.map((r) => ({
          brokerId,
          path: r.logDir,
          totalBytes: r.totalBytes,
          usableBytes: r.usableBytes,
          error: r.errorCode === 0 ? null : new BrokerError(r.errorCode, `directory ${r.logDir} of broker ${brokerId}`),
          replicas: r.topics
            .flatMap((t) =>
              t.partitions.map((p) => ({
                topic: t.name,
                partition: p.partitionIndex,
                sizeBytes: p.partitionSize,
                offsetLag: p.offsetLag,
                isFuture: p.isFutureKey,
              })),
            )
            .sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1)),
        }))
      }),
    )
    return perBroker.flat()
  }

  // ------------------------------------------------------------------------------------------------------ routing

  private retrying<T>(attempt: () => Promise<T>): Promise<T> {
    return this.cluster.metadata.retrying(attempt)
  }

  /** Rejects at once when the cluster has no such broker. */
  private async toBroker(id: number): Promise<Connection> {
    await this.cluster.metadata.fetch([])
    if (this.cluster.pool.broker(id) === undefined) {
      throw new KafkaError('BROKER_NOT_AVAILABLE', `there is no broker ${id}`)
    }
    return this.cluster.pool.get(id, 'general')
  }

  /** Brokers of a ZooKeeper cluster do not forward to the controller; those of a KRaft cluster name any of them. */
  private async onController<T extends object>(ask: (connection: Connection) => Promise<T>): Promise<T> {
    const { metadata, pool } = this.cluster
    return this.retrying(async () => {
      if (metadata.controllerId < 0) await metadata.fetch([])
      const connection = await (metadata.controllerId < 0 ? pool.any() : pool.get(metadata.controllerId, 'general'))
      try {
        const response = await ask(connection)
        if (namesNotController(response)) {
          metadata.controllerId = -1
          throw new BrokerError(ErrorCode.NOT_CONTROLLER, `broker at ${connection.peer}`)
        }
        return response
      } catch (error) {
        if (error instanceof KafkaError && error.retriable) metadata.controllerId = -1
        throw error
      }
    })
  }

  /** A broker's own configuration is asked of that broker, everything else of any. */
  private async perResource<R extends ConfigResource, T extends ConfigResource & { error: KafkaError | null }>(
    resources: readonly R[],
    ask: (connection: Connection, resources: readonly R[]) => Promise<T[]>,
  ): Promise<T[]> {
    const groups = Map.groupBy(resources, (r) => (r.type.startsWith('broker') && r.name !== '' ? r.name : ''))
    const answers = await Promise.all(
      [...groups].map(([broker, some]) =>
        this.retrying(async () => {
          const connection = await (broker === '' ? this.cluster.pool.any() : this.toBroker(Number(broker)))
          return ask(connection, some)
        }),
      ),
    )
    const all = answers.flat()
    return resources.map((r) => all.find((a) => a.type === r.type && a.name === r.name) as T)
  }
}

interface Answered {
  readonly errorCode: number
  readonly errorMessage?: string | null
}

function resourceName(type: ResourceType, name: string): string {
  return name === '' ? `${type} defaults` : `${type} ${name}`
}

function itemResult(name: string, what: string, item: Answered | undefined): ItemResult {
  return { name, error: resultError(what, item) }
}

function resultError(what: string, item: Answered | undefined): KafkaError | null {
  if (item === undefined)
    return new BrokerError(ErrorCode.UNKNOWN_SERVER_ERROR, what, 'the broker did not answer for it')
  return item.errorCode === 0 ? null : new BrokerError(item.errorCode, what, item.errorMessage)
}

function findResource<T extends { resourceType: number; resourceName: string }>(
  results: readonly T[],
  type: ResourceType,
  name: string,
): T | undefined {
  return results.find((r) => r.resourceType === resourceTypes[type] && r.resourceName === name)
}

function namesNotController(response: object): boolean {
  return Object.values(response).some(
    (list) => Array.isArray(list) && list.some((i) => i?.errorCode === ErrorCode.NOT_CONTROLLER),
  )
}

function asKafkaError(error: unknown): KafkaError {
  if (error instanceof KafkaError) return error
  throw error
}
