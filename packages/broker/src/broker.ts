import { BufferPool, type Runtime } from '@ottla/runtime'
import { LogManager, type ProcessIdentity, StorageError } from '@ottla/storage'
import { ClusterMetadata } from './cluster-metadata.ts'
import { type BrokerConfig, effectiveTopicConfig, type ListenerConfig } from './config/index.ts'
import { LiveConfig } from './config/live-config.ts'
import { Groups } from './coordinators/group-coordinator.ts'
import { Transactions } from './coordinators/transaction-coordinator.ts'
import { TransactionGuard } from './coordinators/transaction-guard.ts'
import { FetchSessionCache } from './fetch/fetch-session.ts'
import { handlerTable } from './handler-table.ts'
import { type CoordinatorTopic, KeyType } from './handlers/find-coordinator.ts'
import { brokerMetrics } from './metrics/broker-metrics.ts'
import { renderPrometheus } from './metrics/prometheus.ts'
import { ProducerIds } from './producer-ids.ts'
import { DiskGuard } from './replica-manager/disk-guard.ts'
import { ReplicaManager } from './replica-manager/replica-manager.ts'
import { demandPorts, isMissingFamily } from './server/demand-ports.ts'
import { Dispatcher } from './server/dispatcher.ts'
import { Endpoints } from './server/endpoints.ts'
import type { Handler } from './server/handler.ts'
import { Interceptor } from './server/interceptor.ts'
import { Server } from './server/server.ts'
import { TurnBudget } from './server/turn-budget.ts'
import { TurnEnd } from './server/turn-end.ts'
import { alterEntries, Topics } from './topics/topics.ts'

export interface BrokerOptions {
  readonly config: BrokerConfig
  /** Who this process is, for the lock of the data directories. */
  readonly identity: ProcessIdentity
  readonly isAlive: (identity: ProcessIdentity) => boolean
  /** Takes over directories that Apache Kafka wrote, with the topics found in them. */
  readonly adopt?: boolean
  /** Looks whether the ports are free before logs are opened, which may take minutes: for a person who waits. */
  readonly portsFirst?: boolean
  /** Where listeners that take every address are said to be, when nothing is advertised. Default `localhost`. */
  readonly machineName?: string
  /** Overwrites pooled memory when nobody holds it any more, so that a mistake shows; for tests. */
  readonly poisonBuffers?: boolean
}

/** An address the broker listens on. */
export interface BoundListener {
  readonly name: string
  readonly host: string
  readonly port: number
}

/** Memory kept for requests and reads to come. */
const IDLE_BUFFER_BYTES_MAX = 32 * 1024 * 1024
/** Within the first log directory; no topic's folder can have this name. */
const METADATA_FOLDER = '.metadata'
/** How long answers under way may take to leave when the broker stops. */
const CLOSE_GRACE_MS = 3000
/** With port 0 on several addresses: how often another free port is tried when the second address has it taken. */
const FREE_PORT_TRIES = 20

/**
 * One broker: opens its logs and metadata, serves its listeners, and closes cleanly. Everything outside comes through
 * the runtime, so the same broker runs in production, in a test's memory and under the simulator.
 */
export class Broker {
  readonly nodeId: number
  readonly clusterId: string
  readonly listeners: readonly BoundListener[] = []
  readonly topics: Topics
  readonly replicas: ReplicaManager
  readonly logs: LogManager
  /** What tests do to the next request of an API. */
  readonly interceptor: Interceptor
  private readonly runtime: Runtime
  private readonly metadata: ClusterMetadata
  private readonly server: Server
  private readonly handlers: ReadonlyMap<number, Handler>
  private readonly endpoints = new Endpoints()
  private readonly guard: DiskGuard
  private readonly groups: Groups
  private readonly transactions: Transactions
  private readonly startedMs: number
  private readonly machineName: string
  private state: 'starting' | 'running' | 'closing' | 'closed' = 'starting'
  private stopping: Promise<void> | null = null

  /**
   * Opens everything and starts serving. Rejects with `StorageError` (locked, newer format, failed directory) or the
   * system's error of a listener (`EADDRINUSE`, `EACCES`); nothing is left open then.
   */
  static async start(options: BrokerOptions, runtime: Runtime): Promise<Broker> {
    const { config } = options
    const live = new LiveConfig(config)
    const pool = new BufferPool({ idleBytesMax: IDLE_BUFFER_BYTES_MAX, poison: options.poisonBuffers })
    const guardOf: { current: DiskGuard | null } = { current: null }
    const replicas = new ReplicaManager({
      gate: {
        refusal: (bytes) => guardOf.current?.refusal(bytes) ?? null,
        appended: (bytes) => guardOf.current?.appended(bytes),
      },
    })
    const { nodeId } = config
    const held = { directories: config.logDirs, nodeId, identity: options.identity, isAlive: options.isAlive }
    const locked = LogManager.lock(runtime, { ...held, adopt: options.adopt, clusterId: null })
    let metadata: ClusterMetadata
    try {
      if (options.portsFirst === true) await demandPorts(config, runtime.net)
      const dir = `${config.logDirs[0]}/${METADATA_FOLDER}`
      locked.demand(config.logDirs[0])
      if (options.adopt !== true) demandMetadata(runtime, dir, locked)
      metadata = await ClusterMetadata.open({ dir, nodeId, clusterId: locked.clusterId }, runtime)
    } catch (error) {
      locked.release()
      throw error
    }
    try {
      live.setDynamic(metadata.brokerConfigs(), (sentence) => runtime.logger.warn(sentence))
      const configOf = (topic: string) =>
        effectiveTopicConfig(metadata.topics.get(topic)?.configs ?? new Map(), live.current)
      const managed = {
        ...held,
        adopt: options.adopt,
        clusterId: metadata.clusterId,
        configOf,
        // What is being adopted is taken for what it says.
        topicIdOf: options.adopt === true ? undefined : (topic: string) => metadata.topics.get(topic)?.topicId ?? null,
        listener: replicas,
        bufferPool: pool,
      }
      const logs = LogManager.open(runtime, { ...managed, ...logManagerSettings(config) }, locked)
      const broker = new Broker(options, runtime, { live, replicas, logs, metadata, pool })
      guardOf.current = broker.guard
      try {
        await broker.run(options)
        return broker
      } catch (error) {
        await broker.close()
        throw error
      }
    } catch (error) {
      await metadata.close()
      throw error
    }
  }

  private constructor(
    options: BrokerOptions,
    runtime: Runtime,
    parts: {
      live: LiveConfig
      replicas: ReplicaManager
      logs: LogManager
      metadata: ClusterMetadata
      pool: BufferPool
    },
  ) {
    const { config } = options
    const { live, replicas, logs, metadata, pool } = parts
    const { clock, timers, random, secureRandom, fs, net, logger } = runtime
    this.runtime = runtime
    this.nodeId = config.nodeId
    this.clusterId = metadata.clusterId
    this.replicas = replicas
    this.logs = logs
    this.metadata = metadata
    this.machineName = options.machineName ?? 'localhost'
    this.startedMs = clock.monotonicMs()
    const turnEnd = new TurnEnd(timers)
    const turns = new TurnBudget({ clock, timers, turnEnd })
    const { nodeId } = config
    this.topics = new Topics({ store: metadata.topics, replicas, logs, config: live, nodeId, turns, logger })
    this.guard = new DiskGuard(
      {
        directories: () => logs.directories.filter(({ offline }) => offline === null).map(({ path }) => path),
        maxLogBytes: unboundedIfNegative(config.get('ottla.max.disk.bytes')),
        minFreeBytes: config.get('ottla.min.free.disk.bytes'),
      },
      {
        fs,
        timers,
        logBytes: () => this.logBytes(),
        unwrittenBytes: () => this.unwrittenBytes(),
        onChange: (refusal) => {
          if (refusal === null) logger.info('there is room again: producers are served')
          else logger.warn(`producers are refused: ${refusal}`)
        },
      },
    )
    const { topics } = this
    const brokers = (): number => 1
    const coordinating = { clock, timers, replicas, logger, topics, turns, config: live, brokers }
    const producerIds = new ProducerIds(() => metadata.reserveProducerIds())
    this.groups = new Groups({
      ...coordinating,
      secureRandom,
      groupConfigs: () => metadata.groupConfigs(),
      rackOf: () => config.get('broker.rack'),
    })
    this.transactions = new Transactions({
      ...coordinating,
      markerOwner: this.groups.markerOwner,
      nextProducerId: () => producerIds.next(),
    })
    const transactions = this.transactions.coordinator
    this.interceptor = new Interceptor(timers, () => this.handlers.values())
    const sessions = new FetchSessionCache(config.get('max.incremental.fetch.session.cache.slots'), clock, random)
    let altering: Promise<unknown> = Promise.resolve()
    this.handlers = handlerTable({
      clock,
      timers,
      turnEnd,
      turns,
      pool,
      fs,
      logs,
      replicas,
      sessions,
      topics: this.topics,
      config: live,
      store: {
        setBrokerConfigs: (level, alter) => {
          // One after the other: two levels that are each right may contradict each other.
          const done = altering.then(async () => {
            const known = metadata.brokerConfigs()[level]
            const outcome = await alterEntries(known, alter, (update) => metadata.setBrokerConfigs(level, update))
            live.setDynamic(metadata.brokerConfigs(), (sentence) => logger.warn(sentence))
            return outcome
          })
          altering = done.catch(() => undefined)
          return done
        },
        groupConfigs: () => metadata.groupConfigs(),
        setGroupConfigs: (groupId, alter) => {
          const known = metadata.groupConfigs().get(groupId) ?? new Map()
          return alterEntries(known, alter, (update) => metadata.setGroupConfigs(groupId, update))
        },
      },
      groups: this.groups.coordinator,
      consumerProtocolEnabled: () => live.current.get('group.coordinator.rebalance.protocols').includes('consumer'),
      offsetsTopic: this.groups.hosted,
      transactions,
      transactionGuard: new TransactionGuard({
        transactions,
        verifies: () => live.current.get('transaction.partition.verification.enable'),
      }),
      markers: this.transactions.markers,
      coordinatorTopics: new Map<number, CoordinatorTopic>([
        [KeyType.GROUP, this.groups.hosted],
        [KeyType.TRANSACTION, this.transactions.hosted],
      ]),
      endpoints: this.endpoints,
      nodeId: this.nodeId,
      clusterId: this.clusterId,
      rack: config.get('broker.rack'),
      partitionsPerPageMax: config.get('max.request.partition.size.limit'),
      maxBytes: config.get('fetch.max.bytes'),
      producerIds,
      autoCreate: () => live.current.get('auto.create.topics.enable'),
      partitionsOfNewTopic: () => live.current.get('num.partitions'),
      deleteEnabled: () => live.current.get('delete.topic.enable'),
    })
    const { handlers, interceptor } = this
    const dispatcher = new Dispatcher({ clock, logger, handlers, interceptor, turns, pool })
    this.server = new Server(serverLimits(config), { clock, timers, net, logger, dispatcher, turnEnd, pool })
  }

  private async run(options: BrokerOptions): Promise<void> {
    if (options.adopt === true) await this.metadata.adopt(this.logs)
    if (this.logs.recoveredFromCrash) await this.metadata.startNewLeaderEpochs()
    this.topics.hostAll()
    this.groups.start()
    this.transactions.start()
    this.guard.start()
    const bound: BoundListener[] = []
    for (const listener of options.config.listening.listeners) bound.push(await this.listen(listener))
    ;(this as { listeners: readonly BoundListener[] }).listeners = bound
    this.advertise(options.config, bound)
    this.state = 'running'
  }

  /** Binds every address of one listener to the same port. */
  private async listen({ name, addresses, port, host }: ListenerConfig): Promise<BoundListener> {
    const hosts = addresses.length === 0 ? ['::'] : addresses
    for (let tries = 1; ; tries++) {
      let bound = port
      try {
        for (const [i, address] of hosts.entries()) {
          try {
            bound = await this.server.listen({ listenerName: name, host: address, port: bound })
          } catch (error) {
            // A machine without IPv6: the other address of localhost is enough, and IPv4 alone is every address.
            if (!isMissingFamily(error)) throw error
            if (address === '::') bound = await this.server.listen({ listenerName: name, host: '0.0.0.0', port: bound })
            else if (i === 0) throw error
          }
        }
        return { name, host: host ?? this.machineName, port: bound }
      } catch (error) {
        const mayRetry = port === 0 && (error as NodeJS.ErrnoException).code === 'EADDRINUSE' && tries < FREE_PORT_TRIES
        if (!mayRetry) throw error
        await this.server.unlisten(name)
      }
    }
  }

  private advertise(config: BrokerConfig, bound: readonly BoundListener[]): void {
    for (const { name, host, port } of bound) {
      const told = config.listening.advertised.find((advertised) => advertised.name === name)
      this.endpoints.set(name, {
        host: told?.host ?? host,
        port: told === undefined || told.port === 0 ? port : told.port,
      })
    }
  }

  /** `host:port` of the first listener, as told to clients. */
  get bootstrap(): string {
    const { host, port } = this.endpoints.of(this.listeners[0].name)
    return `${host.includes(':') ? `[${host}]` : host}:${port}`
  }

  get isReady(): boolean {
    return this.state === 'running' && this.logs.directories.some(({ offline }) => offline === null)
  }

  /** Bytes of requests that are not yet answered, over all connections. */
  get queuedRequestBytes(): number {
    return this.server.queuedBytes.total
  }

  /** Prometheus text. */
  metrics(): string {
    const { server, replicas, logs } = this
    const uptimeMs = this.runtime.clock.monotonicMs() - this.startedMs
    return renderPrometheus(brokerMetrics({ server, replicas, logs, handlers: this.handlers.values(), uptimeMs }))
  }

  /** Stops accepting, lets answers leave, flushes and marks the directories clean. Idempotent. */
  close(): Promise<void> {
    this.stopping ??= this.closeOnce()
    return this.stopping
  }

  private async closeOnce(): Promise<void> {
    this.state = 'closing'
    this.guard.stop()
    this.interceptor.endDelays()
    const answered = this.server.close(CLOSE_GRACE_MS)
    // Members that wait for a round to end are told to look for their coordinator.
    this.groups.stop()
    this.transactions.stop()
    // Fetches that wait for data are answered with what there is: nobody waits for a consumer that waits.
    this.replicas.wakeReaders()
    await answered
    this.topics.stop()
    try {
      await this.logs.close()
    } finally {
      await this.metadata.close()
      this.state = 'closed'
    }
  }

  /** Lets go of everything without flushing or marking anything, as `kill -9` would; for tests. */
  kill(): Promise<void> {
    this.stopping ??= this.killOnce()
    return this.stopping
  }

  private async killOnce(): Promise<void> {
    this.state = 'closed'
    this.guard.stop()
    this.groups.stop()
    this.transactions.stop()
    this.topics.stop()
    this.interceptor.abandon()
    this.server.destroyConnections()
    await this.server.close(0)
    this.logs.abandon()
    await this.metadata.close()
  }

  private logBytes(): number {
    let bytes = 0
    for (const log of this.logs.logs()) bytes += log.sizeBytes
    return bytes
  }

  private unwrittenBytes(): number {
    let bytes = 0
    for (const partition of this.replicas.all()) bytes += partition.unwrittenBytes
    return bytes
  }
}

/** Directories in use, and no metadata: it is not begun anew, or a volume that is not mounted would cost all topics. */
function demandMetadata({ fs }: Runtime, dir: string, locked: ReturnType<typeof LogManager.lock>): void {
  if (fs.exists(dir) && fs.readdir(dir).length > 0) return
  if (!locked.wereInUse()) return
  throw new StorageError(
    'NOT_FOUND',
    `${dir}, which names the topics, is missing, and log.dirs have been in use: is everything mounted, and are log.dirs in their old order? Restore it, or start with --adopt to take up the topics by their logs.`,
  )
}

function unboundedIfNegative(value: number): number {
  return value < 0 ? Number.POSITIVE_INFINITY : value
}

function logManagerSettings(config: BrokerConfig) {
  return {
    producerIdExpirationMs: config.get('producer.id.expiration.ms'),
    validateCompressed: config.get('ottla.log.record.validation') === 'full',
    checkpointIntervalMs: config.get('log.flush.offset.checkpoint.interval.ms'),
    retentionCheckIntervalMs: config.get('log.retention.check.interval.ms'),
    initialTaskDelayMs: config.get('log.initial.task.delay.ms'),
    cleaner: {
      enable: config.get('log.cleaner.enable'),
      backoffMs: config.get('log.cleaner.backoff.ms'),
      dedupeBufferSize: config.get('log.cleaner.dedupe.buffer.size'),
      bufferLoadFactor: config.get('log.cleaner.io.buffer.load.factor'),
      ioMaxBytesPerSecond: config.get('log.cleaner.io.max.bytes.per.second'),
    },
  }
}

function serverLimits(config: BrokerConfig): ConstructorParameters<typeof Server>[0] {
  return {
    maxFrameBytes: config.get('socket.request.max.bytes'),
    maxQueuedBytes: config.queuedMaxRequestBytes,
    maxConnections: config.get('max.connections'),
    maxConnectionsPerIp: config.get('max.connections.per.ip'),
    maxConnectionsPerSecond: config.get('max.connection.creation.rate'),
    maxIdleMs: unboundedIfNegative(config.get('connections.max.idle.ms')),
    firstRequestMs: config.get('ottla.preauth.timeout.ms'),
    backlog: config.get('socket.listen.backlog.size'),
    perIpOverrides: config.connectionsPerIpOverrides,
  }
}
