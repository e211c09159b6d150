import { resolve } from 'node:path'
import { Broker, BrokerConfig, type Interception, objectLayer } from '@ottla/broker'
import type { Admin, Kafka } from '@ottla/client'
import type { FileSystem } from '@ottla/runtime'
import { memoryFileSystem, nodeFileSystem, nodeLogger, nodeRuntime, nodeTimers } from '@ottla/runtime/node'
import { makeDataFolder } from '../start/data-folder.ts'
import { isAlive, newInstance } from '../start/process-identity.ts'
import { checkOptions, checkTopic } from './check-options.ts'
import { type SeedRecord, seed } from './seed.ts'

/** A topic to create before `startBroker` resolves. */
export interface TopicOptions {
  /** Default `num.partitions`, which is 1. */
  readonly partitions?: number
  /** Kafka's topic properties, e.g. `{ 'cleanup.policy': 'compact' }`. */
  readonly configs?: Readonly<Record<string, string | number | boolean>>
}

export interface StartBrokerOptions {
  /** Names, or names with partitions and configs. Topics that exist already (in `dir`) are left as they are. */
  readonly topics?: readonly string[] | Readonly<Record<string, TopicOptions>>
  /** Records to write before `startBroker` resolves, by topic; missing topics are created. */
  readonly records?: Readonly<Record<string, readonly SeedRecord[]>>
  /** Folder of the data, kept when the broker closes. Default: the process's memory, which `restart` keeps. */
  readonly dir?: string
  /** Default 0: any free port. */
  readonly port?: number
  /**
   * Kafka's `listeners`, e.g. `A://localhost:0,B://localhost:0`; overrides `port`. Names that are no security protocol stand
   * for PLAINTEXT unless `config` has a `listener.security.protocol.map`.
   */
  readonly listeners?: string
  /** Kafka's broker properties. */
  readonly config?: Readonly<Record<string, string | number | boolean>>
  /** What goes to standard error. Default `silent`. */
  readonly logLevel?: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
}

/** How long `waitFor` waits unless told. */
const WAIT_TIMEOUT_MS = 10_000
/** How long `close` waits for records that its client has under way: nobody is there to wait longer in a test. */
const CLIENT_CLOSE_TIMEOUT_MS = 3000
const CLOSED = 'the broker was closed: startBroker starts another one'
/** How often `waitFor` looks. */
const WAIT_POLL_MS = 5

/** What `waitFor` waits for: records in a topic, over all its partitions, or anything the function says. */
export type WaitCondition = { readonly topic: string; readonly records: number } | (() => boolean | Promise<boolean>)

/**
 * A broker in this process. Everything is real but the machine: sockets on loopback, the log, recovery; only the disk is
 * memory unless `dir` says otherwise.
 */
export class TestBroker implements AsyncDisposable {
  private readonly options: StartBrokerOptions
  private readonly fs: FileSystem
  private broker: Broker
  /** Nobody answers any more. */
  private isKilled = false
  private release: () => void
  private client: Kafka | null = null
  /** Interceptions that no request has met yet; a broker that is started again is armed with them. */
  private armed: Armed[] = []
  /** What was asked for of `restart`, `kill` and `close` happens one after the other; this is the last of it. */
  private last: Promise<void> = Promise.resolve()
  private closing: Promise<void> | null = null
  /** The ports stay the same over restarts. */
  private readonly listeners: string

  /** @internal Use `startBroker`. */
  static async start(options: StartBrokerOptions): Promise<TestBroker> {
    if (options.dir !== undefined) makeDataFolder(resolve(options.dir))
    const fs = options.dir === undefined ? memoryFileSystem() : nodeFileSystem
    const ofConfig = options.port === undefined ? options.config?.listeners : undefined
    const wanted = options.listeners ?? ofConfig ?? `PLAINTEXT://localhost:${options.port ?? 0}`
    const { broker, release } = await launch(options, fs, String(wanted))
    const started = new TestBroker(options, fs, broker, release, withPorts(String(wanted), broker))
    try {
      await seed(started, options)
      return started
    } catch (error) {
      await started.close()
      throw error
    }
  }

  private constructor(
    options: StartBrokerOptions,
    fs: FileSystem,
    broker: Broker,
    release: () => void,
    listeners: string,
  ) {
    this.options = options
    this.fs = fs
    this.broker = broker
    this.release = release
    this.listeners = listeners
  }

  /** `host:port` for a client's bootstrap list. */
  get bootstrap(): string {
    return this.broker.bootstrap
  }

  get port(): number {
    return this.broker.listeners[0].port
  }

  get clusterId(): string {
    return this.broker.clusterId
  }

  get nodeId(): number {
    return this.broker.nodeId
  }

  /** An admin client of this broker; closed with it. Rejects once `close` was called. */
  async admin(): Promise<Admin> {
    return (await this.kafka()).admin
  }

  /** A client of this broker; closed with it. Loaded at the first call. Rejects once `close` was called. */
  async kafka(): Promise<Kafka> {
    this.demandOpen()
    if (this.client === null) {
      const { Kafka } = await import('@ottla/client')
      // Meanwhile: nobody would close the client.
      this.demandOpen()
      // Another call may have been as early.
      this.client ??= new Kafka({ bootstrap: this.bootstrap, clientId: 'ottla-test' })
    }
    return this.client
  }

  /**
   * Does something to the next request of an API, once: `intercept('Produce', { action: 'drop', when: 'after' })`.
   * Resolves when a request has met it, be it after a `restart`; rejects when the broker closes before. Throws for an
   * API that this broker does not have, an interception that lacks something, and once `close` was called.
   */
  intercept(api: string, interception: Interception): Promise<void> {
    this.demandOpen()
    const met = this.broker.interceptor.next(api, interception)
    const told = new Promise<void>((resolve, reject) => {
      const armed: Armed = { api, interception, resolve, reject }
      this.armed.push(armed)
      this.watch(armed, met)
    })
    // A test that does not ask whether it was met must not fail for it.
    told.catch(() => {})
    return told
  }

  private demandOpen(): void {
    if (this.closing !== null) throw new Error(CLOSED)
  }

  private watch(armed: Armed, met: Promise<void>): void {
    void met.then(() => {
      this.armed = this.armed.filter((other) => other !== armed)
      armed.resolve()
    })
  }

  /**
   * Creates topics, those that are missing. Rejects with the broker's reason when one cannot be made, for an option that
   * topics do not have, and once `close` was called.
   */
  async createTopics(topics: readonly ({ readonly name: string } & TopicOptions)[]): Promise<void> {
    this.demandOpen()
    for (const { name, ...options } of topics) checkTopic(name, options)
    for (const { name, partitions, configs = {} } of topics) {
      if (this.broker.topics.get(name) !== undefined) continue
      const { errorCode, errorMessage } = await this.broker.topics.create({
        name,
        partitions: partitions ?? null,
        replicationFactor: null,
        assignments: [],
        configs: Object.entries(configs).map(([key, value]) => [key, String(value)] as const),
      })
      if (errorCode !== 0) throw new Error(`topic ${name} cannot be created: ${errorMessage}`)
    }
  }

  /**
   * Stops cleanly and starts again on the same data and ports. Waits for what was asked for before: another `restart`
   * or `kill` that is under way. Rejects once `close` was called.
   */
  async restart(): Promise<void> {
    this.demandOpen()
    return this.next(async () => {
      await this.broker.close()
      await this.launchAgain()
    })
  }

  /** Dies as by `kill -9`: nothing is flushed, no answer leaves. `restart` brings it back, recovering. */
  async kill(): Promise<void> {
    return this.next(async () => {
      this.isKilled = true
      await this.broker.kill()
      this.release()
    })
  }

  /** Runs `step` when all before it has ended, well or not. */
  private next(step: () => Promise<void>): Promise<void> {
    const done = this.last.then(step)
    this.last = done.catch(() => {})
    return done
  }

  /** Resolves when the condition holds; rejects after `timeoutMs` (default 10 000). */
  async waitFor(
    condition: WaitCondition,
    { timeoutMs = WAIT_TIMEOUT_MS }: { readonly timeoutMs?: number } = {},
  ): Promise<void> {
    const holds =
      typeof condition === 'function' ? condition : () => this.recordsIn(condition.topic) >= condition.records
    let left = Math.ceil(timeoutMs / WAIT_POLL_MS)
    while (!(await holds())) {
      if (left-- <= 0) throw new Error(`the condition did not hold within ${timeoutMs} ms`)
      await new Promise<void>((resolve) => nodeTimers.setTimer(resolve, WAIT_POLL_MS))
    }
  }

  /** Records of a topic by offsets, over all partitions; 0 when there is no such topic. */
  private recordsIn(topic: string): number {
    let records = 0
    for (const partition of this.broker.replicas.partitionsOf(topic)) {
      records += partition.highWatermark - partition.log.logStartOffset
    }
    return records
  }

  /**
   * Closes the client and the broker; ports are free and no handle is open when it resolves. Requests that are delayed by an
   * interception are handled first; what the client still has under way after 3 s fails. Idempotent.
   */
  async close(): Promise<void> {
    this.closing ??= this.next(async () => {
      const { client } = this
      this.client = null
      this.broker.interceptor.endDelays()
      await client?.close({ timeoutMs: this.isKilled ? 0 : CLIENT_CLOSE_TIMEOUT_MS })
      await this.broker.close()
      this.release()
      for (const { api, reject } of this.armed.splice(0)) {
        reject(new Error(`the broker was closed before a ${api} request came`))
      }
    })
    return this.closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  private async launchAgain(): Promise<void> {
    this.release()
    const { broker, release } = await launch(this.options, this.fs, this.listeners)
    this.broker = broker
    this.isKilled = false
    this.release = release
    for (const armed of this.armed) this.watch(armed, broker.interceptor.next(armed.api, armed.interception))
  }
}

/** One interception that waits for its request. */
interface Armed {
  readonly api: string
  readonly interception: Interception
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** The same listeners with the ports they were given. */
function withPorts(listeners: string, broker: Broker): string {
  return listeners
    .split(',')
    .map((listener) => {
      const [name] = listener.trim().split('://')
      const bound = broker.listeners.find((candidate) => candidate.name === name.toUpperCase())
      return bound === undefined ? listener : listener.trim().replace(/:\d+$/, `:${bound.port}`)
    })
    .join(',')
}

const SECURITY_PROTOCOLS = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL']

/** What Kafka's `listener.security.protocol.map` would have to say of names that are made up. */
function protocolMapOf(listeners: string): string {
  const names = listeners.split(',').map((listener) => listener.trim().split('://')[0].toUpperCase())
  const madeUp = names.filter((name) => /^\w+$/.test(name) && !SECURITY_PROTOCOLS.includes(name))
  const own = SECURITY_PROTOCOLS.map((name) => `${name}:${name}`)
  return [...own, ...madeUp.map((name) => `${name}:PLAINTEXT`)].join(',')
}

async function launch(
  options: StartBrokerOptions,
  fs: FileSystem,
  listeners: string,
): Promise<{ broker: Broker; release: () => void }> {
  const config = BrokerConfig.from(
    objectLayer(
      {
        'log.dirs': options.dir === undefined ? '/memory' : resolve(options.dir),
        'listener.security.protocol.map': protocolMapOf(listeners),
      },
      'startBroker',
    ),
    objectLayer(options.config ?? {}, 'config'),
    objectLayer({ listeners }, 'startBroker'),
  )
  const logger = options.logLevel === undefined ? undefined : nodeLogger({ level: options.logLevel })
  const instance = newInstance()
  try {
    const broker = await Broker.start({ config, identity: instance.identity, isAlive }, nodeRuntime({ fs, logger }))
    return { broker, release: instance.release }
  } catch (error) {
    instance.release()
    throw error
  }
}

/**
 * Starts a real Kafka-compatible broker in this process, on a free port, in memory or in a folder. Rejects for an option
 * that it does not have, a port in use (EADDRINUSE), a folder in use, and what a topic or record is refused for.
 */
export async function startBroker(options: StartBrokerOptions = {}): Promise<TestBroker> {
  checkOptions(options)
  return TestBroker.start(options)
}
