import type { Clock, Listener, Logger, Network, Socket, TimerHandle, Timers } from '@ottla/runtime'
import { Connection } from './connection.ts'
import type { Dispatcher } from './dispatcher.ts'
import { QueuedBytes } from './queued-bytes.ts'
import { TurnEnd } from './turn-end.ts'

export interface ServerLimits {
  /** `socket.request.max.bytes`. */
  readonly maxFrameBytes: number
  /** `queued.max.request.bytes`; ≤ 0 for none. */
  readonly maxQueuedBytes: number
  /** `max.connections`. */
  readonly maxConnections: number
  /** `max.connections.per.ip`. */
  readonly maxConnectionsPerIp: number
  /** `max.connection.creation.rate`, per second over one second. */
  readonly maxConnectionsPerSecond: number
  /** `connections.max.idle.ms`. */
  readonly maxIdleMs: number
}

export interface ServerDeps {
  readonly clock: Clock
  readonly timers: Timers
  readonly net: Network
  readonly logger: Logger
  readonly dispatcher: Dispatcher
  readonly turnEnd: TurnEnd
}

/** One address to listen on. */
export interface Endpoint {
  readonly listenerName: string
  readonly host: string
  readonly port: number
}

/** How often idle connections are looked for; a connection may be idle for this much longer than its limit. */
const IDLE_SWEEPS = 10

/** Accepts connections on every listener, within limits, and closes those that are idle for too long. */
export class Server {
  readonly clock: Clock
  readonly timers: Timers
  readonly logger: Logger
  readonly limits: ServerLimits
  readonly queuedBytes: QueuedBytes
  readonly turnEnd: TurnEnd
  private readonly net: Network
  private readonly dispatcher: Dispatcher
  private readonly listeners: Listener[] = []
  private readonly connections = new Set<Connection>()
  private readonly perIp = new Map<string, number>()
  private nextId = 1
  private idleSweep: TimerHandle | undefined
  private rateWindowStartMs = 0
  private rateWindowCount = 0
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
    this.queuedBytes = new QueuedBytes(limits.maxQueuedBytes)
  }

  get connectionCount(): number {
    return this.connections.size
  }

  /** Opens one listener; rejects with the system's error when the address cannot be had. Returns the bound port. */
  async listen(endpoint: Endpoint): Promise<number> {
    const listener = await this.net.listen({ host: endpoint.host, port: endpoint.port }, (socket) =>
      this.accept(socket, endpoint.listenerName),
    )
    this.listeners.push(listener)
    if (this.idleSweep === undefined) this.scheduleIdleSweep()
    return listener.port
  }

  private accept(socket: Socket, listenerName: string): void {
    const address = socket.remoteAddress
    const reason = this.refusal(address)
    if (reason !== null) {
      this.logger.warn(`refused connection: ${reason}`, { peer: address, listener: listenerName })
      socket.handle({ onData() {}, onClose() {} })
      socket.destroy()
      return
    }
    this.perIp.set(address, (this.perIp.get(address) ?? 0) + 1)
    this.connections.add(new Connection(this.nextId++, socket, listenerName, this, this.dispatcher))
  }

  private refusal(address: string): string | null {
    if (this.stopped) return 'shutting down'
    if (this.connections.size >= this.limits.maxConnections) {
      return `max.connections=${this.limits.maxConnections} are open`
    }
    if ((this.perIp.get(address) ?? 0) >= this.limits.maxConnectionsPerIp) {
      return `max.connections.per.ip=${this.limits.maxConnectionsPerIp} are open from this address`
    }
    const now = this.clock.monotonicMs()
    if (now - this.rateWindowStartMs >= 1000) {
      this.rateWindowStartMs = now
      this.rateWindowCount = 0
    }
    if (++this.rateWindowCount > this.limits.maxConnectionsPerSecond) {
      return `max.connection.creation.rate=${this.limits.maxConnectionsPerSecond} is exceeded`
    }
    return null
  }

  /** Called by a connection that has closed. */
  forget(connection: Connection): void {
    this.connections.delete(connection)
    const address = connection.socket.remoteAddress
    const count = (this.perIp.get(address) ?? 1) - 1
    if (count > 0) this.perIp.set(address, count)
    else this.perIp.delete(address)
    if (this.connections.size === 0) this.onEmpty?.()
  }

  private scheduleIdleSweep(): void {
    const everyMs = Math.max(1000, this.limits.maxIdleMs / IDLE_SWEEPS)
    this.idleSweep = this.timers.setTimer(
      () => {
        this.closeIdle()
        this.scheduleIdleSweep()
      },
      everyMs,
      { keepAlive: false },
    )
  }

  private closeIdle(): void {
    const idleSince = this.clock.monotonicMs() - this.limits.maxIdleMs
    for (const connection of this.connections) {
      if (connection.lastActivityMs < idleSince && connection.requestsInFlight === 0) connection.closeGracefully()
    }
  }

  /** Stops accepting, lets answers under way leave for at most `graceMs`, then closes what is left. */
  async close(graceMs: number): Promise<void> {
    this.stopped = true
    this.timers.clearTimer(this.idleSweep)
    await Promise.all(this.listeners.map((listener) => listener.close()))
    for (const connection of this.connections) connection.closeGracefully()
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
