import type { BufferPool, Clock, Listener, Logger, Network, Socket, TimerHandle, Timers } from '@ottla/runtime'
import { Connection } from './connection.ts'
import type { Dispatcher } from './dispatcher.ts'
import { QueuedBytes } from './queued-bytes.ts'
import { ServerCounters } from './server-counters.ts'
import type { TurnEnd } from './turn-end.ts'

export interface ServerLimits {
  /** `socket.request.max.bytes`. */
  readonly maxFrameBytes: number
  /** `queued.max.request.bytes`; ≤ 0 for none. */
  readonly maxQueuedBytes: number
  /** `max.connections`. */
  readonly maxConnections: number
  /** `max.connections.per.ip`. */
  readonly maxConnectionsPerIp: number
  /** `max.connections.per.ip.overrides`, by address. */
  readonly perIpOverrides: ReadonlyMap<string, number>
  /** `max.connection.creation.rate`: connections above it are accepted and read later. */
  readonly maxConnectionsPerSecond: number
  /** `connections.max.idle.ms`. */
  readonly maxIdleMs: number
  /** `ottla.preauth.timeout.ms`: by then a connection must have sent a whole request. */
  readonly firstRequestMs: number
  /** `socket.listen.backlog.size`: connections the kernel holds before they are accepted. */
  readonly backlog: number
}

export interface ServerDeps {
  readonly clock: Clock
  readonly timers: Timers
  readonly net: Network
  readonly logger: Logger
  readonly dispatcher: Dispatcher
  readonly turnEnd: TurnEnd
  /** Memory of requests and of what is read for answers. */
  readonly pool: BufferPool
}

/** One address to listen on. */
export interface Endpoint {
  readonly listenerName: string
  readonly host: string
  readonly port: number
}

/** How often idle connections are looked for: they may live for this much longer than their limit. */
const SWEEP_MS = 1000
/** Connections that may come at once before the creation rate slows them, in milliseconds of that rate. */
const CREATION_BURST_MS = 1000
/** A connection above the creation rate is read after this long at the latest: the rate may be 0. */
const CREATION_WAIT_MS_MAX = 60_000

/** Accepts connections on every listener, within limits, and closes those that are idle for too long. */
export class Server {
  readonly clock: Clock
  readonly timers: Timers
  readonly logger: Logger
  readonly limits: ServerLimits
  readonly queuedBytes: QueuedBytes
  readonly turnEnd: TurnEnd
  readonly counters = new ServerCounters()
  readonly pool: BufferPool
  private readonly net: Network
  private readonly dispatcher: Dispatcher
  private listeners: { readonly name: string; readonly listener: Listener }[] = []
  private readonly connections = new Set<Connection>()
  private readonly perIp = new Map<string, number>()
  private nextId = 1
  private sweepTimer: TimerHandle | undefined
  /** When the next connection would be due if all came at the allowed rate. */
  private nextConnectionMs = 0
  private stopped = false
  private onEmpty: (() => void) | null = null

  constructor(limits: ServerLimits, deps: ServerDeps) {
    this.limits = limits
    this.clock = deps.clock
    this.timers = deps.timers
    this.net = deps.net
    this.logger = deps.logger
    this.dispatcher = deps.dispatcher
    this.turnEnd = deps.turnEnd
    this.pool = deps.pool
    this.queuedBytes = new QueuedBytes(limits.maxQueuedBytes)
  }

  get connectionCount(): number {
    return this.connections.size
  }

  /** Opens one listener; rejects with the system's error when the address cannot be had. Returns the bound port. */
  async listen(endpoint: Endpoint): Promise<number> {
    const { backlog } = this.limits
    const listener = await this.net.listen({ host: endpoint.host, port: endpoint.port, backlog }, (socket) =>
      this.accept(socket, endpoint.listenerName),
    )
    this.listeners.push({ name: endpoint.listenerName, listener })
    if (this.sweepTimer === undefined) this.scheduleSweep()
    return listener.port
  }

  /** Closes the addresses of one listener. */
  async unlisten(listenerName: string): Promise<void> {
    const closing = this.listeners.filter(({ name }) => name === listenerName)
    this.listeners = this.listeners.filter(({ name }) => name !== listenerName)
    await Promise.all(closing.map(({ listener }) => listener.close()))
  }

  private accept(socket: Socket, listenerName: string): void {
    const address = plainAddress(socket.remoteAddress)
    const reason = this.refusal(address)
    if (reason !== null) {
      this.counters.refused++
      this.logger.warn(`refused connection: ${reason}`, { peer: address, listener: listenerName })
      socket.handle({ onData() {}, onClose() {} })
      socket.destroy()
      return
    }
    this.counters.accepted++
    this.perIp.set(address, (this.perIp.get(address) ?? 0) + 1)
    const connection = new Connection(this.nextId++, socket, address, listenerName, this, this.dispatcher)
    this.connections.add(connection)
    const aheadMs = this.aheadOfRateMs()
    if (aheadMs <= CREATION_BURST_MS) return
    const waitMs = Math.min(aheadMs - CREATION_BURST_MS, CREATION_WAIT_MS_MAX)
    // At the end of the turn, still before anything is read: Node starts to read a socket that is resumed and paused at once.
    this.timers.immediate(() => {
      if (!connection.closed) connection.mute(waitMs)
    })
  }

  /** How far the connections that have come are ahead of the creation rate. */
  private aheadOfRateMs(): number {
    const now = this.clock.monotonicMs()
    this.nextConnectionMs = Math.max(this.nextConnectionMs, now) + 1000 / this.limits.maxConnectionsPerSecond
    return this.nextConnectionMs - now
  }

  private refusal(address: string): string | null {
    if (this.stopped) return 'shutting down'
    if (this.connections.size >= this.limits.maxConnections) {
      return `max.connections=${this.limits.maxConnections} are open`
    }
    const maxPerIp = this.limits.perIpOverrides.get(address) ?? this.limits.maxConnectionsPerIp
    if ((this.perIp.get(address) ?? 0) >= maxPerIp) {
      return `max.connections.per.ip=${maxPerIp} are open from this address`
    }
    return null
  }

  /** Called by a connection that has closed. */
  forget(connection: Connection): void {
    this.connections.delete(connection)
    const { address } = connection
    const count = (this.perIp.get(address) ?? 1) - 1
    if (count > 0) this.perIp.set(address, count)
    else this.perIp.delete(address)
    if (this.connections.size === 0) this.onEmpty?.()
  }

  private scheduleSweep(): void {
    this.sweepTimer = this.timers.setTimer(
      () => {
        this.sweep()
        this.scheduleSweep()
      },
      SWEEP_MS,
      { keepAlive: false },
    )
  }

  private sweep(): void {
    const now = this.clock.monotonicMs()
    for (const connection of this.connections) {
      if (!connection.proven && now - connection.openedMs > this.limits.firstRequestMs) {
        connection.refuse(`no request within ${this.limits.firstRequestMs} ms`)
      } else if (now - connection.lastActivityMs > this.limits.maxIdleMs && connection.requestsInFlight === 0) {
        connection.closeGracefully()
      }
    }
  }

  /** Stops accepting, lets answers under way leave for at most `graceMs`, then closes what is left. */
  async close(graceMs: number): Promise<void> {
    this.stopped = true
    this.timers.clearTimer(this.sweepTimer)
    for (const connection of this.connections) connection.closeGracefully()
    await Promise.all(this.listeners.map(({ listener }) => listener.close()))
    if (this.connections.size > 0) {
      await new Promise<void>((resolve) => {
        const grace = this.timers.setTimer(resolve, graceMs)
        this.onEmpty = () => {
          this.timers.clearTimer(grace)
          resolve()
        }
      })
    }
    this.destroyConnections()
  }

  /** Closes every connection at once, as a process that dies would. */
  destroyConnections(): void {
    for (const connection of [...this.connections]) connection.destroy()
  }
}

/** A socket that takes both families reports IPv4 peers as `::ffff:1.2.3.4`. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address
}
