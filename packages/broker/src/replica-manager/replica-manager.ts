import { ErrorCode } from '@ottla/protocol'
import type { AppendResult, LogConfig, LogListener, LogManager, PartitionLog } from '@ottla/storage'
import { type AppendWaiter, Partition } from './partition.ts'

interface TopicReplicas {
  readonly topic: string
  readonly topicId: string
  readonly partitions: Partition[]
}

/** A topic whose partitions this broker holds. */
export interface HostedTopic {
  readonly name: string
  readonly topicId: string
  readonly partitions: readonly { readonly leaderEpoch: number }[]
}

/** Why appends from producers are refused although the log could take them; see `DiskGuard`. */
export interface AppendGate {
  /** Why this many bytes more are not taken; `null`: go ahead. */
  refusal(bytes: number): string | null
  /** The log has taken this many bytes. */
  appended(bytes: number): void
}

export interface ReplicaManagerDeps {
  readonly gate: AppendGate
}

/** What a partition obeys: its log's settings, and how many replicas acks=all asks for. */
export type ReplicaConfig = LogConfig & { readonly minInsyncReplicas: number }

/** The partitions this broker holds, and the one door to them for handlers. */
export class ReplicaManager implements LogListener {
  private readonly topics = new Map<string, TopicReplicas>()
  private readonly topicsById = new Map<string, TopicReplicas>()
  private readonly byLog = new Map<unknown, Partition>()
  private readonly deps: ReplicaManagerDeps

  constructor(deps: ReplicaManagerDeps) {
    this.deps = deps
  }

  partition(topic: string, index: number): Partition | undefined {
    return this.topics.get(topic)?.partitions[index]
  }

  partitionById(topicId: string, index: number): Partition | undefined {
    return this.topicsById.get(topicId)?.partitions[index]
  }

  hasTopicId(topicId: string): boolean {
    return this.topicsById.has(topicId)
  }

  partitionsOf(topic: string): readonly Partition[] {
    return this.topics.get(topic)?.partitions ?? []
  }

  /** Every partition, topic by topic. */
  *all(): Iterable<Partition> {
    for (const { partitions } of this.topics.values()) yield* partitions
  }

  /**
   * Takes up those partitions of a topic that it does not have yet, opening their logs or making them; `isNew` when they
   * cannot have had one. What is not new may lie in a directory that is offline, and then the partition is offline too.
   * Throws `StorageError` when no directory can hold them. `false`: `isOver` became true before it had all of them.
   */
  host(logs: LogManager, topic: HostedTopic, config: ReplicaConfig, isNew: boolean, isOver: () => boolean): boolean {
    const { name, topicId } = topic
    let replicas = this.topics.get(name)
    if (replicas === undefined) {
      replicas = { topic: name, topicId, partitions: [] }
      this.topics.set(name, replicas)
      this.topicsById.set(topicId, replicas)
    }
    for (let index = replicas.partitions.length; index < topic.partitions.length; index++) {
      if (isOver()) return false
      if (isNew) logs.setAsideOther(name, index, topicId)
      const log =
        logs.getLog(name, index) ??
        (isNew ? logs.createLog(name, index, topicId, config) : logs.restoreLog(name, index, topicId, config))
      const partition = new Partition(name, topicId, index, log, topic.partitions[index].leaderEpoch)
      partition.minInsyncReplicas = config.minInsyncReplicas
      replicas.partitions.push(partition)
      this.byLog.set(log, partition)
    }
    return true
  }

  /** Its log cannot be used: the directory has failed, or could not be used at the start, or the log is damaged. */
  isOffline(topic: string, index: number): boolean {
    const partition = this.partition(topic, index)
    return partition !== undefined && partition.log.offline !== null
  }

  /** Whoever waits for data is answered with what there is. */
  wakeReaders(): void {
    for (const partition of this.all()) partition.wakeReaders()
  }

  /** Lets go of a deleted topic: whoever waits on it is told; its logs are the caller's to delete. */
  release(topic: string): void {
    const replicas = this.topics.get(topic)
    if (replicas === undefined) return
    this.topics.delete(topic)
    this.topicsById.delete(replicas.topicId)
    for (const partition of replicas.partitions) {
      this.byLog.delete(partition.log)
      partition.abandon(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    }
  }

  updateConfig(topic: string, config: ReplicaConfig): void {
    for (const partition of this.partitionsOf(topic)) {
      partition.minInsyncReplicas = config.minInsyncReplicas
      partition.log.updateConfig(config)
    }
  }

  /**
   * What a client believes of the leader must not be older or newer than what is true (KIP-320); -1 is no belief. A partition
   * that is offline is led by nobody.
   */
  checkLeaderEpoch(partition: Partition, believed: number): number {
    if (partition.log.offline !== null) return ErrorCode.KAFKA_STORAGE_ERROR
    if (believed < 0 || believed === partition.leaderEpoch) return ErrorCode.NONE
    return believed < partition.leaderEpoch ? ErrorCode.FENCED_LEADER_EPOCH : ErrorCode.UNKNOWN_LEADER_EPOCH
  }

  /** An append by a producer. `waiter` is told later when `result.nextOffset` is above the high watermark. */
  append(
    partition: Partition,
    records: Buffer,
    acks: number,
    nowMs: number,
    waiter: AppendWaiter | null,
    slot: number,
  ): AppendResult {
    if (partition.log.offline === null && acks === -1 && partition.minInsyncReplicas > 1) {
      return refused(partition, ErrorCode.NOT_ENOUGH_REPLICAS, 'one replica in sync, min.insync.replicas asks for more')
    }
    const refusal = this.deps.gate.refusal(records.length)
    if (refusal !== null) return refused(partition, ErrorCode.KAFKA_STORAGE_ERROR, refusal)
    const result = partition.append(records, 'client', nowMs, waiter, slot)
    this.deps.gate.appended(result.appendedBytes)
    return result
  }

  /** An append by a coordinator of this broker, always with acks=all; producers' bounds of the disk are not its own. */
  appendAsCoordinator(
    partition: Partition,
    records: Buffer,
    nowMs: number,
    waiter: AppendWaiter,
    slot: number,
  ): AppendResult {
    if (partition.log.offline === null && partition.minInsyncReplicas > 1) {
      return refused(partition, ErrorCode.NOT_ENOUGH_REPLICAS, 'one replica in sync, min.insync.replicas asks for more')
    }
    const result = partition.append(records, 'coordinator', nowMs, waiter, slot)
    this.deps.gate.appended(result.appendedBytes)
    return result
  }

  onWritten(log: PartitionLog): void {
    this.byLog.get(log)?.onWritten()
  }

  onAppendFailed(log: PartitionLog, fromOffset: number): void {
    this.byLog.get(log)?.onAppendFailed(fromOffset)
  }
}

function refused(partition: Partition, errorCode: number, errorMessage: string): AppendResult {
  return {
    errorCode,
    errorMessage,
    recordErrors: [],
    baseOffset: -1,
    nextOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: partition.log.logStartOffset,
    appendedBytes: 0,
    duplicate: false,
  }
}
