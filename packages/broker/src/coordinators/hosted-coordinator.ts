import {
  type CoordinatorKind,
  type CoordinatorMachine,
  CoordinatorRuntime,
  coordinatorPartition,
} from '@ottla/coordinator'
import { ErrorCode } from '@ottla/protocol'
import type { Partition } from '../replica-manager/partition.ts'
import type { TurnBudget } from '../server/turn-budget.ts'
import type { TopicInfo, Topics } from '../topics/topics.ts'
import { type CoordinatorHostDeps, PartitionsHost } from './coordinator-host.ts'
import { loadShard } from './load-shard.ts'

/** The topic that a kind of coordinator keeps its state in, and how it is made when it is first needed. */
export interface InternalTopic {
  readonly name: string
  readonly partitions: () => number
  readonly replicationFactor: () => number
  readonly configs: () => readonly (readonly [name: string, value: string])[]
}

export interface HostedCoordinatorDeps extends CoordinatorHostDeps {
  readonly topics: Topics
  readonly turns: TurnBudget
}

/**
 * A kind of coordinator over the partitions of its internal topic that this broker leads: made when first asked for, read at
 * the start and whenever the topic is made anew, let go of when it is deleted.
 */
export class HostedCoordinator<M extends CoordinatorMachine> {
  readonly runtime: CoordinatorRuntime<M>
  readonly #topic: InternalTopic
  readonly #deps: HostedCoordinatorDeps
  /** How many partitions there were when it was taken up: what belongs where depends on it. */
  #partitions = 0
  #topicId: string | null = null
  #making: Promise<number> | null = null
  #loading: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(kind: CoordinatorKind<M>, topic: InternalTopic, deps: HostedCoordinatorDeps) {
    this.#topic = topic
    this.#deps = deps
    const host = new PartitionsHost(topic.name, deps, () => this.runtime)
    this.runtime = new CoordinatorRuntime(kind, host)
  }

  /** Takes up the topic if it is there, and notices from now on when it comes or goes. */
  start(): void {
    this.#deps.topics.onChange(({ kind, topic }) => {
      if (topic.name !== this.#topic.name) return
      if (kind === 'deleted') this.#release()
      else this.#takeUp(topic)
    })
    const topic = this.#deps.topics.get(this.#topic.name)
    if (topic !== undefined) this.#takeUp(topic)
  }

  stop(): void {
    this.#stopped = true
    this.runtime.unloadAll()
  }

  /** Of the topic. */
  get name(): string {
    return this.#topic.name
  }

  /** Whether the topic is there. */
  get exists(): boolean {
    return this.#topicId !== null
  }

  /** Where what belongs to this group id or transactional id is kept; -1 while the topic is not there. */
  partitionOf(id: string): number {
    return this.#topicId === null ? -1 : coordinatorPartition(id, this.#partitions)
  }

  /** Makes the topic unless it is there; 0, or why it cannot be made. */
  ensure(): Promise<number> {
    if (this.exists) return Promise.resolve(ErrorCode.NONE)
    this.#making ??= this.#make().finally(() => {
      this.#making = null
    })
    return this.#making
  }

  async #make(): Promise<number> {
    const { name, partitions, replicationFactor, configs } = this.#topic
    const spec = {
      name,
      partitions: partitions(),
      replicationFactor: replicationFactor(),
      assignments: [],
      configs: configs(),
    }
    const { errorCode, errorMessage } = await this.#deps.topics.create(spec)
    if (errorCode === ErrorCode.NONE || errorCode === ErrorCode.TOPIC_ALREADY_EXISTS) return ErrorCode.NONE
    this.#deps.logger.warn('an internal topic could not be made', { topic: name, reason: errorMessage })
    return errorCode
  }

  #takeUp(topic: TopicInfo): void {
    if (this.#stopped || this.#topicId === topic.topicId) return
    this.#release()
    this.#topicId = topic.topicId
    this.#partitions = topic.partitions.length
    const loaders = topic.partitions.map((_, index) => ({ index, loader: this.runtime.load(index) }))
    const isOver = (): boolean => this.#stopped || this.#topicId !== topic.topicId
    const waiting: typeof loaders = []
    for (const entry of loaders) {
      // Most are empty: those need not wait for the others.
      const partition = this.#deps.replicas.partition(topic.name, entry.index)
      if (partition !== undefined && isEmpty(partition)) entry.loader.finish(0)
      else waiting.push(entry)
    }
    this.#loading = this.#loading.then(async () => {
      for (const { index, loader } of waiting) {
        if (isOver()) return
        const partition = this.#deps.replicas.partition(topic.name, index)
        if (partition === undefined) continue
        try {
          await loadShard(partition, loader, this.#deps.turns, isOver)
        } catch (error) {
          // Its groups have no coordinator until the disk is mended: better than one that has forgotten.
          this.#deps.logger.error('a coordinator could not read its partition', {
            log: `${topic.name}-${index}`,
            error: (error as Error).message,
          })
          if (!isOver()) this.runtime.unload(index)
        }
      }
    })
  }

  /** For tests, and for who must know that everything has been read. */
  get loaded(): Promise<void> {
    return this.#loading
  }

  #release(): void {
    if (this.#topicId === null) return
    this.#topicId = null
    this.runtime.unloadAll()
  }
}

/** Nothing was ever written: an offline log only looks like it, and may hold everything. */
function isEmpty({ log }: Partition): boolean {
  return log.offline === null && log.writtenEndOffset === 0
}
