import type { ConnectOptions, Listener, ListenOptions, Network, Socket, SocketHandlers } from '../ports/network.ts'
import type { DelayRange } from './disk.ts'
import type { SeededRandom } from './prng.ts'
import type { SimScheduler } from './scheduler.ts'
import { SimConnection, type SimSocket } from './socket.ts'

/** How links behave that nothing more is said about. All may be changed while the simulation runs. */
export interface LinkProfile {
  /** One way. Default 0.05 … 1 ms. */
  delayMs: DelayRange
  /** Delay between two processes of one machine. Default 0.01 … 0.05 ms. */
  loopbackDelayMs: DelayRange
  /** How likely a run of bytes is cut somewhere before it is sent on. Default 0.1. */
  cutProbability: number
  /** How likely arrived bytes wait a little, so that they meet those behind them. Default 0.1. */
  mergeProbability: number
  /** How likely a segment is lost; TCP sends it again, so what is seen is a stall. Default 0. */
  lossProbability: number
  /** Length of such a stall. Default 200 … 1 000 ms. */
  retransmitMs: DelayRange
  /** Bytes the two kernels hold for one direction of a connection. Default 65 536. */
  bufferBytes: number
}

const profileDefault: LinkProfile = {
  delayMs: [0.05, 1],
  loopbackDelayMs: [0.01, 0.05],
  cutProbability: 0.1,
  mergeProbability: 0.1,
  lossProbability: 0,
  retransmitMs: [200, 1_000],
  bufferBytes: 65_536,
}

export interface SimNetworkOptions {
  readonly scheduler: SimScheduler
  readonly random: SeededRandom
  readonly profile?: Partial<LinkProfile>
}

/** One direction between two machines. */
interface Link {
  blocked: boolean
  delayMs: DelayRange | undefined
  /** Arrivals that wait for the link to open. */
  readonly held: (() => void)[]
}

/** All machines and the links between them. */
export class SimNetwork {
  readonly scheduler: SimScheduler
  readonly random: SeededRandom
  readonly profile: LinkProfile
  readonly #hosts = new Map<string, SimHost>()
  readonly #links = new Map<string, Link>()
  readonly #connections = new Set<SimConnection>()
  #hostCount = 0
  #connectionCount = 0

  constructor(options: SimNetworkOptions) {
    this.scheduler = options.scheduler
    this.random = options.random
    this.profile = { ...profileDefault, ...options.profile }
  }

  /** A machine, reached by its name and by an address of the form 10.0.0.N. */
  addHost(name: string): SimHost {
    if (this.#hosts.has(name)) throw new Error(`there is a machine ${name} already`)
    const host = new SimHost(this, name, ++this.#hostCount)
    this.#hosts.set(name, host)
    this.#hosts.set(host.address, host)
    return host
  }

  resolve(name: string): SimHost | undefined {
    return this.#hosts.get(name)
  }

  /** Connections that are being made or stand. */
  connections(): readonly SimConnection[] {
    return [...this.#connections]
  }

  /** From now on nothing sent from `from` arrives at `to`; it is kept and arrives after `heal`, as TCP does. */
  block(from: string, to: string): void {
    this.scheduler.note('net/block', this.#idOf(from), this.#idOf(to))
    this.#link(from, to).blocked = true
  }

  /** Blocks both directions between each machine of `left` and each of `right`. */
  partition(left: readonly string[], right: readonly string[]): void {
    for (const a of left) {
      for (const b of right) {
        this.block(a, b)
        this.block(b, a)
      }
    }
  }

  /** Opens one direction. */
  unblock(from: string, to: string): void {
    const link = this.#link(from, to)
    if (!link.blocked) return
    this.scheduler.note('net/unblock', this.#idOf(from), this.#idOf(to))
    link.blocked = false
    for (const arrival of link.held.splice(0)) arrival()
  }

  /** Opens every link. */
  heal(): void {
    for (const key of this.#links.keys()) {
      const [from, to] = key.split('>')
      this.unblock(from, to)
    }
  }

  /** A delay of one direction's own; `undefined` for the profile's again. */
  setDelay(from: string, to: string, delayMs: DelayRange | undefined): void {
    this.#link(from, to).delayMs = delayMs
  }

  /** Resets every connection between the two machines: both sides see `ECONNRESET`. Returns how many there were. */
  resetBetween(a: string, b: string): number {
    const hosts = new Set([this.#hosts.get(a), this.#hosts.get(b)])
    const met = this.connections().filter((c) => hosts.has(c.client.host) && hosts.has(c.serverHost))
    for (const connection of met) connection.reset()
    return met.length
  }

  // What follows is for sockets and hosts.

  connect(from: SimHost, to: SimHost, target: string, options: ConnectOptions, handlers: SocketHandlers): SimSocket {
    const connection = new SimConnection(this, ++this.#connectionCount, from, to, target, options, handlers)
    this.#connections.add(connection)
    return connection.client
  }

  forget(connection: SimConnection): void {
    this.#connections.delete(connection)
  }

  /**
   * Calls `arrive` after the link's delay, later when the link is blocked or the machine it leads to is down by then.
   */
  transmit(from: SimHost, to: SimHost, kind: string, id: number, arrive: () => void): void {
    const link = from === to ? undefined : this.#link(from.name, to.name)
    let delayMs: number
    if (link === undefined) delayMs = this.#draw(this.profile.loopbackDelayMs)
    else delayMs = this.#draw(link.delayMs ?? this.profile.delayMs)
    if (link !== undefined && this.random.chance(this.profile.lossProbability)) {
      delayMs += this.#draw(this.profile.retransmitMs)
    }
    this.scheduler.schedule(delayMs, kind, id, to.id, () => {
      if (link?.blocked) link.held.push(() => this.transmit(from, to, kind, id, arrive))
      else if (!to.up) to.held.push(() => this.transmit(from, to, kind, id, arrive))
      else arrive()
    })
  }

  #draw(range: DelayRange): number {
    return this.random.between(range[0], range[1])
  }

  #idOf(name: string): number {
    const host = this.#hosts.get(name)
    if (host === undefined) throw new Error(`there is no machine ${name}`)
    return host.id
  }

  #link(from: string, to: string): Link {
    const key = `${from}>${to}`
    let link = this.#links.get(key)
    if (link === undefined) {
      link = { blocked: false, delayMs: undefined, held: [] }
      this.#links.set(key, link)
    }
    return link
  }
}

const loopbackNames = new Set(['localhost', '127.0.0.1', '::1'])
const ephemeralPortFirst = 32_768
const portMax = 65_535

export interface Accepting {
  readonly onConnection: (socket: Socket) => void
}

/** One machine's network: its listeners and sockets belong to the process that runs on it. */
export class SimHost {
  readonly network: SimNetwork
  readonly name: string
  readonly id: number
  readonly address: string
  /** Arrivals that wait for the machine to come back: what TCP sends again and again. */
  readonly held: (() => void)[] = []
  #up = true
  #process: SimProcessNetwork | undefined
  /** By the address bound to and the port. */
  readonly #listeners = new Map<string, Accepting>()
  readonly sockets = new Set<SimSocket>()
  #nextPort = ephemeralPortFirst

  constructor(network: SimNetwork, name: string, id: number) {
    this.network = network
    this.name = name
    this.id = id
    this.address = `10.0.0.${id}`
  }

  get up(): boolean {
    return this.#up
  }

  /** The network of a process that starts now; an earlier one must have died. */
  start(): Network {
    if (this.#process !== undefined) throw new Error(`a process runs on ${this.name} already`)
    this.#process = new SimProcessNetwork(this)
    if (!this.#up) {
      this.#up = true
      for (const arrival of this.held.splice(0)) arrival()
    }
    return this.#process
  }

  /** The process dies; its kernel closes what it had open, and peers are told. */
  kill(): void {
    this.#process?.die()
    this.#process = undefined
    this.#listeners.clear()
    for (const socket of [...this.sockets]) socket.orphan()
  }

  /** The machine goes dark: peers learn nothing until it is back and answers that it knows no such connection. */
  powerOff(): void {
    this.#process?.die()
    this.#process = undefined
    this.#up = false
    this.#listeners.clear()
    for (const socket of [...this.sockets]) socket.vanish()
  }

  allocatePort(): number {
    for (;;) {
      const port = this.#nextPort
      this.#nextPort = port === portMax ? ephemeralPortFirst : port + 1
      if (!this.isListening(port)) return port
    }
  }

  isListening(port: number): boolean {
    for (const key of this.#listeners.keys()) if (key.endsWith(`#${port}`)) return true
    return false
  }

  bind(host: string, port: number, accepting: Accepting): boolean {
    const key = `${host}#${port}`
    if (this.#listeners.has(key)) return false
    this.#listeners.set(key, accepting)
    return true
  }

  unbind(host: string, port: number): void {
    this.#listeners.delete(`${host}#${port}`)
  }

  /** Who accepts connections that were made to `target`, as the connecting side spelled it. */
  acceptorFor(target: string, port: number): Accepting | undefined {
    const local = loopbackNames.has(target)
    const binds = local
      ? [target, '127.0.0.1', 'localhost', '::', '0.0.0.0']
      : [target, this.name, this.address, '::', '0.0.0.0']
    for (const bind of binds) {
      const accepting = this.#listeners.get(`${bind}#${port}`)
      // ::1 and 127.0.0.1 are two addresses, though localhost is both.
      if (accepting !== undefined && !(target === '::1' && bind === '127.0.0.1')) return accepting
    }
    return target === 'localhost' ? this.#listeners.get(`::1#${port}`) : undefined
  }
}

function networkError(code: string, text: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`${code}: ${text}`)
  error.code = code
  return error
}

/** The `Network` port of one simulated process. */
class SimProcessNetwork implements Network {
  readonly #host: SimHost
  #alive = true

  constructor(host: SimHost) {
    this.#host = host
  }

  die(): void {
    this.#alive = false
  }

  listen(options: ListenOptions, onConnection: (socket: Socket) => void): Promise<Listener> {
    const host = this.#host
    // The promises of a dead process stay open, as its timers and callbacks do.
    if (!this.#alive) return new Promise(() => {})
    const known = loopbackNames.has(options.host) || ['::', '0.0.0.0', host.name, host.address].includes(options.host)
    if (!known) {
      return Promise.reject(
        networkError('EADDRNOTAVAIL', `listen on ${options.host}, which is not an address of ${host.name}`),
      )
    }
    const port = options.port === 0 ? host.allocatePort() : options.port
    if (!host.bind(options.host, port, { onConnection })) {
      return Promise.reject(networkError('EADDRINUSE', `listen on ${options.host}:${port}`))
    }
    let open = true
    return Promise.resolve({
      host: options.host,
      port,
      close: () => {
        if (open && this.#alive) host.unbind(options.host, port)
        open = false
        return Promise.resolve()
      },
    })
  }

  connect(options: ConnectOptions, handlers: SocketHandlers): Socket {
    const host = this.#host
    const target = loopbackNames.has(options.host) ? host : host.network.resolve(options.host)
    const socket = host.network.connect(host, target ?? host, options.host, options, handlers)
    if (!this.#alive) socket.vanish()
    else if (target === undefined) socket.fail(networkError('ENOTFOUND', `getaddrinfo ${options.host}`))
    else if (!(options.port > 0 && options.port <= portMax)) {
      socket.fail(new RangeError(`port ${options.port} is outside 1 … ${portMax}`))
    } else socket.connection.open()
    return socket
  }
}
