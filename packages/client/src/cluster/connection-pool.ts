import { backOffMs, Connection, type ConnectionError } from '@ottla/net'
import type { ClientDeps } from '../deps.ts'
import { ClosedError, KafkaError } from '../errors.ts'
import type { ConnectionSettings } from '../options.ts'
import { mechanismOf } from '../security.ts'
import { sleep } from './retry.ts'

export interface Broker {
  /** Node id; -1 for a bootstrap address whose id is not known yet. */
  readonly id: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

/**
 * Responses come in order, so a long poll holds up whatever is asked after it on the same connection: each kind of use has a
 * connection of its own, and so has each consumer for what may take long: fetching, and joining its group.
 */
export type Purpose = 'general' | 'produce' | 'transaction' | `${LongKind} ${number}`
export type LongKind = 'fetch' | 'group'

/** One connection that is wanted, there or not. */
interface Slot {
  readonly broker: Broker
  readonly purpose: Purpose
  connection: Connection | null
  opening: Promise<Connection> | null
  /** Connection attempts that failed since the last success. */
  failures: number
  /** Monotonic ms before which no attempt is made. */
  notBeforeMs: number
  /** Nobody wants it any more. */
  isReleased: boolean
}

/** The connections of one client, made when wanted and made again with growing waits when they fail. */
export class ConnectionPool {
  private readonly settings: ConnectionSettings
  private readonly deps: ClientDeps
  private readonly slots = new Map<string, Slot>()
  private brokers = new Map<number, Broker>()
  private readonly drainListeners = new Set<() => void>()
  private closed = false
  private nextOwn = 0
  /** A broker was connected at least once. */
  reached = false

  constructor(settings: ConnectionSettings, deps: ClientDeps) {
    this.settings = settings
    this.deps = deps
  }

  /** Called whenever bytes that had to wait have left a connection of the pool. */
  onDrain(listener: () => void): () => void {
    this.drainListeners.add(listener)
    return () => this.drainListeners.delete(listener)
  }

  /** Takes what the last metadata said; connections to brokers that are gone or have moved are closed. */
  setBrokers(brokers: readonly Broker[]): void {
    this.brokers = new Map(brokers.map((b) => [b.id, b]))
    for (const [key, slot] of this.slots) {
      if (slot.broker.id < 0) continue
      const known = this.brokers.get(slot.broker.id)
      if (known !== undefined && known.host === slot.broker.host && known.port === slot.broker.port) continue
      this.drop(key, slot)
    }
  }

  /** A purpose that nobody else has, until it is released. */
  own(kind: LongKind): Purpose {
    return `${kind} ${this.nextOwn++}`
  }

  /** Closes its connections. */
  release(purpose: Purpose): void {
    for (const [key, slot] of this.slots) if (slot.purpose === purpose) this.drop(key, slot)
  }

  private drop(key: string, slot: Slot): void {
    this.slots.delete(key)
    slot.isReleased = true
    slot.connection?.close()
  }

  broker(id: number): Broker | undefined {
    return this.brokers.get(id)
  }

  /** The connection if it is there, without waiting. */
  peek(id: number, purpose: Purpose): Connection | null {
    const connection = this.slots.get(`${id}/${purpose}`)?.connection
    return connection === undefined || connection === null || connection.closed ? null : connection
  }

  /** The connection to a broker of the metadata. Rejects with a `ConnectionError`, after waiting out its back-off. */
  async get(id: number, purpose: Purpose): Promise<Connection> {
    const broker = this.brokers.get(id)
    if (broker === undefined) {
      throw new KafkaError('BROKER_NOT_AVAILABLE', `broker ${id} is not in the cluster's metadata`, { retriable: true })
    }
    return this.connect(`${id}/${purpose}`, broker, purpose)
  }

  /** A connection to any broker: one that is there already, else the known ones, else the bootstrap addresses. */
  async any(): Promise<Connection> {
    for (const slot of this.slots.values()) {
      if (slot.purpose === 'general' && slot.connection !== null && !slot.connection.closed) return slot.connection
    }
    let failure: ConnectionError | null = null
    const candidates: [string, Broker][] = [...this.brokers.values()].map((b) => [`${b.id}/general`, b])
    this.shuffle(candidates)
    for (const { host, port } of this.shuffle([...this.settings.bootstrap])) {
      candidates.push([`bootstrap/${host}:${port}`, { id: -1, host, port, rack: null }])
    }
    for (const [key, broker] of candidates) {
      try {
        return await this.connect(key, broker, 'general')
      } catch (error) {
        if (this.closed) throw error
        failure = error as ConnectionError
      }
    }
    throw failure
  }

  close(): void {
    this.closed = true
    for (const slot of this.slots.values()) slot.connection?.close()
    this.slots.clear()
  }

  private connect(key: string, broker: Broker, purpose: Purpose): Promise<Connection> {
    if (this.closed) return Promise.reject(new ClosedError('the client is closed'))
    let slot = this.slots.get(key)
    if (slot === undefined) {
      slot = { broker, purpose, connection: null, opening: null, failures: 0, notBeforeMs: 0, isReleased: false }
      this.slots.set(key, slot)
    }
    if (slot.connection !== null && !slot.connection.closed) return Promise.resolve(slot.connection)
    slot.opening ??= this.open(slot)
    return slot.opening
  }

  private async open(slot: Slot): Promise<Connection> {
    try {
      const waitMs = slot.notBeforeMs - this.deps.clock.monotonicMs()
      if (waitMs > 0) await sleep(this.deps.timers, waitMs)
      const { host, port } = slot.broker
      const { clientId, tls, sasl, connectTimeoutMs, requestTimeoutMs, maxResponseBytes } = this.settings
      const connection = await Connection.open(
        {
          host,
          port,
          clientId,
          tls,
          sasl: sasl === undefined ? undefined : mechanismOf(sasl, this.deps.secureRandom),
          connectTimeoutMs,
          requestTimeoutMs,
          maxFrameBytes: maxResponseBytes,
          onDrain: () => {
            for (const listener of this.drainListeners) listener()
          },
          onClose: () => {
            slot.connection = null
          },
        },
        this.deps,
      )
      this.reached = true
      slot.failures = 0
      slot.notBeforeMs = 0
      if (this.closed || slot.isReleased) {
        connection.close()
        throw new ClosedError(this.closed ? 'the client is closed' : 'the connection is no longer wanted')
      }
      slot.connection = connection
      return connection
    } catch (error) {
      slot.notBeforeMs =
        this.deps.clock.monotonicMs() + backOffMs(slot.failures++, this.deps.random, this.settings.reconnectBackOff)
      throw error
    } finally {
      slot.opening = null
    }
  }

  private shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.deps.random.below(i + 1)
      const item = items[i]
      items[i] = items[j]
      items[j] = item
    }
    return items
  }
}
